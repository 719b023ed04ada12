//! The sound's part of a turn of the loop: what the microphone heard goes out, and what the speaker played is
//! entered in the book and told.
//!
//! Whether the microphone is to be open, and when a reply is cut, is the conversation's.

use crate::conversation::{DeviceEvent, Event, State};
use crate::history::PlayedShare;
use crate::ledger::{Correction, TurnMark};
use crate::model::Time;
use crate::protocol::ClientEvent;
use crate::session::Session;
use crate::session::report::log::Anomaly;

impl Session {
    /// Moves the microphone's frames on: to the service, or into the pre-roll.
    pub(in crate::session) fn pump_microphone(&mut self, now: Time) {
        // What the light does not show is not taken.
        let open = self.conversation.microphone_open() && self.light.microphone_live;
        let link = if self.conversation.is_configured() { self.links.link() } else { None };
        let dropped = self.uplink.dropped();
        let speech = self.conversation.speech_active();
        let result = self.uplink.pump(&mut self.audio.capture, open, speech, link, &self.recorder, now);
        if self.uplink.dropped() > dropped {
            self.status.anomaly(Anomaly::PreRoll, "the link is slow to come up", now);
        }
        if let Err(error) = result {
            self.lose(&error, now);
        }
    }

    /// Silences the reply, here and in the device, where there is anything to silence.
    pub(in crate::session) fn cut(&mut self, now: Time) {
        self.downlink.clear();
        if self.audio.playback.written() > self.audio.playback.played_position() || self.ledger.has_items() {
            self.audio.playback.cut();
            self.ledger.mark(TurnMark::Cut, now);
            self.light.interrupted = Some(now);
        }
    }

    pub(in crate::session) fn handle_receipts(&mut self, now: Time) {
        while let Some(receipt) = self.audio.playback.receipt() {
            self.ledger.silenced(receipt.cut, receipt.played, now);
            self.status.turn(self.ledger.timings(), &mut self.board);
        }
        let played = self.audio.playback.played_position();
        self.ledger.played(played, now);
        if !self.downlink.is_waiting() && self.ledger.take_drained(played) {
            self.handle(&Event::Device(DeviceEvent::Drained), now);
        }
        if self.audio.input_ended() && !self.input_end_reported {
            self.input_end_reported = true;
            self.handle(&Event::Device(DeviceEvent::InputEnded), now);
        }
    }

    /// Tells the service what was really heard of a reply that was cut.
    pub(in crate::session) fn send_corrections(&mut self, now: Time) {
        while let Some(correction) = self.ledger.next_correction() {
            let command = match correction {
                Correction::Truncate { item, content_index, audio_end_ms, received_ms } => {
                    self.history.truncate(&item, PlayedShare { heard_ms: audio_end_ms, received_ms });
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

    /// Lets microphone and light follow the conversation: the light is on before the first sample and
    /// off after the last.
    pub(in crate::session) fn apply_outputs(&mut self, now: Time) {
        let open = self.conversation.microphone_open();
        if !open {
            self.audio.capture.set_open(false);
        }
        // Only a whole turn may wait for the link with the microphone closed.
        if !open && self.conversation.state() != State::Thinking {
            self.drop_unsent(now);
        }
        self.update_indicator(now);
        if open {
            self.audio.capture.set_open(true);
        }
    }

    /// Lets go of what the microphone has heard: no session is to have it any more.
    pub(in crate::session) fn drop_unsent(&mut self, now: Time) {
        let offline = !self.conversation.is_configured();
        if self.uplink.discard_unsent() && offline {
            self.status.anomaly(Anomaly::PreRoll, "there is no link", now);
        }
    }
}
