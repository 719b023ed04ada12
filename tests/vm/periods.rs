//! `periods`: the shortest period without xruns, on the kernel's dummy card (snd-dummy).
//!
//! That card has its own high-resolution timer, so the loopback's tick does not affect the result.

use std::fs;

use crate::clock;
use crate::device::Device;
use crate::latency::reply_sample;
use crate::service::Service;
use crate::table::{Goal, Table};

const NAME: &str = "periods";
const BOARD: &str = "periods.toml";
/// Longest first; a board file accepts nothing shorter.
const PERIODS_MS: [u32; 5] = [10, 5, 4, 3, 2];
/// A reply of 5 s, during which both directions run.
const REPLY_FRAMES: usize = 120_000;

pub(crate) fn run(table: &mut Table, _: bool) {
    let service = Service::start();
    let stable = PERIODS_MS.into_iter().take_while(|period_ms| is_stable(table, &service, *period_ms));
    match stable.last() {
        Some(period_ms) => {
            table.number(NAME, "smallest stable period, ms", f64::from(period_ms), Goal::Max(5.0));
        }
        None => table.fail(NAME, "not even periods of 10 ms are stable"),
    }
}

/// Runs a conversation with this period. Returns whether there was no xrun.
fn is_stable(table: &mut Table, service: &Service, period_ms: u32) -> bool {
    let device =
        format!("device = \"hw:CARD=Dummy\"\nrate_hz = 24000\nchannels = 1\nperiod_ms = {period_ms}\n");
    let text =
        format!("[board]\nname = \"vm\"\nabout = \"exact time\"\n[microphone]\n{device}[speaker]\n{device}");
    fs::write(BOARD, text).expect("room for a board file");
    let name = format!("{NAME}-{period_ms}");
    let arguments = service.arguments();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).chain(["--board", BOARD]).collect();
    let began = clock::now();
    let device = Device::start_bare(&name, &arguments);
    let audio_arrived = service.wait_for_sound(began, 5_000).is_some();
    table.expect(
        NAME,
        audio_arrived,
        &format!("with periods of {period_ms} ms no microphone audio arrived within 5 s"),
    );
    let samples: Vec<i16> = (0..REPLY_FRAMES).map(reply_sample).collect();
    service.reply(&name, &samples);
    clock::sleep_ms(6_000);
    let ended = device.leave();
    table.expect(
        NAME,
        ended.code == Some(0),
        &format!("with periods of {period_ms} ms mynah ended with exit code {:?}", ended.code),
    );
    audio_arrived && ended.code == Some(0) && ended.xruns() == 0
}
