//! The session's side of the audio: microphone frames on their way to the service, reply audio and earcons on their way
//! to the speaker, and what was played of them.
//!
//! It decides nothing: the conversation decides whether the microphone is open, what is sent and what is played. It
//! knows no link: frames to be sent are passed to a function.

mod downlink;
mod earcon;
mod lag;
mod reply_queue;
mod resume;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]
mod tests;
mod uplink;

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use crate::audio::{AUDIO_CHANGES, AudioChange, AudioError, AudioIo, AudioMonitor, Counters, EchoStatus};
use crate::conversation::{DeviceEvent, Earcon, Event, HalfDuplex, KeptAudio, LinkChange, ServiceEvent};
use crate::ledger::{Correction, Ledger, PlayedPart, TurnMark, TurnTimings};
use crate::model::{TalkEvidence, Time};
use crate::protocol::{AudioDelta, RATE_HZ};

use downlink::{DeltaOutcome, Downlink};
use earcon::EarconPlayer;
use lag::PlaybackLag;
use uplink::Uplink;

pub(super) use uplink::FrameRecipient;

/// How often the playback lane is refilled while reply audio is queued. The lane holds two seconds.
const REFILL_INTERVAL: Duration = Duration::from_millis(500);
/// Added to the wait for the end of a reply, for the delay of the playback device.
const DRAIN_MARGIN: Duration = Duration::from_millis(5);

pub(super) struct Player {
    audio: AudioIo,
    monitor: AudioMonitor,
    ledger: Ledger,
    uplink: Uplink,
    downlink: Downlink,
    earcons: EarconPlayer,
    pause: Pause,
    /// Lane position of the latest cut: no receipt follows another one there.
    last_cut: u64,
    is_receipt_due: bool,
    input_end_reported: bool,
    room_is_loud: bool,
    talk: TalkEvidence,
    /// Set if the microphone is held back while the speaker is heard.
    half_duplex: Option<HalfDuplex>,
    lag: PlaybackLag,
}

/// Whether the reply is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pause {
    No,
    /// Playback is being stopped, and goes on as soon as it is known where if `resumes` is set. What lies before position
    /// `from` was cut earlier.
    Stopping {
        resumes: bool,
        from: u64,
    },
    Paused,
}

impl Player {
    /// Creates a player that plays at `volume` percent, and earcons if they are enabled.
    pub(super) fn new(audio: AudioIo, earcons: bool, volume: u8) -> Self {
        audio.playback.set_volume(volume);
        let uplink = Uplink::new(audio.capture_hz(), audio.capture_layout());
        Self {
            audio,
            monitor: AudioMonitor::default(),
            ledger: Ledger::new(RATE_HZ),
            uplink,
            downlink: Downlink::default(),
            earcons: EarconPlayer::new(earcons),
            pause: Pause::No,
            last_cut: 0,
            is_receipt_due: false,
            input_end_reported: false,
            room_is_loud: true,
            talk: TalkEvidence::None,
            half_duplex: None,
            lag: PlaybackLag::default(),
        }
    }

    /// Lets the microphone be held back while the speaker is heard, and for `tail` after that.
    pub(super) fn set_half_duplex(&mut self, tail: Duration) {
        self.half_duplex = Some(HalfDuplex::new(tail));
    }

    /// Returns whether the microphone may be held back at all.
    pub(super) fn is_half_duplex(&self) -> bool {
        self.half_duplex.is_some()
    }

    /// Returns whether the microphone is held back: the speaker is heard, or was until just now.
    pub(super) fn holds_microphone_back(&mut self, now: Time) -> bool {
        let is_heard = self.is_heard();
        self.half_duplex.as_mut().is_some_and(|half_duplex| half_duplex.update(is_heard, now))
    }

