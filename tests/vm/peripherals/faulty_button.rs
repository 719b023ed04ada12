//! Faulty buttons: held since before the start, or chattering. mynah reports them, and the conversation continues.

use super::{NAME, TAP_NS, end_reply, enter, reply, start};
use crate::clock::{self, MS, now};
use crate::device::Device;
use crate::gpio::Chip;
use crate::latency::{counter, reply_sample};
use crate::loopback::{SoundRecorder, SoundSource, span};
use crate::scripted::events;
use crate::service::Service;
use crate::table::Table;

/// A reply of 400 ms, which is played to its end.
const SHORT_FRAMES: usize = 9_600;
/// A reply of 800 ms, which is interrupted.
const LONG_FRAMES: usize = 19_200;
const EDGES: u64 = 200;
const CHATTER_MS: u64 = 1_000;

pub(super) fn run(table: &mut Table, service: &Service, chip: &Chip) {
    chip.press("TALK");
    run_one(table, service, chip, "held at the start", held);
    run_one(table, service, chip, "chattering", chattering);
}

/// Runs a conversation with a faulty button, in which a reply has to be played whole.
fn run_one(
    table: &mut Table,
    service: &Service,
    chip: &Chip,
    what: &str,
    talk: fn(&mut Table, &Service, &Chip, &Device) -> u64,
) {
    let (recorder, source) = (SoundRecorder::start(), SoundSource::start(counter));
    let device = start(&format!("peripherals-{}", what.replace(' ', "-")), service, true, &[]);
    let audio_arrived = service.wait_for_sound(now(), 5_000).is_some();
    table.expect(NAME, audio_arrived, &format!("{what}: no microphone audio arrived within 5 s"));
    let replied = talk(table, service, chip, &device);
    interrupts(table, service, chip, what);
    let ended = device.leave();
    source.stop();
    enter(table, what, &ended);
    let recording = recorder.stop_single();
    let is_whole = recording.sound_from(recording.place(replied)).is_some_and(|from| {
        (0..SHORT_FRAMES).all(|at| recording.samples.get(from + at) == Some(&reply_sample(at)))
    });
    table.expect(NAME, is_whole, &format!("{what}: a reply was not played whole meanwhile"));
}

fn held(table: &mut Table, service: &Service, chip: &Chip, device: &Device) -> u64 {
    clock::sleep_ms(500);
    let replied = whole_reply(service, "held");
    let said = device.says("the button talk was down at the start", 0, 0).is_some();
    table.expect(NAME, said, "it did not report the button held at the start");
    chip.release("TALK");
    replied
}

fn chattering(table: &mut Table, service: &Service, chip: &Chip, device: &Device) -> u64 {
    let replied = std::thread::scope(|scope| {
        scope.spawn(|| chatter(chip));
        // By then the button is known to chatter.
        clock::sleep_ms(300);
        whole_reply(service, "chatter")
    });
    let said = device.says("the button talk chatters", 0, 0).is_some();
    table.expect(NAME, said, "it did not report the chattering button");
    // The button works again after a second without an edge.
    clock::sleep_ms(1_200);
    replied
}

/// Sends a reply, waits until it is played, and returns when it was sent.
fn whole_reply(service: &Service, name: &str) -> u64 {
    let at = reply(service, name, SHORT_FRAMES);
    service.send(events::reply_ended(&format!("resp_{name}"), &format!("item_{name}"), "Counted."));
    clock::sleep_ns(span(SHORT_FRAMES as u64) + 100 * MS);
    at
}

/// Checks that the button interrupts a reply.
fn interrupts(table: &mut Table, service: &Service, chip: &Chip, what: &str) {
    let name = format!("at_{}", now());
    clock::sleep_ms(300);
    reply(service, &name, LONG_FRAMES);
    clock::sleep_ms(300);
    let pressed = chip.tap("TALK", TAP_NS);
    let interrupted = service.wait_for("conversation.item.truncate", pressed, 1_000).is_some();
    table.expect(NAME, interrupted, &format!("{what}: afterwards the button did not interrupt"));
    end_reply(service, &name);
}

fn chatter(chip: &Chip) {
    let pause = CHATTER_MS * MS / EDGES;
    for _ in 0..EDGES / 2 {
        chip.tap("TALK", pause);
        clock::sleep_ns(pause);
    }
}
