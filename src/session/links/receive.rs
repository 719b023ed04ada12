//! Receives messages over the links, a bounded number in one turn.
//!
//! It does not interpret them; only a session's expiry and configuration are compared with what is known of the link.

use std::time::Duration;

use super::clock_check;
use super::link_state::LinkState;
use super::{LinkOutput, Links, ServiceEndpoint, Slot};
use crate::model::Time;
use crate::protocol::ConfigMismatch;
use crate::transport::{LinkEvent, TransportError, TransportErrorKind, WsClient};

impl Links {
    /// Begins a turn in which a link may be `readable`: allows its messages to be read, and those left from the last
    /// turn.
    pub(in crate::session) fn begin_turn(&mut self, readable: bool) {
        self.is_readable = readable || self.has_unread();
        self.has_switched = false;
    }

    /// Returns whether messages are left that poll(2) does not report.
    pub(in crate::session) fn has_unread(&self) -> bool {
        let mut links = [&self.active, &self.standby].into_iter().filter_map(LinkState::link);
        self.has_switched || links.any(WsClient::has_unread)
    }

    /// Records that the last message of a link was of use: a link without one is dropped if it sends too much.
    pub(in crate::session) fn record_use(&mut self, slot: Slot) {
        if let Some(link) = self.slot_mut(slot).link_mut() {
            link.record_use();
        }
    }

    /// Returns the next message of a link, or what else happened to it; `None` once the link has had its turn.
    pub(in crate::session) fn poll_message(&mut self, slot: Slot, now: Time) -> Option<LinkOutput> {
        while self.is_readable {
            self.slot(slot).link()?;
            let is_closing = self.slot(slot).is_closing();
            match self.slot_mut(slot).link_mut()?.next(now) {
                Ok(None) => return None,
                Ok(Some(_)) if is_closing => {}
                Ok(Some(LinkEvent::Up)) => {
                    if let Some(message) = self.clock_difference(slot) {
                        self.output(LinkOutput::WrongClock(message));
                    }
                    return Some(LinkOutput::Up(slot));
                }
                Ok(Some(LinkEvent::Text(text))) => return Some(LinkOutput::Text(slot, text)),
                Ok(Some(LinkEvent::Binary(bytes))) => return Some(LinkOutput::Binary(bytes)),
                Err(error) => return self.take_lost(slot, self.with_proxy(error)),
            }
        }
        None
    }

    /// Compares this machine's clock with the service's, which TLS protects as the clock is not.
    fn clock_difference(&self, slot: Slot) -> Option<String> {
        let ServiceEndpoint::Remote { tls, .. } = &self.service else { return None };
        clock_check::difference(tls.clock_s(), self.slot(slot).link()?.server_date_s()?)
    }

    /// Adds through which proxy a link was reached that has broken without a word of the service.
    fn with_proxy(&self, error: TransportError) -> TransportError {
        match (&self.service, error.reason) {
            (
                ServiceEndpoint::Remote { proxy: Some(proxy), .. },
                reason @ (TransportErrorKind::Broken
                | TransportErrorKind::WrongClock
                | TransportErrorKind::Untrusted
                | TransportErrorKind::Closed(1006)),
            ) => TransportError {
                reason,
                message: format!("{error}; the connection is through {proxy}"),
                said: error.said,
            },
            (_, _) => error,
        }
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
        self.known.form.mismatches(&self.config, effective)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a socket pair is always left in a test")]
mod tests {
    use super::*;
    use crate::model::{Choice, EchoCancellation, Voice};
    use crate::parrot::ParrotConfig;
    use crate::protocol::SessionConfig;
    use crate::session::links::{Access, AgentConversation, ServiceEndpoint};
    use crate::transport::TURN_MESSAGES;

    #[test]
    fn a_flood_on_either_link_is_read_in_portions() {
        for slot in [Slot::Active, Slot::Standby] {
            let now = Time::ZERO;
            let (client, mut server) = WsClient::pair(now).unwrap();
            for _ in 0..100 {
                server.send(|text| text.extend_from_slice(b"{}")).unwrap();
            }
            server.flush().unwrap();
            let mut links = Links::new(
                ServiceEndpoint::Parrot(ParrotConfig::default()),
                config(),
                Access::default(),
                AgentConversation::default(),
            );
            *links.slot_mut(slot) = LinkState::up(client);
            let mut read_in_turn = |readable| {
                links.begin_turn(readable);
                let read = std::iter::from_fn(|| links.poll_message(slot, now)).count();
                (read, links.has_unread())
            };
            assert_eq!(read_in_turn(false), (0, false), "nothing is readable");
            assert_eq!(read_in_turn(true), (TURN_MESSAGES, true));
            assert_eq!(read_in_turn(false), (100 - TURN_MESSAGES, false), "what was left");
            assert_eq!(read_in_turn(false), (0, false));
        }
    }

    fn config() -> SessionConfig {
        SessionConfig {
            instructions: Some(String::new()),
            voice: Some(Voice::OpenAi("alloy".to_owned())),
            turn_detection: Choice::Off,
            noise_reduction: Choice::Off,
            echo_cancellation: Some(EchoCancellation::Off),
            transcription: Choice::Off,
            ..SessionConfig::default()
        }
    }
}
