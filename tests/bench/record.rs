//! The cost of the flight recorder on the main path: recording a frame up, a delta down, and an event.
//!
//! Each includes its encoding by [`Recorder::turn`], which a session does at the end of a turn. Writing a recording to
//! disk is not part of it; `background` does that.

use std::time::{Duration, Instant};

use mynah::conversation::{Conversation, Event, Id, Mode, ServiceEvent};
use mynah::model::Time;
use mynah::recorder::{Recorder, RecorderSetup};

use crate::allocations::allocations;
use crate::trips::{self, DELTA_SAMPLES, FRAME_SAMPLES, Trip};
use crate::{instructions, quantile};

const ROUNDS: u32 = 20_000;

/// Measures the recorder and prints the table.
pub(crate) fn print() {
    println!("The flight recorder: its cost for a 20 ms frame up, a 200 ms delta down, and an event.");
    println!("{:20} {:>10} {:>13} {:>17}", "", "ns, median", "instructions", "allocations");
    for (title, name) in
        [("20 ms frame up", "record-up"), ("200 ms delta down", "record-down"), ("event", "record-event")]
    {
        let mut trip = trips::named(name);
        let mut times: Vec<u64> = (0..ROUNDS).map(|_| timed(&mut *trip)).collect();
        let before = allocations();
        (0..ROUNDS).for_each(|_| trips::measured_part(&mut *trip));
        let allocations = (allocations().count - before.count) as f64 / f64::from(ROUNDS);
        let counted = if instructions::can_count() { instructions::per_trip(name) } else { None };
        let counted = counted.map_or_else(|| "?".to_owned(), |count| count.to_string());
        println!("{title:20} {:>10} {counted:>13} {allocations:>17.3}", quantile(&mut times, 0.5));
    }
    println!("An event allocates once in some hundred: a snapshot at the start of each segment of the ring.");
    println!();
}

fn timed(trip: &mut dyn Trip) -> u64 {
    let began = Instant::now();
    trips::measured_part(trip);
    began.elapsed().as_nanos() as u64
}

/// A recorder that records the same message or event repeatedly.
pub(crate) struct RecordTrip {
    kind: RecordKind,
    conversation: Conversation,
    recorder: Recorder,
    now: Time,
    base64: String,
}

pub(crate) enum RecordKind {
    Up,
    Down,
    Event,
}

impl RecordTrip {
    pub(crate) fn new(kind: RecordKind) -> Self {
        let now = Time::ZERO;
        let (conversation, _) = Conversation::begin(Mode::Open, false, 7, now);
        let setup = RecorderSetup {
            mode: Mode::Open,
            seed: 7,
            started: None,
            sound: false,
            words: false,
            follow: false,
        };
        let recorder = Recorder::begin(setup, &conversation, now);
        let samples = match kind {
            RecordKind::Up => FRAME_SAMPLES,
            RecordKind::Down | RecordKind::Event => DELTA_SAMPLES,
        };
        Self { kind, conversation, recorder, now, base64: "AAEC".repeat(samples * 2 / 3) }
    }
}

impl Trip for RecordTrip {
    fn run(&mut self) {
        let (bytes, now) = (self.base64.len() + 100, self.now);
        match self.kind {
            RecordKind::Up => self.recorder.sent_audio("input_audio_buffer.append", bytes, &self.base64, now),
            RecordKind::Down => {
                self.recorder.received_audio("response.audio.delta", bytes, &self.base64, now)
            }
            RecordKind::Event => {
                let event = Event::Service(ServiceEvent::Audio(
                    Id::try_from("resp_Jd05yTq7Xn2E").expect("it is short"),
                ));
                let actions = self.conversation.handle(&event, now);
                self.recorder.event(&event, &actions, &self.conversation, now);
            }
        }
        self.recorder.turn(&self.conversation, now);
        self.now += Duration::from_millis(20);
    }
}
