//! Sends over the links: audio, commands, and the configuration.
//!
//! `protocol` encodes; the conversation decides what to send. A link that fails is lost, and the message with it.

use bytes::BytesMut;
use rustix::event::PollFlags;

use super::link_state::LinkState;
use super::{Links, RecordSent, Slot};
use crate::protocol::{self, ClientEvent};
use crate::transport::{TransportError, WsClient};

impl Links {
    /// Returns whether there is an active link to send over.
    pub(in crate::session) fn can_send(&self) -> bool {
        self.active.link().is_some()
    }

    /// Returns whether the kernel has yet to take bytes that were sent over the active link.
    pub(in crate::session) fn is_blocked(&self) -> bool {
        self.active.link().is_some_and(|link| link.interest().contains(PollFlags::OUT))
    }

    /// Sends captured frames over the active link, and returns whether it still works.
    pub(in crate::session) fn send_audio<const CHANNELS: usize>(
        &mut self,
        frames: &[[i16; CHANNELS]],
        record: RecordSent<'_>,
    ) -> bool {
        let Some(link) = self.active.link_mut() else { return false };
        let sent = link.send(|text| {
            let before = text.len();
            let audio = protocol::append(frames, text);
            record(
                protocol::APPEND,
                text.len() - before,
                text.get(audio).and_then(|audio| str::from_utf8(audio).ok()),
            );
        });
        let works = sent.is_ok();
        self.check(Slot::Active, sent);
        works
    }

    /// Sends a command over the active link, if there is one, and the service is not known to lack it.
    pub(in crate::session) fn send(&mut self, command: &ClientEvent, record: RecordSent<'_>) {
        if !self.known.form.capabilities.has_event(command.kind()) {
            log::debug!("not sending {}, which the service does not know", command.kind());
            return;
        }
        log::debug!("sending {}", command.without_words());
        if *command == ClientEvent::Create {
            self.record_request();
        }
        let shape = self.known.form.shape;
        let sent = send_over(&mut self.active, command.kind(), |text| command.write(shape, text), record);
        self.check(Slot::Active, sent);
    }

    /// Sends the configuration of the session over a link.
    pub(in crate::session) fn send_configuration(&mut self, slot: Slot, record: RecordSent<'_>) {
        let Self { known, config, active, standby, .. } = self;
        let state = match slot {
            Slot::Active => active,
            Slot::Standby => standby,
        };
        let write = |text: &mut BytesMut| known.form.session_update(config, text);
        let sent = send_over(state, protocol::SESSION_UPDATE, write, record);
        self.check(slot, sent);
    }

    /// Sends the conversation so far to a session that was just configured. Its words are not logged.
    pub(in crate::session) fn send_history(&mut self, items: &[ClientEvent], record: RecordSent<'_>) {
        let mut sent = Ok(());
        let form = &self.known.form;
        for item in items.iter().filter(|item| form.capabilities.has_event(item.kind())) {
            let write = |text: &mut BytesMut| item.write(form.shape, text);
            sent = sent.and(send_over(&mut self.active, item.kind(), write, record));
        }
        self.check(Slot::Active, sent);
    }

    /// Writes what was sent over the active link to its socket.
    pub(in crate::session) fn flush(&mut self) {
        let flushed = self.active.link_mut().map_or(Ok(()), WsClient::flush);
        self.check(Slot::Active, flushed);
    }

    fn check(&mut self, slot: Slot, sent: Result<(), TransportError>) {
        if let Err(error) = sent {
            self.lose(slot, error);
        }
    }
}

fn send_over(
    state: &mut LinkState,
    kind: &'static str,
    write: impl FnOnce(&mut BytesMut),
    record: RecordSent<'_>,
) -> Result<(), TransportError> {
    let Some(link) = state.link_mut() else { return Ok(()) };
    link.send(|text| {
        let before = text.len();
        write(text);
        record(kind, text.len() - before, None);
    })
}
