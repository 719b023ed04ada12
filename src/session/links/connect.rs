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
            Err(lost) => self.lose(&lost, now),
        }
    }

    pub(in crate::session) fn handle_background(&mut self, now: Time) {
        while let Some(outcome) = self.background.next_event() {
            match outcome {
                BackgroundEvent::Dialled { number, result } => {
                    match self.links.connected(number, result, now) {
                        Ok(()) => {}
                        Err((Slot::Active, loss, lost)) => self.down(&lost, loss, now),
                        Err((Slot::Standby, loss, lost)) => self.standby_down(&lost, loss, now),
                    }
                }
                BackgroundEvent::StateNotSaved(why) | BackgroundEvent::NotRecorded(why) => {
                    log::warn!("{why}")
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
        if let Err(lost) = sent {
            self.lose(&lost, now);
        }
    }

    pub(in crate::session) fn flush(&mut self, now: Time) {
        if let Some(link) = self.links.link()
            && let Err(lost) = link.flush()
        {
            self.lose(&lost, now);
        }
    }

    /// Drops a link that was there before the machine slept: the service has given it up long since.
    pub fn handle_resume(&mut self, slept: Duration, now: Time) {
        if self.links.link().is_some() {
            self.lose(&TransportError::broken(format!("this machine slept for {} s", slept.as_secs())), now);
        }
    }

    pub(in crate::session) fn lose(&mut self, lost: &TransportError, now: Time) {
        let loss = self.links.lose(Slot::Active, lost);
        self.down(lost, loss, now);
    }

    pub(in crate::session) fn down(&mut self, lost: &TransportError, loss: CloseReason, now: Time) {
        self.record_lost(lost, now);
        self.status.lost(lost, loss, self.conversation.is_leaving(), &mut self.board, now);
        self.ledger.session_lost();
        self.uplink.resend();
        self.handle(&Event::Link(LinkChange::Down(loss)), now);
    }
}
