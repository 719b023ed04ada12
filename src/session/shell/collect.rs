//! Collects what has happened: takes it from the components and queues what the conversation has to know.
//!
//! It only translates: the conversation decides what a press or a missing speaker means. The order of the sources is that
//! of the turn.

use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

use super::Shell;
use crate::audio::{AudioChange, Direction};
use crate::background::BackgroundEvent;
use crate::conversation::{DeviceEvent, Event, UserInput};
use crate::inputs::InputEvent;
use crate::model::Time;
use crate::recorder::RecordingTrigger;
use crate::session::core::Context;
use crate::session::has_panicked;
use crate::session::links::{LinkOutput, Slot};
use crate::session::poll::ReadySources;
use crate::session::ui::FULL_VOLUME;

/// Change of volume per press, percent: 5 dB.
const VOLUME_STEP: u8 = 10;
/// What a reset has removed, and what it leaves. The card image removes the rest at its restart.
const RESET_NOTICE: &str = "reset: mute, volume, conversation and recordings are deleted, and the microphone is muted; the \
                            key, the settings, files of --record and the journal stay, except on the card image";

/// Where something can have happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::session) enum Source {
    /// Buttons, switches and keys.
    Inputs,
    /// Requests to exit or to save a recording.
    Signals,
    /// Captured frames.
    Microphone,
    /// Results of the background thread.
    Background,
    /// Messages of the active link.
    Service,
    /// Messages of the standby link.
    Standby,
    /// Devices that were unplugged or plugged in, and faults of the audio threads.
    Devices,
    /// What the speaker has played.
    Playback,
    /// The deadline of the conversation.
    Conversation,
    /// The deadlines of the links.
    Links,
}

impl Shell {
    /// Prepares for the turn in which the sources `ready` are read.
    pub(in crate::session) fn begin_turn(&mut self, ready: ReadySources, now: Time) {
        if ready.audio {
            self.player.clear_wake();
        }
        self.ui.handle_inputs(ready.board, now);
        // A result of the background thread may be a connection, whose first bytes have arrived.
        self.links.begin_turn(ready.link || ready.background);
    }

    /// Takes the next thing that has happened from `source`, and queues what the conversation has to know of it. Returns
    /// whether there may be another.
    #[must_use]
    pub(in crate::session) fn take(
        &mut self,
        source: Source,
        ready: ReadySources,
        context: &mut Context<'_>,
    ) -> bool {
        match source {
            Source::Inputs => self.take_input(context),
            Source::Signals => self.take_signal(ready.signals, context),
            // A reply is turned down before anything is encoded.
            Source::Microphone => {
                let is_told = self.report_talk(context);
                if !is_told {
                    self.pump(context);
                }
                is_told
            }
            Source::Background => ready.background && self.take_background_event(context),
            Source::Service => self.take_message(Slot::Active, context),
            Source::Standby => self.take_message(Slot::Standby, context),
            Source::Devices => {
                self.take_device_changes(context);
                false
            }
            Source::Playback => self.take_playback(context),
            Source::Conversation => {
                if context.conversation.deadline().is_some_and(|deadline| context.now >= deadline) {
                    context.queue(Event::Tick);
                }
                false
            }
            Source::Links => {
                self.maintain_links(context);
                false
            }
        }
    }

    fn take_input(&mut self, context: &mut Context<'_>) -> bool {
        let Some(event) = self.ui.poll_input() else { return false };
        let now = context.now;
        self.report.recorder.record_input(event, now);
        match event {
            InputEvent::Down => context.queue(Event::Input(UserInput::Press)),
            InputEvent::Up => {
                // Frames captured so far belong to the turn that the release ends. Moving them is bounded by the lane,
                // and encodes nothing.
                self.keep_captured(context);
                let heard = self.player.captured_since_press();
                context.queue(Event::Input(UserInput::Release { heard }));
            }
            InputEvent::Mute => context.queue(Event::Input(UserInput::Mute)),
            InputEvent::MuteSwitch(on) => context.queue(Event::Input(UserInput::MuteSwitch(on))),
            InputEvent::VolumeUp => self.set_volume(self.player.volume() + VOLUME_STEP, context),
            InputEvent::VolumeDown => {
                self.set_volume(self.player.volume().saturating_sub(VOLUME_STEP), context);
            }
            InputEvent::ResetNear(left) => {
                self.ui.set_reset(Some(left), now);
                let message = format!("keep holding for {} s more to reset the device", left.as_secs());
                self.ui.print("notice", &message);
            }
            InputEvent::ResetOff => {
                self.ui.set_reset(None, now);
                self.ui.print("notice", "reset cancelled; nothing was deleted");
            }
            InputEvent::Reset => self.reset(context),
            InputEvent::ButtonFault(ignored) => {
                self.ui.change_impairments(now, |impairments| impairments.button_ignored = ignored);
            }
            InputEvent::Quit => self.leave(context),
        }
        true
    }

    fn set_volume(&mut self, percent: u8, context: &Context<'_>) {
        let percent = percent.min(FULL_VOLUME);
        self.player.set_volume(percent);
        self.ui.set_volume(percent, context.now);
    }

