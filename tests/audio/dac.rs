//! A speaker in virtual time that knows exactly which frame is heard, and the sounds it is tried with.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::f64::consts::TAU;
use std::rc::Rc;

use mynah::audio::{
    AudioIo, BufferLevel, CaptureChain, PcmError, Playback, PlaybackChain, PlaybackDevice, PlaybackFrame,
    PlaybackHandle, Recovery, StreamFormat, steps_with_chains,
};
use mynah::dsp::sample;

pub(super) const PERIOD: usize = 240;
pub(super) const QUEUE: usize = 480;
pub(super) const BUFFER: usize = 960;
pub(super) const FADE: usize = 120;

/// The speaker: it plays what it holds frame by frame, silence while it does not run.
pub(super) struct Dac {
    pub(super) held: VecDeque<i16>,
    /// Every sample that was heard.
    pub(super) out: Vec<i16>,
    pub(super) running: bool,
    pub(super) trouble: Option<PcmError>,
    /// What recovering leads to.
    pub(super) recovery: Result<Recovery, PcmError>,
    /// Added to the delay it reports.
    pub(super) delay_error: i64,
    pub(super) period: usize,
    pub(super) queue: usize,
    pub(super) buffer: usize,
    /// The most it takes in one write.
    pub(super) most: usize,
    /// How many samples had been heard at each flush.
    pub(super) flushes: Vec<usize>,
    /// What the session does while the step is asking or writing.
    pub(super) meanwhile: Option<Box<dyn FnMut()>>,
}

impl Dac {
    pub(super) fn new() -> Dac {
        Dac::at(24_000)
    }

    /// Makes one that plays so many frames a second.
    pub(super) fn at(rate_hz: u32) -> Dac {
        let period = rate_hz as usize / 100;
        Dac {
            held: VecDeque::with_capacity(4 * period),
            out: Vec::with_capacity(400_000),
            running: false,
            trouble: None,
            recovery: Ok(Recovery::Emptied),
            delay_error: 0,
            period,
            queue: 2 * period,
            buffer: 4 * period,
            most: usize::MAX,
            flushes: Vec::with_capacity(1000),
            meanwhile: None,
        }
    }

    pub(super) fn tick(&mut self, frames: usize) {
        for _ in 0..frames {
            let sample = if self.running { self.held.pop_front() } else { Some(0) };
            if sample.is_none() {
                self.running = false;
                self.trouble = Some(PcmError::Xrun);
            }
            self.out.push(sample.unwrap_or(0));
        }
    }

    /// Returns what is heard from now on, `frames` of it.
    pub(super) fn hear(&mut self, playback: &mut Playback, frames: usize) -> Vec<i16> {
        let from = self.out.len();
        for _ in 0..frames.div_ceil(self.period) {
            self.tick(self.period);
            playback.run(self).unwrap();
        }
        self.out[from..from + frames].to_vec()
    }

    fn interrupt(&mut self) {
        if let Some(meanwhile) = &mut self.meanwhile {
            meanwhile();
        }
    }

    fn fail(&self) -> Result<(), PcmError> {
        self.trouble.map_or(Ok(()), Err)
    }
}

impl PlaybackDevice for Dac {
    fn queue_frames(&self) -> usize {
        self.queue
    }

    fn level(&mut self) -> Result<BufferLevel, PcmError> {
        self.fail()?;
        let level = BufferLevel { queued: self.held.len(), delay: self.held.len() as i64 + self.delay_error };
        self.interrupt();
        Ok(level)
    }

    fn write(&mut self, frames: &[f32]) -> Result<usize, PcmError> {
        self.fail()?;
        self.interrupt();
        let taken = frames.len().min(self.buffer - self.held.len()).min(self.most);
        self.held.extend(frames[..taken].iter().map(|frame| sample(*frame)));
        self.running |= self.held.len() >= self.queue;
        Ok(taken)
    }

    fn flush(&mut self) -> Result<(), PcmError> {
        self.fail()?;
        self.flushes.push(self.out.len());
        self.held.clear();
        self.running = false;
        Ok(())
    }

    fn recover(&mut self, _: PcmError) -> Result<Recovery, PcmError> {
        if self.recovery == Ok(Recovery::Emptied) {
            self.held.clear();
            self.running = false;
            self.trouble = None;
        }
        self.recovery
    }
}

/// A session, a step and a speaker.
pub(super) struct Rig {
    pub(super) sound: Rc<RefCell<AudioIo>>,
    pub(super) playback: Playback,
    pub(super) dac: Dac,
}

impl Rig {
    pub(super) fn new() -> Rig {
        Rig::at(24_000)
    }

    /// Makes one whose speaker plays so many frames a second.
    pub(super) fn at(rate_hz: u32) -> Rig {
        let shape = StreamFormat::default();
        let period = rate_hz as usize / 100;
        let intake = CaptureChain::new(shape, 24_000, PERIOD, 0.0, true).unwrap();
        let outlet = PlaybackChain::new(shape, rate_hz, period).unwrap();
        let (sound, _, playback) = steps_with_chains(shape, intake, outlet).unwrap();
        Rig { sound: Rc::new(RefCell::new(sound)), playback, dac: Dac::at(rate_hz) }
    }

    pub(super) fn mouth<T>(&self, ask: impl FnOnce(&mut PlaybackHandle) -> T) -> T {
        ask(&mut self.sound.borrow_mut().playback)
    }

    pub(super) fn say(&self, samples: &[i16]) {
        let frames: Vec<PlaybackFrame> = samples.iter().map(|sample| [*sample]).collect();
        assert_eq!(self.mouth(|mouth| mouth.write(&frames)), frames.len());
    }

    pub(super) fn turn(&mut self) -> bool {
        self.playback.run(&mut self.dac).unwrap()
    }

    pub(super) fn hear(&mut self, frames: usize) -> Vec<i16> {
        self.dac.hear(&mut self.playback, frames)
    }
}

/// A full-scale tone, which shows every click.
pub(super) fn tone(frames: usize) -> Vec<i16> {
    (0..frames)
        .map(|frame| (f64::from(i16::MAX) * (frame as f64 * TAU * 440.0 / 24_000.0).sin()) as i16)
        .collect()
}

/// Samples that each say their own lane position.
pub(super) fn numbered(from: u64, frames: usize) -> Vec<i16> {
    (from..from + frames as u64).map(number).collect()
}

/// The sample at a lane position. It begins high enough that no fade equals a number yet to come.
pub(super) fn number(position: u64) -> i16 {
    i16::try_from(position + 1000).unwrap()
}

pub(super) fn largest_jump(samples: &[i16]) -> i32 {
    samples.windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs()).max().unwrap_or(0)
}
