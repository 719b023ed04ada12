//! `body`: buttons and a lamp on GPIO lines that the kernel simulates, pressed and looked at in the kernel.
//!
//! mynah is told of them by a board file, as on any board of one's own.

mod faulty_button;
mod light;
mod mute;
mod refused;
mod silence;

use std::fs;

use crate::clock::MS;
use crate::device::{Device, Ended};
use crate::gpio::Chip;
use crate::latency::reply_sample;
use crate::loopback::{MICROPHONE, SPEAKER};
use crate::scripted::events;
use crate::service::Service;
use crate::table::{Goal, Table};

const NAME: &str = "peripherals";
const LINES: &[&str] = &["TALK", "MUTE", "LED", "SPARE"];
const BOARD: &str = "peripherals.toml";
const STATE: &str = "peripherals-state.toml";
/// What a finger takes.
const TAP_NS: u64 = 60 * MS;
/// What the board file calls a long press.
const LONG_MS: u64 = 400;

pub(crate) fn run(table: &mut Table, _: bool) {
    let service = Service::start();
    let chip = Chip::new(LINES);
    board("gpio = \"TALK\"", "gpio = \"LED\"");
    silence::run(table, &service, &chip);
    light::run(table, &service, &chip);
    mute::run(table, &service, &chip);
    faulty_button::run(table, &service, &chip);
    refused::run(table, &chip);
}

/// Writes the board file, with the lines of the talk button and of the lamp.
fn board(talk: &str, lamp: &str) {
    let form = "rate_hz = 24000\nformat = \"S16\"\nchannels = 1\n";
    let text = format!(
        "[board]\nname = \"vm\"\nabout = \"what the kernel simulates\"\n\
         [microphone]\ndevice = \"{MICROPHONE}\"\n{form}\
         [speaker]\ndevice = \"{SPEAKER}\"\n{form}\
         [[button]]\nname = \"talk\"\n{talk}\nbias = \"as-is\"\ndebounce_ms = 0\n\
         press = \"talk\"\nlong = \"mute\"\nlong_ms = {LONG_MS}\n\
         [[button]]\nname = \"mute\"\ngpio = \"MUTE\"\nbias = \"as-is\"\ndebounce_ms = 0\nkind = \"mute-switch\"\n\
         [[light]]\nname = \"lamp\"\nkind = \"led\"\n{lamp}\n"
    );
    fs::write(BOARD, text).expect("room for a board file");
}

/// Starts mynah on this board; with `fresh` it remembers nothing.
fn start(name: &str, service: &Service, fresh: bool, arguments: &[&str]) -> Device {
    if fresh {
        let _ = fs::remove_file(STATE);
    }
    let service = service.arguments();
    let service: Vec<&str> = service.iter().map(String::as_str).collect();
    Device::start_bare(
        name,
        &[service.as_slice(), &["--board", BOARD, "--state-file", STATE], arguments].concat(),
    )
}

/// Enters how it ended.
fn enter(table: &mut Table, what: &str, ended: &Ended) {
    table.expect(
        NAME,
        ended.code == Some(0),
        &format!("{what}: mynah ended with exit code {:?}", ended.code),
    );
    table.number(NAME, &format!("{what}: xruns"), ended.xruns() as f64, Goal::Max(0.0));
}

/// Has the service answer with `frames` of a reply that counts; returns when the first of it was sent.
fn reply(service: &Service, name: &str, frames: usize) -> u64 {
    let [user, reply, item] = ["user", "resp", "item"].map(|kind| format!("{kind}_{name}"));
    service.send(events::user_turn(&user));
    service.send(events::reply_begun(&reply, &item));
    let samples: Vec<i16> = (0..frames).map(reply_sample).collect();
    service.send(events::audio_deltas(&reply, &item, &samples))
}

/// Has the service end a reply that was interrupted.
fn end_reply(service: &Service, name: &str) {
    let [reply, item] = ["resp", "item"].map(|kind| format!("{kind}_{name}"));
    service.send([events::truncated(&item, 0)]);
    service.send(events::reply_interrupted(&reply, &item));
}
