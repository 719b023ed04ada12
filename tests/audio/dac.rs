//! A speaker in virtual time that records which frame is played when, and the signals played on it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::f64::consts::TAU;
use std::rc::Rc;

use mynah::audio::{
    AudioIo, BufferLevel, CaptureChain, CutMode, PcmError, Playback, PlaybackChain, PlaybackDevice,
    PlaybackFrame, PlaybackHandle, QueuePlan, Recovery, StreamFormat, steps_with_chains,
};
use mynah::dsp::sample;

pub(super) const PERIOD: usize = 240;
pub(super) const QUEUE: usize = 480;
pub(super) const BUFFER: usize = 960;
pub(super) const FADE: usize = 120;

/// Plays its buffer frame by frame, and silence while it is not running.
pub(super) struct Dac {
    pub(super) buffered: VecDeque<i16>,
    /// Every sample played.
    pub(super) out: Vec<i16>,
    pub(super) running: bool,
    pub(super) error: Option<PcmError>,
    /// The outcome of recovery.
    pub(super) recovery: Result<Recovery, PcmError>,
    /// Added to the delay it reports.
    pub(super) delay_error: i64,
    pub(super) period: usize,
    pub(super) queue: usize,
    pub(super) buffer: usize,
    /// The most frames it accepts in one write.
    pub(super) write_max: usize,
    pub(super) cut: CutMode,
    /// The queue while nothing is heard; `None` for the same queue.
    pub(super) long: Option<usize>,
    pub(super) awake_frames: Option<u64>,
    pub(super) fade_at: usize,
    /// Frames that cannot be taken back.
    pub(super) margin: usize,
    /// The fill at which it wakes the thread.
    pub(super) wake_level: usize,
    /// The number of samples played at each flush.
    pub(super) flushes: Vec<usize>,
    /// Called during `level` and `write`, so that the session can act within a step.
    pub(super) on_call: Option<Box<dyn FnMut()>>,
}

impl Dac {
    pub(super) fn new() -> Dac {
        Dac::at_rate(24_000)
    }

    /// Creates a speaker that plays `rate_hz` frames per second.
    pub(super) fn at_rate(rate_hz: u32) -> Dac {
        let period = rate_hz as usize / 100;
        Dac {
            buffered: VecDeque::with_capacity(4 * period),
            out: Vec::with_capacity(400_000),
            running: false,
            error: None,
            recovery: Ok(Recovery::Emptied),
            delay_error: 0,
            period,
            queue: 2 * period,
            buffer: 4 * period,
            write_max: usize::MAX,
            cut: CutMode::Drop,
            long: None,
            awake_frames: None,
            fade_at: usize::MAX,
            margin: 0,
            wake_level: 0,
            flushes: Vec::with_capacity(1000),
            on_call: None,
        }
    }

    pub(super) fn tick(&mut self, frames: usize) {
        for _ in 0..frames {
            let sample = if self.running { self.buffered.pop_front() } else { Some(0) };
            if sample.is_none() {
                self.running = false;
                self.error = Some(PcmError::Xrun);
            }
            self.out.push(sample.unwrap_or(0));
        }
    }

    /// Plays and returns the next `frames`.
    pub(super) fn play(&mut self, playback: &mut Playback, frames: usize) -> Vec<i16> {
        let from = self.out.len();
        for _ in 0..frames.div_ceil(self.period) {
            self.tick(self.period);
            playback.run(self).unwrap();
        }
        self.out[from..from + frames].to_vec()
    }

    /// Plays the next `frames` and wakes the step only where the fill asks for it, as a
    /// card does at the end of a period; returns the number of wakes.
    pub(super) fn play_on_wakes(&mut self, playback: &mut Playback, frames: usize) -> usize {
        let mut wakes = 0;
        for _ in 0..frames.div_ceil(self.period) {
            self.tick(self.period);
            if self.buffered.len() <= self.wake_level && !playback.is_asleep() {
                playback.run(self).unwrap();
                wakes += 1;
            }
        }
        wakes
    }

    fn call_session(&mut self) {
        if let Some(on_call) = &mut self.on_call {
            on_call();
        }
    }

    fn check(&self) -> Result<(), PcmError> {
        self.error.map_or(Ok(()), Err)
    }
}

