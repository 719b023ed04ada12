//! Which conversation with an agent the sessions continue. The service keeps it, and its history, under an id.
//!
//! With a model there is none, and nothing here has an effect. It keeps ids, and no words.

use std::borrow::Cow;

use crate::config::{Endpoint, is_conversation_id};
use crate::protocol::Refusal;

/// The conversation with an agent.
#[derive(Debug, Default)]
pub(in crate::session) struct AgentConversation {
    /// The id that the next session is to resume.
    id: Option<String>,
    /// It was kept by an earlier run, perhaps with another agent.
    is_of_earlier_run: bool,
    /// A connection that resumes it has been requested, and no session has had it yet.
    is_unproven: bool,
    /// The conversation that the standby session has.
    standby: Option<String>,
}

impl AgentConversation {
    /// Creates what is known at the start: the conversation that an earlier run has `kept`.
    pub(in crate::session) fn new(kept: Option<String>) -> Self {
        Self { is_of_earlier_run: kept.is_some(), id: kept, ..Self::default() }
    }

    /// Returns the address to dial. A conversation of an earlier run is resumed only with the same access as then
    /// (`is_same_access`), and not if the user has chosen one.
    pub(super) fn address<'a>(&mut self, endpoint: &'a Endpoint, is_same_access: bool) -> Cow<'a, Endpoint> {
        if self.is_of_earlier_run && (!is_same_access || endpoint.has_conversation()) {
            *self = Self::default();
        }
        match &self.id {
            Some(id) if endpoint.is_agent() => {
                self.is_unproven = true;
                Cow::Owned(endpoint.resuming(id))
            }
            Some(_) | None => Cow::Borrowed(endpoint),
        }
    }

    /// Records the conversation of the active session. Returns whether the session continues it, so that the service has
    /// its history.
    pub(super) fn begin(&mut self, id: Option<&str>) -> bool {
        let Some(id) = id.filter(|id| is_conversation_id(id)) else { return false };
        (self.is_of_earlier_run, self.is_unproven) = (false, false);
        let is_resumed = self.id.as_deref() == Some(id);
        if !is_resumed {
            self.id = Some(id.to_owned());
        }
        is_resumed
    }

    /// Records the conversation of the standby session.
    pub(super) fn begin_standby(&mut self, id: Option<&str>) {
        self.standby = id.map(str::to_owned);
        self.is_unproven = false;
    }

    /// Makes the standby session's conversation the active one, like [`begin`](Self::begin).
    pub(super) fn switch_to_standby(&mut self) -> bool {
        let standby = self.standby.take();
        self.begin(standby.as_deref())
    }

    /// Returns the id to be saved.
    pub(super) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Handles a refusal of `class` by the service. Returns whether the conversation may be why, and is given up: the
    /// service may have deleted it.
    pub(super) fn give_up(&mut self, class: Refusal) -> bool {
        let may_be_why = matches!(
            class,
            Refusal::Address
                | Refusal::Model
                | Refusal::Setting
                | Refusal::Policy
                | Refusal::Agent
                | Refusal::Unknown
        );
        if may_be_why && self.is_unproven {
            self.forget();
            return true;
        }
        false
    }

    /// Forgets the conversation: the next session begins another one, unless the user has chosen one.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}
