//! Whether the sessions take what this device's speaker plays, as the reference of the service's echo cancellation, and
//! what is done where they do not: the service then uses its own sound, and gets the microphone alone.
//!
//! It knows no sound: it says in which layout a session wants it.

use std::borrow::Cow;

use super::link_state::LinkState;
use super::{Adaptation, LinkLoss, LinkOutput, Links, Slot};
use crate::config::Endpoint;
use crate::conversation::CloseReason;
use crate::model::EchoCancellation;
use crate::protocol::{self, Lesson, Refusal, ServiceError};
use crate::transport::{TransportError, TransportErrorKind};

/// What one session takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SessionReference {
    /// It has confirmed that it takes the reference.
    is_taken: bool,
    /// It was configured again because it had been asked for the reference before that was given up.
    was_asked_again: bool,
}

impl Links {
    /// Returns whether the active session takes the reference: whether it gets two samples of each instant.
    pub(in crate::session) fn takes_reference(&self) -> bool {
        self.active.reference().is_taken
    }

    /// Returns whether the active session takes a reference that is not sent any more, so that another should replace it.
    pub(in crate::session) fn has_outdated_reference(&self) -> bool {
        self.takes_reference() && !self.wants_reference()
    }

    /// Returns whether the service removes the echo with its own sound as the reference.
    pub(in crate::session) fn uses_own_sound(&self) -> bool {
        match self.config.echo_cancellation {
            Some(EchoCancellation::Server) => true,
            Some(EchoCancellation::Client) => !self.wants_reference(),
            Some(EchoCancellation::Device | EchoCancellation::HalfDuplex | EchoCancellation::Off) | None => {
                false
            }
        }
    }

    /// Stops requesting the client reference, because it is not available. Returns whether it was requested.
    pub(in crate::session) fn give_reference_up(&mut self) -> bool {
        self.learn_reference().is_some()
    }

    /// Records whether a session takes the reference, as its `effective` configuration says. What is returned configures it
    /// again.
    pub(in crate::session) fn settle_reference(&mut self, slot: Slot, effective: &str) -> Option<Adaptation> {
        if self.config.echo_cancellation != Some(EchoCancellation::Client) {
            return None;
        }
        let is_wanted = self.wants_reference();
        let is_taken = protocol::takes_reference(effective);
        let reference = self.slot_mut(slot).reference_mut()?;
        let is_confirmed = std::mem::replace(&mut reference.is_taken, is_taken);
        match (is_wanted, is_taken) {
            (true, false) => self.learn_reference().map(Adaptation::Learned),
            (false, true) if !is_confirmed && !reference.was_asked_again => {
                reference.was_asked_again = true;
                Some(Adaptation::Outdated)
            }
            (false, true) | (true, true) | (false, false) => None,
        }
    }

    /// Finds out whether an error of the service says that it does not take the reference.
    pub(super) fn learn_reference_from(&mut self, error: &ServiceError<'_>) -> Option<Lesson> {
        let ServiceError { code, param, message, .. } = error;
        let names = [code, param, message].into_iter().any(|said| protocol::names_reference(said));
        let is_about_echo = param.contains("echo_cancellation");
        if names || is_about_echo { self.learn_reference() } else { None }
    }

    /// Returns the loss of a link that the service has refused, if the reference that its address asks for may be why. What
    /// follows is told.
    pub(super) fn loss_by_reference(&mut self, error: &TransportError, class: Refusal) -> Option<LinkLoss> {
        let may_be_why = match error.reason {
            TransportErrorKind::Http { status, .. } => {
                (status == 400 && class == Refusal::Setting) || protocol::names_reference(&error.said)
            }
            TransportErrorKind::Closed(_) => protocol::names_reference(&error.said),
            TransportErrorKind::Broken
            | TransportErrorKind::Flood
            | TransportErrorKind::WrongClock
            | TransportErrorKind::Untrusted
            | TransportErrorKind::Setup => false,
        };
        let lesson = if may_be_why { self.learn_reference() } else { None }?;
        let message = self.message(class, &error.message, Some("echo_cancellation"), true);
        self.output(LinkOutput::ReferenceRefused(format!("{message}; {lesson}")));
        Some(LinkLoss { error: error.clone(), class, reason: CloseReason::Transient, message })
    }

    /// Returns the address to dial: with the feature, if the reference is wanted.
    pub(super) fn with_reference<'a>(&self, endpoint: Cow<'a, Endpoint>) -> Cow<'a, Endpoint> {
        if self.wants_reference() { Cow::Owned(endpoint.requesting_reference()) } else { endpoint }
    }

    fn wants_reference(&self) -> bool {
        self.config.echo_cancellation == Some(EchoCancellation::Client)
            && self.known.form.capabilities.takes_reference()
    }

    fn learn_reference(&mut self) -> Option<Lesson> {
        if self.wants_reference() { self.known.form.capabilities.learn_reference() } else { None }
    }
}

impl LinkState {
    fn reference(&self) -> SessionReference {
        match self {
            Self::Up { reference, .. } => *reference,
            Self::Down | Self::Dialling { .. } | Self::Closing { .. } => SessionReference::default(),
        }
    }

    fn reference_mut(&mut self) -> Option<&mut SessionReference> {
        match self {
            Self::Up { reference, .. } => Some(reference),
            Self::Down | Self::Dialling { .. } | Self::Closing { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parrot::ParrotConfig;
    use crate::protocol::SessionConfig;
    use crate::session::links::{Access, AgentConversation, ServiceEndpoint};

    #[test]
    fn the_service_cancels_with_its_own_sound_if_it_is_asked_to_or_gets_no_other() {
        for (echo, own, after_loss) in [
            (EchoCancellation::Server, true, true),
            (EchoCancellation::Client, false, true),
            (EchoCancellation::Device, false, false),
            (EchoCancellation::HalfDuplex, false, false),
            (EchoCancellation::Off, false, false),
        ] {
            let mut links = Links::new(
                ServiceEndpoint::Parrot(ParrotConfig::default()),
                SessionConfig { echo_cancellation: Some(echo), ..SessionConfig::default() },
                Access::default(),
                AgentConversation::default(),
            );
            assert_eq!(links.uses_own_sound(), own, "{echo:?}");
            assert_eq!(links.give_reference_up(), echo == EchoCancellation::Client, "{echo:?}");
            assert!(!links.give_reference_up(), "{echo:?}: told once");
            assert_eq!(links.uses_own_sound(), after_loss, "{echo:?}");
        }
    }
}
