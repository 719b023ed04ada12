//! The capture step: what the microphone gives goes into the lane "heard".
//!
//! It has no thread, clock or descriptor, so anything that can be read can be its microphone. It never
//! waits, allocates or decides when to listen.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::audio::chain::capture_chain::CaptureChain;
use crate::audio::error::{DeviceLost, PcmError, Recovery, RecoveryBudget};
use crate::audio::handles::CaptureShared;
use crate::audio::health::dead_input::DeadInputDetector;
use crate::audio::{CaptureFrame, Counters};
use crate::lane::Writer;

/// A device that gives what it hears.
pub trait CaptureDevice {
    /// Moves captured frames, as mono samples at its own rate, into `into` and returns how many; 0 when
    /// none wait.
    ///
    /// # Errors
    /// When the device must be recovered first.
    fn read(&mut self, into: &mut [f32]) -> Result<usize, PcmError>;

    /// Makes the device run again.
    ///
    /// # Errors
    /// When that leads to other error.
    fn recover(&mut self, error: PcmError) -> Result<Recovery, PcmError>;
}

/// Blocks one turn may read: what a card's buffer holds, so that only a device without a clock meets it.
const BLOCKS_PER_STEP: usize = 8;

/// The writing end of the lane "heard", with the device's troubles seen to.
pub struct Capture {
    lane: Writer<CaptureFrame>,
    shared: Arc<CaptureShared>,
    chain: CaptureChain,
    samples: Box<[f32]>,
    recovery_budget: RecoveryBudget,
    /// Whether what comes is sound, where that is asked.
    dead_input: Option<DeadInputDetector>,
    /// Whether opening the device anew may make it hear.
    reopen_requested: bool,
    /// Whether the device asked for time in its error.
    resting: bool,
    counters: Arc<Counters>,
}

impl Capture {
    pub(in crate::audio) fn new(
        chain: CaptureChain,
        lane: Writer<CaptureFrame>,
        shared: Arc<CaptureShared>,
        counters: Arc<Counters>,
    ) -> Capture {
        let samples = vec![0.0; chain.period_frames()].into();
        let recovery_budget = RecoveryBudget::default();
        let (dead_input, reopen_requested, resting) = (None, false, false);
        Capture {
            lane,
            shared,
            chain,
            samples,
            recovery_budget,
            dead_input,
            reopen_requested,
            resting,
            counters,
        }
    }

    /// Asks from now on whether what the device gives is sound; a tape may be silent, a microphone never is.
    pub(in crate::audio) fn watch_for_dead_input(mut self) -> Capture {
        self.dead_input = Some(DeadInputDetector::new(self.chain.device_hz()));
        self
    }

    /// Moves all that waits in the device into the lane; true when the session should look.
    ///
    /// # Errors
    /// When the device must be opened anew.
    pub fn step(&mut self, microphone: &mut impl CaptureDevice) -> Result<bool, DeviceLost> {
        let mut progressed = false;
        self.resting = false;
        for _ in 0..BLOCKS_PER_STEP {
            match microphone.read(&mut self.samples) {
                Ok(0) => break,
                Ok(taken) => {
                    self.keep(taken.min(self.samples.len()));
                    progressed = true;
                    if taken < self.samples.len() {
                        break;
                    }
                }
                Err(error) => {
                    self.resting = !self.recover(error, microphone)?;
                    break;
                }
            }
        }
        Ok(progressed)
    }

    /// Tells whether the session wants the microphone open.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.shared.wanted.load(Ordering::Acquire)
    }

    /// Records whether the device is open, for the session to see. What the conversion still held of the
    /// time before is forgotten.
    pub fn mark_open(&mut self, open: bool) {
        self.chain.reset();
        self.reopen_requested = false;
        if let Some(detector) = &mut self.dead_input {
            detector.reopened();
        }
        self.shared.open.store(open, Ordering::Release);
    }

    /// Tells whether the device is in error and needs a moment before the next turn.
    #[must_use]
    pub fn is_resting(&self) -> bool {
        self.resting
    }

    /// Tells, once, that the device is deaf and is to be opened anew.
    pub(in crate::audio) fn take_reopen_request(&mut self) -> bool {
        std::mem::take(&mut self.reopen_requested)
    }

    /// Tells whether the session is lost.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.lane.is_abandoned()
    }

    pub(in crate::audio) fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    fn keep(&mut self, taken: usize) {
        // Before the conversion, which changes it in place, and while it is in the cache.
        if let Some(detector) = &mut self.dead_input {
            let previous = detector.verdict();
            self.reopen_requested |= detector.push(&self.samples[..taken]);
            self.counters.record_dead_input(previous, detector.verdict());
        }
        let frames = self.chain.process(&mut self.samples[..taken]);
        let kept = self.lane.write(frames);
        self.recovery_budget.reset();
        self.counters.captured.add(taken as u64);
        self.counters.overruns.add((frames.len() - kept) as u64);
        self.counters.microphone_peak.raise(frames.as_flattened());
    }

    /// Recovers the device, or returns false when that takes longer.
    fn recover(&mut self, error: PcmError, microphone: &mut impl CaptureDevice) -> Result<bool, DeviceLost> {
        match error {
            PcmError::Lost(lost) => return Err(lost),
            PcmError::Xrun | PcmError::Stall => self.counters.capture_xruns.add(1),
            PcmError::Suspended => {}
        }
        self.recovery_budget.spend()?;
        match microphone.recover(error) {
            Ok(Recovery::Emptied | Recovery::Resumed) => {}
            Err(PcmError::Lost(lost)) => return Err(lost),
            // What is left of it is met again at the next turn.
            Ok(Recovery::NotYet) | Err(PcmError::Xrun | PcmError::Stall | PcmError::Suspended) => {
                return Ok(false);
            }
        }
        if error == PcmError::Suspended {
            self.counters.suspends.add(1);
        }
        Ok(true)
    }
}
