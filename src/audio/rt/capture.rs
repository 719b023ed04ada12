//! The capture step: moves frames from the microphone into the capture lane.
//!
//! It has no thread, clock or descriptor, so that anything that can be read can be its microphone. It never
//! waits, allocates or decides when to capture. While a device that is kept open is not wanted, each block is counted
//! and forgotten as it is read.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::reference::{CaptureStamp, CapturedReference};
use crate::audio::chain::capture_chain::CaptureChain;
use crate::audio::chain::loudness::LoudnessDetector;
use crate::audio::error::{DeviceLost, PcmError, Recovery, RecoveryBudget};
use crate::audio::handles::{CaptureRequest, CaptureShared, CaptureState};
use crate::audio::health::dead_input::DeadInputDetector;
use crate::audio::reference::clock_map::Stamp;
use crate::audio::{CaptureFrame, CaptureLayout, Counters};
use crate::dsp::sample;
use crate::lane::Writer;

/// A capture device.
pub trait CaptureDevice {
    /// Moves captured frames, as mono samples at the device's rate, into `into` and returns their number; 0 when
    /// none are available.
    ///
    /// # Errors
    /// Returns the error to pass to [`recover`](Self::recover) first.
    fn read(&mut self, into: &mut [f32]) -> Result<usize, PcmError>;

    /// Recovers from `error`, so that the device captures again.
    ///
    /// # Errors
    /// Returns the error that recovery met.
    fn recover(&mut self, error: PcmError) -> Result<Recovery, PcmError>;

    /// Sets the number of captured frames after which the thread is to be woken. A device that is stepped by a clock
    /// ignores it.
    ///
    /// # Errors
    /// Returns the error to pass to [`recover`](Self::recover) first.
    fn wake_after(&mut self, frames: usize) -> Result<(), PcmError> {
        let _ = frames;
        Ok(())
    }

    /// Returns the timestamp of the running device: one snapshot of its time and of what it has captured. Called only if
    /// a reference is wanted.
    ///
    /// # Errors
    /// Returns the error to pass to [`recover`](Self::recover) first.
    fn stamp(&mut self) -> Result<CaptureStamp, PcmError> {
        Ok(CaptureStamp { delay: 0, time: Stamp::Missing })
    }

    /// Returns whether the open device may have a mute button that Linux is not told of, as USB microphones do.
    fn may_mute_itself(&self) -> bool {
        false
    }
}

/// Blocks that one step may read: more than a card's buffer holds, and a limit for a device without a clock.
const BLOCKS_PER_STEP: usize = 128;
/// How many milliseconds of frames travel together while somebody speaks or a reply is heard.
const ATTENTIVE_MS: u32 = 20;
/// The same while it is quiet and nothing is heard.
const QUIET_MS: u32 = 80;
/// The same while the frames are discarded.
const DISCARDED_MS: u32 = 400;

/// The writing end of the capture lane, with recovery from device errors.
pub struct Capture {
    lane: Writer<CaptureFrame>,
    shared: Arc<CaptureShared>,
    pub(super) chain: CaptureChain,
    /// Set if what the speaker plays is wanted with what is captured.
    pub(super) reference: Option<Box<CapturedReference>>,
    loudness: LoudnessDetector,
    samples: Box<[f32]>,
    recovery_budget: RecoveryBudget,
    /// Set if the device is watched for dead input.
    dead_input: Option<DeadInputDetector>,
    /// Whether the device should be reopened because its input is dead.
    reopen_requested: bool,
    /// A block of the microphone and the reference, if the lane holds both; else empty.
    pairs: Box<[CaptureFrame]>,
    /// Whether the device needs time to recover.
    resting: bool,
    state: CaptureState,
    /// The number of requests to open the microphone when `state` was set.
    openings: u32,
    outdated: Outdated,
    counters: Arc<Counters>,
}

/// Which samples of a device that was running are older than the request to capture.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outdated {
    No,
    /// All that it holds, and the block that it is filling.
    Buffer,
    /// The block that it was filling.
    Block,
}

