//! `xruns`: a long conversation, under load at first, in which no sample may be lost in either direction.
//!
//! Source and replies count, so every gap is found, whether mynah has detected it or not.

use crate::clock::{self, MS, S};
use crate::device::Device;
use crate::latency::{counter, reply_sample};
use crate::load::Load;
use crate::loopback::{Recording, SoundRecorder, SoundSource};
use crate::service::{Append, Service};
use crate::table::{Goal, Table};

const NAME: &str = "xruns";
/// Time under load; a busy guest takes that much real time, an idle one next to none.
const LOADED_S: u64 = 30;
/// A reply of 3 s.
const REPLY_FRAMES: usize = 72_000;

pub(crate) fn run(table: &mut Table, long: bool) {
    let talk_s = if long { 600 } else { LOADED_S };
    let service = Service::start();
    let (recorder, source) = (SoundRecorder::start(), SoundSource::start(counter));
    let arguments = service.arguments();
    let device = Device::start(NAME, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    table.expect(NAME, service.wait_for_sound(0, 5_000).is_some(), "no microphone audio arrived within 5 s");
    clock::sleep_ms(500);
    let began = clock::now();
    let mut replies = 0;
    let mut talk_until = |until_s: u64| {
        while clock::now() < began + until_s * S {
            reply(&service, replies);
            replies += 1;
        }
        (clock::now() - began) as f64 / S as f64
    };
    let load = Load::begin();
    let loaded = talk_until(LOADED_S);
    drop(load);
    let seconds = talk_until(talk_s);
    clock::sleep_ms(500);
    let ended = device.leave();
    source.stop();
    let recording = recorder.stop_single();
    table.expect(NAME, ended.code == Some(0), &format!("mynah ended with exit code {:?}", ended.code));
    table.number(NAME, "seconds of conversation", seconds, Goal::None);
    table.number(NAME, "seconds of it under load", loaded, Goal::None);
    table.number(NAME, "xruns", ended.xruns() as f64, Goal::Max(0.0));
    table.number(NAME, "replies with a gap", gaps(&recording, replies) as f64, Goal::Max(0.0));
    let breaks = breaks(&service.log().appends, began);
    table.number(NAME, "gaps in the microphone", breaks as f64, Goal::Max(0.0));
}

/// Sends one reply and waits until it is played.
fn reply(service: &Service, number: usize) {
    let samples: Vec<i16> = (0..REPLY_FRAMES).map(reply_sample).collect();
    service.reply(&number.to_string(), &samples);
    clock::sleep_ns(crate::loopback::span(REPLY_FRAMES as u64) + 300 * MS);
}

/// Returns the number of replies that were not played whole.
fn gaps(recording: &Recording, replies: usize) -> usize {
    let (mut place, mut whole) = (0, 0);
    while let Some(from) = recording.sound_from(place) {
        let unbroken =
            (0..).take_while(|at| recording.samples.get(from + at) == Some(&reply_sample(*at))).count();
        whole += usize::from(unbroken == REPLY_FRAMES);
        place = from + unbroken.max(1);
    }
    replies.abs_diff(whole)
}

/// Returns the number of gaps in the counting source's samples.
fn breaks(appends: &[Append], since: u64) -> usize {
    let samples = appends.iter().filter(|append| append.at >= since).flat_map(|append| &append.samples);
    let samples: Vec<i16> = samples.copied().collect();
    samples.windows(2).filter(|pair| pair[0].wrapping_add(1) != pair[1]).count()
}
