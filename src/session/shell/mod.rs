//! The shell of the session: applies the actions of the conversation to the components, and passes on what one component
//! has for another.
//!
//! The components do not know each other; only here do they meet. The shell decides nothing, and cannot call the
//! conversation's handler: what happens here is queued as an event.

mod collect;
mod configure;
mod history;
mod outputs;
mod receive;

use std::os::unix::net::UnixStream;

use crate::audio::{CaptureFrame, CaptureLayout};
use crate::background::Background;
use crate::conversation::{
    Action, Actions, CloseReason, DeviceEvent, Event, Exit, LinkChange, ServiceEvent, StandbyChange, State,
    UserInput,
};
use crate::history::History;
use crate::inputs::SHOWN;
use crate::model::Time;
use crate::protocol::{AudioDelta, ClientEvent, Refusal};
use crate::session::core::{Context, Handled};
use crate::session::links::{LinkLoss, LinkOutput, Links, Slot};
use crate::session::player::{FrameRecipient, Player};
use crate::session::report::Report;
use crate::session::report::log::Anomaly;
use crate::session::ui::Ui;

pub(super) use collect::Source;

pub(super) struct Shell {
    pub(in crate::session) links: Links,
    pub(in crate::session) player: Player,
    pub(in crate::session) ui: Ui,
    pub(in crate::session) report: Report,
    pub(in crate::session) background: Background,
    /// The conversation so far: told to every new session, recorded and shown.
    pub(in crate::session) history: History,
    /// The first audio of a reply that begins with it, until the conversation has handled the beginning.
    pub(in crate::session) first_delta: Option<AudioDelta<'static>>,
    /// Readable when the program should exit.
    pub(in crate::session) signals: UnixStream,
    /// Why and when the program exits.
    pub(in crate::session) exit: Option<(Exit, Time)>,
}

impl Shell {
    /// Carries out an action. What follows from it is queued.
    pub(in crate::session) fn apply(&mut self, action: Action, context: &mut Context<'_>) {
        let now = context.now;
        match action {
            Action::Dial => self.links.dial(Slot::Active, now),
            Action::HangUp => self.links.hang_up(now),
            Action::DialStandby => self.links.dial(Slot::Standby, now),
            Action::ConfigureStandby => self.configure(Slot::Standby, now),
            Action::DropStandby => self.links.drop_standby(now),
            Action::SwitchToStandby => self.switch_to_standby(context),
            Action::Configure => self.configure(Slot::Active, now),
            Action::Cut => {
                if self.player.cut(now) {
                    self.ui.set_interrupted(now);
                }
            }
            Action::Pause => {
                if self.player.pause(now) {
                    self.ui.set_interrupted(now);
                }
            }
            Action::Resume => self.player.resume(),
            Action::Clear => {
                self.player.discard_turn();
                self.send(&ClientEvent::Clear, now);
            }
            Action::Commit => {
                // Only a commit ends a turn here: with turn detection, the service does, and not the button's release.
                self.player.end_turn(now);
                self.pump(context);
                self.send(&ClientEvent::Commit, now);
                self.player.release_sent();
            }
            Action::Create => self.send(&ClientEvent::Create, now),
            Action::Cancel(reply) => self.send(&ClientEvent::Cancel(reply), now),
            Action::Notify(notice) => {
                self.ui.set_notice(notice, now);
                let message = self.report.log.notice(notice);
                self.ui.print("notice", &message);
            }
            Action::PlayEarcon(earcon) => self.player.request_earcon(earcon),
            Action::Finish(exit) => self.exit = Some((exit, now + self.ui.set_exit(exit, now))),
        }
        self.pass_link_outputs(context);
    }

    /// Keeps the components in step with an event that the conversation has handled, and records it. To be called before
    /// its actions are applied.
    pub(in crate::session) fn follow(&mut self, handled: &Handled, actions: &Actions, context: &Context<'_>) {
        let Context { conversation, now, .. } = context;
        self.player.handle_event(&handled.event, handled.kept_audio, *now);
        if matches!(handled.event, Event::Link(LinkChange::Down(_))) {
            self.history.end_session();
        }
        self.report.recorder.record_event(&handled.event, actions, conversation, *now);
    }

    /// Prints the timings of a reply that has ended with `handled`.
    pub(in crate::session) fn report_reply_end(&mut self, handled: &Handled, state: State) {
        let ends_reply = matches!(
            handled.event,
            Event::Device(DeviceEvent::Drained) | Event::Service(ServiceEvent::ReplyDone(..))
        );
        if ends_reply && handled.before == State::Speaking && state != State::Speaking {
            self.report_turn();
        }
    }

    /// Moves captured frames to the service, or keeps them until there is a session.
    pub(in crate::session) fn pump(&mut self, context: &mut Context<'_>) {
        let Context { conversation, now, .. } = *context;
        let wanted = self.wants_frames(context);
        let can_send = conversation.is_configured() && self.links.can_send();
        let Self { links, player, report, .. } = self;
        let layout =
            if links.takes_reference() { CaptureLayout::WithReference } else { CaptureLayout::Microphone };
        let mut send = |frames: &[CaptureFrame]| {
            links.send_audio(frames, &mut |kind, bytes, audio| {
                report.recorder.record_sent(kind, bytes, audio, now)
            })
        };
        let recipient = can_send.then_some(FrameRecipient { layout, send: &mut send });
        let has_dropped = player.pump(wanted, conversation.speech_active(), recipient);
        self.report_dropped(has_dropped, now);
        self.report_loudness(context);
        self.pass_link_outputs(context);
    }

