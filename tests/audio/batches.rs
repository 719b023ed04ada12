//! How many captured frames travel together: few while somebody speaks, many while it is quiet.

use mynah::audio::{AudioIo, Capture, CaptureDevice, PcmError, Recovery, StreamFormat, steps};

const PERIOD: usize = 240;
const SECOND: usize = 24_000;
const ATTENTIVE: usize = 480;
const QUIET: usize = 1_920;
/// Time that it stays loud, and a second to be sure.
const HOLD: usize = 4 * SECOND;

#[test]
fn frames_travel_in_80_ms_while_it_is_quiet_and_in_20_ms_otherwise() {
    let mut rig = Rig::new();
    rig.capture(PERIOD, 30);
    assert_eq!(rig.microphone.wake_after, ATTENTIVE, "until the noise is known");
    rig.capture(HOLD, 30);
    assert_eq!(rig.microphone.wake_after, QUIET);
    rig.audio.capture.set_attentive(true);
    rig.capture(PERIOD, 30);
    assert_eq!(rig.microphone.wake_after, ATTENTIVE, "a reply is heard");
    rig.audio.capture.set_attentive(false);
    rig.capture(PERIOD, 30);
    assert_eq!(rig.microphone.wake_after, QUIET);
}

#[test]
fn the_first_loud_frame_ends_the_quiet_for_well_over_the_silence_of_a_turn() {
    let mut rig = Rig::new();
    rig.capture(HOLD, 30);
    rig.capture(PERIOD, 300);
    assert_eq!(rig.microphone.wake_after, ATTENTIVE);
    assert!(rig.audio.capture.is_loud());
    rig.capture(2 * SECOND, 30);
    assert_eq!(rig.microphone.wake_after, ATTENTIVE, "2 s after the last loud frame");
    rig.capture(2 * SECOND, 30);
    assert_eq!(rig.microphone.wake_after, QUIET);
    assert!(!rig.audio.capture.is_loud());
}

#[test]
fn every_captured_frame_is_passed_on_in_order_whatever_travels_together() {
    let mut rig = Rig::new();
    let mut taken = Vec::new();
    let mut captured = 0;
    while captured < 10 * SECOND {
        let amplitude = if (captured / SECOND).is_multiple_of(5) { 3_000 } else { 3 };
        let batch = rig.microphone.wake_after.max(PERIOD);
        rig.capture(batch, amplitude);
        captured += batch;
        let mut frames = [[0]; QUIET];
        let count = rig.audio.capture.read(&mut frames);
        taken.extend(frames[..count].iter().map(|[sample]| *sample));
    }
    assert_eq!(taken.len(), captured);
    assert_eq!(taken, rig.microphone.given);
}

#[test]
fn a_microphone_that_is_not_open_is_not_loud() {
    let mut rig = Rig::new();
    rig.capture(PERIOD, 3_000);
    assert!(rig.audio.capture.is_loud());
    rig.audio.capture.set_open(false);
    assert!(!rig.audio.capture.is_loud());
}

struct Rig {
    audio: AudioIo,
    step: Capture,
    microphone: Microphone,
}

impl Rig {
    fn new() -> Rig {
        let (mut audio, mut step, _) = steps(StreamFormat::default()).unwrap();
        audio.capture.set_open(true);
        audio.capture.set_attentive(false);
        step.mark_open(true);
        Rig { audio, step, microphone: Microphone::default() }
    }

    /// Captures `frames` of noise at once.
    fn capture(&mut self, frames: usize, amplitude: i16) {
        for part in std::iter::repeat_n(SECOND, frames / SECOND).chain([frames % SECOND]) {
            self.microphone.add_noise(part, amplitude);
            self.step.step(&mut self.microphone).unwrap();
        }
    }
}

#[derive(Default)]
struct Microphone {
    due: usize,
    given: Vec<i16>,
    seed: u32,
    wake_after: usize,
}

impl Microphone {
    fn add_noise(&mut self, frames: usize, amplitude: i16) {
        for _ in 0..frames {
            self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let unit = f32::from((self.seed >> 16) as u16) / 32_768.0 - 1.0;
            self.given.push((unit * f32::from(amplitude)) as i16);
        }
        self.due += frames;
    }
}

impl CaptureDevice for Microphone {
    fn read(&mut self, into: &mut [f32]) -> Result<usize, PcmError> {
        let taken = self.due.min(into.len());
        let from = self.given.len() - self.due;
        for (into, sample) in into.iter_mut().zip(&self.given[from..from + taken]) {
            *into = f32::from(*sample) / 32_768.0;
        }
        self.due -= taken;
        Ok(taken)
    }

    fn wake_after(&mut self, frames: usize) -> Result<(), PcmError> {
        self.wake_after = frames;
        Ok(())
    }

    fn recover(&mut self, _: PcmError) -> Result<Recovery, PcmError> {
        Ok(Recovery::Resumed)
    }
}
