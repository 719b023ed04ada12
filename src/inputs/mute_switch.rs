//! The switch that cuts the microphone off: its level as a function of timed edges.
//!
//! One that does not come to rest counts as on: a microphone that is off by mistake harms nobody.

use super::debounce::{Debounced, Debouncer};
use super::gesture::ButtonFault;
use crate::model::Time;

/// One mute switch being watched.
#[derive(Clone, Debug)]
pub struct MuteSwitch {
    debouncer: Debouncer,
    is_on: bool,
    fault: Option<ButtonFault>,
}

impl MuteSwitch {
    /// Begins watching a switch that is on or off now.
    #[must_use]
    pub fn new(is_on: bool) -> Self {
        Self { debouncer: Debouncer::new(is_on), is_on, fault: None }
    }

    /// Tells whether it cuts the microphone off.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.is_on
    }

    /// Takes in that it was switched at `at`.
    pub fn edge(&mut self, on: bool, at: Time) {
        self.expire(at);
        if let Some(change) = self.debouncer.edge(on, at) {
            self.change(change);
        }
    }

    /// Names the time at which the passing of time has a meaning.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        self.debouncer.deadline()
    }

    /// Takes in the passing of time.
    pub fn expire(&mut self, now: Time) {
        while let Some(change) = self.debouncer.expire(now) {
            self.change(change);
        }
    }

    /// Tells whether its contact does not come to rest, so that looking at it now and then is enough.
    pub(crate) fn chatters(&self) -> bool {
        self.debouncer.chatters()
    }

    /// Gives what is wrong with the switch, once.
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
