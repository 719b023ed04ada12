//! What the messages of the service mean for the components and the conversation.
//!
//! `protocol` parses them; the conversation decides what follows from them.

use super::Shell;
use crate::conversation::{
    Action, Event, Exit, Id, LinkChange, Notice, ResponseStatus, ServiceEvent, StandbyChange,
};
use crate::model::Time;
use crate::protocol::{self, AudioDelta, Malformed, ServerEvent, ServiceError};
use crate::session::core::Context;
use crate::session::links::Slot;
use crate::session::report::log::Anomaly;

impl Shell {
    /// Handles a message of the active link.
    pub(in crate::session) fn receive(&mut self, text: &str, context: &mut Context<'_>) {
        let now = context.now;
        let parsed = protocol::parse(text);
        self.report.recorder.record_received(text.len(), &parsed, now);
        if context.conversation.awaits_progress()
            && !matches!(parsed, Ok(ServerEvent::Audio(_)))
            && let Some(reply) = protocol::sign_of_life(text)
        {
            context.queue(Event::Service(ServiceEvent::ReplyProgress(reply)));
        }
        if is_of_use(&parsed) {
            self.links.record_use(Slot::Active);
        }
        if !matches!(parsed, Ok(ServerEvent::Audio(_)))
            && let Some(event) = protocol::item_event(text)
        {
            self.links.record_use(Slot::Active);
            self.handle_items(&event, context);
        }
        match parsed {
            Ok(ServerEvent::Audio(delta)) => self.receive_audio(&delta, context),
            Ok(ServerEvent::AudioDone { item, content_index }) => {
                self.player.handle_audio_done(&item, content_index)
            }
            Ok(ServerEvent::Service(event)) => self.receive_event(event, context),
            Ok(ServerEvent::SessionCreated { id, expires_at_s, shape }) => {
                self.report.log.session(&id, now);
                self.begin_session(Slot::Active, shape, context);
                let lifetime = self.links.set_expiry(Slot::Active, expires_at_s);
                context.queue(Event::Link(LinkChange::Expires(lifetime)));
            }
            Ok(ServerEvent::SessionUpdated(effective)) => self.check_config(effective, context),
            Ok(ServerEvent::Ignored(_)) => {}
            Ok(ServerEvent::Error(error)) => self.receive_error(error, context),
            Ok(ServerEvent::Warning(sentence)) => {
                self.report.log.anomaly(Anomaly::Warning, &sentence, now);
            }
            Ok(ServerEvent::Unknown(kind)) => self.report.log.anomaly(Anomaly::Unknown, &kind, now),
            Err(malformed) => self.report.log.anomaly(Anomaly::Malformed, &malformed.to_string(), now),
        }
    }

    /// Handles a message of the standby link.
    pub(in crate::session) fn receive_standby(&mut self, text: &str, context: &mut Context<'_>) {
        let now = context.now;
        match protocol::parse(text) {
            Ok(ServerEvent::SessionCreated { id, expires_at_s, shape }) => {
                self.report.log.session(&format!("{id} (standby)"), now);
                self.begin_session(Slot::Standby, shape, context);
                self.links.set_expiry(Slot::Standby, expires_at_s);
            }
            Ok(ServerEvent::SessionUpdated(effective))
                if self.settle_reference(Slot::Standby, effective, context) => {}
            Ok(ServerEvent::SessionUpdated(effective)) => {
                let change = if self.is_as_requested(effective, context) {
                    self.links.begin_conversation(Slot::Standby, effective);
                    StandbyChange::Configured(self.links.lifetime(Slot::Standby))
                } else {
                    StandbyChange::Refused
                };
                context.queue(Event::Standby(change));
            }
            Ok(ServerEvent::Error(error)) if self.learn(Slot::Standby, &error, context) => {}
            Ok(ServerEvent::Error(error)) => {
                let message = format!("no standby session: {}", self.links.message_of(&error));
                self.report.log.error(error.class, &message, false, now);
                match error.event {
                    Event::Link(LinkChange::Misconfigured) => {
                        context.queue(Event::Standby(StandbyChange::Refused));
                    }
                    Event::Service(ServiceEvent::Refused(error)) => {
                        context.queue(Event::Standby(StandbyChange::Error(error)));
                    }
                    // There is no reply yet.
                    Event::Service(_)
                    | Event::Link(_)
                    | Event::Standby(_)
                    | Event::Input(_)
                    | Event::Device(_)
                    | Event::Tick => {}
                }
            }
            Ok(ServerEvent::Warning(sentence)) => {
                self.report.log.anomaly(Anomaly::Warning, &sentence, now);
            }
            // A session without audio has no turns yet.
            Ok(
                ServerEvent::Audio(_)
                | ServerEvent::AudioDone { .. }
                | ServerEvent::Service(_)
                | ServerEvent::Ignored(_)
                | ServerEvent::Unknown(_),
            )
            | Err(_) => {}
        }
    }

