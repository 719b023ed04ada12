//! `unplug`: the sound card is disconnected in the middle of a reply and reconnected, and the conversation continues.

use std::fs;

use crate::clock::{self, now};
use crate::device::Device;
use crate::latency::{counter, reply_sample};
use crate::loopback::{SoundRecorder, SoundSource};
use crate::service::Service;
use crate::table::{Goal, Table};

const NAME: &str = "unplug";
const DRIVER: &str = "/sys/bus/platform/drivers/snd_aloop";
/// A reply of 2 s.
const REPLY_FRAMES: usize = 48_000;
/// How long the card is disconnected.
const AWAY_MS: u64 = 1_000;

pub(crate) fn run(table: &mut Table, _: bool) {
    let service = Service::start();
    let (recorder, source) = (SoundRecorder::start(), SoundSource::start(counter));
    let arguments = service.arguments();
    let device = Device::start(NAME, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    table.expect(NAME, service.wait_for_sound(0, 5_000).is_some(), "no microphone audio arrived within 5 s");
    reply(&service, 0);
    clock::sleep_ms(700);
    let gone = now();
    fs::write(format!("{DRIVER}/unbind"), "snd_aloop.0").expect("the card unbinds");
    clock::sleep_ms(AWAY_MS);
    let back = now();
    fs::write(format!("{DRIVER}/bind"), "snd_aloop.0").expect("the card binds");
    match service.wait_for_sound(back, 8_000) {
        Some(at) => table.number(
            NAME,
            "card back → microphone on the wire, ms",
            clock::ms_between(back, at),
            Goal::Max(2_000.0),
        ),
        None => table.fail(NAME, "no microphone audio arrived within 8 s after the card was reconnected"),
    }
    clock::sleep_ms(2_500);
    let asked = now();
    reply(&service, 1);
    clock::sleep_ms(2_500);
    let ended = device.leave();
    source.stop();
    let heard = recorder.stop().iter().any(|recording| {
        let place = recording.place(asked);
        recording.samples.len() > place
            && recording.sound_from(place).is_some_and(|from| {
                (0..REPLY_FRAMES).all(|at| recording.samples.get(from + at) == Some(&reply_sample(at)))
            })
    });
    table.expect(NAME, heard, "the reply after the card was reconnected was not played whole");
    table.expect(NAME, ended.code == Some(0), &format!("mynah ended with exit code {:?}", ended.code));
    for (since, sentence) in [
        (gone, "the microphone is disconnected"),
        (gone, "the speaker is disconnected"),
        (back, "the microphone is back"),
        (back, "the speaker is back"),
    ] {
        let told = ended.lines.iter().any(|line| line.at >= since && line.text.contains(sentence));
        table.expect(NAME, told, &format!("it did not say that {sentence}"));
    }
}

fn reply(service: &Service, number: usize) {
    let samples: Vec<i16> = (0..REPLY_FRAMES).map(reply_sample).collect();
    service.reply(&number.to_string(), &samples);
}