    fn reset(&mut self, context: &mut Context<'_>) {
        context.queue(Event::Input(UserInput::Reset));
        self.history.clear();
        self.links.forget_conversation();
        self.player.set_volume(FULL_VOLUME);
        self.ui.set_reset(None, context.now);
        self.ui.delete_settings();
        self.ui.print("notice", RESET_NOTICE);
    }

    fn take_signal(&mut self, ready: bool, context: &mut Context<'_>) -> bool {
        if !ready {
            return false;
        }
        self.report.recorder.handle_request();
        if recv(&self.signals, &mut [0; 64], RecvFlags::DONTWAIT) != Err(Errno::AGAIN) {
            if has_panicked() {
                self.report.recorder.record_fault(RecordingTrigger::Panic, context.now);
            }
            self.leave(context);
        }
        false
    }

    fn take_background_event(&mut self, context: &mut Context<'_>) -> bool {
        let Some(event) = self.background.poll_event() else { return false };
        match event {
            BackgroundEvent::Connected { number, result } => {
                self.links.handle_connection(number, result, context.now);
                self.pass_link_outputs(context);
            }
            BackgroundEvent::StateNotSaved(error) | BackgroundEvent::NotRecorded(error) => {
                log::warn!("{error}");
            }
            BackgroundEvent::StateSaved(file) => log::info!("settings are saved again in {}", file.display()),
            BackgroundEvent::Recorded(file) => log::info!("recording saved to {}", file.display()),
        }
        true
    }

    fn take_message(&mut self, slot: Slot, context: &mut Context<'_>) -> bool {
        if slot == Slot::Active
            && let Some(delta) = self.first_delta.take()
        {
            self.receive_audio(&delta, context);
            return true;
        }
        let Some(output) = self.links.poll_message(slot, context.now) else { return false };
        let is_over = matches!(output, LinkOutput::Lost(..));
        self.handle_link_output(output, context);
        self.pass_link_outputs(context);
        !is_over
    }

    fn take_device_changes(&mut self, context: &mut Context<'_>) {
        for change in self.player.poll_changes(context.now) {
            self.show_impairments(context);
            if matches!(change, AudioChange::ReferenceLost(_)) {
                if !self.links.give_reference_up() {
                    continue;
                }
                self.replace_outdated(context);
            }
            self.warn(&change.message());
            match change {
                AudioChange::Disconnected(Direction::Playback, _) => {
                    context.queue(Event::Device(DeviceEvent::Speaker { there: false }));
                }
                AudioChange::Reconnected(Direction::Playback) => {
                    context.queue(Event::Device(DeviceEvent::Speaker { there: true }));
                }
                AudioChange::ThreadHangs(_) => {
                    self.report.recorder.record_fault(RecordingTrigger::Starved, context.now);
                }
                AudioChange::EchoRemains(_) | AudioChange::EchoWeak => {
                    self.links.let_service_remove_echo(true)
                }
                AudioChange::EchoRemoved => self.links.let_service_remove_echo(false),
                AudioChange::Disconnected(Direction::Capture, _)
                | AudioChange::Reconnected(Direction::Capture)
                | AudioChange::InputDead(_)
                | AudioChange::InputWorks
                | AudioChange::ReferenceLost(_)
                | AudioChange::EchoClipped
                | AudioChange::XrunBurst(..)
                | AudioChange::ThreadResponds(_) => {}
            }
        }
    }

    fn show_impairments(&mut self, context: &Context<'_>) {
        let monitor = self.player.monitor();
        let missing = monitor.missing();
        self.ui.change_impairments(context.now, |impairments| {
            impairments.speaker_missing = missing.playback.is_some();
            impairments.microphone_missing = missing.capture.is_some() || missing.dead_input.is_some();
            impairments.speaker_unreliable = monitor.is_unreliable(Direction::Playback);
            impairments.microphone_unreliable = monitor.is_unreliable(Direction::Capture);
        });
    }

    fn take_playback(&mut self, context: &mut Context<'_>) -> bool {
        if self.player.poll_receipt(context.now) {
            self.record_heard(context.now);
            self.report_turn();
            return true;
        }
        self.record_heard(context.now);
        let event = self.player.poll_event(context.now);
        if self.links.uses_own_sound()
            && let Some(lag) = self.player.take_long_lag()
        {
            self.warn(&format!(
                "the speaker is {:.1} s behind what the service has sent, and the service's echo cancellation allows 2 s: \
                 set echo_cancellation = \"client\" or \"device\", which follow the speaker",
                lag.as_secs_f64()
            ));
        }
        let Some(event) = event else { return false };
        context.queue(Event::Device(event));
        true
    }

    /// Checks that the service still answers.
    fn maintain_links(&mut self, context: &mut Context<'_>) {
        let conversation = context.conversation;
        let is_busy = conversation.microphone_open() || !conversation.is_at_rest();
        self.send_held_configurations(context.now);
        self.links.tick(is_busy, context.now);
        self.pass_link_outputs(context);
    }
}
