//! The second link: made and configured beside the first, and put in its place.
//!
//! When that happens is the conversation's to say; here the sound, the book and the words follow.

use super::Session;
use super::line::Place;
use crate::conversation::{CloseReason, Event, LinkChange, ServerError, ServiceEvent, StandbyChange};
use crate::history::HistoryTurn;
use crate::link::{LinkEvent, TransportError};
use crate::model::Time;
use crate::wire::{self, Command, Incoming};

impl Session {
    pub(super) fn dial_spare(&mut self, now: Time) {
        match self.line.dial(Place::Spare, &self.errands, now) {
            Ok(true) => self.on(&Event::Standby(StandbyChange::Up), now),
            Ok(false) => {}
            Err(lost) => self.lose_spare(&lost, now),
        }
    }

    pub(super) fn configure_spare(&mut self, now: Time) {
        let config = &self.config;
        if let Some(link) = self.line.linked(Place::Spare)
            && let Err(lost) = link.send(|text| wire::session_update(config, text))
        {
            self.lose_spare(&lost, now);
        }
    }

    /// Puts the second link in the place of the first.
    pub(super) fn move_over(&mut self, now: Time) {
        self.line.move_over(&self.errands, now);
        // What the old session knew is nobody's any more, but for the sound that is still to be heard.
        self.ledger.session_lost();
        self.uplink.resend();
        self.unread = true;
        if self.conversation.is_configured() {
            log::info!("the talk goes on in a new session");
            self.remind(now);
        }
    }

    /// Tells a session that was just configured what was said before.
    pub(super) fn remind(&mut self, now: Time) {
        let turns: Vec<_> = self.history.turns().cloned().collect();
        for HistoryTurn { who, words, whole, .. } in turns {
            let command = Command::Recall { who, words, whole };
            self.send(command.kind(), |text| command.write(text), now);
        }
    }

    /// Takes in what has come over the second link.
    pub(super) fn take_spare(&mut self, now: Time) {
        // Until it is in use only its own opening comes over it.
        while let Some(link) = self.line.linked(Place::Spare) {
            match link.next(now) {
                Ok(None) => return,
                Ok(Some(_)) if self.line.is_closing(Place::Spare) => {}
                Ok(Some(LinkEvent::Up)) => self.on(&Event::Standby(StandbyChange::Up), now),
                Ok(Some(LinkEvent::Text(text))) => self.take_spare_in(&text, now),
                Ok(Some(LinkEvent::Binary(_))) => {}
                Err(lost) => return self.lose_spare(&lost, now),
            }
        }
    }

    /// Hands on what is queued for the second link, and sees that its peer is alive.
    pub(super) fn keep_spare(&mut self, now: Time) {
        self.line.expire(now);
        if let Some(link) = self.line.linked(Place::Spare)
            && let Err(lost) = link.tick(now).and_then(|()| link.flush())
        {
            self.lose_spare(&lost, now);
        }
    }

    fn take_spare_in(&mut self, text: &str, now: Time) {
        match wire::read(text) {
            Ok(Incoming::SessionCreated { id, expires_at_s }) => {
                self.teller.session(&format!("{id}, to take over"), now);
                self.line.lasts(Place::Spare, expires_at_s);
            }
            Ok(Incoming::SessionUpdated(effective)) => {
                let found = wire::differences(&self.config, effective);
                self.teller.differences(&found, now);
                let grave = found.iter().any(|difference| difference.grave);
                let life = self.line.life(Place::Spare);
                let change = if grave { StandbyChange::Refused } else { StandbyChange::Configured(life) };
                self.on(&Event::Standby(change), now);
            }
            Ok(Incoming::Error(error)) => {
                self.teller.error(&error, now);
                if matches!(
                    error.event,
                    Event::Link(LinkChange::Misconfigured)
                        | Event::Service(ServiceEvent::Refused(ServerError::QuotaExceeded))
                ) {
                    self.on(&Event::Standby(StandbyChange::Refused), now);
                }
            }
            // Nobody has said anything there yet.
            Ok(
                Incoming::Audio(_)
                | Incoming::AudioDone { .. }
                | Incoming::Event(_)
                | Incoming::Said { .. }
                | Incoming::Warning(_)
                | Incoming::Ignored(_)
                | Incoming::Unknown(_),
            )
            | Err(_) => {}
        }
    }

    pub(super) fn lose_spare(&mut self, lost: &TransportError, now: Time) {
        let was_wanted = !self.line.is_closing(Place::Spare);
        let loss = self.line.lose(Place::Spare, lost);
        if was_wanted {
            self.spare_down(lost, loss, now);
        }
    }

    pub(super) fn spare_down(&mut self, lost: &TransportError, loss: CloseReason, now: Time) {
        // While the first link works, this concerns the log alone.
        self.teller.spare_lost(lost, now);
        self.on(&Event::Standby(StandbyChange::Down(loss)), now);
    }
}
