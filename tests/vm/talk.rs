//! `talk`: a whole conversation of the recorded voice with the built-in service, through the card in both directions.

use std::io::Cursor;

use crate::clock;
use crate::device::{Device, Ended};
use crate::loopback::{RATE_HZ, Recording, SoundRecorder, SoundSource};
use crate::table::{Goal, Table};

const NAME: &str = "talk";
/// The duration of the recorded voice and the reply to its last sentence.
const TALK_MS: u64 = 15_000;
/// The minimum of an inaudible hum, which separates a reply from silence to the sample. The parrot halves it.
const HUM: i16 = 4;
/// 500 ms: longer than the pauses within a reply, shorter than the silence between two replies.
const PAUSE_FRAMES: usize = 12_000;

pub(crate) fn run(table: &mut Table, _: bool) {
    let recorder = SoundRecorder::start();
    let device = Device::start(NAME, &["--parrot"]);
    table.expect(NAME, device.says("listening", 0, 3_000).is_some(), "it did not listen within 3 s");
    let voice = recorded();
    let source =
        SoundSource::start(move |place| voice.get(place as usize).copied().unwrap_or_else(|| hum(place)));
    clock::sleep_ms(TALK_MS);
    let ended = device.leave();
    source.stop();
    judge(table, &ended, &recorder.stop_single());
}

fn judge(table: &mut Table, ended: &Ended, recording: &Recording) {
    table.expect(NAME, ended.code == Some(0), &format!("mynah ended with exit code {:?}", ended.code));
    table.number(NAME, "xruns", ended.xruns() as f64, Goal::Max(0.0));
    for (words, count) in [("you: (", 3), ("mynah: I heard", 3), ("time: reply", 3)] {
        let said = ended.count(words);
        table.expect(NAME, said == count, &format!("{words:?} was printed {said} times, not {count} times"));
    }
    let replies = replies(&recording.samples);
    table.expect(NAME, replies.len() == 3, &format!("{} replies were played, not 3", replies.len()));
    let told = ended.lines.iter().find(|line| line.text.contains("after the interruption"));
    let told =
        told.and_then(|line| line.text.rsplit_once(" ms of it heard")?.0.rsplit(' ').next()?.parse().ok());
    if let (Some(told), Some((from, to))) = (told, replies.first()) {
        let heard = (to - from) as f64 * 1000.0 / RATE_HZ as f64;
        let told: f64 = told;
        // A period either way, and the fade, which is played but is not part of the reply.
        table.number(
            NAME,
            "reported − played at the cut, ms either way",
            (told - heard).abs(),
            Goal::Max(15.0),
        );
    } else {
        table.fail(NAME, "nothing was printed about the interrupted reply");
    }
}

/// Returns the start and end index of each reply.
fn replies(samples: &[i16]) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    for (place, _) in samples.iter().enumerate().filter(|(_, sample)| **sample != 0) {
        match found.last_mut() {
            Some((_, end)) if place - *end < PAUSE_FRAMES => *end = place + 1,
            Some(_) | None => found.push((place, place + 1)),
        }
    }
    found
}

/// Returns the recorded voice: three sentences, the second one spoken during the reply to the first.
pub(crate) fn recorded() -> Vec<i16> {
    let file = Cursor::new(include_bytes!("../dialogue.wav"));
    let reader = hound::WavReader::new(file).expect("the recording is a WAV file");
    let samples = reader.into_samples::<i16>().map(|sample| sample.expect("a whole recording") * 256);
    (0..).zip(samples).map(|(place, sample)| sample + hum(place)).collect()
}

/// Returns room noise, which never repeats.
fn hum(place: u64) -> i16 {
    HUM + (place.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 62) as i16
}
