//! Collects what the user and the devices did, as events for the conversation.
//!
//! It only translates: the conversation decides what a press or a missing speaker means.

use std::time::Duration;

use super::Session;
use super::ui::FULL_VOLUME;
use crate::audio::{AudioChange, Direction};
use crate::conversation::{DeviceEvent, Event, UserInput};
use crate::inputs::InputEvent;
use crate::light::Levels;
use crate::model::Time;
use crate::protocol;
use crate::recorder::RecordingTrigger;

/// Change of volume per press, percent: 5 dB.
const VOLUME_STEP: u8 = 10;

impl Session {
    pub(super) fn handle_inputs(&mut self, readable: bool, now: Time) {
        self.ui.read_inputs(readable, now);
        while let Some(event) = self.ui.poll_input() {
            self.handle_input(event, now);
            self.settle(now);
        }
        let volume = self.audio.playback.volume();
        while let Some(write) = self.ui.poll_state_write(self.conversation.muted_by_button(), volume) {
            self.background.save_state(write);
        }
    }

    fn handle_input(&mut self, event: InputEvent, now: Time) {
        self.report.recorder.record_input(event, now);
        match event {
            InputEvent::Down => self.queue(Event::Input(UserInput::Press)),
            InputEvent::Up => {
                self.pump_microphone(now);
                let ms = self.uplink.frames_since_press() * 1000 / u64::from(protocol::RATE_HZ);
                self.queue(Event::Input(UserInput::Release { heard: Duration::from_millis(ms) }));
            }
            InputEvent::Mute => self.queue(Event::Input(UserInput::Mute)),
            InputEvent::MuteSwitch(on) => self.queue(Event::Input(UserInput::MuteSwitch(on))),
            InputEvent::VolumeUp => self.change_volume(|volume| volume.saturating_add(VOLUME_STEP), now),
            InputEvent::VolumeDown => self.change_volume(|volume| volume.saturating_sub(VOLUME_STEP), now),
            InputEvent::ResetNear(left) => {
                self.ui.set_reset(Some(left), now);
                let message = format!("keep holding for {} s more to reset the device", left.as_secs());
                self.ui.print("notice", &message);
            }
            InputEvent::ResetOff => {
                self.ui.set_reset(None, now);
                self.ui.print("notice", "reset cancelled; nothing was deleted");
            }
            InputEvent::Reset => self.reset(now),
            InputEvent::ButtonFault(ignored) => {
                self.ui.change_impairments(now, |impairments| impairments.button_ignored = ignored);
            }
            InputEvent::Quit => self.leave(now),
        }
    }

    fn change_volume(&mut self, change: impl FnOnce(u8) -> u8, now: Time) {
        let volume = change(self.audio.playback.volume()).min(FULL_VOLUME);
        self.audio.playback.set_volume(volume);
        self.ui.set_volume(volume, now);
    }

    fn reset(&mut self, now: Time) {
        self.queue(Event::Input(UserInput::Reset));
        self.history.clear();
        self.audio.playback.set_volume(FULL_VOLUME);
        self.ui.set_reset(None, now);
        self.ui.delete_settings();
        self.ui.print("notice", "reset: settings and conversation are deleted; starting as new");
    }

    /// Reports changes of the audio devices and threads to user, light and conversation.
    pub(super) fn check_audio(&mut self, now: Time) {
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

    fn show_impairments(&mut self, now: Time) {
        let monitor = &self.monitor;
        let missing = monitor.missing();
        self.ui.change_impairments(now, |impairments| {
            impairments.speaker_missing = missing.playback.is_some();
            impairments.microphone_missing = missing.capture.is_some() || missing.dead_input.is_some();
            impairments.speaker_unreliable = monitor.is_unreliable(Direction::Playback);
            impairments.microphone_unreliable = monitor.is_unreliable(Direction::Capture);
        });
    }

    /// Updates the light from the conversation and the microphone, at once where that changes it.
    pub(super) fn update_indicator(&mut self, now: Time) {
        let unsent = self.uplink.has_frames(self.links.link());
        let wanted = self.conversation.microphone_open() && self.monitor.missing().capture.is_none();
        let live = wanted || self.audio.capture.is_open() || unsent;
        self.ui.set_state(self.conversation.state(), self.conversation.muted(), live, now);
        self.show(now);
    }

    pub(super) fn show(&mut self, now: Time) {
        if !self.ui.is_light_due(now) {
            return;
        }
        self.report.recorder.record_light(self.ui.light(), now);
        let counters = self.audio.counters();
        let levels =
            Levels { microphone: counters.microphone_peak.take(), speaker: counters.speaker_peak.take() };
        self.ui.show(levels, now);
    }
}
