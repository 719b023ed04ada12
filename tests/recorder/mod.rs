//! The flight recorder: what it keeps and for how long, what it never keeps, and that recordings replay.

mod format;
mod pending;
mod replay;
mod ring;

use std::time::Duration;

use mynah::conversation::{Event, LinkChange, Mode};
use mynah::recorder::{RecordLine, Recorder, RecorderSetup, RecordingReader, ReplayOutcome, replay};

use crate::conversation::Harness;

/// A conversation and a recorder of its events.
struct RecorderHarness {
    conv: Harness,
    recorder: Recorder,
}

impl RecorderHarness {
    fn begin(mode: Mode) -> Self {
        Self::with_setup(mode, |_| {})
    }

    /// A harness whose recorder keeps what `ask` sets.
    fn with_setup(mode: Mode, ask: impl FnOnce(&mut RecorderSetup)) -> Self {
        let conv = Harness::begin(mode);
        let started = Some("2026-01-02T03:04:05Z".to_owned());
        let mut setup = RecorderSetup { mode, seed: 7, started, sound: false, words: false, follow: false };
        ask(&mut setup);
        let recorder = Recorder::begin(setup, &conv.conversation, conv.now);
        Self { conv, recorder }
    }

    fn on(&mut self, event: &Event) {
        let actions = self.conv.conversation.handle(event, self.conv.now);
        self.recorder.event(event, &actions, &self.conv.conversation, self.conv.now);
    }

    fn after(&mut self, wait: Duration) -> &mut Self {
        self.conv.after(wait);
        self
    }

    /// Handles events after waits in ms, like a session: a deadline that passes in a wait ticks first.
    fn play(&mut self, events: impl IntoIterator<Item = (u64, Event)>) {
        for (wait_ms, event) in events {
            let then = self.conv.now + Duration::from_millis(wait_ms);
            while let Some(due) = self.conv.conversation.deadline().filter(|due| *due <= then) {
                self.conv.now = due.max(self.conv.now);
                self.on(&Event::Tick);
            }
            self.conv.now = then;
            self.on(&event);
        }
    }

    fn up(&mut self) {
        self.play([(30, Event::Link(LinkChange::Up)), (40, Event::Link(LinkChange::Configured))]);
    }

    fn text(&mut self) -> String {
        String::from_utf8(self.recorder.text("test")).unwrap()
    }

    fn replayed(&mut self) -> ReplayOutcome {
        let text = self.text();
        replay(text.as_bytes(), |_, _| {}).unwrap()
    }

    /// Returns the lines as they are printed, without their times.
    fn printed_lines(&mut self) -> Vec<String> {
        let text = self.text();
        lines(&text).iter().map(|line| line.to_string()[18..].to_owned()).collect()
    }
}

fn lines(text: &str) -> Vec<RecordLine<'_>> {
    let mut reader = RecordingReader::begin(text.as_bytes()).unwrap();
    std::iter::from_fn(|| reader.next().unwrap()).map(|(_, line)| line).collect()
}

/// Returns `ms` milliseconds of `value` as base64 of PCM16.
fn base64(value: u16, ms: usize) -> String {
    use base64::Engine;
    let bytes: Vec<u8> = std::iter::repeat_n(value.to_le_bytes(), ms * 24).flatten().collect();
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
