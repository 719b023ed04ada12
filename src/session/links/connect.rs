//! Connects to the service, sends messages, and handles the loss of a link.
//!
//! The parent module keeps the links; the conversation decides what to send and when to connect.

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
            Ok(true) => self.queue(Event::Link(LinkChange::Up)),
            Ok(false) => {}
            Err(error) => self.lose(&error, now),
        }
    }

    pub(in crate::session) fn handle_background(&mut self, now: Time) {
        while let Some(event) = self.background.next_event() {
            match event {
                BackgroundEvent::Connected { number, result } => {
                    match self.links.connected(number, result, now) {
                        Ok(()) => {}
                        Err((Slot::Active, reason, error)) => self.down(&error, reason, now),
                        Err((Slot::Standby, reason, error)) => self.standby_down(&error, reason, now),
                    }
                }
                BackgroundEvent::StateNotSaved(error) | BackgroundEvent::NotRecorded(error) => {
                    log::warn!("{error}")
                }
                BackgroundEvent::Recorded(file) => log::info!("recording saved to {}", file.display()),
            }
            self.settle(now);
        }
    }

    pub(in crate::session) fn command(&mut self, command: &ClientEvent, now: Time) {
        log::debug!("sending {command:?}");
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
        self.report.recorder.record_sent(kind, bytes, now);
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

    /// Drops the active link after a suspend of `suspended`: the service has closed its end by now.
    pub fn handle_resume(&mut self, suspended: Duration, now: Time) {
        if self.links.link().is_some() {
            self.lose(
                &TransportError::broken(format!("this machine was suspended for {} s", suspended.as_secs())),
                now,
            );
            self.settle(now);
        }
    }

    pub(in crate::session) fn lose(&mut self, error: &TransportError, now: Time) {
        let reason = self.links.lose(Slot::Active, error);
        self.down(error, reason, now);
    }

    pub(in crate::session) fn down(&mut self, error: &TransportError, reason: CloseReason, now: Time) {
        self.report.recorder.record_loss(error, now);
        if let Some(message) = self.report.log.lost(error, reason, self.conversation.is_leaving(), now) {
            self.ui.print("notice", &message);
        }
        self.queue(Event::Link(LinkChange::Down(reason)));
    }
}
