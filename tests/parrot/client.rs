//! A client of one parrot in virtual time: sends audio and events, and collects the server's events.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mynah::parrot::{Parrot, ParrotConfig};
use serde_json::{Value, json};
use std::time::Duration;

/// Amplitude of the tone that stands for speech.
pub(super) const SPEECH_PEAK: u16 = 12_000;

pub(super) struct Client {
    pub(super) parrot: Parrot,
    pub(super) now_ms: u64,
    /// Server events since `discard_received`, with their time in milliseconds.
    pub(super) received: Vec<(u64, Value)>,
}

impl Client {
    pub(super) fn new(config: ParrotConfig) -> Self {
        let mut client =
            Self { parrot: Parrot::new(config, 7, Duration::ZERO), now_ms: 0, received: Vec::new() };
        client.wait(0);
        client
    }

    /// Creates a client whose session has `server_vad` with 300 ms of padding and 500 ms of silence, changed
    /// by `detection_changes`.
    pub(super) fn configured(config: ParrotConfig, detection_changes: Value) -> Self {
        let mut client = Self::new(config);
        let mut detection =
            json!({"type": "server_vad", "prefix_padding_ms": 300, "silence_duration_ms": 500});
        detection.as_object_mut().unwrap().extend(detection_changes.as_object().unwrap().clone());
        let transcription = json!({"model": "azure-speech"});
        client.update(json!({"turn_detection": detection, "input_audio_transcription": transcription}));
        client.discard_received();
        client
    }

    pub(super) fn send(&mut self, event: Value) {
        self.send_text(&event.to_string());
    }

    pub(super) fn send_text(&mut self, text: &str) {
        self.parrot.receive(text, Duration::from_millis(self.now_ms));
        self.wait(0);
    }

    pub(super) fn append(&mut self, samples: &[i16]) {
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        self.send(json!({"type": "input_audio_buffer.append", "audio": STANDARD.encode(bytes)}));
    }

    /// Appends `samples` in real time, 10 ms at a time.
    pub(super) fn send_audio(&mut self, samples: &[i16]) {
        for chunk in samples.chunks(240) {
            self.wait(10);
            self.append(chunk);
        }
    }

    pub(super) fn send_speech(&mut self, ms: usize) {
        self.send_tone(ms, SPEECH_PEAK);
    }

    pub(super) fn send_tone(&mut self, ms: usize, peak: u16) {
        self.send_audio(&tone(ms, peak, self.now_ms as usize * 24));
    }

    pub(super) fn send_silence(&mut self, ms: usize) {
        self.send_audio(&vec![0; ms * 24]);
    }

    pub(super) fn wait(&mut self, ms: u64) {
        let until = self.now_ms + ms;
        loop {
            let now = Duration::from_millis(self.now_ms);
            while let Some(text) = self.parrot.next_message(now) {
                self.received.push((self.now_ms, serde_json::from_str(&text).unwrap()));
            }
            if self.now_ms == until {
                return;
            }
            self.now_ms += 1;
        }
    }

    /// Sends `session.update` and returns the effective session.
    pub(super) fn update(&mut self, session: Value) -> Value {
        self.send(json!({"type": "session.update", "session": session}));
        let updated = self.received.last().unwrap().1.clone();
        assert_eq!(updated["type"], "session.updated", "{updated}");
        updated["session"].clone()
    }

    pub(super) fn discard_received(&mut self) {
        self.received.clear();
    }

    pub(super) fn expect_next(&mut self, kind: &str) -> Value {
        let (_, event) = self.received.remove(0);
        assert_eq!(event["type"], kind);
        event
    }

    /// Returns the types of the received events; consecutive transcript deltas count as one.
    pub(super) fn event_types(&self) -> Vec<String> {
        let mut types: Vec<String> =
            self.received.iter().map(|(_, event)| event["type"].as_str().unwrap().to_owned()).collect();
        types.dedup_by(|a, b| a == b && a == "response.audio_transcript.delta");
        types
    }

    pub(super) fn events<'a>(&'a self, kind: &str) -> impl Iterator<Item = &'a (u64, Value)> {
        self.received.iter().filter(move |(_, event)| event["type"] == kind)
    }

    pub(super) fn nth(&self, kind: &str, n: usize) -> &Value {
        &self.events(kind).nth(n).unwrap_or_else(|| panic!("no {kind} {n} in {:?}", self.event_types())).1
    }

    pub(super) fn first_at_ms(&self, kind: &str) -> u64 {
        self.events(kind).next().unwrap().0
    }

    pub(super) fn count(&self, kind: &str) -> usize {
        self.events(kind).count()
    }

    /// Returns all received audio.
    pub(super) fn audio(&self) -> Vec<i16> {
        let deltas = self.events("response.audio.delta").map(|(_, event)| event["delta"].as_str().unwrap());
        let bytes: Vec<u8> = deltas.flat_map(|delta| STANDARD.decode(delta).unwrap()).collect();
        bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
    }
}

/// Returns a triangle wave of 300 Hz from its sample `from` on.
pub(super) fn tone(ms: usize, peak: u16, from: usize) -> Vec<i16> {
    const PERIOD: i32 = 80;
    let peak = i32::from(peak);
    (from..from + ms * 24)
        .map(|n| {
            let n = n as i32 % PERIOD;
            let rising = if n < PERIOD / 2 { n } else { PERIOD - n };
            (peak * (2 * rising - PERIOD / 2) / (PERIOD / 2)) as i16
        })
        .collect()
}
