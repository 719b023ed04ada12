//! From the button's edge in the kernel to the first silent sample of the interrupted reply.

use super::{NAME, TAP_NS, end_reply, enter, reply, start};
use crate::card_cost;
use crate::clock::{self, MS, Random, ms_between};
use crate::gpio::Chip;
use crate::latency::counter;
use crate::loopback::{SoundRecorder, SoundSource};
use crate::service::Service;
use crate::table::{Goal, Table};

/// Enough to sample every phase of the loopback card's tick of 4 ms, which is most of the spread.
const ROUNDS: usize = 60;
/// A reply of 800 ms: every interruption comes before its end.
const REPLY_FRAMES: usize = 19_200;

pub(super) fn run(table: &mut Table, service: &Service, chip: &Chip) {
    let card = card_cost::measure();
    let (recorder, source) = (SoundRecorder::start(), SoundSource::start(counter));
    let device = start("peripherals-silence", service, true, &[]);
    table.expect(NAME, service.wait_for_sound(0, 5_000).is_some(), "no microphone audio arrived within 5 s");
    let mut random = Random::new();
    let presses: Vec<u64> =
        (0..ROUNDS).filter_map(|number| press(service, chip, number, &mut random)).collect();
    table.expect(NAME, presses.len() == ROUNDS, "not every interruption was reported to the service");
    clock::sleep_ms(300);
    let ended = device.leave();
    source.stop();
    let recording = recorder.stop_single();
    enter(table, "interrupting", &ended);
    let silent = |pressed: u64| {
        let place = recording.place(pressed);
        // Already silent at the press, so nothing was measured.
        (recording.samples[place] != 0).then_some(())?;
        Some(ms_between(pressed, recording.played_at(recording.silence_from(place)?)))
    };
    let silent: Vec<f64> = presses.into_iter().filter_map(silent).collect();
    table.expect(NAME, silent.len() == ROUNDS, "not every press led to silence");
    let what = "button → silence, ms, the fade of 5 included";
    table.row(NAME, what, silent, Goal::Median(15.0), Some(card.stop_ms));
}

/// Interrupts a reply with the button. Returns when, if the service was notified.
fn press(service: &Service, chip: &Chip, number: usize, random: &mut Random) -> Option<u64> {
    let name = format!("silence_{number}");
    clock::sleep_ns(200 * MS + random.below_ms(10));
    reply(service, &name, REPLY_FRAMES);
    clock::sleep_ns(300 * MS + random.below_ms(10));
    let pressed = chip.tap("TALK", TAP_NS);
    let reported = ["response.cancel", "conversation.item.truncate"]
        .iter()
        .all(|kind| service.wait_for(kind, pressed, 1_000).is_some());
    end_reply(service, &name);
    reported.then_some(pressed)
}
