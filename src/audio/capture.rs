//! The capture step: what the microphone gives goes into the lane "heard".
//!
//! It has no thread, clock or descriptor, so anything that can be read can be its microphone. It never
//! waits, allocates or decides when to listen.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::deaf::Hearing;
use super::ends::Tap;
use super::intake::Intake;
use super::trouble::{Gone, Patience, Recovery, Trouble};
use super::{Counters, Heard};
use crate::lane::Writer;

/// A device that gives what it hears.
pub trait Microphone {
    /// Moves captured frames, as mono samples at its own rate, into `into` and returns how many; 0 when
    /// none wait.
    ///
    /// # Errors
    /// When the device must be recovered first.
    fn read(&mut self, into: &mut [f32]) -> Result<usize, Trouble>;

    /// Makes the device run again.
    ///
    /// # Errors
    /// When that leads to other trouble.
    fn recover(&mut self, trouble: Trouble) -> Result<Recovery, Trouble>;
}

/// Blocks one turn may read: what a card's buffer holds, so that only a device without a clock meets it.
const BLOCKS_A_TURN: usize = 8;

/// The writing end of the lane "heard", with the device's troubles seen to.
pub struct Capture {
    heard: Writer<Heard>,
    tap: Arc<Tap>,
    intake: Intake,
    samples: Box<[f32]>,
    patience: Patience,
    /// Whether what comes is sound, where that is asked.
    hearing: Option<Hearing>,
    /// Whether opening the device anew may make it hear.
    anew: bool,
    /// Whether the device asked for time in its trouble.
    resting: bool,
    counters: Arc<Counters>,
}

impl Capture {
    pub(super) fn new(
        intake: Intake,
        heard: Writer<Heard>,
        tap: Arc<Tap>,
        counters: Arc<Counters>,
    ) -> Capture {
        let samples = vec![0.0; intake.period_frames()].into();
        let patience = Patience::default();
        let (hearing, anew, resting) = (None, false, false);
        Capture { heard, tap, intake, samples, patience, hearing, anew, resting, counters }
    }

    /// Asks from now on whether what the device gives is sound; a tape may be silent, a microphone never is.
    pub(super) fn doubt(mut self) -> Capture {
        self.hearing = Some(Hearing::new(self.intake.device_hz()));
        self
    }

    /// Moves all that waits in the device into the lane; true when the session should look.
    ///
    /// # Errors
    /// When the device must be opened anew.
    pub fn turn(&mut self, microphone: &mut impl Microphone) -> Result<bool, Gone> {
        let mut any = false;
        self.resting = false;
        for _ in 0..BLOCKS_A_TURN {
            match microphone.read(&mut self.samples) {
                Ok(0) => break,
                Ok(taken) => {
                    self.keep(taken.min(self.samples.len()));
                    any = true;
                    if taken < self.samples.len() {
                        break;
                    }
                }
                Err(trouble) => {
                    self.resting = !self.recover(trouble, microphone)?;
                    break;
                }
            }
        }
        Ok(any)
    }

    /// Tells whether the session wants the microphone open.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.tap.wanted.load(Ordering::Acquire)
    }

    /// Records whether the device is open, for the session to see. What the conversion still held of the
    /// time before is forgotten.
    pub fn mark_open(&mut self, open: bool) {
        self.intake.reset();
        self.anew = false;
        if let Some(hearing) = &mut self.hearing {
            hearing.reopened();
        }
        self.tap.open.store(open, Ordering::Release);
    }

    /// Tells whether the device is in trouble and needs a moment before the next turn.
    #[must_use]
    pub fn is_resting(&self) -> bool {
        self.resting
    }

    /// Tells, once, that the device is deaf and is to be opened anew.
    pub(super) fn take_anew(&mut self) -> bool {
        std::mem::take(&mut self.anew)
    }

    /// Tells whether the session is gone.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.heard.is_abandoned()
    }

    pub(super) fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    fn keep(&mut self, taken: usize) {
        // Before the conversion, which changes it in place, and while it is in the cache.
        if let Some(hearing) = &mut self.hearing {
            let before = hearing.deaf();
            self.anew |= hearing.note(&self.samples[..taken]);
            self.counters.note_deaf(before, hearing.deaf());
        }
        let frames = self.intake.take(&mut self.samples[..taken]);
        let kept = self.heard.write(frames);
        self.patience.renew();
        self.counters.captured.add(taken as u64);
        self.counters.overruns.add((frames.len() - kept) as u64);
        self.counters.microphone_peak.raise(frames.as_flattened());
    }

    /// Recovers the device, or returns false when that takes longer.
    fn recover(&mut self, trouble: Trouble, microphone: &mut impl Microphone) -> Result<bool, Gone> {
        match trouble {
            Trouble::Gone(gone) => return Err(gone),
            Trouble::Xrun | Trouble::Stalled => self.counters.capture_xruns.add(1),
            Trouble::Suspended => {}
        }
        self.patience.spend()?;
        match microphone.recover(trouble) {
            Ok(Recovery::Emptied | Recovery::Resumed) => {}
            Err(Trouble::Gone(gone)) => return Err(gone),
            // What is left of it is met again at the next turn.
            Ok(Recovery::NotYet) | Err(Trouble::Xrun | Trouble::Stalled | Trouble::Suspended) => {
                return Ok(false);
            }
        }
        if trouble == Trouble::Suspended {
            self.counters.suspends.add(1);
        }
        Ok(true)
    }
}
