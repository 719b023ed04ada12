//! Receives messages over the links, a bounded number in one turn.
//!
//! It does not interpret them; only a session's expiry and configuration are compared with what is known of the link.

use std::time::Duration;

use super::{LinkOutput, Links, Slot};
use crate::model::Time;
use crate::protocol::{self, ConfigMismatch};
use crate::transport::LinkEvent;

/// Messages of the active link handled in one turn: a burst must not delay captured audio.
const MESSAGES_PER_TURN: usize = 64;

impl Links {
    /// Begins a turn in which a link may be `readable`: allows its messages to be read, and those left from the last
    /// turn.
    pub(in crate::session) fn begin_turn(&mut self, readable: bool) {
        self.is_readable = readable || self.unread;
        (self.budget, self.unread) = (MESSAGES_PER_TURN, false);
    }

    /// Returns whether messages are left that poll(2) does not report.
    pub(in crate::session) fn has_unread(&self) -> bool {
        self.unread
    }

    /// Returns the next message of a link, or what else happened to it. The standby's messages are not limited,
    /// because a session that is not in use sends only its few opening events.
    pub(in crate::session) fn poll_message(&mut self, slot: Slot, now: Time) -> Option<LinkOutput> {
        while self.is_readable {
            self.slot(slot).link()?;
            if slot == Slot::Active && self.budget == 0 {
                self.unread = true;
                return None;
            }
            let is_closing = self.slot(slot).is_closing();
            let next = self.slot_mut(slot).link_mut()?.next(now);
            self.budget = self.budget.saturating_sub(usize::from(slot == Slot::Active));
            match next {
                Ok(None) => return None,
                Ok(Some(_)) if is_closing => {}
                Ok(Some(LinkEvent::Up)) => return Some(LinkOutput::Up(slot)),
                Ok(Some(LinkEvent::Text(text))) => return Some(LinkOutput::Text(slot, text)),
                Ok(Some(LinkEvent::Binary(bytes))) => return Some(LinkOutput::Binary(bytes)),
                Err(error) => return self.take_lost(slot, error),
            }
        }
        None
    }

    /// Records when the service will end the session (Unix time, seconds), and returns the session's lifetime.
    pub(in crate::session) fn set_expiry(&mut self, slot: Slot, expires_at_s: Option<u32>) -> Duration {
        self.slot_mut(slot).set_expiry(expires_at_s);
        self.slot(slot).lifetime()
    }

    /// Returns how long the session lasts from its start.
    pub(in crate::session) fn lifetime(&self, slot: Slot) -> Duration {
        self.slot(slot).lifetime()
    }

    /// Compares the effective configuration of a session with the requested one.
    pub(in crate::session) fn mismatches(&self, effective: &str) -> Vec<ConfigMismatch> {
        protocol::mismatches(&self.config, effective)
    }
}