    /// Returns when to call [`holds_microphone_back`](Self::holds_microphone_back) again.
    pub(super) fn half_duplex_deadline(&self, now: Time) -> Option<Time> {
        let half_duplex = self.half_duplex.as_ref()?;
        let heard = self.audio.playback.played_position().max(self.last_cut);
        let frames = self.audio.playback.written().saturating_sub(heard);
        let left = duration(frames);
        let is_ending = frames > 0 && self.is_heard();
        half_duplex.deadline().or(is_ending.then(|| now + left + DRAIN_MARGIN))
    }

    /// Clears the descriptor until the next change. To be called before the state is read.
    pub(super) fn clear_wake(&self) {
        self.audio.clear_wake();
    }

    /// Keeps uplink and ledger in step with an event that the conversation has handled, before its actions are applied.
    pub(super) fn handle_event(&mut self, event: &Event, kept: KeptAudio, now: Time) {
        match kept {
            KeptAudio::Keep => {}
            KeptAudio::ReleaseSent => self.uplink.release_sent(),
            KeptAudio::SendAgain => self.uplink.resend(),
            KeptAudio::Discard => self.uplink.restart(),
        }
        match event {
            Event::Service(ServiceEvent::SpeechStopped) => self.ledger.mark(TurnMark::SpeechEnded, now),
            Event::Service(ServiceEvent::ReplyCreated(_)) => self.ledger.mark(TurnMark::Created, now),
            Event::Service(ServiceEvent::ReplyDone(reply, _)) => self.ledger.reply_done(reply),
            Event::Link(LinkChange::Down(_)) => self.ledger.session_lost(),
            Event::Input(_)
            | Event::Device(_)
            | Event::Link(_)
            | Event::Standby(_)
            | Event::Service(_)
            | Event::Tick => {}
        }
    }

    /// Continues in another session, which knows none of the items and none of the captured audio of the previous one.
    /// Queued audio is still played.
    pub(super) fn change_session(&mut self) {
        self.ledger.session_lost();
        self.uplink.resend();
    }

    /// Sets whether somebody speaks or a reply may be played soon: the microphone is then read in small batches, and the
    /// speaker's queue is kept short. A loud frame shortens the queue before the service reports speech.
    pub(super) fn set_attentive(&self, attentive: bool) {
        self.audio.capture.set_attentive(attentive);
        self.audio.playback.set_reply_near(attentive || self.audio.capture.is_loud());
    }

    /// Returns whether the microphone hears more than the noise of its room, if that has changed since the last call, and
    /// since it is `wanted`: at first, it is loud.
    pub(super) fn take_loudness(&mut self, wanted: bool) -> Option<bool> {
        let loud = !wanted || self.audio.capture.is_loud();
        let changed = loud != std::mem::replace(&mut self.room_is_loud, loud);
        (wanted && changed).then_some(loud)
    }

    /// Returns how sure the device is that somebody talks over the speaker, if that has changed since the last call, and
    /// since it is `wanted`: at first, nobody does.
    pub(super) fn take_talk(&mut self, wanted: bool) -> Option<TalkEvidence> {
        let talk = self.audio.echo_status().filter(|_| wanted).map_or(TalkEvidence::None, EchoStatus::talk);
        let changed = talk != std::mem::replace(&mut self.talk, talk);
        (wanted && changed).then_some(talk)
    }

    /// Sets for which evidence of a talker the reply is turned down.
    pub(super) fn set_duck(&self, talk: TalkEvidence) {
        self.audio.playback.set_duck(talk);
    }

    /// Returns what was learned of the speaker's echo, if that is to be kept now.
    pub(super) fn poll_learned_echo(&mut self, is_ending: bool, now: Time) -> Option<Vec<u8>> {
        self.audio.poll_learned_echo(is_ending, now)
    }

    /// Opens the microphone.
    pub(super) fn open_microphone(&mut self) {
        self.audio.capture.set_open(true);
    }

    /// Closes the microphone, and its device too if it is `muted`.
    pub(super) fn close_microphone(&mut self, muted: bool) {
        if muted { self.audio.capture.mute() } else { self.audio.capture.set_open(false) }
    }

