//! `peripherals`: buttons and a light on GPIO lines of the kernel's simulator.
//!
//! mynah learns of them from a board file, as on a user's own board.

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
/// The duration of a short press.
const TAP_NS: u64 = 60 * MS;
/// The duration of a long press, as in the board file.
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

/// Writes the board file with these lines for the talk button and the light.
fn board(talk: &str, light: &str) {
    let form = "rate_hz = 24000\nformat = \"S16\"\nchannels = 1\n";
    let text = format!(
        "[board]\nname = \"vm\"\nabout = \"what the kernel simulates\"\n\
         [microphone]\ndevice = \"{MICROPHONE}\"\n{form}\
         [speaker]\ndevice = \"{SPEAKER}\"\n{form}\
         [[button]]\nname = \"talk\"\n{talk}\nbias = \"as-is\"\ndebounce_ms = 0\n\
         press = \"talk\"\nlong = \"mute\"\nlong_ms = {LONG_MS}\n\
         [[button]]\nname = \"mute\"\ngpio = \"MUTE\"\nbias = \"as-is\"\ndebounce_ms = 0\nkind = \"mute-switch\"\n\
         [[light]]\nname = \"light\"\nkind = \"led\"\n{light}\n"
    );
    fs::write(BOARD, text).expect("room for a board file");
}

/// Starts mynah on this board; `fresh` deletes its saved state first.
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

/// Adds the exit code and the xruns to the table.
fn enter(table: &mut Table, what: &str, ended: &Ended) {
    table.expect(
        NAME,
        ended.code == Some(0),
        &format!("{what}: mynah ended with exit code {:?}", ended.code),
    );
    table.number(NAME, &format!("{what}: xruns"), ended.xruns() as f64, Goal::Max(0.0));
}

/// Sends a user turn and `frames` of a reply that counts. Returns when the first delta was sent.
fn reply(service: &Service, name: &str, frames: usize) -> u64 {
    let [user, reply, item] = ["user", "resp", "item"].map(|kind| format!("{kind}_{name}"));
    service.send(events::user_turn(&user));
    service.send(events::reply_begun(&reply, &item));
    let samples: Vec<i16> = (0..frames).map(reply_sample).collect();
    service.send(events::audio_deltas(&reply, &item, &samples))
}

/// Ends an interrupted reply at the service.
fn end_reply(service: &Service, name: &str) {
    let [reply, item] = ["resp", "item"].map(|kind| format!("{kind}_{name}"));
    service.send([events::truncated(&item, 0)]);
    service.send(events::reply_interrupted(&reply, &item));
}