    /// Moves captured frames to those that are kept, without sending any.
    pub(in crate::session) fn keep_captured(&mut self, context: &Context<'_>) {
        let wanted = self.wants_frames(context);
        let has_dropped = self.player.pump(wanted, context.conversation.speech_active(), None);
        self.report_dropped(has_dropped, context.now);
    }

    /// Queues that the room has become loud or quiet, if the conversation has to know.
    fn report_loudness(&mut self, context: &mut Context<'_>) {
        let wanted = context.conversation.heeds_loudness() && self.wants_frames(context);
        let changed = self.player.take_loudness(wanted);
        if let Some(loud) = changed {
            context.queue(Event::Device(DeviceEvent::Room { loud }));
        }
    }

    /// Queues that somebody talks over the speaker, or no longer does, if the conversation has to know. Returns whether it
    /// has.
    pub(in crate::session) fn report_talk(&mut self, context: &mut Context<'_>) -> bool {
        let wanted = context.conversation.heeds_talk() && self.wants_frames(context);
        let talk = self.player.take_talk(wanted);
        if let Some(talk) = talk {
            context.queue(Event::Device(DeviceEvent::Talk(talk)));
        }
        talk.is_some()
    }

    fn report_dropped(&mut self, has_dropped: bool, now: Time) {
        if has_dropped {
            self.report.log.anomaly(Anomaly::PreRoll, "the connection took too long", now);
        }
    }

    /// Returns whether captured frames are used: none is before the light shows that the microphone is live.
    fn wants_frames(&mut self, context: &Context<'_>) -> bool {
        context.conversation.microphone_open()
            && self.ui.light().microphone_live
            && !self.player.holds_microphone_back(context.now)
    }

    /// Sends a command over the active link, if there is one.
    pub(in crate::session) fn send(&mut self, command: &ClientEvent, now: Time) {
        let recorder = &self.report.recorder;
        self.links.send(command, &mut |kind, bytes, audio| recorder.record_sent(kind, bytes, audio, now));
    }

    /// Passes on what a call of the links has queued.
    pub(in crate::session) fn pass_link_outputs(&mut self, context: &mut Context<'_>) {
        while let Some(output) = self.links.poll_output() {
            self.handle_link_output(output, context);
        }
    }

    pub(in crate::session) fn handle_link_output(&mut self, output: LinkOutput, context: &mut Context<'_>) {
        match output {
            LinkOutput::Connect(request) => {
                let number = request.number;
                if !self.background.connect(request) {
                    self.links.handle_refused(number);
                }
            }
            LinkOutput::CancelConnect => self.background.cancel(),
            LinkOutput::WrongClock(message) => self.report.log.wrong_clock(&message, context.now),
            LinkOutput::ReferenceRefused(message) => self.warn(&message),
            LinkOutput::Up(Slot::Active) => context.queue(Event::Link(LinkChange::Up)),
            LinkOutput::Up(Slot::Standby) => context.queue(Event::Standby(StandbyChange::Up)),
            LinkOutput::Text(Slot::Active, text) => self.receive(&text, context),
            LinkOutput::Text(Slot::Standby, text) => self.receive_standby(&text, context),
            LinkOutput::Binary(bytes) => {
                self.report.log.anomaly(Anomaly::Binary, &format!("{bytes} bytes"), context.now);
            }
            LinkOutput::Lost(Slot::Active, loss) => self.handle_loss(&loss, context),
            LinkOutput::Lost(Slot::Standby, loss) => {
                // The active link still works, so only the log reports this.
                self.report.log.standby_lost(loss.class, &loss.message, context.now);
                context.queue(Event::Standby(StandbyChange::Down(loss.reason)));
            }
        }
    }

    fn handle_loss(&mut self, loss: &LinkLoss, context: &mut Context<'_>) {
        let now = context.now;
        let LinkLoss { error, class, reason, message } = loss;
        self.report.recorder.record_loss(error, now);
        let is_leaving = context.conversation.is_leaving();
        if let Some(message) = self.report.log.lost((*class, *reason), message, is_leaving, now) {
            self.warn(&message);
            if *class == Refusal::Quota {
                self.ui.set_server_error(class.server_error(), now);
            }
            let is_retried = *reason != CloseReason::Permanent;
            self.ui.change_impairments(now, |impairments| impairments.access_refused = is_retried);
        }
        context.queue(Event::Link(LinkChange::Down(*reason)));
    }

    fn switch_to_standby(&mut self, context: &mut Context<'_>) {
        self.links.switch_to_standby(context.now);
        self.player.change_session();
        self.history.end_session();
        if context.conversation.is_configured() {
            log::info!("switched to a new session before the old one expires");
            if !self.links.continues_conversation() {
                self.send_history(context.now);
            }
            self.keep_conversation();
        }
        self.replace_outdated(context);
    }

    /// Starts an orderly exit, or exits at once if one has started already.
    pub(in crate::session) fn leave(&mut self, context: &mut Context<'_>) {
        match &mut self.exit {
            Some((_, at)) => *at = context.now,
            None => context.queue(Event::Input(UserInput::Leave)),
        }
    }

    /// Logs a warning and prints it to the terminal.
    pub(in crate::session) fn warn(&mut self, message: &str) {
        log::warn!(target: SHOWN, "{message}");
        self.ui.print("notice", message);
    }

    /// Prints the timings of the current turn.
    pub(in crate::session) fn report_turn(&mut self) {
        if let Some(timings) = self.report.log.turn(self.player.timings()) {
            self.ui.print("time", &timings);
        }
    }
}