impl PlaybackDevice for Dac {
    fn queue(&self) -> QueuePlan {
        QueuePlan {
            cut: self.cut,
            short: self.queue,
            long: self.long.unwrap_or(self.queue),
            fade_at: self.fade_at,
            awake_frames: self.awake_frames,
        }
    }

    fn level(&mut self) -> Result<BufferLevel, PcmError> {
        self.check()?;
        let level =
            BufferLevel { queued: self.buffered.len(), delay: self.buffered.len() as i64 + self.delay_error };
        self.call_session();
        Ok(level)
    }

    fn write(&mut self, frames: &[f32]) -> Result<usize, PcmError> {
        self.check()?;
        self.call_session();
        let taken = frames.len().min(self.buffer - self.buffered.len()).min(self.write_max);
        self.buffered.extend(frames[..taken].iter().map(|frame| sample(*frame)));
        self.running |= self.buffered.len() >= self.queue;
        Ok(taken)
    }

    fn take_back(&mut self, frames: usize) -> Result<usize, PcmError> {
        self.check()?;
        if self.cut != CutMode::Rewrite {
            return Ok(0);
        }
        let taken_back = frames.min(self.buffered.len().saturating_sub(self.margin));
        self.buffered.truncate(self.buffered.len() - taken_back);
        Ok(taken_back)
    }

    fn wake_at(&mut self, queued: usize) -> Result<(), PcmError> {
        self.wake_level = queued;
        Ok(())
    }

    fn flush(&mut self) -> Result<(), PcmError> {
        self.check()?;
        self.flushes.push(self.out.len());
        self.buffered.clear();
        self.running = false;
        Ok(())
    }

    fn recover(&mut self, _: PcmError) -> Result<Recovery, PcmError> {
        if self.recovery == Ok(Recovery::Emptied) {
            self.buffered.clear();
            self.running = false;
            self.error = None;
        }
        self.recovery
    }
}

/// A session, a playback step and a speaker.
pub(super) struct Rig {
    pub(super) audio: Rc<RefCell<AudioIo>>,
    pub(super) playback: Playback,
    pub(super) dac: Dac,
}

impl Rig {
    pub(super) fn new() -> Rig {
        Rig::at_rate(24_000)
    }

    /// Creates a rig whose speaker plays `rate_hz` frames per second.
    pub(super) fn at_rate(rate_hz: u32) -> Rig {
        let format = StreamFormat::default();
        let period = rate_hz as usize / 100;
        let capture_chain = CaptureChain::new(format, 24_000, PERIOD, 0.0, true).unwrap();
        let playback_chain = PlaybackChain::new(format, rate_hz, period).unwrap();
        let (audio, _, playback) = steps_with_chains(format, capture_chain, playback_chain).unwrap();
        Rig { audio: Rc::new(RefCell::new(audio)), playback, dac: Dac::at_rate(rate_hz) }
    }

    pub(super) fn handle<T>(&self, ask: impl FnOnce(&mut PlaybackHandle) -> T) -> T {
        ask(&mut self.audio.borrow_mut().playback)
    }

    pub(super) fn write(&self, samples: &[i16]) {
        let frames: Vec<PlaybackFrame> = samples.iter().map(|sample| [*sample]).collect();
        assert_eq!(self.handle(|handle| handle.write(&frames)), frames.len());
    }

    pub(super) fn run(&mut self) -> bool {
        self.playback.run(&mut self.dac).unwrap()
    }

    pub(super) fn play(&mut self, frames: usize) -> Vec<i16> {
        self.dac.play(&mut self.playback, frames)
    }
}

/// Returns a full-scale tone, in which every click shows.
pub(super) fn tone(frames: usize) -> Vec<i16> {
    (0..frames)
        .map(|frame| (f64::from(i16::MAX) * (frame as f64 * TAU * 440.0 / 24_000.0).sin()) as i16)
        .collect()
}

/// Returns samples that encode their own lane position.
pub(super) fn numbered(from: u64, frames: usize) -> Vec<i16> {
    (from..from + frames as u64).map(number).collect()
}

/// Returns the sample at a lane position. It starts high enough that no fade equals a later number.
pub(super) fn number(position: u64) -> i16 {
    i16::try_from(position + 1000).unwrap()
}

pub(super) fn largest_jump(samples: &[i16]) -> i32 {
    samples.windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs()).max().unwrap_or(0)
}