impl Capture {
    pub(in crate::audio) fn new(
        chain: CaptureChain,
        layout: CaptureLayout,
        lane: Writer<CaptureFrame>,
        shared: Arc<CaptureShared>,
        counters: Arc<Counters>,
    ) -> Capture {
        let samples = vec![0.0; chain.period_frames()].into();
        let pairs = match layout {
            CaptureLayout::Microphone => Box::default(),
            CaptureLayout::WithReference => {
                vec![CaptureFrame::default(); layout.samples() * chain.block_frames()].into()
            }
        };
        let recovery_budget = RecoveryBudget::default();
        let (dead_input, reopen_requested, resting) = (None, false, false);
        let (state, outdated) = (CaptureState::Capturing, Outdated::No);
        Capture {
            lane,
            shared,
            loudness: LoudnessDetector::new(chain.frames_hz()),
            chain,
            reference: None,
            samples,
            recovery_budget,
            dead_input,
            reopen_requested,
            pairs,
            resting,
            state,
            openings: 0,
            outdated,
            counters,
        }
    }

    /// Watches the device for dead input. A WAV file may be silent; a microphone always has noise.
    pub(in crate::audio) fn watch_for_dead_input(mut self) -> Capture {
        self.dead_input = Some(DeadInputDetector::new(self.chain.device_hz()));
        self
    }

    /// Records what the opened device is.
    pub(in crate::audio) fn know_device(&mut self, microphone: &impl CaptureDevice) {
        if let Some(detector) = &mut self.dead_input {
            detector.set_may_mute_itself(microphone.may_mute_itself());
        }
    }

