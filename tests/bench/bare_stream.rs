//! A bare reader and writer through ALSA, without mynah: the least that a program pays for a sound server's streams.
//!
//! One thread reads and one writes, in blocking calls of one period; nothing else happens.

use alsa::pcm::{Access, Format, HwParams, PCM};
use alsa::{Direction, ValueOr};

const RATE_HZ: u32 = 48_000;
/// 20 ms, as mynah's while somebody speaks.
const PERIOD_FRAMES: usize = 960;
const BUFFER_PERIODS: usize = 4;

/// Reads from one device and writes silence to the other until the process is killed.
pub(crate) fn run(microphone: &str, speaker: &str) {
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let reader = open(microphone, Direction::Capture);
            let io = reader.io_i16().unwrap();
            let mut period = [0_i16; PERIOD_FRAMES];
            loop {
                io.readi(&mut period).unwrap();
            }
        });
        let writer = open(speaker, Direction::Playback);
        let io = writer.io_i16().unwrap();
        loop {
            io.writei(&[0; PERIOD_FRAMES]).unwrap();
        }
    });
}

fn open(device: &str, direction: Direction) -> PCM {
    let pcm = PCM::new(device, direction, false).expect("ALSA's plugin opens");
    {
        let hw = HwParams::any(&pcm).unwrap();
        hw.set_access(Access::RWInterleaved).unwrap();
        hw.set_format(Format::S16LE).unwrap();
        hw.set_channels(1).unwrap();
        hw.set_rate(RATE_HZ, ValueOr::Nearest).unwrap();
        hw.set_period_size_near(PERIOD_FRAMES as _, ValueOr::Nearest).unwrap();
        hw.set_buffer_size_near((PERIOD_FRAMES * BUFFER_PERIODS) as _).unwrap();
        pcm.hw_params(&hw).unwrap();
    }
    pcm
}
