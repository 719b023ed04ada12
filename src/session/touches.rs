//! What the owner does with buttons and switches, and what of it is remembered.
//!
//! It translates: what a press means is the conversation's.

use std::time::Duration;

use super::Session;
use crate::board::InputEvent;
use crate::conversation::{Event, UserInput};
use crate::errands::StateWrite;
use crate::light::HoldProgress;
use crate::model::Time;
use crate::profile::SavedState;
use crate::wire;

/// How loud replies are where nobody has said, percent.
const FULL_VOLUME: u8 = 100;

/// How much one press of a volume button changes, percent: 5 dB.
const VOLUME_STEP: u8 = 10;

/// What the owner has set, as it was last remembered.
#[derive(PartialEq, Eq)]
pub(super) struct Settings {
    muted: bool,
    volume: u8,
}

impl Settings {
    pub(super) fn new(keep: &SavedState) -> Self {
        Self { muted: keep.muted, volume: keep.volume }
    }

    pub(super) fn volume(&self) -> u8 {
        self.volume
    }
}

impl Session {
    pub(super) fn take_touches(&mut self, readable: bool, now: Time) {
        let mut touches = heapless::Vec::<InputEvent, 32>::new();
        self.board.read_inputs(readable, now, |touch| {
            // More touches than fit in one read are a cat on the keyboard.
            let _ = touches.push(touch);
        });
        for touch in touches {
            self.note_touch(touch, now);
            match touch {
                InputEvent::Down => {
                    if !self.conversation.microphone_open() {
                        self.uplink.restart();
                    }
                    self.on(&Event::Input(UserInput::Press), now);
                }
                InputEvent::Up => {
                    self.say_what_was_heard(now);
                    let ms = self.uplink.since_press() * 1000 / u64::from(wire::RATE_HZ);
                    self.on(&Event::Input(UserInput::Release { heard: Duration::from_millis(ms) }), now);
                }
                InputEvent::Mute => self.on(&Event::Input(UserInput::Mute), now),
                InputEvent::MuteSwitch(on) => self.on(&Event::Input(UserInput::MuteSwitch(on)), now),
                InputEvent::VolumeUp => self.turn_volume(|volume| volume.saturating_add(VOLUME_STEP), now),
                InputEvent::VolumeDown => self.turn_volume(|volume| volume.saturating_sub(VOLUME_STEP), now),
                InputEvent::ResetNear(left) => {
                    self.facts.reset = Some(HoldProgress { since: now, until: now + left });
                    self.look_at = Some(now);
                    let sentence = format!("hold on for {} s more to forget everything", left.as_secs());
                    self.board.print("news", &sentence);
                }
                InputEvent::ResetOff => {
                    self.facts.reset = None;
                    self.look_at = Some(now);
                    self.board.print("news", "nothing is forgotten");
                }
                InputEvent::Reset => self.reset(now),
                InputEvent::ButtonFault(broken) => self.see_buttons(broken, now),
                InputEvent::Quit => self.leave(now),
            }
        }
        self.remember();
    }

    fn turn_volume(&mut self, turn: impl FnOnce(u8) -> u8, now: Time) {
        let volume = turn(self.sound.playback.volume()).min(FULL_VOLUME);
        self.sound.playback.set_volume(volume);
        self.facts.volume = Some((volume, now));
        self.look_at = Some(now);
    }

    fn reset(&mut self, now: Time) {
        self.facts.reset = None;
        self.on(&Event::Input(UserInput::Reset), now);
        self.history.clear();
        self.sound.playback.set_volume(FULL_VOLUME);
        self.settings = Settings { muted: false, volume: FULL_VOLUME };
        self.errands.save_state(StateWrite::Delete);
        self.board.print("news", "everything is forgotten; starting as new");
    }

    /// Has what the owner has set kept for the next start, where it has changed.
    fn remember(&mut self) {
        let settings =
            Settings { muted: self.conversation.muted_by_button(), volume: self.sound.playback.volume() };
        if settings != self.settings {
            self.errands.save_state(StateWrite::Save(SavedState::text(settings.muted, settings.volume)));
            self.settings = settings;
        }
    }
}
