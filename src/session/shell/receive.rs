//! What the messages of the service mean for the components and the conversation.
//!
//! `protocol` parses them; the conversation decides what follows from them.

use super::Shell;
use crate::conversation::{Event, Id, LinkChange, ServerError, ServiceEvent, StandbyChange};
use crate::protocol::{self, AudioDelta, ServerEvent, ServiceError};
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
        if !matches!(parsed, Ok(ServerEvent::Audio(_)))
            && let Some(event) = protocol::item_event(text)
        {
            self.handle_items(&event, context);
        }
        match parsed {
            Ok(ServerEvent::Audio(delta)) => self.receive_audio(&delta, context),
            Ok(ServerEvent::AudioDone { item, content_index }) => {
                self.player.handle_audio_done(&item, content_index)
            }
            Ok(ServerEvent::Service(event)) => context.queue(Event::Service(event)),
            Ok(ServerEvent::SessionCreated { id, expires_at_s }) => {
                self.report.log.session(&id, now);
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
            Ok(ServerEvent::SessionCreated { id, expires_at_s }) => {
                self.report.log.session(&format!("{id} (standby)"), now);
                self.links.set_expiry(Slot::Standby, expires_at_s);
            }
            Ok(ServerEvent::SessionUpdated(effective)) => {
                let change = if self.is_as_requested(effective, context) {
                    StandbyChange::Configured(self.links.lifetime(Slot::Standby))
                } else {
                    StandbyChange::Refused
                };
                context.queue(Event::Standby(change));
            }
            Ok(ServerEvent::Error(error)) => {
                self.report.log.error(&error, now);
                if matches!(
                    error.event,
                    Event::Link(LinkChange::Misconfigured)
                        | Event::Service(ServiceEvent::Refused(ServerError::QuotaExceeded))
                ) {
                    context.queue(Event::Standby(StandbyChange::Refused));
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

    fn receive_audio(&mut self, delta: &AudioDelta<'_>, context: &mut Context<'_>) {
        let Ok(reply) = Id::try_from(&*delta.reply) else { return };
        let Context { conversation, now, .. } = *context;
        if !conversation.knows_reply(&reply) {
            // Some services do not send `response.created`: the reply begins with its first audio.
            context.queue(Event::Service(ServiceEvent::ReplyCreated(reply.clone())));
        }
        if !conversation.accepts_audio_of(&reply, now) {
            self.record_audio(delta, 0, delta.base64.len() / 8 * 3);
            if conversation.is_never_heard(&reply, now) {
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

    fn receive_error(&mut self, error: ServiceError<'_>, context: &mut Context<'_>) {
        self.report.log.error(&error, context.now);
        if let Event::Service(ServiceEvent::Refused(refused)) = error.event {
            self.ui.set_server_error(refused, context.now);
        }
        context.queue(error.event);
    }

    /// Compares the session with the requested configuration, the first time the service reports it.
    fn check_config(&mut self, effective: &str, context: &mut Context<'_>) {
        if context.conversation.is_configured() {
            return;
        }
        let change = if self.is_as_requested(effective, context) {
            // History precedes kept audio, and a rejected session must not receive it.
            self.send_history(context.now);
            self.pass_link_outputs(context);
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
