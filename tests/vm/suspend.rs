//! `suspend`: the machine suspends in the middle of a reply, and the conversation continues after it resumes.
//!
//! The kernel's suspend test (Documentation/power/basic-pm-debugging) suspends and resumes every device without the
//! firmware, from which this emulated machine would not return.

use std::fs;

use crate::clock::{self, now};
use crate::device::Device;
use crate::latency::reply_sample;
use crate::service::Service;
use crate::table::{Goal, Table};

const NAME: &str = "suspend";
/// A card whose driver suspends its chip. Its microphone delivers zeros; the test ends before that is reported.
const CARD: &str = "hw:CARD=Intel";
/// A reply of 5 s.
const REPLY_FRAMES: usize = 120_000;
const REPLY_WHOLE: &str = " 5000 ms of it heard";
/// One second of the microphone at the service.
const SECOND_FRAMES: usize = 24_000;
const TIMEOUT_MS: u64 = 8_000;

pub(crate) fn run(table: &mut Table, _: bool) {
    let service = Service::start();
    let arguments = service.arguments();
    let cards = ["--microphone", CARD, "--speaker", CARD];
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).chain(cards).collect();
    let device = Device::start_bare(NAME, &arguments);
    let heard = service.wait_for_sound(0, 5_000).is_some();
    table.expect(NAME, heard, "no microphone audio arrived within 5 s");
    let samples: Vec<i16> = (0..REPLY_FRAMES).map(reply_sample).collect();
    service.reply(NAME, &samples);
    clock::sleep_ms(500);
    sleep_and_wake();
    let awake = now();
    let whole = clock::until(TIMEOUT_MS, || sound_since(&service, awake).is_some());
    match sound_since(&service, awake).filter(|_| whole) {
        Some(late) => table.number(NAME, "resumed → microphone on the wire, ms", late, Goal::Max(2_000.0)),
        None => table.fail(NAME, "no second of microphone audio arrived within 8 s after it resumed"),
    }
    let counted = device.says(" suspends", awake, TIMEOUT_MS);
    let counted = counted.is_some_and(|line| !line.text.contains(" 0 suspends"));
    table.expect(NAME, counted, "it did not count the suspend of its card");
    let told = device.says("of it heard", awake, TIMEOUT_MS).map(|line| line.text);
    let whole = told.as_ref().is_some_and(|told| told.contains(REPLY_WHOLE));
    table.expect(NAME, whole, &format!("the reply was not played to its end: {told:?}"));
    let ended = device.leave();
    table.expect(NAME, ended.code == Some(0), &format!("mynah ended with exit code {:?}", ended.code));
}

/// Returns the delay in milliseconds with which the first second of audio after `awake` was complete; `None` before that.
fn sound_since(service: &Service, awake: u64) -> Option<f64> {
    let log = service.log();
    let mut samples = 0;
    // Less than a second was in flight at the suspend, so a whole second is of new audio.
    let full = log.appends.iter().filter(|append| append.at >= awake).find(|append| {
        samples += append.samples.len();
        samples >= SECOND_FRAMES
    })?;
    Some(clock::ms_between(awake, full.at) - 1_000.0)
}

/// Suspends every device for a second and resumes it.
fn sleep_and_wake() {
    for (file, word) in [
        ("/sys/module/suspend/parameters/pm_test_delay", "1"),
        ("/sys/power/pm_test", "devices"),
        // The write returns after the resume.
        ("/sys/power/state", "mem"),
    ] {
        fs::write(file, word).expect("a kernel with CONFIG_PM_DEBUG");
    }
}
