//! Configures the sessions in the form that the service wants, and tells what it turns out to lack.
//!
//! `session::links` finds the form; here it meets the recorder, the log and the conversation.

use std::time::Duration;

use super::Shell;
use crate::conversation::{Event, LinkChange, StandbyChange};
use crate::model::Time;
use crate::protocol::{Lesson, ServiceError, SessionShape};
use crate::session::core::Context;
use crate::session::links::{Adaptation, Slot};

impl Shell {
    /// Sends the configuration over a link as soon as its form is known.
    pub(super) fn configure(&mut self, slot: Slot, now: Time) {
        let recorder = &self.report.recorder;
        self.links.configure(slot, now, &mut |kind, bytes, audio| {
            if slot == Slot::Active {
                recorder.record_sent(kind, bytes, audio, now);
            }
        });
    }

    /// Sends the configurations that have waited too long for `session.created`.
    pub(super) fn send_held_configurations(&mut self, now: Time) {
        let recorder = &self.report.recorder;
        self.links.send_held(Slot::Active, now, &mut |kind, bytes, audio| {
            recorder.record_sent(kind, bytes, audio, now);
        });
        self.links.send_held(Slot::Standby, now, &mut |_, _, _| {});
    }

    /// Handles `session.created`.
    pub(super) fn begin_session(
        &mut self,
        slot: Slot,
        shape: Option<SessionShape>,
        context: &mut Context<'_>,
    ) {
        let (recorder, now) = (&self.report.recorder, context.now);
        let adaptation = self.links.begin_session(slot, shape, &mut |kind, bytes, audio| {
            if slot == Slot::Active {
                recorder.record_sent(kind, bytes, audio, now);
            }
        });
        if let Some(adaptation) = adaptation {
            self.adapt_without_sending(slot, &adaptation, context);
        }
    }

    /// Returns whether an error has taught something about the service, so that the conversation need not know of it.
    pub(super) fn learn(&mut self, slot: Slot, error: &ServiceError<'_>, context: &mut Context<'_>) -> bool {
        // A standby link is configured here, and used elsewhere.
        let is_configured = slot == Slot::Active && context.conversation.is_configured();
        let Some(adaptation) = self.links.learn(slot, error, is_configured) else { return false };
        log::info!("{}", self.links.message_of(error));
        self.adapt(slot, &adaptation, context);
        true
    }

    /// Returns whether the effective session has taught something about the service.
    pub(super) fn learn_from_session(&mut self, effective: &str, context: &mut Context<'_>) -> bool {
        let is_configured = context.conversation.is_configured();
        let Some(adaptation) = self.links.learn_from_session(Slot::Active, effective, is_configured) else {
            return false;
        };
        self.adapt(Slot::Active, &adaptation, context);
        true
    }

    /// Returns whether a session turns out not to take the reference that it was asked to take, or one that there is no more,
    /// so that its configuration is not what it should be.
    pub(super) fn settle_reference(
        &mut self,
        slot: Slot,
        effective: &str,
        context: &mut Context<'_>,
    ) -> bool {
        let Some(adaptation) = self.links.settle_reference(slot, effective) else { return false };
        self.adapt(slot, &adaptation, context);
        true
    }

    /// Replaces a session that takes a reference which is not sent any more: what a session takes is fixed at its beginning.
    pub(super) fn replace_outdated(&mut self, context: &mut Context<'_>) {
        if self.links.has_outdated_reference() && context.conversation.is_configured() {
            context.queue(Event::Link(LinkChange::Expires(Duration::ZERO)));
        }
    }

    /// Tells what is different at this service, and configures the session again if need be.
    pub(super) fn adapt(&mut self, slot: Slot, adaptation: &Adaptation, context: &mut Context<'_>) {
        self.adapt_without_sending(slot, adaptation, context);
        let is_in_use = slot == Slot::Active && context.conversation.is_configured();
        let is_changed = match adaptation {
            Adaptation::Learned(Lesson::ClientReference) if is_in_use => {
                self.replace_outdated(context);
                false
            }
            Adaptation::Learned(lesson) => lesson.changes_session(),
            Adaptation::Reformed(_) => true,
            Adaptation::Outdated => !is_in_use,
            Adaptation::Lost(_) => false,
        };
        if is_changed {
            self.configure(slot, context.now);
        }
    }

    fn adapt_without_sending(&mut self, slot: Slot, adaptation: &Adaptation, context: &mut Context<'_>) {
        match adaptation {
            Adaptation::Learned(lesson) => self.warn(&lesson.to_string()),
            Adaptation::Reformed(message) => self.warn(message),
            Adaptation::Outdated => {}
            Adaptation::Lost(loss) if slot == Slot::Active => self.handle_loss(loss, context),
            Adaptation::Lost(loss) => {
                self.report.log.standby_lost(loss.class, &loss.message, context.now);
                context.queue(Event::Standby(StandbyChange::Down(loss.reason)));
            }
        }
    }
}
