//! The playback step: keeps the speaker fed from the lane "spoken", with silence where the lane has none.
//!
//! It cuts without a click, accounts for what was really heard, and has no thread, clock or descriptor,
//! so anything that can be written can be its speaker. It never waits, allocates, or decides what to say.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use ringbuf::HeapProd;
use ringbuf::traits::Producer;

use super::ends::Told;
use super::outlet::Outlet;
use super::sent::Sent;
use super::trouble::{Gone, Patience, Recovery, Trouble};
use super::waiting::{Ending, Staged, Tail};
use super::{Counters, Shape, Silenced, Spoken};
use crate::lane::Reader;

/// A device that plays what it is handed.
pub trait Speaker {
    /// Returns the frames it should be kept holding.
    fn queue_frames(&self) -> usize;

    /// Says what it holds.
    ///
    /// # Errors
    /// When the device must be recovered first.
    fn level(&mut self) -> Result<Level, Trouble>;

    /// Takes as many of `frames`, mono at its own rate, as it can hold and returns how many; it plays by itself once
    /// `queue_frames` were taken.
    ///
    /// # Errors
    /// When the device must be recovered first; it took none then.
    fn write(&mut self, frames: &[f32]) -> Result<usize, Trouble>;

    /// Throws away all it holds, at once.
    ///
    /// # Errors
    /// When the device must be recovered first.
    fn flush(&mut self) -> Result<(), Trouble>;

    /// Makes the device playable again.
    ///
    /// # Errors
    /// When that leads to other trouble.
    fn recover(&mut self, trouble: Trouble) -> Result<Recovery, Trouble>;
}

/// What a speaker holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// Frames in its buffer.
    pub queued: usize,
    /// Frames until one written now would be heard. Drivers may say nonsense here.
    pub delay: i64,
}

/// Length of the fade that hides the end of sound, in milliseconds.
const FADE_MS: usize = 5;
/// Times the outlet is given frames until it must have some ready: more than its filter is long.
const FILLINGS: usize = 512;

/// The reading end of the lane "spoken", with the device's troubles seen to.
pub struct Playback {
    spoken: Reader<Spoken>,
    staged: Staged,
    ending: Ending,
    silence: Box<[Spoken]>,
    outlet: Outlet,
    tail: Tail,
    sent: Sent,
    /// The cut that is still to be obeyed.
    cut: Option<u64>,
    /// Whether the last frame given to the outlet came from the lane.
    sounding: bool,
    news: bool,
    patience: Patience,
    /// Whether the device asked for time in its trouble.
    resting: bool,
    receipts: HeapProd<Silenced>,
    told: Arc<Told>,
    counters: Arc<Counters>,
}

impl Playback {
    pub(super) fn new(
        shape: Shape,
        outlet: Outlet,
        spoken: Reader<Spoken>,
        receipts: HeapProd<Silenced>,
        told: Arc<Told>,
        counters: Arc<Counters>,
    ) -> Playback {
        let fade_frames = |rate_hz: u32| rate_hz as usize * FADE_MS / 1000;
        Playback {
            spoken,
            staged: Staged::new(shape.period_frames),
            ending: Ending::new(fade_frames(shape.rate_hz)),
            silence: vec![[0]; shape.period_frames].into(),
            tail: Tail::new(fade_frames(outlet.rate_hz())),
            sent: Sent::new(outlet.rate_hz()),
            outlet,
            cut: None,
            sounding: false,
            news: false,
            patience: Patience::default(),
            resting: false,
            receipts,
            told,
            counters,
        }
    }

    /// Obeys a cut if there is one and tops the speaker up; true when the session should look, because
    /// a cut was obeyed, or the lane ran dry, or the last of it was heard.
    ///
    /// # Errors
    /// When the device must be opened anew. What it held is lost; nothing else is.
    pub fn turn(&mut self, speaker: &mut impl Speaker) -> Result<bool, Gone> {
        self.resting = false;
        if let Err(trouble) = self.step(speaker) {
            self.resting = !self.recover(trouble, speaker)?;
            // Again at once, so that an xrun costs no more than itself.
            if !self.resting
                && let Err(trouble) = self.step(speaker)
            {
                self.resting = !self.recover(trouble, speaker)?;
            }
        }
        Ok(std::mem::take(&mut self.news))
    }

    /// Obeys a cut while there is no device; true when the session should look.
    pub fn turn_away(&mut self) -> bool {
        self.look_for_cut();
        if let Some(cut) = self.cut {
            self.sounding = false;
            self.acknowledge(cut);
        }
        std::mem::take(&mut self.news)
    }

    /// Notes that the device is empty or no longer there: nothing is left to be heard or faded. A turn
    /// that ends with `Gone` has noted it already.
    pub fn start_afresh(&mut self) {
        self.sent.forget(|frames| self.outlet.over(frames));
        self.tail.clear();
        self.ending.clear();
    }

    /// Tells whether the device is in trouble and needs a moment before the next turn.
    #[must_use]
    pub fn is_resting(&self) -> bool {
        self.resting
    }