    /// Returns whether the microphone captures.
    pub(super) fn is_microphone_open(&self) -> bool {
        self.audio.capture.is_open()
    }

    /// Returns whether the microphone's device runs, and the number of frames that were read from it.
    pub(super) fn microphone_work(&self) -> (bool, u64) {
        let counters = self.audio.counters();
        (self.audio.capture.is_running(), counters.captured.get() + counters.discarded.get())
    }

    /// Takes the captured frames if the microphone is `wanted`, and discards them otherwise. Passes them to the session,
    /// if there is one, and keeps them, all while there is `speech`. Returns whether frames were dropped unsent.
    pub(super) fn pump(&mut self, wanted: bool, speech: bool, recipient: Option<FrameRecipient<'_>>) -> bool {
        self.uplink.pump(&mut self.audio.capture, wanted, speech, recipient)
    }

    /// Returns the duration of the pumped audio that was captured since the last press.
    pub(super) fn captured_since_press(&self) -> Duration {
        self.uplink.captured_since_press()
    }

    /// Discards the audio of an unfinished turn.
    pub(super) fn discard_turn(&mut self) {
        self.uplink.restart();
    }

    /// Records that the user's turn has ended, with a commit.
    pub(super) fn end_turn(&mut self, now: Time) {
        self.ledger.mark(TurnMark::TurnEnded, now);
    }

    /// Releases what was sent: the service has completed a turn with it.
    pub(super) fn release_sent(&mut self) {
        self.uplink.release_sent();
    }

    /// Discards captured audio that no session is to receive, and returns whether there was any.
    pub(super) fn discard_unsent(&mut self) -> bool {
        self.uplink.discard_unsent()
    }

    /// Returns whether captured audio has yet to leave the device: it waits here, or in a link that is `blocked`.
    pub(super) fn has_unsent(&mut self, blocked: bool) -> bool {
        self.uplink.has_unsent(blocked)
    }

    /// Queues the audio of an accepted reply.
    pub(super) fn handle_delta(&mut self, delta: &AudioDelta<'_>, now: Time) -> DeltaOutcome {
        let outcome = self.downlink.push(delta, &mut self.audio.playback, &mut self.ledger);
        if outcome.queued > 0 {
            self.ledger.mark(TurnMark::FirstAudio, now);
            self.lag.record_received(duration(outcome.queued as u64), now);
        }
        outcome
    }

    /// Records audio that the conversation does not accept.
    pub(super) fn handle_rejected(&mut self, delta: &AudioDelta<'_>) {
        self.ledger.discarded(&delta.reply, &delta.item);
    }

    /// Records that the service has sent all audio of a content part.
    pub(super) fn handle_audio_done(&mut self, item: &str, content_index: u32) {
        self.ledger.audio_done(item, content_index);
    }

    /// Cuts the reply: clears the reply queue, and the playback lane and device if they hold any of it. Returns whether
    /// they did. A paused reply ends where it was paused.
    pub(super) fn cut(&mut self, now: Time) -> bool {
        self.downlink.clear();
        self.downlink.hold(false);
        let was_paused = std::mem::replace(&mut self.pause, Pause::No) != Pause::No;
        let cuts = self.is_queued();
        if cuts {
            if !was_paused {
                self.ledger.mark(TurnMark::Cut, now);
            }
            self.stop();
            self.ledger.cut(self.last_cut);
            if !self.is_receipt_due {
                self.ledger.close_all();
            }
        }
        cuts
    }

    /// Stops the reply, and keeps what was not played of it. Returns whether anything was playing.
    pub(super) fn pause(&mut self, now: Time) -> bool {
        if self.pause != Pause::No {
            if let Pause::Stopping { resumes, .. } = &mut self.pause {
                *resumes = false;
            }
            return false;
        }
        self.downlink.hold(true);
        let is_playing = self.is_queued();
        let from = self.last_cut;
        self.pause = if self.stop() { Pause::Stopping { resumes: false, from } } else { Pause::Paused };
        if is_playing {
            self.ledger.mark(TurnMark::Cut, now);
        }
        is_playing
    }

