//! Receives messages over the active link and dispatches them.
//!
//! `protocol` parses events; the conversation decides what follows from them.

use super::Slot;
use crate::conversation::{Event, Id, LinkChange, ServiceEvent};
use crate::ledger::TurnMark;
use crate::model::Time;
use crate::protocol;
use crate::protocol::{AudioDelta, Role, ServerEvent};
use crate::session::Session;
use crate::session::report::log::Anomaly;
use crate::transport::{LinkEvent, Text};

/// Messages handled before the microphone is pumped again: a burst must not delay captured audio.
const MESSAGES_PER_WAKE: usize = 64;

impl Session {
    /// Handles waiting messages, at most [`MESSAGES_PER_WAKE`].
    pub(in crate::session) fn receive_messages(&mut self, now: Time) {
        self.unread = false;
        for _ in 0..MESSAGES_PER_WAKE {
            let Some(link) = self.links.link() else { return };
            match link.next(now) {
                Ok(None) => return,
                Ok(Some(LinkEvent::Up)) => self.queue(Event::Link(LinkChange::Up)),
                Ok(Some(LinkEvent::Text(text))) if !self.links.is_closing(Slot::Active) => {
                    self.receive(&text, now)
                }
                Ok(Some(LinkEvent::Binary(bytes))) => {
                    self.report.log.anomaly(Anomaly::Binary, &format!("{bytes} bytes"), now)
                }
                Ok(Some(LinkEvent::Text(_))) => {}
                Err(error) => {
                    self.lose(&error, now);
                    return self.settle(now);
                }
            }
            self.settle(now);
        }
        self.unread = true;
    }

    fn receive(&mut self, text: &Text, now: Time) {
        let parsed = protocol::parse(text);
        self.report.recorder.record_received(text.len(), &parsed, now);
        match parsed {
            Ok(ServerEvent::Audio(delta)) => self.receive_audio(&delta, now),
            Ok(ServerEvent::AudioDone { item, content_index }) => {
                self.ledger.audio_done(&item, content_index)
            }
            Ok(ServerEvent::Service(event)) => self.queue(Event::Service(event)),
            Ok(ServerEvent::SessionCreated { id, expires_at_s }) => {
                self.report.log.session(&id, now);
                let lifetime = self.links.set_expiry(Slot::Active, expires_at_s);
                self.queue(Event::Link(LinkChange::Expires(lifetime)));
            }
            Ok(ServerEvent::SessionUpdated(effective)) => self.check_config(effective, now),
            Ok(ServerEvent::Transcript { role: who, item, words }) if !words.trim().is_empty() => {
                self.history.push(who, &item, &words);
                let who = match who {
                    Role::User => "you",
                    Role::Assistant => "mynah",
                };
                self.report.recorder.record_transcript(who, &words, now);
                self.ui.print(who, &words);
            }
            Ok(ServerEvent::Transcript { .. } | ServerEvent::Ignored(_)) => {}
            Ok(ServerEvent::Error(error)) => {
                self.report.log.error(&error, now);
                if let Event::Service(ServiceEvent::Refused(refused)) = error.event {
                    self.ui.set_server_error(refused, now);
                }
                self.queue(error.event);
            }
            Ok(ServerEvent::Warning(sentence)) => self.report.log.anomaly(Anomaly::Warning, &sentence, now),
            Ok(ServerEvent::Unknown(kind)) => self.report.log.anomaly(Anomaly::Unknown, &kind, now),
            Err(malformed) => self.report.log.anomaly(Anomaly::Malformed, &malformed.to_string(), now),
        }
    }

    fn receive_audio(&mut self, delta: &AudioDelta<'_>, now: Time) {
        let Some(reply) =
            Id::try_from(&*delta.reply).ok().filter(|reply| self.conversation.accepts_audio_of(reply))
        else {
            return self.ledger.discarded(&delta.reply, &delta.item);
        };
        let outcome = self.downlink.push(delta, &mut self.audio.playback, &mut self.ledger);
        if outcome.bad {
            self.report.log.anomaly(Anomaly::BadAudio, &format!("item {}", delta.item), now);
        }
        if outcome.refused > 0 {
            self.report.log.anomaly(Anomaly::TooLong, &format!("item {}", delta.item), now);
        }
        if outcome.queued > 0 {
            self.ledger.mark(TurnMark::FirstAudio, now);
            self.queue(Event::Service(ServiceEvent::Audio(reply)));
        }
    }

    /// Compares the session with the requested configuration, the first time the service reports it.
    fn check_config(&mut self, effective: &str, now: Time) {
        if self.conversation.is_configured() {
            return;
        }
        let found = protocol::mismatches(&self.config, effective);
        self.report.log.mismatches(&found, now);
        let fatal = found.iter().any(|mismatch| mismatch.fatal);
        if !fatal {
            // History precedes buffered audio, and a rejected session must not receive it.
            self.send_history(now);
        }
        let change = if fatal { LinkChange::Misconfigured } else { LinkChange::Configured };
        self.queue(Event::Link(change));
    }
}
