//! The playback step: keeps the speaker filled from the playback lane, and with silence when the lane is empty.
//!
//! It cuts without a click and accounts for the played position. It has no thread, clock or descriptor, so that
//! anything that can be written can be its speaker. It never waits, allocates or decides what to play.

use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};

use ringbuf::HeapProd;
use ringbuf::traits::Producer;

use super::output_gain::{GainRequest, OutputGain};
use super::playback_device::{PlaybackDevice, QueuePlan};
use crate::audio::chain::device_queue::DeviceQueue;
use crate::audio::chain::fades::{CutFade, FrameBlock, UnderrunFade};
use crate::audio::chain::playback_chain::PlaybackChain;
use crate::audio::chain::position::LanePositions;
use crate::audio::error::{DeviceLost, PcmError, Recovery, RecoveryBudget};
use crate::audio::handles::PlaybackShared;
use crate::audio::{Counters, CutMode, CutReceipt, PlaybackFrame, StreamFormat};
use crate::lane::Reader;

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
    pub(super) chain: PlaybackChain,
    cut_fade: CutFade,
    positions: LanePositions,
    pub(super) queue: DeviceQueue,
    gain: OutputGain,
    /// Samples with the gain, on their way to the device.
    amplified: Box<[f32]>,
    /// The cut that is still to be applied.
    cut: Option<u64>,
    /// Whether the last frame passed to the chain came from the lane.
    is_sounding: bool,
    /// Whether the session was told that the lane ran empty.
    has_told_empty: bool,
    /// The device frame after the first one of a reply, until it is heard.
    begins_at: Option<u64>,
    /// Whether the device is stopped, because nothing was to be heard for long.
    is_asleep: bool,
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
            positions: LanePositions::default(),
            queue: DeviceQueue::new(chain.rate_hz()),
            gain: OutputGain::new(chain.rate_hz(), chain.period_frames()),
            amplified: vec![0.0; chain.period_frames()].into(),
            chain,
            cut: None,
            is_sounding: false,
            has_told_empty: false,
            begins_at: None,
            is_asleep: false,
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
        let end = self.positions.lose(self.queue.written(), &self.chain);
        let is_last = self.cut.is_none() && self.staged.is_empty() && self.lane.waiting() == 0;
        if let Some(end) = end.filter(|_| is_last) {
            // No later frame says that the reply is over.
            self.shared.lost.store(end, Ordering::Release);
            self.notify_session = true;
        }
        self.queue.lose();
        self.is_asleep = false;
        self.cut_fade.clear();
        self.underrun_fade.clear();
    }

    /// Returns whether the device needs time to recover before the next run.
    #[must_use]
    pub fn is_resting(&self) -> bool {
        self.resting
    }

    /// Returns whether the device is stopped until the session has something to play.
    #[must_use]
    pub fn is_asleep(&self) -> bool {
        self.is_asleep
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
        // Repeats only if the session has cut or written meanwhile.
        loop {
            self.take_cut();
            if self.is_asleep {
                if self.cut.is_none() && !self.is_needed() {
                    return Ok(());
                }
                self.is_asleep = false;
            }
            let level = speaker.level()?;
            self.update_position(level.delay);
            self.queue.record_stamp(level.delay, || speaker.stamp());
            let queued = level.queued.saturating_sub(self.change_queued(speaker, level.queued)?);
            let plan = speaker.queue();
            let queued = self.top_up(speaker, queued, plan.target(self.is_quiet()), plan.fade_at)?;
            if self.cut.is_none() && self.may_wait(&plan) {
                return self.plan_wake(speaker, &plan, queued);
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
        let (played, peak) = self.queue.record_delay(delay);
        if played > 0 {
            self.recovery_budget.reset();
            self.counters.played.add(played);
            self.counters.speaker_peak.raise_float(peak);
        }
        self.publish_position(self.queue.played());
    }

    /// Publishes the lane position up to which frames have been played once the device has played up to `device`.
    fn publish_position(&mut self, device: u64) {
        if let Some(position) = self.positions.played(device, &self.chain) {
            self.shared.played.store(position, Ordering::Release);
            self.notify_session |=
                self.positions.is_all_played() && self.staged.is_empty() && self.lane.waiting() == 0;
        }
    }

    /// Changes what the device holds, if a cut, a new gain or a new reply asks for it; returns by how many frames the
    /// device then holds less.
    fn change_queued(&mut self, speaker: &mut impl PlaybackDevice, queued: usize) -> Result<usize, PcmError> {
        let mut taken_back = match self.cut {
            Some(cut) => self.apply_cut(cut, queued, speaker)?,
            None => self.replace_silence(speaker, queued)?,
        };
        let request = self.shared.gain();
        if request != self.gain.request() {
            taken_back += self.set_gain(request, speaker)?;
        }
        Ok(taken_back)
    }

    /// Ends what is queued with a fade, prepares it, and returns by how many frames the device then holds less.
    ///
    /// [`CutMode`] says how, and why. On a device that plays what it holds the fade follows that, and the receipt says
    /// so before it is heard.
    fn apply_cut(
        &mut self,
        cut: u64,
        queued: usize,
        speaker: &mut impl PlaybackDevice,
    ) -> Result<usize, PcmError> {
        let mut taken_back = 0;
        if self.is_sounding || !self.positions.is_all_played() {
            if !self.queue.is_empty() {
                match speaker.queue().cut {
                    CutMode::Drop => {
                        speaker.flush()?;
                        self.queue.drop_unplayed();
                        taken_back = queued;
                    }
                    CutMode::Rewrite => taken_back = self.take_back(speaker, usize::MAX)?,
                    CutMode::RunOut => {}
                }
                self.cut_fade.refill(|frames| self.queue.fade(frames));
            }
            self.publish_position(self.queue.written());
            self.queue.forget_given_back();
            self.underrun_fade.clear();
            self.chain.reset();
            self.positions.clear();
            self.positions.start_stream(self.queue.written());
            self.is_sounding = false;
        }
        self.send_receipt(cut);
        Ok(taken_back)
    }

    /// Sets the gain; what the device holds is written again, where it can be and has to.
    fn set_gain(&mut self, to: GainRequest, speaker: &mut impl PlaybackDevice) -> Result<usize, PcmError> {
        let is_heard = self.queue.sound_end() > self.queue.played();
        let is_rewritten = is_heard && self.gain.is_urgent(to);
        let taken_back = if is_rewritten { self.take_back(speaker, usize::MAX)? } else { 0 };
        self.gain.set(to, self.queue.written());
        Ok(taken_back)
    }

    /// Takes back the silence at the end of what the device holds, where it can be, if there is something to play;
    /// returns by how many frames the device, which has held `queued`, then holds less.
    fn replace_silence(
        &mut self,
        speaker: &mut impl PlaybackDevice,
        queued: usize,
    ) -> Result<usize, PcmError> {
        let has_frames = !self.staged.is_empty() || self.lane.waiting() > 0;
        let is_silent = !self.is_sounding
            && self.underrun_fade.is_empty()
            && self.cut_fade.is_empty()
            && self.chain.ready().iter().all(|sample| *sample == 0.0);
        if !has_frames || !is_silent {
            return Ok(0);
        }
        let sound_end = self.queue.sound_end().max(self.positions.end(&self.chain).unwrap_or(0));
        let silence = self.queue.written().saturating_sub(sound_end);
        let plan = speaker.queue();
        let taken_back = match plan.cut {
            CutMode::Rewrite if silence > 0 => {
                self.take_back(speaker, usize::try_from(silence).unwrap_or(usize::MAX))?
            }
            CutMode::Drop if plan.is_dropped_for_a_reply(queued) && sound_end <= self.queue.played() => {
                speaker.flush()?;
                self.queue.drop_unplayed();
                queued
            }
            CutMode::Rewrite | CutMode::Drop | CutMode::RunOut => return Ok(0),
        };
        self.queue.forget_given_back();
        // The filter has seen silence for longer than its length or nothing at all.
        self.chain.reset();
        self.positions.start_stream(self.queue.written());
        Ok(taken_back)
    }

    fn take_back(&mut self, speaker: &mut impl PlaybackDevice, frames: usize) -> Result<usize, PcmError> {
        let taken_back = speaker.take_back(frames)?;
        self.queue.rewind(taken_back as u64);
        Ok(taken_back)
    }

    /// Returns whether the session plays, or will soon.
    fn is_needed(&self) -> bool {
        self.lane.waiting() > 0 || !self.staged.is_empty() || self.shared.reply_near.load(Ordering::Relaxed)
    }

    /// Returns whether nothing is heard, and nothing will be soon.
    fn is_quiet(&self) -> bool {
        !self.is_sounding && self.positions.is_all_played() && !self.is_needed()
    }

    /// Returns whether the step may end. If the wait may be long, the session is asked to wake the thread when it
    /// writes; what it has written meanwhile is taken first.
    fn may_wait(&self, plan: &QueuePlan) -> bool {
        if self.lane.waiting() > 0 || !plan.may_wait_long() {
            return true;
        }
        self.shared.wakes_at_write.store(true, Ordering::Relaxed);
        // The session writes and then reads the request; see `PlaybackHandle::write`.
        fence(Ordering::SeqCst);
        self.lane.waiting() == 0 || !self.shared.wakes_at_write.swap(false, Ordering::Relaxed)
    }

    /// Sets when the device wakes the thread, or stops a device that was silent for long.
    fn plan_wake(
        &mut self,
        speaker: &mut impl PlaybackDevice,
        plan: &QueuePlan,
        queued: usize,
    ) -> Result<(), PcmError> {
        let silence = self.queue.played().saturating_sub(self.queue.sound_end());
        if self.is_quiet() && plan.awake_frames.is_some_and(|limit| silence >= limit) {
            speaker.flush()?;
            self.queue.drop_unplayed();
            self.queue.forget_given_back();
            // The dropped silence was part of the stream.
            self.chain.reset();
            self.positions.start_stream(self.queue.written());
            self.is_asleep = true;
            return Ok(());
        }
        let mut wake_at = plan.wake_level(self.is_quiet(), self.chain.period_frames());
        // More frames of a reply may arrive before its end has to be faded; then there is no gap.
        if self.is_sounding && self.lane.waiting() == 0 && queued > plan.fade_at {
            wake_at = plan.fade_at;
        }
        // The beginning and the end of a reply are reported when they are heard.
        self.begins_at = self.begins_at.filter(|begin| self.queue.played() < *begin);
        if let Some(begin) = self.begins_at {
            wake_at = wake_at.max(self.queue.written().saturating_sub(begin) as usize).min(queued);
        }
        if let Some(end) = self.positions.end(&self.chain) {
            let after = self.queue.written().saturating_sub(end) as usize;
            if after > 0 && after < queued {
                wake_at = wake_at.max(after);
            }
        }
        speaker.wake_at(wake_at.max(self.queue.stamp_level(queued, self.chain.period_frames())))
    }

    fn send_receipt(&mut self, cut: u64) {
        self.cut = None;
        self.notify_session = true;
        let receipt = CutReceipt { cut, played: self.shared.played.load(Ordering::Relaxed) };
        if self.receipts.try_push(receipt).is_err() {
            self.counters.receipts_lost.add(1);
        }
    }

    /// Writes until the device holds `target` frames; fewer when it is full, a cut has arrived, or the rest of a reply
    /// may still come. Returns how many it holds; it has held `queued`.
    fn top_up(
        &mut self,
        speaker: &mut impl PlaybackDevice,
        mut queued: usize,
        target: usize,
        fade_at: usize,
    ) -> Result<usize, PcmError> {
        while queued < target {
            let wanted = target - queued;
            for _ in 0..BLOCKS_MAX {
                if !(self.queue.given_back().is_empty()
                    && self.cut_fade.is_empty()
                    && self.chain.ready().is_empty())
                {
                    break;
                }
                if !self.stage(wanted, queued <= fade_at) {
                    return Ok(queued);
                }
            }
            let taken = self.write(speaker, wanted)?;
            if taken == 0 {
                break;
            }
            queued += taken;
        }
        Ok(queued)
    }

    /// Passes the next frames to the chain: the fade of an underrun, else the lane, else silence. Returns `false` if a
    /// cut has arrived, or if the lane has run empty within a reply that is not to be faded yet.
    ///
    /// Frames are taken from the lane before a cut is: no frame that the session writes after a cut can then be
    /// in the chain or the device when these are emptied for that cut.
    fn stage(&mut self, wanted: usize, may_fade: bool) -> bool {
        let wanted = self.chain.needed_for(wanted);
        if self.underrun_fade.is_empty() {
            if self.staged.is_empty() {
                self.staged.refill(&mut self.lane, wanted);
            }
            self.take_cut();
            if self.cut.is_some() {
                return false;
            }
            if !self.staged.is_empty() {
                let frames = self.staged.frames();
                if !self.is_sounding {
                    self.begins_at = Some(self.positions.next_frame(&self.chain) + 1);
                }
                self.positions.record_stream(frames.len(), Some(self.staged.position));
                self.chain.process(frames);
                self.underrun_fade.record_last(frames);
                self.staged.advance(frames.len());
                (self.is_sounding, self.has_told_empty) = (true, false);
                return true;
            }
            self.notify_session |= self.is_sounding && !std::mem::replace(&mut self.has_told_empty, true);
            if self.is_sounding && !may_fade {
                return false;
            }
            if std::mem::take(&mut self.is_sounding) {
                self.counters.starved.add(1);
                self.underrun_fade.begin();
            }
        }
        let frames = if self.underrun_fade.is_empty() { &*self.silence } else { self.underrun_fade.frames() };
        let frames = &frames[..frames.len().min(wanted)];
        self.positions.record_stream(frames.len(), None);
        self.chain.process(frames);
        self.underrun_fade.advance(frames.len());
        true
    }

    /// Writes the next frames to the device, with the gain: what it gave back, else the fade of a cut, else the
    /// stream.
    fn write(&mut self, speaker: &mut impl PlaybackDevice, wanted: usize) -> Result<usize, PcmError> {
        let given_back = self.queue.given_back();
        let is_again = !given_back.is_empty();
        let is_fade = !is_again && !self.cut_fade.is_empty();
        let samples = match (is_again, is_fade) {
            (true, _) => given_back,
            (false, true) => self.cut_fade.frames(),
            (false, false) => self.chain.ready(),
        };
        let samples = &samples[..samples.len().min(wanted).min(self.amplified.len())];
        let amplified = &mut self.amplified[..samples.len()];
        amplified.copy_from_slice(samples);
        self.gain.apply(self.queue.written(), amplified);
        let taken = speaker.write(amplified)?.min(amplified.len());
        if is_again {
            self.queue.record_rewritten(&amplified[..taken]);
        } else if is_fade {
            self.queue.record_written(&self.cut_fade.frames()[..taken], &amplified[..taken]);
            self.positions.postpone(taken);
            self.cut_fade.advance(taken);
        } else {
            self.queue.record_written(&self.chain.ready()[..taken], &amplified[..taken]);
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
                self.update_position(0);
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