    /// Tells whether the session is gone.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.spoken.is_abandoned()
    }

    pub(super) fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    fn step(&mut self, speaker: &mut impl Speaker) -> Result<(), Trouble> {
        // Goes round again only when the session has cut meanwhile.
        loop {
            self.look_for_cut();
            let level = speaker.level()?;
            self.account(level.delay);
            let mut queued = level.queued;
            if let Some(cut) = self.cut {
                queued = self.obey(cut, queued, speaker)?;
            }
            self.top_up(speaker, speaker.queue_frames().saturating_sub(queued))?;
            if self.cut.is_none() {
                return Ok(());
            }
        }
    }

    fn look_for_cut(&mut self) {
        if let Some(cut) = self.spoken.take_cut() {
            self.staged.discard_before(cut);
            self.cut = Some(cut);
        }
    }

    fn account(&mut self, delay: i64) {
        let played = self.sent.note_delay(delay);
        if played > 0 {
            self.patience.renew();
            self.counters.played.add(played);
        }
        self.publish_heard();
    }

    fn publish_heard(&mut self) {
        if let Some(heard) = self.sent.heard(|frames| self.outlet.over(frames)) {
            self.told.heard.store(heard, Ordering::Release);
            self.news |= self.sent.is_all_heard() && self.staged.is_empty() && self.spoken.waiting() == 0;
        }
    }

    /// Silences what the speaker holds and returns how much it holds then.
    ///
    /// It is emptied and handed a fade made anew, rather than rewound to where the fade should begin:
    /// the alsa crate keeps its handle private and wraps no rewind, and rewinding is unreliable over
    /// plugins and USB, while every driver honours a drop. Only alsa-lib's "dmix" does not: what it has
    /// mixed is played to its end, so over it a cut takes as long as the queue is.
    fn obey(&mut self, cut: u64, queued: usize, speaker: &mut impl Speaker) -> Result<usize, Trouble> {
        let mut left = queued;
        if self.sounding || !self.sent.is_all_heard() {
            if !self.sent.is_empty() {
                speaker.flush()?;
                self.tail.refill(|frames| self.sent.fade(frames));
            }
            self.ending.clear();
            self.outlet.reset();
            self.sent.reset();
            self.sounding = false;
            left = 0;
        }
        self.acknowledge(cut);
        Ok(left)
    }

    fn acknowledge(&mut self, cut: u64) {
        self.cut = None;
        self.news = true;
        let receipt = Silenced { cut, heard: self.told.heard.load(Ordering::Relaxed) };
        if self.receipts.try_push(receipt).is_err() {
            self.counters.receipts_lost.add(1);
        }
    }

    /// Writes up to `wanted` frames; fewer when the speaker is full or a cut has come.
    fn top_up(&mut self, speaker: &mut impl Speaker, mut wanted: usize) -> Result<(), Trouble> {
        self.outlet.aim(self.told.volume.load(Ordering::Relaxed));
        while wanted > 0 {
            for _ in 0..FILLINGS {
                if !self.tail.is_empty() || !self.outlet.ready().is_empty() {
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

    /// Gives the outlet what comes first: the fade that ends a sound, the lane, silence.
    ///
    /// It takes frames from the lane, and a cut only after that: then no frame written to the lane after a
    /// cut can be in the outlet or in the speaker when they are emptied for that cut.
    fn stage(&mut self, wanted: usize) {
        let wanted = self.outlet.needed_for(wanted);
        if self.ending.is_empty() {
            if self.staged.is_empty() {
                self.staged.refill(&mut self.spoken, wanted);
            }
            self.look_for_cut();
            if self.cut.is_some() {
                return;
            }
            if !self.staged.is_empty() {
                let frames = self.staged.frames();
                self.counters.speaker_peak.raise(frames.as_flattened());
                self.sent.note_stream(frames.len(), Some(self.staged.position));
                self.outlet.take(frames);
                self.ending.follow(frames);
                self.staged.advance(frames.len());
                self.sounding = true;
                return;
            }
            if std::mem::take(&mut self.sounding) {
                self.news = true;
                self.counters.starved.add(1);
                self.ending.begin();
            }
        }
        let frames = if self.ending.is_empty() { &*self.silence } else { self.ending.frames() };
        let frames = &frames[..frames.len().min(wanted)];
        self.sent.note_stream(frames.len(), None);
        self.outlet.take(frames);
        self.ending.advance(frames.len());
    }

    /// Writes from what comes first: the fade of a cut, the stream.
    fn write(&mut self, speaker: &mut impl Speaker, wanted: usize) -> Result<usize, Trouble> {
        let fading = !self.tail.is_empty();
        let frames = if fading { self.tail.frames() } else { self.outlet.ready() };
        let frames = &frames[..frames.len().min(wanted)];
        let taken = speaker.write(frames)?.min(frames.len());
        if fading {
            self.sent.note_lead(&frames[..taken]);
            self.tail.advance(taken);
        } else {
            self.sent.note_written(&frames[..taken]);
            self.outlet.advance(taken);
        }
        Ok(taken)
    }

    /// Recovers the device, or returns false when that takes longer.
    fn recover(&mut self, trouble: Trouble, speaker: &mut impl Speaker) -> Result<bool, Gone> {
        // The session counts along, even while nobody speaks.
        self.news = true;
        match trouble {
            Trouble::Gone(gone) => return Err(self.lose(gone)),
            Trouble::Xrun => {
                // It ran empty by playing all it had.
                self.counters.playback_xruns.add(1);
                self.counters.played.add(self.sent.note_delay(0));
                self.publish_heard();
                self.start_afresh();
            }
            Trouble::Stalled => self.counters.playback_xruns.add(1),
            Trouble::Suspended => {}
        }
        self.patience.spend().map_err(|gone| self.lose(gone))?;
        match speaker.recover(trouble) {
            Ok(Recovery::Emptied) => self.start_afresh(),
            Ok(Recovery::Resumed) => {}
            Err(Trouble::Gone(gone)) => return Err(self.lose(gone)),
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

    fn lose(&mut self, gone: Gone) -> Gone {
        self.start_afresh();
        gone
    }
}
