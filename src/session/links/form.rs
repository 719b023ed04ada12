//! Finds out in which form the service wants its sessions, and writes them in it: from the address, from
//! `session.created`, and from the service's errors. What is found holds for all later sessions, too.
//!
//! The configuration waits for `session.created` until the form is certain, which costs no round trip: the service sends
//! it unasked. It decides no turn of the conversation.

use std::time::Duration;

use super::link_state::LinkState;
use super::{LinkLoss, Links, RecordSent, ServiceEndpoint, Slot};
use crate::config::Endpoint;
use crate::model::{Choice, Dialect, Time};
use crate::protocol::{Lesson, Refusal, ServiceError, SessionForm, SessionShape};
use crate::transport::TransportError;

/// How long the configuration waits for `session.created`. A service that sends none is taken at its address's word.
const CREATED_LIMIT: Duration = Duration::from_secs(2);

/// What is known of the form.
pub(super) struct KnownForm {
    pub(super) form: SessionForm,
    /// Whether the service has shown it, or the user has set it.
    is_certain: bool,
    turns: UnaskedTurns,
}

/// Whether a service that is to answer on request only does.
#[derive(Default)]
struct UnaskedTurns {
    /// Replies that were requested and have not begun.
    requested: u32,
    /// The service has confirmed that it answers on request only.
    is_confirmed: bool,
    /// It has detected speech since.
    has_heard: bool,
}

/// What follows from an error of the service, or from what it says of its session.
#[derive(Debug)]
pub(in crate::session) enum Adaptation {
    /// The service lacks something, which is known from now on. Its session is configured again if need be.
    Learned(Lesson),
    /// The session is written in another form from now on; a message for the user.
    Reformed(String),
    /// The session was configured before something was learned, and is configured again.
    Outdated,
    /// There can be no session in this form.
    Lost(Box<LinkLoss>),
}

impl KnownForm {
    pub(super) fn of(service: &ServiceEndpoint) -> Self {
        let (dialect, is_certain) = match service {
            ServiceEndpoint::Parrot(_) => (Dialect::VoiceLive, true),
            // Voice Live may have either shape.
            ServiceEndpoint::Remote { endpoint, .. } => {
                (endpoint.dialect, endpoint.is_dialect_set && endpoint.dialect.is_openai())
            }
        };
        Self { form: SessionForm::of(dialect), is_certain, turns: UnaskedTurns::default() }
    }
}

impl Links {
    /// Sends the configuration of the session over a link, or holds it until `session.created` shows its form.
    pub(in crate::session) fn configure(&mut self, slot: Slot, now: Time, record: RecordSent<'_>) {
        if self.known.is_certain || !self.slot_mut(slot).hold_configuration(now + CREATED_LIMIT) {
            self.send_configuration(slot, record);
        }
    }

    /// Sends a configuration that has waited too long for `session.created`.
    pub(in crate::session) fn send_held(&mut self, slot: Slot, now: Time, record: RecordSent<'_>) {
        if self.slot(slot).held_until().is_some_and(|until| now >= until) {
            self.slot_mut(slot).see_session();
            self.send_configuration(slot, record);
        }
    }

    /// Handles the first `session.created` of a link, with a session object of this shape. Sends the configuration if it
    /// was held for that.
    pub(in crate::session) fn begin_session(
        &mut self,
        slot: Slot,
        shape: Option<SessionShape>,
        record: RecordSent<'_>,
    ) -> Option<Adaptation> {
        if self.slot(slot).has_seen_session() {
            return None;
        }
        let was_held = self.slot_mut(slot).see_session();
        let adaptation = match shape.map(|shape| self.settle(shape)) {
            None => None,
            Some(Ok(message)) => message.map(Adaptation::Reformed),
            Some(Err(why)) => return Some(self.refuse(slot, Refusal::Dialect, &why, "dialect")),
        };
        if was_held {
            self.send_configuration(slot, record);
        }
        adaptation
    }

    /// Finds out what `error` teaches. The session of `slot` is to be configured again if the lesson changes it.
    pub(in crate::session) fn learn(
        &mut self,
        slot: Slot,
        error: &ServiceError<'_>,
        is_configured: bool,
    ) -> Option<Adaptation> {
        let known = &self.known;
        if !known.is_certain
            && !is_configured
            && let Some(shape) = known.form.shape_of_error(error)
        {
            return match self.settle(shape) {
                Ok(message) => message.map(Adaptation::Reformed),
                Err(why) => Some(self.refuse(slot, Refusal::Dialect, &why, "dialect")),
            };
        }
        if let Some(lesson) = self.learn_reference_from(error) {
            return Some(Adaptation::Learned(lesson));
        }
        let Self { known, config, .. } = self;
        if let Some(lesson) = known.form.learn(error, config, is_configured) {
            return Some(Adaptation::Learned(lesson));
        }
        let is_of_turns = error.class == Refusal::Setting && error.param.contains("turn_detection");
        (is_of_turns && !is_configured && self.lacks_push_to_talk())
            .then(|| self.refuse_push_to_talk(slot, &error.message))
    }

