//! `suspend`: the machine sleeps in the middle of a reply, and the conversation goes on when it wakes.
//!
//! The kernel's own test of suspend (Documentation/power/basic-pm-debugging) puts every device to sleep and wakes it,
//! without the machine's firmware, which an emulated one would not come back from.

use std::fs;

use crate::clock::{self, now};
use crate::device::Device;
use crate::latency::reply_sample;
use crate::service::Service;
use crate::table::{Goal, Table};

const NAME: &str = "suspend";
/// The card with the driver that puts its own chip to sleep. Its microphone gives zeros, which is noticed later than this.
const CARD: &str = "hw:CARD=Intel";
/// Of a reply: 5 s.
const REPLY_FRAMES: usize = 120_000;
const REPLY_WHOLE: &str = " 5000 ms of it heard";
/// Of the microphone, as the service has it.
const SECOND: usize = 24_000;
const TIMEOUT_MS: u64 = 8_000;

pub(crate) fn run(table: &mut Table, _: bool) {
    let service = Service::start();
    let arguments = service.arguments();
    let cards = ["--microphone", CARD, "--speaker", CARD];
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).chain(cards).collect();
    let device = Device::start_bare(NAME, &arguments);
    let heard = service.wait_for_sound(0, 5_000).is_some();
    table.expect(NAME, heard, "no sample of the microphone came in 5 s");
    let samples: Vec<i16> = (0..REPLY_FRAMES).map(reply_sample).collect();
    service.reply(NAME, &samples);
    clock::sleep_ms(500);
    sleep_and_wake();
    let awake = now();
    let whole = clock::until(TIMEOUT_MS, || sound_since(&service, awake).is_some());
    match sound_since(&service, awake).filter(|_| whole) {
        Some(late) => table.number(NAME, "awake → microphone on the wire, ms", late, Goal::Max(2_000.0)),
        None => table.fail(NAME, "no second of the microphone came in the 8 s after it woke"),
    }
    let counted = device.says(" suspends", awake, TIMEOUT_MS);
    let counted = counted.is_some_and(|line| !line.text.contains(" 0 suspends"));
    table.expect(NAME, counted, "it did not count that its card was asleep");
    let told = device.says("of it heard", awake, TIMEOUT_MS).map(|line| line.text);
    let whole = told.as_ref().is_some_and(|told| told.contains(REPLY_WHOLE));
    table.expect(NAME, whole, &format!("the reply was not heard to its end: {told:?}"));
    let ended = device.leave();
    table.expect(NAME, ended.code == Some(0), &format!("mynah ended with exit code {:?}", ended.code));
}

/// How much later than it was captured the first second of sound after `awake` is there, once it is.
fn sound_since(service: &Service, awake: u64) -> Option<f64> {
    let log = service.log();
    let mut samples = 0;
    // What was under way when the machine fell asleep is less than a second, so the second is a whole one.
    let full = log.appends.iter().filter(|append| append.at >= awake).find(|append| {
        samples += append.samples.len();
        samples >= SECOND
    })?;
    Some(clock::ms_between(awake, full.at) - 1_000.0)
}

/// Puts every device to sleep for a second and wakes it.
fn sleep_and_wake() {
    for (file, word) in [
        ("/sys/module/suspend/parameters/pm_test_delay", "1"),
        ("/sys/power/pm_test", "devices"),
        // Everything stands still while this is written.
        ("/sys/power/state", "mem"),
    ] {
        fs::write(file, word).expect("the kernel can test its suspend");
    }
}
