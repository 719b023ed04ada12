//! Keeps the state that the lights show, and passes it on when it changes.
//!
//! `light` decides what a state looks like, `board` on which LED it appears.

use std::time::Duration;

use crate::audio::{AudioChange, Direction};
use crate::board::Board;
use crate::conversation::{DeviceEvent, Event, Exit, State};
use crate::light::{Impairments, Indication, Levels, LightState};
use crate::model::Time;
use crate::recorder::RecordingTrigger;
use crate::session::Session;

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
        let wanted = self.conversation.microphone_open() && self.monitor.missing().capture.is_none();
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
        self.report.recorder.record_light(&self.light, now);
        let counters = self.audio.counters();
        let levels =
            Levels { microphone: counters.microphone_peak.take(), speaker: counters.speaker_peak.take() };
        let next = self.board.show(&Indication { light: self.light, levels }, now);
        self.light_due = next.map(|wait| now + wait);
    }

    /// Changes what the light shows besides the state. If that changes anything, a frame is due at once.
    pub(in crate::session) fn change_light<T>(
        &mut self,
        change: impl FnOnce(&mut LightState) -> T,
        now: Time,
    ) -> T {
        let before = self.light;
        let result = change(&mut self.light);
        if self.light != before {
            self.light_due = Some(now);
        }
        result
    }

    /// Reports changes of the audio devices and threads to user, light and conversation.
    pub(in crate::session) fn check_audio(&mut self, now: Time) {
        let is_playing = self.downlink.is_waiting()
            || self.ledger.unplayed_frames(self.audio.playback.played_position()) > 0;
        for change in self.monitor.update(&self.audio, is_playing, now) {
            self.show_impairments(now);
            self.warn(&change.message());
            match change {
                AudioChange::Disconnected(Direction::Playback, _) => {
                    self.queue(Event::Device(DeviceEvent::Speaker { there: false }));
                }
                AudioChange::Reconnected(Direction::Playback) => {
                    self.queue(Event::Device(DeviceEvent::Speaker { there: true }));
                }
                AudioChange::ThreadHangs(_) => {
                    self.report.recorder.record_fault(RecordingTrigger::Starved, now)
                }
                AudioChange::Disconnected(Direction::Capture, _)
                | AudioChange::Reconnected(Direction::Capture)
                | AudioChange::InputDead(_)
                | AudioChange::InputWorks
                | AudioChange::XrunBurst(..)
                | AudioChange::ThreadResponds(_) => {}
            }
            self.settle(now);
        }
    }

    /// Records whether a faulty button is being ignored.
    pub(in crate::session) fn set_button_fault(&mut self, ignored: bool, now: Time) {
        self.button_ignored = ignored;
        self.show_impairments(now);
    }

    fn show_impairments(&mut self, now: Time) {
        let missing = self.monitor.missing();
        let impairments = Impairments {
            speaker_missing: missing.playback.is_some(),
            microphone_missing: missing.capture.is_some() || missing.dead_input.is_some(),
            speaker_unreliable: self.monitor.is_unreliable(Direction::Playback),
            microphone_unreliable: self.monitor.is_unreliable(Direction::Capture),
            button_ignored: self.button_ignored,
        };
        self.change_light(|light| light.set_impairments(impairments, now), now);
    }

    /// Shows why the program exits, and returns for how long: without lights, not at all.
    pub(in crate::session) fn show_exit(&mut self, exit: Exit, now: Time) -> Duration {
        let shown = self.change_light(|light| light.set_exit(exit, now), now);
        if self.board.has_leds() { shown } else { Duration::ZERO }
    }
}
