//! The playback step: keeps the speaker filled from the playback lane, and with silence when the lane is empty.
//!
//! It cuts without a click and accounts for the played position. It has no thread, clock or descriptor, so that
//! anything that can be written can be its speaker. It never waits, allocates or decides what to play.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use ringbuf::HeapProd;
use ringbuf::traits::Producer;

use crate::audio::chain::fades::{CutFade, FrameBlock, UnderrunFade};
use crate::audio::chain::playback_chain::PlaybackChain;
use crate::audio::chain::position::PlaybackPosition;
use crate::audio::error::{DeviceLost, PcmError, Recovery, RecoveryBudget};
use crate::audio::handles::PlaybackShared;
use crate::audio::{Counters, CutReceipt, PlaybackFrame, StreamFormat};
use crate::lane::Reader;

/// A playback device.
pub trait PlaybackDevice {
    /// Returns the number of frames that the device should be kept filled with.
    fn queue_frames(&self) -> usize;

    /// Returns the fill level of the device's buffer.
    ///
    /// # Errors
    /// Returns the error to pass to [`recover`](Self::recover) first.
    fn level(&mut self) -> Result<BufferLevel, PcmError>;

    /// Writes as many of `frames`, mono at the device's rate, as fit and returns their number. The device starts
    /// by itself once it holds `queue_frames`.
    ///
    /// # Errors
    /// Returns the error to pass to [`recover`](Self::recover) first; no frame was written.
    fn write(&mut self, frames: &[f32]) -> Result<usize, PcmError>;

    /// Drops everything in the device's buffer at once.
    ///
    /// # Errors
    /// Returns the error to pass to [`recover`](Self::recover) first.
    fn flush(&mut self) -> Result<(), PcmError>;

    /// Recovers from `error`, so that the device can play again.
    ///
    /// # Errors
    /// Returns the error that recovery met.
    fn recover(&mut self, error: PcmError) -> Result<Recovery, PcmError>;
}

/// The fill level of a device's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferLevel {
    /// Frames in the buffer.
    pub queued: usize,
    /// Frames until a frame written now is played; drivers may return impossible values.
    pub delay: i64,
}

/// Length of the fade at a cut or an underrun, in milliseconds.
const FADE_MS: usize = 5;
/// Blocks passed to the chain until it must return frames: more than the length of its filter.
const BLOCKS_MAX: usize = 512;

/// The reading end of the playback lane, with recovery from device errors.
pub struct Playback {
    lane: Reader<PlaybackFrame>,
    staged: FrameBlock,
    underrun_fade: UnderrunFade,
    silence: Box<[PlaybackFrame]>,
    chain: PlaybackChain,
    cut_fade: CutFade,
    position: PlaybackPosition,
    /// The cut that is still to be applied.
    cut: Option<u64>,
    /// Whether the last frame passed to the chain came from the lane.
    is_sounding: bool,
    notify_session: bool,
    recovery_budget: RecoveryBudget,
    /// Whether the device needs time to recover.
    resting: bool,
    receipts: HeapProd<CutReceipt>,
    shared: Arc<PlaybackShared>,
    counters: Arc<Counters>,
}

impl Playback {
    pub(in crate::audio) fn new(
        format: StreamFormat,
        chain: PlaybackChain,
        lane: Reader<PlaybackFrame>,
        receipts: HeapProd<CutReceipt>,
        shared: Arc<PlaybackShared>,
        counters: Arc<Counters>,
    ) -> Playback {
        let fade_frames = |rate_hz: u32| rate_hz as usize * FADE_MS / 1000;
        Playback {
            lane,
            staged: FrameBlock::new(format.period_frames),
            underrun_fade: UnderrunFade::new(fade_frames(format.rate_hz)),
            silence: vec![[0]; format.period_frames].into(),
            cut_fade: CutFade::new(fade_frames(chain.rate_hz())),
            position: PlaybackPosition::new(chain.rate_hz()),
            chain,
            cut: None,
            is_sounding: false,
            notify_session: false,
            recovery_budget: RecoveryBudget::default(),
            resting: false,
            receipts,
            shared,
            counters,
        }
    }

