//! `dead-input`: a microphone that delivers only zeros, and then sound.
//!
//! Without a source the loopback card delivers zeros, as a microphone without power does.

use crate::clock::{self, now};
use crate::device::Device;
use crate::latency::counter;
use crate::loopback::SoundSource;
use crate::service::Service;
use crate::table::{Goal, Table};

const NAME: &str = "dead-input";
/// The limit for reporting a fault, and for reporting its end.
const GOAL: Goal = Goal::Max(2_000.0);

pub(crate) fn run(table: &mut Table, _: bool) {
    let service = Service::start();
    let arguments = service.arguments();
    let device = Device::start(NAME, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let began = service.wait_for_sound(0, 5_000);
    let told = device.says("the microphone delivers nothing but silence", 0, 5_000);
    match (began, told) {
        (Some(began), Some(line)) => {
            table.number(NAME, "first zero → reported, ms", clock::ms_between(began, line.at), GOAL);
        }
        (None, _) => table.fail(NAME, "no microphone audio arrived within 5 s"),
        (Some(_), None) => table.fail(NAME, "zeros were not reported within 5 s"),
    }
    clock::sleep_ms(10_000);
    let source = SoundSource::start(counter);
    let spoken = now();
    match device.says("the microphone delivers sound again", spoken, 20_000) {
        Some(line) => {
            table.number(NAME, "sound again → reported, ms", clock::ms_between(spoken, line.at), GOAL);
        }
        None => table.fail(NAME, "the sound was not reported within 20 s"),
    }
    let ended = device.leave();
    source.stop();
    table.expect(NAME, ended.code == Some(0), &format!("mynah ended with exit code {:?}", ended.code));
    table.number(NAME, "xruns", ended.xruns() as f64, Goal::Max(0.0));
}
