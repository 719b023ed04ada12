//! The standby link: connected and configured beside the active link, then switched to (make before break).
//!
//! The conversation decides when. On a switch, uplink, ledger and history are moved to the new session here.

use super::Slot;
use crate::conversation::{CloseReason, Event, LinkChange, ServerError, ServiceEvent, StandbyChange};
use crate::history::HistoryTurn;
use crate::model::Time;
use crate::protocol;
use crate::protocol::{ClientEvent, ServerEvent};
use crate::session::Session;
use crate::transport::{LinkEvent, TransportError};

impl Session {
    pub(in crate::session) fn dial_standby(&mut self, now: Time) {
        match self.links.dial(Slot::Standby, &self.background, now) {
            Ok(true) => self.queue(Event::Standby(StandbyChange::Up)),
            Ok(false) => {}
            Err(error) => self.lose_standby(&error, now),
        }
    }

    pub(in crate::session) fn configure_standby(&mut self, now: Time) {
        let config = &self.config;
        if let Some(link) = self.links.link_in(Slot::Standby)
            && let Err(error) = link.send(|text| protocol::session_update(config, text))
        {
            self.lose_standby(&error, now);
        }
    }

    /// Makes the standby link the active one.
    pub(in crate::session) fn switch_to_standby(&mut self, now: Time) {
        self.links.switch_to_standby(&self.background, now);
        // The new session knows none of the old one's items; their queued audio is still played.
        self.ledger.session_lost();
        self.uplink.resend();
        self.unread = true;
        if self.conversation.is_configured() {
            log::info!("switched to a new session before the old one expires");
            self.send_history(now);
        }
    }

    /// Sends the conversation history to a session that was just configured.
    pub(in crate::session) fn send_history(&mut self, now: Time) {
        let turns: Vec<_> = self.history.turns().cloned().collect();
        for HistoryTurn { role: who, transcript: words, whole, .. } in turns {
            let command = ClientEvent::CreateItem { who, words, whole };
            self.send(command.kind(), |text| command.write(text), now);
        }
    }

    /// Handles messages of the standby link.
    pub(in crate::session) fn receive_standby(&mut self, now: Time) {
        // Unlimited, because a session that is not in use sends only its few opening events.
        while let Some(link) = self.links.link_in(Slot::Standby) {
            match link.next(now) {
                Ok(None) => return,
                Ok(Some(_)) if self.links.is_closing(Slot::Standby) => {}
                Ok(Some(LinkEvent::Up)) => self.queue(Event::Standby(StandbyChange::Up)),
                Ok(Some(LinkEvent::Text(text))) => self.receive_standby_message(&text, now),
                Ok(Some(LinkEvent::Binary(_))) => {}
                Err(error) => {
                    self.lose_standby(&error, now);
                    return self.settle(now);
                }
            }
            self.settle(now);
        }
    }

    /// Flushes the standby link, and checks that its peer still answers.
    pub(in crate::session) fn maintain_standby(&mut self, now: Time) {
        self.links.expire(now);
        if let Some(link) = self.links.link_in(Slot::Standby)
            && let Err(error) = link.tick(now).and_then(|()| link.flush())
        {
            self.lose_standby(&error, now);
        }
    }

    fn receive_standby_message(&mut self, text: &str, now: Time) {
        match protocol::parse(text) {
            Ok(ServerEvent::SessionCreated { id, expires_at_s }) => {
                self.report.log.session(&format!("{id} (standby)"), now);
                self.links.set_expiry(Slot::Standby, expires_at_s);
            }
            Ok(ServerEvent::SessionUpdated(effective)) => {
                let found = protocol::mismatches(&self.config, effective);
                self.report.log.mismatches(&found, now);
                let fatal = found.iter().any(|mismatch| mismatch.fatal);
                let lifetime = self.links.lifetime(Slot::Standby);
                let change = if fatal { StandbyChange::Refused } else { StandbyChange::Configured(lifetime) };
                self.queue(Event::Standby(change));
            }
            Ok(ServerEvent::Error(error)) => {
                self.report.log.error(&error, now);
                if matches!(
                    error.event,
                    Event::Link(LinkChange::Misconfigured)
                        | Event::Service(ServiceEvent::Refused(ServerError::QuotaExceeded))
                ) {
                    self.queue(Event::Standby(StandbyChange::Refused));
                }
            }
            // A session without audio has no turns yet.
            Ok(
                ServerEvent::Audio(_)
                | ServerEvent::AudioDone { .. }
                | ServerEvent::Service(_)
                | ServerEvent::Transcript { .. }
                | ServerEvent::Warning(_)
                | ServerEvent::Ignored(_)
                | ServerEvent::Unknown(_),
            )
            | Err(_) => {}
        }
    }

    pub(in crate::session) fn lose_standby(&mut self, error: &TransportError, now: Time) {
        let was_wanted = !self.links.is_closing(Slot::Standby);
        let reason = self.links.lose(Slot::Standby, error);
        if was_wanted {
            self.standby_down(error, reason, now);
        }
    }

    pub(in crate::session) fn standby_down(
        &mut self,
        error: &TransportError,
        reason: CloseReason,
        now: Time,
    ) {
        // The active link still works, so only the log reports this.
        self.report.log.standby_lost(error, now);
        self.queue(Event::Standby(StandbyChange::Down(reason)));
    }
}