    /// Applies a pending cut and fills the speaker. Returns whether the session should be woken, because a cut
    /// was applied, the lane ran empty, or its last frame was played.
    ///
    /// # Errors
    /// When the device must be reopened. Only the contents of its buffer are lost.
    pub fn run(&mut self, speaker: &mut impl PlaybackDevice) -> Result<bool, DeviceLost> {
        self.resting = false;
        if let Err(error) = self.step(speaker) {
            self.resting = !self.recover(error, speaker)?;
            // Step again at once, so that an xrun causes no further gap.
            if !self.resting
                && let Err(error) = self.step(speaker)
            {
                self.resting = !self.recover(error, speaker)?;
            }
        }
        Ok(std::mem::take(&mut self.notify_session))
    }

    /// Applies a pending cut while there is no device; returns whether the session should be woken.
    pub fn run_without_device(&mut self) -> bool {
        self.take_cut();
        if let Some(cut) = self.cut {
            self.is_sounding = false;
            self.send_receipt(cut);
        }
        std::mem::take(&mut self.notify_session)
    }

    /// Records that the device is empty or lost: nothing is left to be played or faded. A run that returns
    /// [`DeviceLost`] has already recorded it.
    pub fn reset_stream(&mut self) {
        self.position.discard_queued(|frames| self.chain.stream_position(frames));
        self.cut_fade.clear();
        self.underrun_fade.clear();
    }

    /// Returns whether the device needs time to recover before the next run.
    #[must_use]
    pub fn is_resting(&self) -> bool {
        self.resting
    }

