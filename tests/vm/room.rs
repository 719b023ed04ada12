//! A room between the speaker and the microphone of the loopback card: an echo, noise, and somebody who talks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;

use alsa::Direction;

use crate::loopback::{RECORDER, SOURCE, TICK_FRAMES, open};

/// Plays what the speaker plays into the microphone, with noise.
pub(crate) struct Room {
    stopped: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Room {
    /// `gain` is that of the way; `noise` is the amplitude of the noise, in samples of 16 bits; `talker` returns the
    /// samples of somebody in the room.
    pub(crate) fn start(gain: f32, noise: f32, talker: impl FnMut(u64) -> i16 + Send + 'static) -> Self {
        let stopped = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopped);
        let thread = std::thread::spawn(move || pass_on(gain, noise, talker, &stop));
        Self { stopped, thread }
    }

    pub(crate) fn stop(self) {
        self.stopped.store(true, Relaxed);
        self.thread.join().expect("the room does not panic");
    }
}

fn pass_on(gain: f32, noise: f32, mut talker: impl FnMut(u64) -> i16, stopped: &AtomicBool) {
    let speaker = open(RECORDER, Direction::Capture, TICK_FRAMES, 100 * TICK_FRAMES).expect("the card");
    let microphone = open(SOURCE, Direction::Playback, TICK_FRAMES, 10 * TICK_FRAMES).expect("the card");
    let (heard, played) = (speaker.io_i16().expect("16 bits"), microphone.io_i16().expect("16 bits"));
    let mut seed: u32 = 1;
    let mut place = 0;
    let mut block = [0; TICK_FRAMES];
    let _ = speaker.start();
    while !stopped.load(Relaxed) {
        // The source goes on while the speaker is closed.
        let count = match speaker.avail() {
            Ok(ready) if ready >= TICK_FRAMES as i64 => heard.readi(&mut block).unwrap_or(0),
            Ok(_) => 0,
            Err(_) => {
                let _ = speaker.prepare();
                let _ = speaker.start();
                0
            }
        };
        block[count..].fill(0);
        for sample in &mut block {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let random = (seed >> 8) as f32 / 8_388_608.0 - 1.0;
            *sample = (gain * f32::from(*sample) + noise * random + f32::from(talker(place))) as i16;
            place += 1;
        }
        if played.writei(&block).is_err() {
            let _ = microphone.prepare();
        }
    }
}
