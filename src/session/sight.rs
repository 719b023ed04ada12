//! What the owner sees: the facts that every light is a picture of, noted as they come about.
//!
//! It notes and shows; what a fact looks like is `light`'s, and on which lamp `board`'s.

use std::time::Duration;

use super::Session;
use crate::audio::{Direction, HungThread, MissingDevices};
use crate::board::{Board, Indication};
use crate::conversation::{DeviceEvent, Event, Exit, Notice, ServerError, ServiceEvent, State};
use crate::light::{Fault, Levels, LightState};
use crate::model::Time;
use crate::recorder;

/// How long a device with lights shows why it ends, before it does: one blink code and its pause, twice.
const LAST_SIGHT: Duration = Duration::from_secs(10);

/// Has the lights show that the program is starting. The session takes them over.
pub fn greet(board: &mut Board) {
    board.show_leds(
        &LightState { booted: false, ..LightState::begin(State::Connecting, Time::ZERO) },
        Time::ZERO,
    );
}

impl Session {
    /// Shows at once what has become of the conversation and the microphone.
    pub(super) fn follow(&mut self, now: Time) {
        let before = self.facts;
        let unsent = self.uplink.holds_any(self.line.link());
        let wanted = self.conversation.microphone_open() && self.away.capture.is_none();
        self.facts.microphone_live = wanted || self.sound.capture.is_open() || unsent;
        self.facts.state = self.conversation.state();
        self.facts.muted = self.conversation.muted();
        if self.facts == before {
            return;
        }
        if self.facts.state != before.state {
            self.facts.since = now;
        }
        if before.microphone_live && !self.facts.microphone_live {
            self.facts.closed = Some(now);
        }
        self.look_at = Some(now);
        self.show(now);
    }

    pub(super) fn show(&mut self, now: Time) {
        if self.look_at.is_none_or(|look_at| now < look_at) {
            return;
        }
        self.note_light(now);
        let counters = self.sound.counters();
        let levels =
            Levels { microphone: counters.microphone_peak.take(), speaker: counters.speaker_peak.take() };
        let next = self.board.show(&Indication { facts: self.facts, levels }, now);
        self.look_at = next.map(|wait| now + wait);
    }

    /// Notes news that a light can tell.
    pub(super) fn see_news(&mut self, news: Notice, now: Time) {
        match news {
            Notice::NoReply | Notice::ReplyStalled | Notice::ReplyFailed | Notice::NoSession => {
                self.see_fault(Fault::NoReply, now);
            }
            // A speaker that is away is a fact of its own; the others are answers to a hand on the device.
            // And where there is no link, the light shows that already.
            Notice::NoSpeaker | Notice::TooShort | Notice::Muted | Notice::MuteSwitched | Notice::Unsent => {}
        }
    }

    /// Notes what the service refused, where a light can tell it.
    pub(super) fn see_refusal(&mut self, event: &Event, now: Time) {
        // The others mend themselves, or end the link, which the light shows anyway.
        if *event == Event::Service(ServiceEvent::Refused(ServerError::QuotaExceeded)) {
            self.facts.fault = Some((Fault::Quota, now));
        } else if matches!(
            event,
            Event::Service(ServiceEvent::Refused(
                ServerError::Other | ServerError::RateLimited | ServerError::Internal
            ))
        ) {
            self.see_fault(Fault::Service, now);
        }
    }

    /// Notes a fault that passes by itself, unless a lasting one is shown.
    pub(super) fn see_fault(&mut self, fault: Fault, now: Time) {
        if self.facts.fault.is_none_or(|(shown, _)| !shown.is_lasting()) {
            self.facts.fault = Some((fault, now));
            self.look_at = Some(now);
        }
    }

    /// Notes which devices are away, tells the owner, and lets the conversation do without.
    pub(super) fn take_away(&mut self, now: Time) {
        let before = std::mem::replace(&mut self.away, self.sound.missing_devices());
        let after = self.away;
        if before.capture.is_some() != after.capture.is_some()
            || before.playback.is_some() != after.playback.is_some()
            || before.dead_input != after.dead_input
        {
            self.see_lasting(now);
            self.teller.away(before, after, &mut self.board);
        }
        if before.playback.is_some() != after.playback.is_some() {
            self.on(&Event::Device(DeviceEvent::Speaker { there: after.playback.is_none() }), now);
        }
    }

    /// Notes whether a device has too many xruns, and tells the owner.
    pub(super) fn take_storms(&mut self, now: Time) {
        let counters = self.sound.counters();
        let counted = [counters.capture_xruns.get(), counters.playback_xruns.get()];
        for (index, end) in [Direction::Capture, Direction::Playback].into_iter().enumerate() {
            if let Some(weather) = self.storms[index].update(counted[index], now) {
                self.see_lasting(now);
                self.teller.trouble(&weather.sentence(end), &mut self.board);
            }
        }
    }

    /// Notes whether a sound thread has work and does none, and tells the owner.
    pub(super) fn take_standstills(&mut self, now: Time) {
        let counters = self.sound.counters();
        let plays = self.downlink.is_waiting()
            || self.ledger.unplayed_frames(self.sound.playback.played_position()) > 0;
        let work = [
            (self.sound.capture.is_open(), counters.captured.get()),
            (plays && self.away.playback.is_none(), counters.played.get()),
        ];
        for (index, end) in [Direction::Capture, Direction::Playback].into_iter().enumerate() {
            let (due, done) = work[index];
            if let Some(stands) = self.standstills[index].update(due, done, now) {
                self.see_lasting(now);
                self.teller.trouble(&HungThread::sentence(end, stands), &mut self.board);
                if stands {
                    self.note_fault(recorder::RecordingTrigger::Starved, now);
                }
            }
        }
    }

    /// Notes whether a button is ignored.
    pub(super) fn see_buttons(&mut self, broken: bool, now: Time) {
        self.broken = broken;
        self.see_lasting(now);
    }

    /// Shows the worst of what is wrong until it is mended.
    fn see_lasting(&mut self, now: Time) {
        let ill = |index: usize| self.storms[index].is_active() || self.standstills[index].is_hung();
        let [microphone, speaker] = [ill(0), ill(1)];
        let lasting = match self.away {
            MissingDevices { playback: Some(_), .. } => Some(Fault::NoSpeaker),
            MissingDevices { capture: Some(_), .. } | MissingDevices { dead_input: Some(_), .. } => {
                Some(Fault::NoMicrophone)
            }
            MissingDevices { playback: None, capture: None, dead_input: None } if speaker => {
                Some(Fault::NoSpeaker)
            }
            MissingDevices { playback: None, capture: None, dead_input: None } if microphone => {
                Some(Fault::NoMicrophone)
            }
            MissingDevices { playback: None, capture: None, dead_input: None } => {
                self.broken.then_some(Fault::Button)
            }
        };
        self.facts.fault = lasting.map(|fault| (fault, now));
        self.look_at = Some(now);
    }

    /// Says how long the last picture is to be seen, and notes what it is of.
    pub(super) fn last_sight(&mut self, ending: Exit, now: Time) -> Duration {
        if ending == Exit::Requested || !self.board.has_leds() {
            return Duration::ZERO;
        }
        if self.facts.fault.is_none_or(|(fault, _)| fault != Fault::Quota) {
            self.facts.fault = Some((Fault::Misconfigured, now));
        }
        self.look_at = Some(now);
        LAST_SIGHT
    }
}
