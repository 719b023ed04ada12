//! Why a link was lost or an event refused, as a class and as a message for the user.
//!
//! The message says what happened, the address that was dialled, and the setting and where it comes from. It never
//! holds a credential, at most the last four characters of a key. What mynah does next is added by the log.

use super::link_state::LinkState;
use super::{Links, ServiceEndpoint};
use crate::conversation::CloseReason;
use crate::printable::clipped;
use crate::protocol::{self, Culprit, Refusal, ServiceError};
use crate::transport::{TransportError, TransportErrorKind};

/// Why a link was lost.
#[derive(Debug)]
pub(in crate::session) struct LinkLoss {
    pub(in crate::session) error: TransportError,
    pub(in crate::session) class: Refusal,
    pub(in crate::session) reason: CloseReason,
    /// What happened, for the user, without what mynah does next and without a full stop.
    pub(in crate::session) message: String,
}

/// What is done about a conversation with an agent that may be why the service refuses, after its message.
const GIVEN_UP: &str = "; the conversation with the agent is not resumed, and another begins";

impl Links {
    /// Finds the class of `error`, and what it means for the next attempt.
    pub(super) fn classify(&mut self, error: TransportError) -> LinkLoss {
        let (class, sentence) = match error.reason {
            TransportErrorKind::Http { status, .. } => protocol::refusal_of_upgrade(status, &error.said),
            TransportErrorKind::Closed(code) => (protocol::refusal_of_close(code, &error.said), None),
            TransportErrorKind::Broken => (Refusal::Network, None),
            TransportErrorKind::Flood => (Refusal::Flood, None),
            TransportErrorKind::WrongClock => (Refusal::Clock, None),
            TransportErrorKind::Untrusted => (Refusal::Certificate, None),
            TransportErrorKind::Setup => (Refusal::Unusable, None),
        };
        let mut error = error;
        if let Some(sentence) = sentence {
            error.message = format!("{}: {}", error.message, clipped(&sentence));
        }
        match self.loss_by_reference(&error, class) {
            Some(loss) => loss,
            None => self.loss_of(error, class),
        }
    }

    /// Returns the loss of a link by an `error` of this class.
    pub(super) fn loss_of(&mut self, error: TransportError, class: Refusal) -> LinkLoss {
        let requested = match error.reason {
            TransportErrorKind::Http { retry_after, .. } => retry_after,
            TransportErrorKind::Closed(_)
            | TransportErrorKind::Broken
            | TransportErrorKind::Flood
            | TransportErrorKind::WrongClock
            | TransportErrorKind::Untrusted
            | TransportErrorKind::Setup => None,
        };
        let gives_up = self.conversation.give_up(class);
        let reason = self.access.close_reason(class, class.close_reason(requested));
        let reason = if gives_up { CloseReason::Transient } else { reason };
        let mut message = self.message(class, &error.message, None, true);
        if gives_up {
            message += GIVEN_UP;
        }
        LinkLoss { error, class, reason, message }
    }

    /// Returns the loss of a link whose session cannot be used because of a `setting`.
    pub(super) fn loss_by_setting(
        &mut self,
        error: TransportError,
        class: Refusal,
        setting: &str,
    ) -> LinkLoss {
        let reason = self.access.close_reason(class, class.close_reason(None));
        let message = self.message(class, &error.message, Some(setting), true);
        LinkLoss { error, class, reason, message }
    }

    /// Returns the message about an error that the service reports in an event.
    pub(in crate::session) fn message_of(&self, error: &ServiceError<'_>) -> String {
        let ServiceError { class, code, message, param, .. } = error;
        let said = match (code.is_empty(), message.is_empty()) {
            (false, false) => format!("{}: {}", clipped(code), clipped(message)),
            (true, true) => "it gives no reason".to_owned(),
            (_, true) => clipped(code),
            (true, _) => clipped(message),
        };
        let said = if param.is_empty() { said } else { format!("{said}, about {}", clipped(param)) };
        let shows_address = class.culprit() != Culprit::Nothing;
        self.message(*class, &said, protocol::setting_of(param, message), shows_address)
    }

    /// Drops the active link if `error` refuses an access that has worked before, or a conversation to be resumed, while the session is not yet
    /// configured: what follows is the same as for a refusal of the upgrade.
    pub(in crate::session) fn retry_refused(
        &mut self,
        error: &ServiceError<'_>,
        is_configured: bool,
    ) -> Option<LinkLoss> {
        if is_configured {
            return None;
        }
        let gives_up = self.conversation.give_up(error.class);
        if !gives_up && !self.access.is_retried(error.class) {
            return None;
        }
        let mut message = self.message_of(error);
        let reason = self.access.close_reason(error.class, error.class.close_reason(None));
        let reason = if gives_up { CloseReason::Transient } else { reason };
        if gives_up {
            message += GIVEN_UP;
        }
        self.active = LinkState::Down;
        let error_text = TransportError::broken(message.clone());
        Some(LinkLoss { error: error_text, class: error.class, reason, message })
    }

    /// Records that the service has accepted the access to it. Returns its mark if that has to be saved.
    pub(in crate::session) fn accept_access(&mut self) -> Option<String> {
        self.access.accept()
    }

    /// Composes a message: what happened and `why`, and what the user needs to find the cause.
    pub(super) fn message(
        &self,
        class: Refusal,
        why: &str,
        setting: Option<&str>,
        shows_address: bool,
    ) -> String {
        let mut message = format!("{}: {why}", class.sentence());
        if let ServiceEndpoint::Remote { endpoint, origins, .. } = &self.service {
            let place = match class.culprit() {
                Culprit::Endpoint => Some(("the address", origins.of("endpoint"))),
                Culprit::Credential => origins.credential().map(|place| ("the credential", place)),
                Culprit::Model => Some(("the model", origins.of("model"))),
                Culprit::CaFile => Some(("ca_file", origins.of("ca_file"))),
                Culprit::Named => setting.map(|setting| (setting, origins.of(setting))),
                Culprit::Nothing => None,
            };
            if shows_address {
                message += &format!("; dialled {endpoint}");
            }
            message.extend(place.map(|(what, place)| format!("; {what} is from {place}")));
            let end = self.access.key_end().filter(|_| class.culprit() == Culprit::Credential);
            message.extend(end.map(|end| format!(", a key that ends in {}", clipped(end))));
        }
        message
    }
}
