//! The mute switch: its debounced level as a function of timed edges.
//!
//! A switch that chatters counts as on: it is safer to mute the microphone by mistake than to leave it live.

use super::debounce::{Debounced, Debouncer};
use super::gesture::ButtonFault;
use crate::model::Time;

/// The state of one mute switch.
#[derive(Clone, Debug)]
pub struct MuteSwitch {
    debouncer: Debouncer,
    is_on: bool,
    fault: Option<ButtonFault>,
}

impl MuteSwitch {
    /// Creates a switch with its current level.
    #[must_use]
    pub fn new(is_on: bool) -> Self {
        Self { debouncer: Debouncer::new(is_on), is_on, fault: None }
    }

    /// Returns whether the switch mutes the microphone.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.is_on
    }

    /// Handles an edge to `on` at `at`.
    pub fn edge(&mut self, on: bool, at: Time) {
        self.expire(at);
        if let Some(change) = self.debouncer.edge(on, at) {
            self.change(change);
        }
    }

    /// Returns when to call [`expire`](Self::expire).
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        self.debouncer.deadline()
    }

    /// Handles the timers that are due at `now`.
    pub fn expire(&mut self, now: Time) {
        while let Some(change) = self.debouncer.expire(now) {
            self.change(change);
        }
    }

    /// Returns whether the contact chatters, so that its edges need not be polled.
    pub(crate) fn chatters(&self) -> bool {
        self.debouncer.chatters()
    }

    /// Returns a new fault of the switch, once.
    pub fn take_fault(&mut self) -> Option<ButtonFault> {
        self.fault.take()
    }

    fn change(&mut self, change: Debounced) {
        self.is_on = match change {
            Debounced::Edge(on) | Debounced::Quiet(on) => on,
            Debounced::Chatter => {
                self.fault = Some(ButtonFault::Chatters);
                true
            }
        };
    }
}