    /// Continues a paused reply where it was stopped.
    pub(super) fn resume(&mut self) {
        match self.pause {
            Pause::No => {}
            Pause::Stopping { from, .. } => self.pause = Pause::Stopping { resumes: true, from },
            Pause::Paused => {
                self.pause = Pause::No;
                self.downlink.hold(false);
            }
        }
    }

    /// Plays an earcon as soon as nothing else plays.
    pub(super) fn request_earcon(&mut self, earcon: Earcon) {
        self.earcons.request(earcon);
    }

    /// Refills the playback lane from the reply queue, or with the earcon that waits for silence.
    pub(super) fn refill(&mut self) {
        self.downlink.top_up(&mut self.audio.playback);
        let is_silent = !self.is_playing() && self.pause == Pause::No;
        let has_speaker = self.monitor.missing().playback.is_none();
        if let Some(frames) = self.earcons.take(is_silent, has_speaker) {
            // The lane is empty, so the whole earcon fits.
            let _ = self.audio.playback.write(&frames);
        }
    }

    /// Handles the next receipt of a cut. Returns whether there was one.
    pub(super) fn poll_receipt(&mut self, now: Time) -> bool {
        let Some(receipt) = self.audio.playback.receipt() else { return false };
        self.is_receipt_due &= receipt.cut != self.last_cut;
        match self.pause {
            Pause::Stopping { resumes, from } if receipt.cut == self.last_cut => {
                let played = receipt.played.max(from);
                self.downlink.take_back(receipt.cut, played);
                self.ledger.pause_receipt(receipt.cut, played, now);
                self.pause = Pause::Paused;
                if resumes {
                    self.resume();
                }
            }
            Pause::Stopping { .. } | Pause::Paused | Pause::No => {
                self.ledger.cut_receipt(receipt.cut, receipt.played, now);
            }
        }
        true
    }

    /// Returns what was played of the next item since the last call.
    pub(super) fn poll_played(&mut self, now: Time) -> Option<PlayedPart> {
        let played = self.audio.playback.played_position();
        self.ledger.played(played, now);
        self.ledger.next_played(played)
    }

    /// Records what was played, and returns what the conversation has to know of it.
    pub(super) fn poll_event(&mut self, now: Time) -> Option<DeviceEvent> {
        let played = self.audio.playback.played_position();
        self.ledger.played(played, now);
        if self.pause == Pause::No {
            // What lies before the latest cut is not played any more.
            let left = self.ledger.unplayed_frames(played.max(self.last_cut));
            let lag = self.lag.record_left(duration(left), now);
            self.ledger.record_lag(lag);
        }
        let is_drained = !self.downlink.is_waiting()
            && (self.ledger.take_drained(played) || self.has_lost_the_end(played, now));
        if is_drained {
            return Some(DeviceEvent::Drained);
        }
        let input_ended = self.audio.input_ended() && !self.input_end_reported;
        self.input_end_reported |= input_ended;
        input_ended.then_some(DeviceEvent::InputEnded)
    }

    /// Returns, once, by how much the speaker was behind what the service believes to be played, if that is more than the
    /// service's echo cancellation allows.
    pub(super) fn take_long_lag(&mut self) -> Option<Duration> {
        self.lag.take_long()
    }

    /// Returns what has changed with the devices and their threads.
    pub(super) fn poll_changes(&mut self, now: Time) -> heapless::Vec<AudioChange, AUDIO_CHANGES> {
        let is_playing = self.is_playing();
        self.monitor.update(&self.audio, is_playing, now)
    }

    /// Returns the next correction of the service's memory that may be sent.
    pub(super) fn poll_correction(&mut self) -> Option<Correction> {
        self.ledger.next_correction()
    }

