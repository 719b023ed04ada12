//! `latency`: the three paths of a conversation, each measured many times, spread over the time between two ticks.
//!
//! The source counts, so every sample identifies its time of emission. Replies count too, so a recorded sample
//! identifies its position in the reply, and where a fade starts.

use crate::card_cost::{self, CardCost};
use crate::clock::{self, MS, Random, ms_between};
use crate::device::Device;
use crate::loopback::{RATE_HZ, Recording, SoundRecorder, SoundSource, TICK_FRAMES, span};
use crate::scripted::events;
use crate::service::{Append, Service};
use crate::table::{Goal, Table};

const NAME: &str = "latency";
const ROUNDS: usize = 40;
/// A reply of 800 ms: every interruption comes before its end.
const REPLY_FRAMES: usize = 19_200;

/// One reply and its interruption.
struct Round {
    first_delta: u64,
    speech_started: u64,
    /// The played duration reported to the service.
    reported_ms: Option<u64>,
}

pub(crate) fn run(table: &mut Table, _: bool) {
    let card = card_cost::measure();
    let service = Service::start();
    let (recorder, source) = (SoundRecorder::start(), SoundSource::start(counter));
    let arguments = service.arguments();
    let device = Device::start(NAME, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    if service.wait_for_sound(0, 5_000).is_none() {
        table.fail(NAME, "no microphone audio arrived within 5 s");
    }
    clock::sleep_ms(500);
    let mut random = Random::new();
    let rounds: Vec<Round> = (0..ROUNDS).map(|number| round(&service, number, &mut random)).collect();
    clock::sleep_ms(300);
    let ended = device.leave();
    let began = source.began();
    source.stop();
    let recording = recorder.stop_single();
    table.expect(NAME, ended.code == Some(0), &format!("mynah ended with exit code {:?}", ended.code));
    table.number(NAME, "xruns", ended.xruns() as f64, Goal::Max(0.0));
    paths(table, &rounds, &recording, card);
    let to_wire = to_wire_ms(&service.log().appends, began);
    // While somebody speaks 20 ms travel together, the first of which is the oldest.
    let what = "microphone → wire, ms from the first sample of 20 ms";
    table.row(NAME, what, to_wire, Goal::MedianWithoutCard(22.0), Some(card.capture_ms));
    truncations(table, &rounds, &recording);
}

/// Has the service send a reply and interrupt it.
fn round(service: &Service, number: usize, random: &mut Random) -> Round {
    let names = [format!("user_{number}"), format!("resp_{number}"), format!("item_{number}")];
    let [user, reply, item] = &names;
    clock::sleep_ns(100 * MS + random.below_ms(10));
    service.send(events::user_turn(user).into_iter().skip(usize::from(number > 0)));
    service.send(events::reply_begun(reply, item));
    clock::sleep_ns(20 * MS + random.below_ms(10));
    let mut deltas = events::audio_deltas(reply, item, &reply_samples()).into_iter();
    let first_delta = service.send(deltas.next());
    service.send(deltas);
    clock::sleep_ns(300 * MS + random.below_ms(10));
    let next_user = format!("user_{}", number + 1);
    let speech_started = service.send([events::speech_started(&next_user, 0)]);
    // The service cancels the reply; only then is it no noise, and reported.
    service.send(events::reply_interrupted(reply, item));
    let reported_ms = service.wait_for("conversation.item.truncate", speech_started, 1_000);
    let reported_ms = reported_ms.and_then(|(_, event)| event["audio_end_ms"].as_u64());
    service.send([events::truncated(item, reported_ms.unwrap_or(0))]);
    Round { first_delta, speech_started, reported_ms }
}

fn paths(table: &mut Table, rounds: &[Round], recording: &Recording, card: CardCost) {
    let silent = |round: &Round| {
        let place = recording.place(round.speech_started);
        // Already silent at the event, so nothing was measured.
        (recording.samples[place] != 0).then_some(())?;
        Some(ms_between(round.speech_started, recording.played_at(recording.silence_from(place)?)))
    };
    let silent: Vec<f64> = rounds.iter().filter_map(silent).collect();
    table.expect(NAME, silent.len() == ROUNDS, "not every interruption led to silence");
    let what = "event → silence, ms, the fade of 5 included";
    table.row(NAME, what, silent, Goal::MedianWithoutCard(14.0), Some(card.stop_ms));
    let played = |round: &Round| {
        let place = recording.sound_from(recording.place(round.first_delta))?;
        Some(ms_between(round.first_delta, recording.played_at(place)))
    };
    let played: Vec<f64> = rounds.iter().filter_map(played).collect();
    table.expect(NAME, played.len() == ROUNDS, "not every reply was played");
    let what = "delta → its first sample, ms";
    table.row(NAME, what, played, Goal::Median(25.0), Some(card.playback_ms));
}

/// Compares the reported played duration with the recording; a period more or less is allowed.
fn truncations(table: &mut Table, rounds: &[Round], recording: &Recording) {
    let differences = rounds.iter().filter_map(|round| {
        let first = recording.sound_from(recording.place(round.first_delta))?;
        let played =
            (0..).take_while(|at| recording.samples.get(first + at) == Some(&reply_sample(*at))).count();
        Some((round.reported_ms? as f64 - played as f64 * 1000.0 / RATE_HZ as f64).abs())
    });
    let differences: Vec<f64> = differences.collect();
    table.expect(NAME, differences.len() == ROUNDS, "not every interruption was reported to the service");
    table.row(NAME, "reported − played at a cut, ms either way", differences, Goal::Max(10.0), None);
}

/// Returns, for each append, the milliseconds since its first sample was emitted; `began` is the source's start.
fn to_wire_ms(appends: &[Append], began: u64) -> Vec<f64> {
    let after_the_start = appends.iter().skip_while(|append| append.at < began + 300 * MS);
    after_the_start
        .map(|append| ms_between(emitted_at(began, append.at, append.samples[0]), append.at))
        .collect()
}

/// Returns the sample at `place` of a source that counts.
pub(crate) fn counter(place: u64) -> i16 {
    place as u16 as i16
}

/// Returns when the sample `value` of a counting source, which arrived at `at`, was emitted.
pub(crate) fn emitted_at(began: u64, at: u64, value: i16) -> u64 {
    let newest = (at.saturating_sub(began) as u128 * u128::from(RATE_HZ) / u128::from(clock::S)) as u64;
    // The count wraps after 2.7 s; no sample takes that long.
    let newest = newest + TICK_FRAMES as u64;
    let age = u64::from((newest as u16).wrapping_sub(value as u16));
    began + span(newest.saturating_sub(age))
}

/// Returns the sample at `place` of a reply: it counts and is never zero.
pub(crate) fn reply_sample(place: usize) -> i16 {
    8_000 + (place % 16_000) as i16
}

fn reply_samples() -> Vec<i16> {
    (0..REPLY_FRAMES).map(reply_sample).collect()
}