    /// Handles audio of a reply.
    pub(in crate::session) fn receive_audio(&mut self, delta: &AudioDelta<'_>, context: &mut Context<'_>) {
        let Ok(reply) = Id::try_from(&*delta.reply) else { return };
        let conversation = context.conversation;
        if conversation.is_configured() && !conversation.knows_reply(&reply) {
            // Some services do not send `response.created`: the reply begins with its first audio, which is handled after
            // what that beginning leads to.
            context.queue(Event::Service(ServiceEvent::ReplyCreated(reply)));
            self.first_delta = Some(delta.to_owned());
            return;
        }
        if !conversation.accepts_audio_of(&reply) {
            self.record_audio(delta, 0, delta.base64.len() / 8 * 3);
            if conversation.was_interrupted(&reply) {
                self.player.handle_rejected(delta);
            }
            return;
        }
        let outcome = self.player.handle_delta(delta, context.now);
        self.record_audio(delta, outcome.queued, outcome.refused);
        let log = &mut self.report.log;
        if outcome.bad {
            log.anomaly(Anomaly::BadAudio, &format!("item {}", delta.item), context.now);
        }
        if outcome.refused > 0 {
            log.anomaly(Anomaly::TooLong, &format!("item {}", delta.item), context.now);
        }
        if outcome.queued > 0 {
            context.queue(Event::Service(ServiceEvent::Audio(reply)));
        }
    }

    fn receive_event(&mut self, event: ServiceEvent, context: &mut Context<'_>) {
        let adaptation = match &event {
            ServiceEvent::SpeechStarted => self.links.learn_from_speech(),
            ServiceEvent::ReplyCreated(_) => self.links.learn_from_reply(),
            ServiceEvent::SpeechStopped
            | ServiceEvent::Committed(_)
            | ServiceEvent::Transcribed { .. }
            | ServiceEvent::IdleTimeout
            | ServiceEvent::Audio(_)
            | ServiceEvent::ReplyProgress(_)
            | ServiceEvent::ReplyDone(..)
            | ServiceEvent::Refused(_) => None,
        };
        if let Some(adaptation) = adaptation {
            self.adapt(Slot::Active, &adaptation, context);
        }
        context.queue(Event::Service(event));
    }

    fn receive_error(&mut self, error: ServiceError<'_>, context: &mut Context<'_>) {
        if self.learn(Slot::Active, &error, context) {
            return;
        }
        let now = context.now;
        let (class, message) = (error.class, self.links.message_of(&error));
        if let Some(loss) = self.links.retry_refused(&error, context.conversation.is_configured()) {
            return self.handle_loss(&loss, context);
        }
        let refused = match error.event {
            Event::Service(ServiceEvent::Refused(refused))
            | Event::Service(ServiceEvent::ReplyDone(_, ResponseStatus::Refused(refused))) => Some(refused),
            Event::Service(_)
            | Event::Link(_)
            | Event::Standby(_)
            | Event::Input(_)
            | Event::Device(_)
            | Event::Tick => None,
        };
        if let Some(refused) = refused {
            self.ui.set_server_error(refused, now);
        }
        let next = context.conversation.preview(&error.event, now);
        let log = &mut self.report.log;
        if next.contains(&Action::Finish(Exit::Misconfigured)) {
            let message = log.refused(class, &message);
            self.warn(&message);
        } else if next.contains(&Action::Notify(Notice::ReplyRefused)) {
            log.reply_refused(class, &message);
        } else {
            log.error(class, &message, context.conversation.is_configured(), now);
        }
        context.queue(error.event);
    }

    /// Remembers that the service has accepted the address and the credential.
    fn accept_access(&mut self, now: Time) {
        if let Some(mark) = self.links.accept_access() {
            self.ui.accept_access(mark);
        }
        self.ui.change_impairments(now, |impairments| impairments.access_refused = false);
    }

    /// Saves which conversation with an agent the next start is to resume.
    pub(in crate::session) fn keep_conversation(&mut self) {
        if let Some(id) = self.links.conversation() {
            self.ui.keep_conversation(id.to_owned());
        }
    }

    /// Compares the session with the requested configuration, the first time the service reports it.
    fn check_config(&mut self, effective: &str, context: &mut Context<'_>) {
        if self.settle_reference(Slot::Active, effective, context)
            || self.learn_from_session(effective, context)
        {
            return;
        }
        self.links.confirm_session();
        if context.conversation.is_configured() {
            return;
        }
        let change = if self.is_as_requested(effective, context) {
            self.accept_access(context.now);
            if self.links.begin_conversation(Slot::Active, effective) {
                log::info!("the agent goes on with the conversation so far");
            } else {
                // History precedes kept audio, and a rejected session must not receive it.
                self.send_history(context.now);
                self.pass_link_outputs(context);
            }
            self.keep_conversation();
            LinkChange::Configured
        } else {
            LinkChange::Misconfigured
        };
        context.queue(Event::Link(change));
    }

    fn is_as_requested(&mut self, effective: &str, context: &Context<'_>) -> bool {
        let found = self.links.mismatches(effective);
        self.report.log.mismatches(&found, context.now);
        !found.iter().any(|mismatch| mismatch.fatal)
    }
}

/// Returns whether a conversation can move on by a message. A link on which nothing else arrives is dropped if it sends
/// too much.
fn is_of_use(message: &Result<ServerEvent<'_>, Malformed>) -> bool {
    match message {
        Ok(ServerEvent::Audio(_) | ServerEvent::AudioDone { .. } | ServerEvent::Service(_)) => true,
        // Each of these comes once in a session, or a few times.
        Ok(
            ServerEvent::SessionCreated { .. }
            | ServerEvent::SessionUpdated(_)
            | ServerEvent::Error(_)
            | ServerEvent::Warning(_)
            | ServerEvent::Ignored(_)
            | ServerEvent::Unknown(_),
        )
        | Err(_) => false,
    }
}