    /// Moves all available frames from the device into the lane and returns whether the session should be woken.
    ///
    /// # Errors
    /// When the device must be reopened.
    pub fn step(&mut self, microphone: &mut impl CaptureDevice) -> Result<bool, DeviceLost> {
        let mut progressed = false;
        self.resting = false;
        if let Some(reference) = &mut self.reference
            && let Err(error) = reference.observe(microphone)
        {
            self.resting = !self.recover(error, microphone)?;
        }
        for _ in 0..BLOCKS_PER_STEP {
            match microphone.read(&mut self.samples) {
                Ok(0) => break,
                Ok(taken) => {
                    progressed |= self.keep(taken.min(self.samples.len()));
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
        if self.outdated == Outdated::Buffer {
            self.outdated = Outdated::Block;
        }
        if !self.resting {
            let frames = self.batch_ms() as usize * self.chain.device_hz() as usize / 1000;
            if let Err(error) = microphone.wake_after(frames) {
                self.resting = !self.recover(error, microphone)?;
            }
        }
        Ok(progressed)
    }

    /// Returns how many milliseconds of frames travel together now.
    fn batch_ms(&self) -> u32 {
        let is_attentive = self.shared.attentive.load(Ordering::Relaxed) || self.loudness.is_loud();
        match self.state {
            CaptureState::Capturing if is_attentive => ATTENTIVE_MS,
            CaptureState::Capturing => QUIET_MS,
            CaptureState::Closed | CaptureState::Discarding => DISCARDED_MS,
        }
    }

    /// Returns whether the session has requested that the microphone be open.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.shared.request() == CaptureRequest::Open
    }

    /// Returns whether the session forbids that a device that is not wanted be kept open.
    pub(in crate::audio) fn is_muted(&self) -> bool {
        self.shared.request() == CaptureRequest::Muted
    }

    /// Records whether the device is open and resets the conversion, so that nothing from before remains in it.
    pub fn mark_open(&mut self, open: bool) {
        self.mark_device(if open { CaptureState::Capturing } else { CaptureState::Closed });
    }

    /// Records that the device is open and that what it delivers is not wanted.
    pub(in crate::audio) fn mark_kept_open(&mut self) {
        self.mark_device(CaptureState::Discarding);
    }

    fn mark_device(&mut self, state: CaptureState) {
        self.reopen_requested = false;
        if let Some(detector) = &mut self.dead_input {
            detector.reopened();
        }
        self.outdated = Outdated::No;
        if let Some(reference) = &mut self.reference {
            reference.restart();
        }
        self.set_state(state);
    }

    /// Captures or discards what the open device delivers from now on, as the session requests, and returns whether
    /// that is a change. What the device holds is older than a request to capture, and the block that it is filling
    /// begins before it, so both are discarded.
    pub(in crate::audio) fn follow_request(&mut self) -> bool {
        let state = if self.is_wanted() { CaptureState::Capturing } else { CaptureState::Discarding };
        if (state, self.shared.openings()) == (self.state, self.openings) {
            return false;
        }
        self.outdated = Outdated::Buffer;
        self.set_state(state);
        true
    }

    fn set_state(&mut self, state: CaptureState) {
        self.chain.reset();
        if let Some(reference) = &mut self.reference {
            reference.reset_chain();
        }
        self.loudness.reset();
        self.openings = self.shared.openings();
        self.state = state;
        self.shared.set_state(state);
    }

    /// Returns whether the device needs time to recover before the next step.
    #[must_use]
    pub fn is_resting(&self) -> bool {
        self.resting
    }

    /// Returns, once, whether the input is dead and the device should be reopened.
    pub(in crate::audio) fn take_reopen_request(&mut self) -> bool {
        std::mem::take(&mut self.reopen_requested)
    }

    /// Returns whether the session has dropped its end.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.lane.is_abandoned()
    }

    pub(in crate::audio) fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// Handles a block of samples, and returns whether the session should be woken.
    fn keep(&mut self, taken: usize) -> bool {
        self.recovery_budget.reset();
        if let Some(reference) = &mut self.reference {
            reference.record_read(taken);
        }
        // Before the conversion, which changes the samples in place, and while they are in the cache. A dead input is
        // detected while samples are discarded too, so that the user learns of it, and of its end, before speaking.
        let mut verdict_changed = false;
        if let Some(detector) = &mut self.dead_input {
            let previous = detector.verdict();
            self.reopen_requested |= detector.push(&self.samples[..taken]);
            self.counters.record_dead_input(previous, detector.verdict());
            verdict_changed = previous != detector.verdict();
        }
        if self.state != CaptureState::Capturing || self.outdated != Outdated::No {
            if self.outdated == Outdated::Block {
                self.outdated = Outdated::No;
            }
            self.counters.discarded.add(taken as u64);
            return verdict_changed;
        }
        let position = self.reference.as_ref().map(|reference| reference.next_position(&self.chain));
        let frames = self.chain.process(&mut self.samples[..taken]);
        let played = match self.reference.as_mut().zip(position) {
            Some((reference, position)) => reference.pass(frames, position),
            None => &[],
        };
        let lost = if self.pairs.is_empty() {
            frames.len() - self.lane.write(frames)
        } else {
            let pairs = pair(frames, played, &mut self.pairs);
            (pairs.len() - self.lane.write(pairs)) / CaptureLayout::WithReference.samples()
        };
        self.loudness.push(frames);
        self.shared.loud.store(self.loudness.is_loud(), Ordering::Relaxed);
        self.counters.captured.add(taken as u64);
        self.counters.overruns.add(lost as u64);
        self.counters.microphone_peak.raise(frames.as_flattened());
        true
    }

    /// Recovers the device, or returns `false` if that takes longer.
    fn recover(&mut self, error: PcmError, microphone: &mut impl CaptureDevice) -> Result<bool, DeviceLost> {
        match error {
            PcmError::Lost(lost) => return Err(lost),
            PcmError::Xrun | PcmError::Stall => self.counters.capture_xruns.add(1),
            PcmError::Suspended => {}
        }
        if let Some(reference) = &mut self.reference {
            reference.restart();
        }
        self.recovery_budget.spend()?;
        match microphone.recover(error) {
            Ok(Recovery::Emptied | Recovery::Resumed) => {}
            Err(PcmError::Lost(lost)) => return Err(lost),
            // The next step meets the error again.
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

/// Puts each captured frame into `pairs` with what was played at that instant: silence, where that is not known.
fn pair<'a>(captured: &[CaptureFrame], played: &[f32], pairs: &'a mut [CaptureFrame]) -> &'a [CaptureFrame] {
    let played = played.iter().copied().chain(std::iter::repeat(0.0));
    for ((pair, captured), played) in pairs.as_chunks_mut::<2>().0.iter_mut().zip(captured).zip(played) {
        *pair = [*captured, [sample(played)]];
    }
    &pairs[..2 * captured.len()]
}
