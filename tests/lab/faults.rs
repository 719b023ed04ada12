//! `deaf` and `sleep`: a microphone that gives only silence, and a machine that sleeps in the middle of a conversation.
//!
//! On the loopback card nobody speaking is a row of zeros, as from a microphone that is cut off. The sleep is the
//! kernel's own rehearsal (Documentation/power/basic-pm-debugging): devices, and at last the clock, stop for a while.

use std::fs;

use crate::cable::{Ear, Mouth};
use crate::clock::{self, now};
use crate::device::Device;
use crate::latency::{counter, reply_sample};
use crate::service::Service;
use crate::table::{Goal, Table};

const DEAF: &str = "deaf";
const SLEEP: &str = "sleep";
const REHEARSAL: &str = "/sys/power/pm_test";
const DELAY_S: &str = "/sys/module/suspend/parameters/pm_test_delay";
const STATE: &str = "/sys/power/state";
/// Of a reply: 2 s.
const REPLY_FRAMES: usize = 48_000;
/// What every fault is to be noticed and mended within.
const GOAL: Goal = Goal::Max(2_000.0);

/// Has nobody speak, and then somebody.
pub(crate) fn deaf(table: &mut Table, _: bool) {
    let service = Service::start();
    let arguments = service.arguments();
    let device = Device::start(DEAF, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let began = service.wait_for_sound(0, 5_000);
    let told = device.says("the microphone delivers nothing but silence", 0, 5_000);
    match (began, told) {
        (Some(began), Some(line)) => {
            table.number(DEAF, "first zero → told, ms", clock::ms_between(began, line.at), GOAL);
        }
        (None, _) => table.fail(DEAF, "no sample of the microphone came in 5 s"),
        (Some(_), None) => table.fail(DEAF, "zeros were not noticed in 5 s"),
    }
    clock::sleep_ms(10_000);
    let mouth = Mouth::speak(counter);
    let spoken = now();
    match device.says("the microphone hears again", spoken, 20_000) {
        Some(line) => {
            table.number(DEAF, "sound again → told, ms", clock::ms_between(spoken, line.at), GOAL);
        }
        None => table.fail(DEAF, "the microphone was not heard again in 20 s"),
    }
    let ended = device.leave();
    mouth.end();
    table.expect(DEAF, ended.code == Some(0), &format!("mynah ended with exit code {:?}", ended.code));
    table.number(DEAF, "xruns", ended.xruns() as f64, Goal::Max(0.0));
}

/// Has the machine sleep, ever deeper.
pub(crate) fn sleep(table: &mut Table, _: bool) {
    let service = Service::start();
    let (ear, mouth) = (Ear::listen(), Mouth::speak(counter));
    let arguments = service.arguments();
    let device = Device::start(SLEEP, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    table.expect(
        SLEEP,
        service.wait_for_sound(0, 5_000).is_some(),
        "no sample of the microphone came in 5 s",
    );
    for depth in ["devices", "core"] {
        rehearse(table, &service, &device, depth);
    }
    let asked = now();
    let samples: Vec<i16> = (0..REPLY_FRAMES).map(reply_sample).collect();
    service.reply("after", &samples);
    clock::sleep_ms(2_500);
    let ended = device.leave();
    mouth.end();
    let whole = ear.end().iter().any(|take| {
        let place = take.place(asked);
        take.samples.len() > place
            && take.sound_from(place).is_some_and(|from| {
                (0..REPLY_FRAMES).all(|at| take.samples.get(from + at) == Some(&reply_sample(at)))
            })
    });
    table.expect(SLEEP, whole, "the reply after the sleep was not heard whole");
    table.expect(SLEEP, ended.code == Some(0), &format!("mynah ended with exit code {:?}", ended.code));
}

/// Has the machine sleep and wake up.
fn rehearse(table: &mut Table, service: &Service, device: &Device, depth: &str) {
    let asleep = now();
    println!("lab: {SLEEP}: falls asleep ({depth})");
    let slept = fs::write(DELAY_S, "2")
        .and_then(|()| fs::write(REHEARSAL, depth))
        .and_then(|()| fs::write(STATE, "mem"));
    if let Err(error) = slept {
        return table.fail(SLEEP, &format!("the machine cannot sleep ({depth}): {error}"));
    }
    let awake = now();
    println!(
        "lab: {SLEEP}: slept ({depth}) for {:.0} ms of the observer's time",
        clock::ms_between(asleep, awake)
    );
    match service.wait_for_sound(awake, 10_000) {
        Some(at) => {
            let ms = clock::ms_between(awake, at);
            table.number(SLEEP, &format!("awake → microphone on the wire, ms ({depth})"), ms, GOAL);
        }
        None => table.fail(SLEEP, "nothing of the microphone came in the 10 s after the sleep"),
    }
    if depth == "core" {
        let told = device.says("this machine slept for", asleep, 2_000).is_some();
        table.expect(SLEEP, told, "the sleep was not noticed");
    }
}