    /// Returns whether the session has dropped its end.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.lane.is_abandoned()
    }

    pub(in crate::audio) fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    fn step(&mut self, speaker: &mut impl PlaybackDevice) -> Result<(), PcmError> {
        // Repeats only if the session has cut meanwhile.
        loop {
            self.take_cut();
            let level = speaker.level()?;
            self.update_position(level.delay);
            let mut queued = level.queued;
            if let Some(cut) = self.cut {
                queued = self.apply_cut(cut, queued, speaker)?;
            }
            self.top_up(speaker, speaker.queue_frames().saturating_sub(queued))?;
            if self.cut.is_none() {
                return Ok(());
            }
        }
    }

    fn take_cut(&mut self) {
        if let Some(cut) = self.lane.take_cut() {
            self.staged.discard_before(cut);
            self.cut = Some(cut);
        }
    }

    fn update_position(&mut self, delay: i64) {
        let played = self.position.record_delay(delay);
        if played > 0 {
            self.recovery_budget.reset();
            self.counters.played.add(played);
        }
        self.publish_position();
    }

    fn publish_position(&mut self) {
        if let Some(position) = self.position.lane_position(|frames| self.chain.stream_position(frames)) {
            self.shared.played.store(position, Ordering::Release);
            self.notify_session |=
                self.position.is_all_played() && self.staged.is_empty() && self.lane.waiting() == 0;
        }
    }

    /// Drops what the device holds, prepares a fade, and returns the number of frames that the device then
    /// holds.
    ///
    /// The buffer is dropped and a fade is written, rather than rewound to where the fade should begin: the alsa
    /// crate keeps its handle private and wraps no rewind, and rewinding is unreliable over plugins and USB,
    /// while every driver honours a drop. Only alsa-lib's "dmix" does not: what it has mixed is played to its
    /// end, so that a cut over it takes as long as the queue.
    fn apply_cut(
        &mut self,
        cut: u64,
        queued: usize,
        speaker: &mut impl PlaybackDevice,
    ) -> Result<usize, PcmError> {
        let mut queued_after = queued;
        if self.is_sounding || !self.position.is_all_played() {
            if !self.position.is_empty() {
                speaker.flush()?;
                self.cut_fade.refill(|frames| self.position.fade(frames));
            }
            self.underrun_fade.clear();
            self.chain.reset();
            self.position.reset();
            self.is_sounding = false;
            queued_after = 0;
        }
        self.send_receipt(cut);
        Ok(queued_after)
    }

    fn send_receipt(&mut self, cut: u64) {
        self.cut = None;
        self.notify_session = true;
        let receipt = CutReceipt { cut, played: self.shared.played.load(Ordering::Relaxed) };
        if self.receipts.try_push(receipt).is_err() {
            self.counters.receipts_lost.add(1);
        }
    }

    /// Writes up to `wanted` frames; fewer when the device is full or a cut has arrived.
    fn top_up(&mut self, speaker: &mut impl PlaybackDevice, mut wanted: usize) -> Result<(), PcmError> {
        self.chain.set_volume(self.shared.volume.load(Ordering::Relaxed));
        while wanted > 0 {
            for _ in 0..BLOCKS_MAX {
                if !self.cut_fade.is_empty() || !self.chain.ready().is_empty() {
                    break;
                }
                self.stage(wanted);
                if self.cut.is_some() {
                    return Ok(());
                }
            }
            let taken = self.write(speaker, wanted)?;
            if taken == 0 {
                return Ok(());
            }
            wanted -= taken;
        }
        Ok(())
    }

    /// Passes the next frames to the chain: the fade of an underrun, else the lane, else silence.
    ///
    /// Frames are taken from the lane before a cut is: no frame that the session writes after a cut can then be
    /// in the chain or the device when these are emptied for that cut.
    fn stage(&mut self, wanted: usize) {
        let wanted = self.chain.needed_for(wanted);
        if self.underrun_fade.is_empty() {
            if self.staged.is_empty() {
                self.staged.refill(&mut self.lane, wanted);
            }
            self.take_cut();
            if self.cut.is_some() {
                return;
            }
            if !self.staged.is_empty() {
                let frames = self.staged.frames();
                self.counters.speaker_peak.raise(frames.as_flattened());
                self.position.record_stream(frames.len(), Some(self.staged.position));
                self.chain.process(frames);
                self.underrun_fade.record_last(frames);
                self.staged.advance(frames.len());
                self.is_sounding = true;
                return;
            }
            if std::mem::take(&mut self.is_sounding) {
                self.notify_session = true;
                self.counters.starved.add(1);
                self.underrun_fade.begin();
            }
        }
        let frames = if self.underrun_fade.is_empty() { &*self.silence } else { self.underrun_fade.frames() };
        let frames = &frames[..frames.len().min(wanted)];
        self.position.record_stream(frames.len(), None);
        self.chain.process(frames);
        self.underrun_fade.advance(frames.len());
    }

    /// Writes the next frames to the device: the fade of a cut, else the stream.
    fn write(&mut self, speaker: &mut impl PlaybackDevice, wanted: usize) -> Result<usize, PcmError> {
        let fading = !self.cut_fade.is_empty();
        let frames = if fading { self.cut_fade.frames() } else { self.chain.ready() };
        let frames = &frames[..frames.len().min(wanted)];
        let taken = speaker.write(frames)?.min(frames.len());
        if fading {
            self.position.record_fade(&frames[..taken]);
            self.cut_fade.advance(taken);
        } else {
            self.position.record_written(&frames[..taken]);
            self.chain.advance(taken);
        }
        Ok(taken)
    }

    /// Recovers the device, or returns `false` if that takes longer.
    fn recover(&mut self, error: PcmError, speaker: &mut impl PlaybackDevice) -> Result<bool, DeviceLost> {
        // The session reports the counters, even while nothing is played.
        self.notify_session = true;
        match error {
            PcmError::Lost(lost) => return Err(self.lose(lost)),
            PcmError::Xrun => {
                // An underrun means that everything was played.
                self.counters.playback_xruns.add(1);
                self.counters.played.add(self.position.record_delay(0));
                self.publish_position();
                self.reset_stream();
            }
            PcmError::Stall => self.counters.playback_xruns.add(1),
            PcmError::Suspended => {}
        }
        self.recovery_budget.spend().map_err(|lost| self.lose(lost))?;
        match speaker.recover(error) {
            Ok(Recovery::Emptied) => self.reset_stream(),
            Ok(Recovery::Resumed) => {}
            Err(PcmError::Lost(lost)) => return Err(self.lose(lost)),
            // The next run meets the error again.
            Ok(Recovery::NotYet) | Err(PcmError::Xrun | PcmError::Stall | PcmError::Suspended) => {
                return Ok(false);
            }
        }
        if error == PcmError::Suspended {
            self.counters.suspends.add(1);
        }
        Ok(true)
    }

    fn lose(&mut self, lost: DeviceLost) -> DeviceLost {
        self.reset_stream();
        lost
    }
}
