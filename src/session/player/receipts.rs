//! The audio steps of a turn of the loop: pumps the microphone, and records in the ledger what was played.
//!
//! The conversation decides whether the microphone is open and when a reply is cut.

use crate::conversation::{DeviceEvent, Event, LinkChange, ServiceEvent};
use crate::history::PlayedShare;
use crate::ledger::{Correction, TurnMark};
use crate::model::Time;
use crate::protocol::ClientEvent;
use crate::session::Session;
use crate::session::report::log::Anomaly;

impl Session {
    /// Sends captured frames to the service, or buffers them until there is a session.
    pub(in crate::session) fn pump_microphone(&mut self, now: Time) {
        // No frame is used before the light shows that the microphone is live.
        let open = self.conversation.microphone_open() && self.ui.light().microphone_live;
        let link = if self.conversation.is_configured() { self.links.link() } else { None };
        let dropped = self.uplink.dropped();
        let speech = self.conversation.speech_active();
        let result =
            self.uplink.pump(&mut self.audio.capture, open, speech, link, &self.report.recorder, now);
        if self.uplink.dropped() > dropped {
            self.report.log.anomaly(Anomaly::PreRoll, "the connection took too long", now);
        }
        if let Err(error) = result {
            self.lose(&error, now);
        }
    }

    /// Keeps the ledger in step with an event.
    pub(in crate::session) fn follow_in_ledger(&mut self, event: &Event, now: Time) {
        match event {
            Event::Service(ServiceEvent::SpeechStopped) => self.ledger.mark(TurnMark::TurnEnded, now),
            Event::Service(ServiceEvent::ReplyCreated(_)) => self.ledger.mark(TurnMark::Created, now),
            Event::Service(ServiceEvent::ReplyDone(reply, _)) => self.ledger.reply_done(reply),
            Event::Link(LinkChange::Down(_)) => self.ledger.session_lost(),
            Event::Input(_)
            | Event::Device(_)
            | Event::Link(_)
            | Event::Standby(_)
            | Event::Service(_)
            | Event::Tick => {}
        }
    }

    /// Cuts the reply: clears the reply queue, and the playback lane and device if they hold any of it.
    pub(in crate::session) fn cut(&mut self, now: Time) {
        self.downlink.clear();
        if self.audio.playback.written() > self.audio.playback.played_position() || self.ledger.has_items() {
            self.audio.playback.cut();
            self.ledger.mark(TurnMark::Cut, now);
            self.ui.set_interrupted(now);
        }
    }

    pub(in crate::session) fn handle_receipts(&mut self, now: Time) {
        while let Some(receipt) = self.audio.playback.receipt() {
            self.ledger.cut_receipt(receipt.cut, receipt.played, now);
            self.report_turn();
        }
        let played = self.audio.playback.played_position();
        self.ledger.played(played, now);
        if !self.downlink.is_waiting() && self.ledger.take_drained(played) {
            self.queue(Event::Device(DeviceEvent::Drained));
            self.settle(now);
        }
        if self.audio.input_ended() && !self.input_end_reported {
            self.input_end_reported = true;
            self.queue(Event::Device(DeviceEvent::InputEnded));
            self.settle(now);
        }
    }

    /// Reports to the service how much of a cut reply was played (protocol §10).
    pub(in crate::session) fn send_corrections(&mut self, now: Time) {
        while let Some(correction) = self.ledger.next_correction() {
            let command = match correction {
                Correction::Truncate { item, content_index, audio_end_ms, received_ms } => {
                    self.history.truncate(&item, PlayedShare { played_ms: audio_end_ms, received_ms });
                    ClientEvent::Truncate { item, content_index, audio_end_ms }
                }
                Correction::Delete { item } => {
                    self.history.truncate(&item, PlayedShare::default());
                    ClientEvent::Delete(item)
                }
            };
            self.command(&command, now);
        }
    }

    /// Sets microphone and light from the conversation: the light is on before the first sample and off after
    /// the last.
    pub(in crate::session) fn apply_outputs(&mut self, now: Time) {
        let open = self.conversation.microphone_open();
        if !open {
            self.audio.capture.set_open(false);
        }
        if !self.conversation.keeps_unsent_audio() {
            self.drop_unsent(now);
        }
        self.update_indicator(now);
        if open {
            self.audio.capture.set_open(true);
        }
    }

    /// Discards captured audio that no session is to receive any more.
    pub(in crate::session) fn drop_unsent(&mut self, now: Time) {
        let offline = !self.conversation.is_configured();
        if self.uplink.discard_unsent() && offline {
            self.report.log.anomaly(Anomaly::PreRoll, "there is no connection", now);
        }
    }
}