    /// Finds out what the effective session teaches, if the service has not taken the configuration. Once the session
    /// `is_configured`, nothing that it says of it ends it.
    pub(in crate::session) fn learn_from_session(
        &mut self,
        slot: Slot,
        effective: &str,
        is_configured: bool,
    ) -> Option<Adaptation> {
        if self.config.turn_detection != Choice::Off || (is_configured && !self.lacks_push_to_talk()) {
            return None;
        }
        let found = self.mismatches(effective);
        if !found.iter().any(|one| one.fatal && one.path.contains("turn_detection")) {
            return None;
        }
        let capabilities = &mut self.known.form.capabilities;
        let lesson = if is_configured { capabilities.learn_answers() } else { capabilities.learn_turns() };
        match lesson {
            Some(lesson) => Some(Adaptation::Learned(lesson)),
            None => {
                (!is_configured).then(|| self.refuse_push_to_talk(slot, "it answers without being asked"))
            }
        }
    }

    /// Forgets what the last session has shown of its turns.
    pub(super) fn forget_turns(&mut self) {
        self.known.turns = UnaskedTurns::default();
    }

    /// Records that the service has confirmed its configuration.
    pub(in crate::session) fn confirm_session(&mut self) {
        self.known.turns.is_confirmed = self.lacks_push_to_talk();
    }

    /// Finds out what it teaches that the service has detected speech: in push to talk it was asked not to.
    pub(in crate::session) fn learn_from_speech(&mut self) -> Option<Adaptation> {
        if self.config.turn_detection != Choice::Off {
            return None;
        }
        self.known.turns.has_heard |= self.known.turns.is_confirmed;
        self.known.form.capabilities.learn_turns().map(Adaptation::Learned)
    }

    /// Finds out what it teaches that a reply has begun: whether nobody has requested it, after speech that was not to be
    /// answered.
    pub(in crate::session) fn learn_from_reply(&mut self) -> Option<Adaptation> {
        let turns = &mut self.known.turns;
        let was_requested = turns.requested > 0;
        turns.requested = turns.requested.saturating_sub(1);
        if was_requested || !turns.has_heard {
            return None;
        }
        self.known.form.capabilities.learn_answers().map(Adaptation::Learned)
    }

    /// Records that a reply is requested.
    pub(super) fn record_request(&mut self) {
        self.known.turns.requested = self.known.turns.requested.saturating_add(1);
    }

    /// Returns whether push to talk is asked for, and the service detects turns nevertheless.
    fn lacks_push_to_talk(&self) -> bool {
        self.config.turn_detection == Choice::Off && !self.known.form.capabilities.offers_push_to_talk()
    }

    /// Takes the dialect of a session object of this shape. Returns a message if that is not the one expected.
    fn settle(&mut self, shape: SessionShape) -> Result<Option<String>, String> {
        let ServiceEndpoint::Remote { endpoint, .. } = &self.service else { return Ok(None) };
        let dialect = dialect_of(endpoint, shape);
        let form = &mut self.known.form;
        let expected = SessionForm::of(endpoint.dialect);
        let what = match shape {
            SessionShape::Flat => "a flat session object, as voice-live has",
            SessionShape::Nested => "a nested session object, as openai has",
        };
        if endpoint.is_dialect_set
            && (dialect, shape) != (expected.dialect, expected.shape)
            && !endpoint.may_nest_voice_live()
        {
            return Err(format!("dialect is {}, and the service has {what}", expected.dialect.name()));
        }
        self.known.is_certain = true;
        if (form.dialect, form.shape) == (dialect, shape) {
            return Ok(None);
        }
        (form.dialect, form.shape) = (dialect, shape);
        let lost = if dialect == endpoint.dialect {
            String::new()
        } else {
            let name = dialect.name();
            format!("; what only Azure offers is not sent to it; set dialect to {name} if that is right")
        };
        Ok(Some(format!(
            "the address is one of {}, and the service has {what}{lost}",
            endpoint.dialect.name()
        )))
    }

    fn refuse_push_to_talk(&mut self, slot: Slot, why: &str) -> Adaptation {
        let why = format!(
            "{why}; this service detects turns itself, so that the mode hold cannot be used with it: set mode to open or \
             tap"
        );
        self.refuse(slot, Refusal::Setting, &why, "mode")
    }

    /// Drops a link whose session cannot be used because of `setting`.
    fn refuse(&mut self, slot: Slot, class: Refusal, why: &str, setting: &str) -> Adaptation {
        *self.slot_mut(slot) = LinkState::Down;
        Adaptation::Lost(Box::new(self.loss_by_setting(
            TransportError::broken(why.to_owned()),
            class,
            setting,
        )))
    }
}

/// Returns the dialect of a service at `endpoint` that has a session object of this shape.
fn dialect_of(endpoint: &Endpoint, shape: SessionShape) -> Dialect {
    match (endpoint.dialect, shape) {
        (Dialect::VoiceLive, SessionShape::Nested) if !endpoint.may_nest_voice_live() => Dialect::OpenAi,
        // OpenAI's had the flat shape before, and some servers have it still. A dialect that is set is not this one.
        (dialect, SessionShape::Flat) if endpoint.is_dialect_set && dialect.is_openai() => Dialect::VoiceLive,
        (dialect, SessionShape::Flat | SessionShape::Nested) => dialect,
    }
}