    /// Returns the timings of the current turn.
    pub(super) fn timings(&self) -> &TurnTimings {
        self.ledger.timings()
    }

    /// Returns the volume in percent.
    pub(super) fn volume(&self) -> u8 {
        self.audio.playback.volume()
    }

    /// Sets the volume in percent.
    pub(super) fn set_volume(&self, percent: u8) {
        self.audio.playback.set_volume(percent);
    }

    /// Returns the detectors of faults of the devices and their threads.
    pub(super) fn monitor(&self) -> &AudioMonitor {
        &self.monitor
    }

    /// Returns the counters of the audio threads.
    pub(super) fn counters(&self) -> &Counters {
        self.audio.counters()
    }

    /// Returns why an audio thread has ended, if one has.
    pub(super) fn failure(&self) -> Option<AudioError> {
        self.audio.failure()
    }

    /// Returns when to call [`refill`](Self::refill) while audio waits for room in the lane.
    pub(super) fn refill_deadline(&self, now: Time) -> Option<Time> {
        self.downlink.is_waiting().then(|| now + REFILL_INTERVAL)
    }

    /// Returns when all audio in the lane will have been played, to call [`poll_event`](Self::poll_event).
    pub(super) fn drain_deadline(&self, now: Time) -> Option<Time> {
        let frames = if self.pause == Pause::No { self.unplayed_frames() } else { 0 };
        let left = duration(frames);
        (frames > 0).then(|| now + left + DRAIN_MARGIN)
    }

    /// Returns when to call [`poll_changes`](Self::poll_changes) if nothing happens before.
    pub(super) fn monitor_deadline(&self) -> Option<Time> {
        self.monitor.deadline()
    }

    fn is_playing(&self) -> bool {
        self.pause == Pause::No && (self.downlink.is_waiting() || self.unplayed_frames() > 0)
    }

    /// Returns whether the speaker plays a reply or an earcon, or does so as soon as it can.
    fn is_heard(&self) -> bool {
        let playback = &self.audio.playback;
        let silent_from = playback.played_position().max(playback.lost_position()).max(self.last_cut);
        let is_cut = self.is_receipt_due;
        let is_queued = self.pause == Pause::No && self.downlink.is_waiting();
        let has_speaker = self.monitor.missing().playback.is_none();
        has_speaker && (is_cut || is_queued || playback.written() > silent_from)
    }

    /// Returns whether the lane or the device holds audio, or an item may still receive some.
    fn is_queued(&self) -> bool {
        let silent_from = self.audio.playback.played_position().max(self.last_cut);
        self.audio.playback.written() > silent_from || self.ledger.has_items()
    }

    /// Drops what the lane and the device hold. Returns whether a receipt follows: it does unless nothing was written
    /// since the last one.
    fn stop(&mut self) -> bool {
        let is_new = self.audio.playback.written() != self.last_cut;
        if is_new {
            self.last_cut = self.audio.playback.cut();
            self.is_receipt_due = true;
        }
        is_new
    }

    /// Returns, once, whether the speaker was lost with the end of all that was to be played, which the ledger then closes
    /// as far as it was heard.
    fn has_lost_the_end(&mut self, played: u64, now: Time) -> bool {
        let lost = self.audio.playback.lost_position();
        let is_the_end = lost > played && lost == self.audio.playback.written();
        is_the_end && self.pause == Pause::No && self.ledger.lose_end(lost, played, now)
    }

    fn unplayed_frames(&self) -> u64 {
        self.ledger.unplayed_frames(self.audio.playback.played_position())
    }
}

/// Returns the duration of `frames` frames of a reply.
fn duration(frames: u64) -> Duration {
    Duration::from_micros(frames * 1_000_000 / u64::from(RATE_HZ))
}

impl AsFd for Player {
    /// Returns the descriptor, which is readable when an audio thread has notified the session.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.audio.as_fd()
    }
}
