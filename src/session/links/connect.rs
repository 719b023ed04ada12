//! The way to the service: dialling, what is sent, and the end of a link.
//!
//! Which link that is, and whether there is one, is `line`'s; what is sent and when to dial is decided elsewhere.

use std::time::Duration;

use super::Slot;
use crate::background::BackgroundEvent;
use crate::conversation::{CloseReason, Event, LinkChange};
use crate::model::Time;
use crate::protocol::ClientEvent;
use crate::session::Session;
use crate::transport::TransportError;

impl Session {
    pub(in crate::session) fn dial(&mut self, now: Time) {
        match self.links.dial(Slot::Active, &self.background, now) {
            Ok(true) => self.handle(&Event::Link(LinkChange::Up), now),
            Ok(false) => {}
            Err(error) => self.lose(&error, now),
        }
    }

    pub(in crate::session) fn handle_background(&mut self, now: Time) {
        while let Some(event) = self.background.next_event() {
            match event {
                BackgroundEvent::Dialled { number, result } => {
                    match self.links.connected(number, result, now) {
                        Ok(()) => {}
                        Err((Slot::Active, reason, error)) => self.down(&error, reason, now),
                        Err((Slot::Standby, reason, error)) => self.standby_down(&error, reason, now),
                    }
                }
                BackgroundEvent::StateNotSaved(error) | BackgroundEvent::NotRecorded(error) => {
                    log::warn!("{error}")
                }
                BackgroundEvent::Recorded(file) => log::info!("a recording is in {}", file.display()),
            }
        }
    }

    pub(in crate::session) fn command(&mut self, command: &ClientEvent, now: Time) {
        log::debug!("tells the service: {command:?}");
        self.send(command.kind(), |text| command.write(text), now);
    }

    pub(in crate::session) fn send(
        &mut self,
        kind: &'static str,
        write: impl FnOnce(&mut bytes::BytesMut),
        now: Time,
    ) {
        let Some(link) = self.links.link() else { return };
        let mut bytes = 0;
        let sent = link.send(|text| {
            let before = text.len();
            write(text);
            bytes = text.len() - before;
        });
        self.recorder.lock().recorder.sent(kind, bytes, now);
        if let Err(error) = sent {
            self.lose(&error, now);
        }
    }

    pub(in crate::session) fn flush(&mut self, now: Time) {
        if let Some(link) = self.links.link()
            && let Err(error) = link.flush()
        {
            self.lose(&error, now);
        }
    }

    /// Drops a link that was there before the machine slept: the service has given it up long since.
    pub fn handle_resume(&mut self, slept: Duration, now: Time) {
        if self.links.link().is_some() {
            self.lose(&TransportError::broken(format!("this machine slept for {} s", slept.as_secs())), now);
        }
    }

    pub(in crate::session) fn lose(&mut self, error: &TransportError, now: Time) {
        let reason = self.links.lose(Slot::Active, error);
        self.down(error, reason, now);
    }

    pub(in crate::session) fn down(&mut self, error: &TransportError, reason: CloseReason, now: Time) {
        self.record_lost(error, now);
        self.status.lost(error, reason, self.conversation.is_leaving(), &mut self.board, now);
        self.ledger.session_lost();
        self.uplink.resend();
        self.handle(&Event::Link(LinkChange::Down(reason)), now);
    }
}
