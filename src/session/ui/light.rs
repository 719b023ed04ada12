//! Keeps the state that the lights show, and passes it on when it changes.
//!
//! `light` decides what a state looks like, `board` on which LED it appears.

use std::time::Duration;

use crate::audio::{Direction, HungThread, MissingDevices};
use crate::board::Board;
use crate::conversation::{DeviceEvent, Event, Exit, Notice, ServerError, ServiceEvent, State};
use crate::light::{Fault, Indication, Levels, LightState};
use crate::model::Time;
use crate::recorder::RecordingTrigger;
use crate::session::Session;

/// How long a device with lights shows why it exits: one blink code and its pause, twice.
const EXIT_DISPLAY: Duration = Duration::from_secs(10);

/// Shows on the lights that the program is starting, until a session sets them.
pub fn show_startup(board: &mut Board) {
    board.show_leds(
        &LightState { booted: false, ..LightState::begin(State::Connecting, Time::ZERO) },
        Time::ZERO,
    );
}

impl Session {
    /// Updates the light from the conversation and the microphone, at once where that changes it.
    pub(in crate::session) fn update_indicator(&mut self, now: Time) {
        let before = self.light;
        let unsent = self.uplink.has_frames(self.links.link());
        let wanted = self.conversation.microphone_open() && self.missing.capture.is_none();
        self.light.microphone_live = wanted || self.audio.capture.is_open() || unsent;
        self.light.state = self.conversation.state();
        self.light.muted = self.conversation.muted();
        if self.light == before {
            return;
        }
        if self.light.state != before.state {
            self.light.since = now;
        }
        if before.microphone_live && !self.light.microphone_live {
            self.light.closed = Some(now);
        }
        self.light_due = Some(now);
        self.show(now);
    }

    pub(in crate::session) fn show(&mut self, now: Time) {
        if self.light_due.is_none_or(|due| now < due) {
            return;
        }
        self.record_light(now);
        let counters = self.audio.counters();
        let levels =
            Levels { microphone: counters.microphone_peak.take(), speaker: counters.speaker_peak.take() };
        let next = self.board.show(&Indication { light: self.light, levels }, now);
        self.light_due = next.map(|wait| now + wait);
    }

    /// Records a notice that the light can show.
    pub(in crate::session) fn set_notice(&mut self, notice: Notice, now: Time) {
        match notice {
            Notice::NoReply | Notice::ReplyStalled | Notice::ReplyFailed | Notice::NoSession => {
                self.set_fault(Fault::NoReply, now);
            }
            // A missing speaker is a lasting fault, a missing link a state; the others answer a press.
            Notice::NoSpeaker | Notice::TooShort | Notice::Muted | Notice::MuteSwitched | Notice::Unsent => {}
        }
    }

    /// Records an error of the service that the light can show.
    pub(in crate::session) fn set_server_error(&mut self, event: &Event, now: Time) {
        // The others recover, or end the link, which the light shows anyway.
        if *event == Event::Service(ServiceEvent::Refused(ServerError::QuotaExceeded)) {
            self.light.fault = Some((Fault::Quota, now));
        } else if matches!(
            event,
            Event::Service(ServiceEvent::Refused(
                ServerError::Other | ServerError::RateLimited | ServerError::Internal
            ))
        ) {
            self.set_fault(Fault::Service, now);
        }
    }

    /// Records a fault that passes by itself, unless a lasting one is shown.
    pub(in crate::session) fn set_fault(&mut self, fault: Fault, now: Time) {
        if self.light.fault.is_none_or(|(shown, _)| !shown.is_persistent()) {
            self.light.fault = Some((fault, now));
            self.light_due = Some(now);
        }
    }

    /// Records which devices are missing or deliver no audio, and reports each change to user and
    /// conversation.
    pub(in crate::session) fn check_devices(&mut self, now: Time) {
        let before = std::mem::replace(&mut self.missing, self.audio.missing_devices());
        let after = self.missing;
        if before.capture.is_some() != after.capture.is_some()
            || before.playback.is_some() != after.playback.is_some()
            || before.dead_input != after.dead_input
        {
            self.set_lasting_fault(now);
            self.status.missing_devices(before, after, &mut self.board);
        }
        if before.playback.is_some() != after.playback.is_some() {
            self.handle(&Event::Device(DeviceEvent::Speaker { there: after.playback.is_none() }), now);
        }
    }

    /// Detects the start and the end of xrun bursts, and reports them to the user.
    pub(in crate::session) fn check_xruns(&mut self, now: Time) {
        let counters = self.audio.counters();
        let counted = [counters.capture_xruns.get(), counters.playback_xruns.get()];
        for (index, direction) in [Direction::Capture, Direction::Playback].into_iter().enumerate() {
            if let Some(transition) = self.xrun_bursts[index].update(counted[index], now) {
                self.set_lasting_fault(now);
                self.status.print(&transition.message(direction), &mut self.board);
            }
        }
    }

    /// Detects audio threads that have work and make no progress, and reports them to the user.
    pub(in crate::session) fn check_threads(&mut self, now: Time) {
        let counters = self.audio.counters();
        let plays = self.downlink.is_waiting()
            || self.ledger.unplayed_frames(self.audio.playback.played_position()) > 0;
        let work = [
            (self.audio.capture.is_open(), counters.captured.get()),
            (plays && self.missing.playback.is_none(), counters.played.get()),
        ];
        for (index, direction) in [Direction::Capture, Direction::Playback].into_iter().enumerate() {
            let (due, done) = work[index];
            if let Some(hung) = self.hung_threads[index].update(due, done, now) {
                self.set_lasting_fault(now);
                self.status.print(&HungThread::message(direction, hung), &mut self.board);
                if hung {
                    self.record_fault(RecordingTrigger::Starved, now);
                }
            }
        }
    }

    /// Records whether a faulty button is being ignored.
    pub(in crate::session) fn set_button_fault(&mut self, ignored: bool, now: Time) {
        self.button_ignored = ignored;
        self.set_lasting_fault(now);
    }

    /// Shows the worst lasting fault until it is fixed.
    fn set_lasting_fault(&mut self, now: Time) {
        let impaired =
            |index: usize| self.xrun_bursts[index].is_active() || self.hung_threads[index].is_hung();
        let [microphone, speaker] = [impaired(0), impaired(1)];
        let worst = match self.missing {
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
                self.button_ignored.then_some(Fault::Button)
            }
        };
        self.light.fault = worst.map(|fault| (fault, now));
        self.light_due = Some(now);
    }

    /// Sets the light that shows why the program exits, and returns for how long.
    pub(in crate::session) fn exit_display(&mut self, exit: Exit, now: Time) -> Duration {
        if exit == Exit::Requested || !self.board.has_leds() {
            return Duration::ZERO;
        }
        if self.light.fault.is_none_or(|(fault, _)| fault != Fault::Quota) {
            self.light.fault = Some((Fault::Misconfigured, now));
        }
        self.light_due = Some(now);
        EXIT_DISPLAY
    }
}
