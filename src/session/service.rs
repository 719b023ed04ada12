//! The way to the service: dialling, what is sent, and the end of a link.
//!
//! Which link that is, and whether there is one, is `line`'s; what is sent and when to dial is decided elsewhere.

use std::time::Duration;

use super::Session;
use super::line::Place;
use crate::conversation::{CloseReason, Event, LinkChange};
use crate::errands::BackgroundEvent;
use crate::link::TransportError;
use crate::model::Time;
use crate::wire::Command;

impl Session {
    pub(super) fn dial(&mut self, now: Time) {
        match self.line.dial(Place::Main, &self.errands, now) {
            Ok(true) => self.on(&Event::Link(LinkChange::Up), now),
            Ok(false) => {}
            Err(lost) => self.lose(&lost, now),
        }
    }

    pub(super) fn take_outcomes(&mut self, now: Time) {
        while let Some(outcome) = self.errands.next_event() {
            match outcome {
                BackgroundEvent::Dialled { number, result } => match self.line.dialled(number, result, now) {
                    Ok(()) => {}
                    Err((Place::Main, loss, lost)) => self.down(&lost, loss, now),
                    Err((Place::Spare, loss, lost)) => self.spare_down(&lost, loss, now),
                },
                BackgroundEvent::StateNotSaved(why) | BackgroundEvent::NotRecorded(why) => {
                    log::warn!("{why}")
                }
                BackgroundEvent::Recorded(file) => log::info!("a recording is in {}", file.display()),
            }
        }
    }

    pub(super) fn command(&mut self, command: &Command, now: Time) {
        log::debug!("tells the service: {command:?}");
        self.send(command.kind(), |text| command.write(text), now);
    }

    pub(super) fn send(&mut self, kind: &'static str, write: impl FnOnce(&mut bytes::BytesMut), now: Time) {
        let Some(link) = self.line.link() else { return };
        let mut bytes = 0;
        let sent = link.send(|text| {
            let before = text.len();
            write(text);
            bytes = text.len() - before;
        });
        self.scribe.book().recorder.sent(kind, bytes, now);
        if let Err(lost) = sent {
            self.lose(&lost, now);
        }
    }

    pub(super) fn flush(&mut self, now: Time) {
        if let Some(link) = self.line.link()
            && let Err(lost) = link.flush()
        {
            self.lose(&lost, now);
        }
    }

    /// Drops a link that was there before the machine slept: the service has given it up long since.
    pub fn awake(&mut self, slept: Duration, now: Time) {
        if self.line.link().is_some() {
            self.lose(&TransportError::broken(format!("this machine slept for {} s", slept.as_secs())), now);
        }
    }

    pub(super) fn lose(&mut self, lost: &TransportError, now: Time) {
        let loss = self.line.lose(Place::Main, lost);
        self.down(lost, loss, now);
    }

    pub(super) fn down(&mut self, lost: &TransportError, loss: CloseReason, now: Time) {
        self.note_lost(lost, now);
        self.teller.lost(lost, loss, self.conversation.is_leaving(), &mut self.board, now);
        self.ledger.session_lost();
        self.uplink.resend();
        self.on(&Event::Link(LinkChange::Down(loss)), now);
    }
}
