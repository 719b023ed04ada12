//! Handles events of buttons, switches and keys, and saves mute and volume.
//!
//! It only translates: the conversation decides what a press means.

use std::time::Duration;

use crate::background::StateWrite;
use crate::config::SavedState;
use crate::conversation::{Event, UserInput};
use crate::inputs::InputEvent;
use crate::light::HoldProgress;
use crate::model::Time;
use crate::protocol;
use crate::session::Session;

/// The volume after a reset, percent.
const FULL_VOLUME: u8 = 100;

/// Change of volume per press, percent: 5 dB.
const VOLUME_STEP: u8 = 10;

/// The user's settings as last saved.
#[derive(PartialEq, Eq)]
pub(in crate::session) struct SavedSettings {
    muted: bool,
    volume: u8,
}

impl SavedSettings {
    pub(in crate::session) fn new(state: &SavedState) -> Self {
        Self { muted: state.muted, volume: state.volume }
    }

    pub(in crate::session) fn volume(&self) -> u8 {
        self.volume
    }
}

impl Session {
    pub(in crate::session) fn handle_inputs(&mut self, readable: bool, now: Time) {
        let mut events = heapless::Vec::<InputEvent, 32>::new();
        self.board.read_inputs(readable, now, |event| {
            // More events than this in one read can only come from keys mashed on a terminal.
            let _ = events.push(event);
        });
        for event in events {
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
                InputEvent::VolumeDown => {
                    self.change_volume(|volume| volume.saturating_sub(VOLUME_STEP), now)
                }
                InputEvent::ResetNear(left) => {
                    self.light.reset = Some(HoldProgress { since: now, until: now + left });
                    self.light_due = Some(now);
                    let message = format!("keep holding for {} s more to reset the device", left.as_secs());
                    self.board.print("notice", &message);
                }
                InputEvent::ResetOff => {
                    self.light.reset = None;
                    self.light_due = Some(now);
                    self.board.print("notice", "reset cancelled; nothing was deleted");
                }
                InputEvent::Reset => self.reset(),
                InputEvent::ButtonFault(ignored) => self.set_button_fault(ignored, now),
                InputEvent::Quit => self.leave(now),
            }
            self.settle(now);
        }
        self.save_settings();
    }

    fn change_volume(&mut self, change: impl FnOnce(u8) -> u8, now: Time) {
        let volume = change(self.audio.playback.volume()).min(FULL_VOLUME);
        self.audio.playback.set_volume(volume);
        self.light.volume = Some((volume, now));
        self.light_due = Some(now);
    }

    fn reset(&mut self) {
        self.light.reset = None;
        self.queue(Event::Input(UserInput::Reset));
        self.history.clear();
        self.audio.playback.set_volume(FULL_VOLUME);
        self.settings = SavedSettings { muted: false, volume: FULL_VOLUME };
        self.background.save_state(StateWrite::Delete);
        self.board.print("notice", "reset: settings and conversation are deleted; starting as new");
    }

    /// Saves mute and volume for the next start if they have changed.
    fn save_settings(&mut self) {
        let settings = SavedSettings {
            muted: self.conversation.muted_by_button(),
            volume: self.audio.playback.volume(),
        };
        if settings != self.settings {
            self.background.save_state(StateWrite::Save(SavedState::text(settings.muted, settings.volume)));
            self.settings = settings;
        }
    }
}
