//! `card`: the manners of the project's own sound card, each seen directly, without mynah.
//!
//! Each is measured with its parameter set, where the figure must be in a range, and without it, where it must not be:
//! a measurement that cannot tell the difference fails.

use std::ops::RangeInclusive;
use std::path::Path;

use alsa::Direction::{Capture, Playback};
use alsa::pcm::{Format, Frames, PCM};
use mynah::audio::{CutMode, choose_cut};

use crate::bare_stream::{Form, open, read_frames, rewind, write_frames};
use crate::card::{Cards, Heard};
use crate::clock::{MS, ms_between, now, sleep_ms};
use crate::table::{Goal, Table};

const NAME: &str = "card";
const DEVICE: &str = "hw:Lab";
/// Frames that a rewind leaves: 1 ms.
const MARGIN: Frames = 48;
const RATE_HZ: u32 = Form::PLAIN.rate_hz;
/// What an I2S controller takes at a time: a burst of DMA.
const TRANSFER: Frames = 16;
/// Two samples to tell apart.
const ONE: i32 = 0x1111_0000;
const TWO: i32 = 0x2222_0000;

struct Manner {
    /// The figure, with its unit.
    what: &'static str,
    parameters: &'static str,
    /// The parameters that differ by the manner only.
    without: &'static str,
    measure: fn(&Cards) -> f64,
    seen: RangeInclusive<f64>,
}

const fn manner(
    what: &'static str,
    parameters: &'static str,
    measure: fn(&Cards) -> f64,
    seen: RangeInclusive<f64>,
) -> Manner {
    Manner { what, parameters, without: "", measure, seen }
}

const MANNERS: &[Manner] = &[
    manner("1 s in prepare: ms", "prepare_ms=1000", prepare_ms, 1_000.0..=1_030.0),
    manner(
        "1 s in prepare: the other stream opens after, ms",
        "prepare_ms=1000",
        other_open_ms,
        900.0..=1_030.0,
    ),
    manner("10 ms read ahead: a rewind is heard after, ms", "prefetch=480", rewind_ms, 10.9..=11.2),
    manner(
        "copies ahead: frames of the rewound that are heard",
        "copies_ahead=1",
        ignored,
        1_920.0..=1_920.0,
    ),
    manner("pointer in bursts of 5 ms: frames a step", "burst_us=5000", step_frames, 240.0..=240.0),
    Manner {
        what: "delay of what is read ahead in bursts: frames off",
        parameters: "burst_us=5000 delay=1",
        without: "burst_us=5000",
        measure: delay_frames,
        seen: -3.0..=3.0,
    },
    manner("amplifier: silent after the start, ms", "amplifier_ms=5", silent_start_ms, 4.9..=5.1),
    manner("amplifier: silent after the capture's stop, ms", "amplifier_ms=5", silent_stop_ms, 24.0..=27.0),
    manner("silent after the first stop: frames heard", "silent_after_stop=1", second_run, 0.0..=0.0),
    manner("capture without a clock: errno", "needs_clock=1", clock_errno, 5.0..=5.0),
    manner("another rate on the second stream: errno", "symmetric=1", other_rate_errno, 22.0..=22.0),
    manner("only 16 kHz: the highest rate, Hz", "rate=16000", highest_rate_hz, 16_000.0..=16_000.0),
    manner("only S32: errno for S16", "bits=32", narrow_errno, 22.0..=22.0),
    manner("only 2 channels: errno for one", "channels=2", mono_errno, 22.0..=22.0),
    manner("1024 bytes a period: the shortest, frames", "period_bytes=1024", shortest_period, 128.0..=128.0),
    manner("10 ms a period: the shortest, frames", "period_us=10000", shortest_period, 480.0..=480.0),
    manner("periods rounded to 192 frames: 480 become", "period_step=192", rounded_period, 384.0..=576.0),
    manner("clock 300 ppm fast: ppm", "ppm=300", playback_ppm, 299.0..=301.0),
    manner("clock 300 ppm fast: of the microphone", "ppm=300", capture_ppm, 285.0..=315.0),
    manner("zeros: samples that are not", "zeros=1", sounding_samples, 0.0..=0.0),
    manner("swapped: right over left", "swapped=1", right_over_left, 2.0..=2.0),
    manner("no capture: errno", "no_capture=1", capture_errno, 2.0..=2.0),
];

pub(crate) fn run(table: &mut Table, _: bool) {
    plays_exactly(table);
    captures_exactly(table);
    counts(table);
    disconnects(table);
    margin_is_the_least(table);
    for Manner { what, parameters, without, measure, seen } in MANNERS {
        let [with, without] = [*parameters, *without].map(|parameters| measure(&load(parameters)));
        table.number(NAME, what, with, Goal::None);
        table.expect(NAME, seen.contains(&with), &format!("{what}: {with}, and not {seen:?}"));
        table.expect(NAME, !seen.contains(&without), &format!("{what}: {without} without {parameters}"));
    }
}

/// mynah's margin on a card of which it believes that the driver reads late is enough for a card that has read as much
/// more than it tells; of one more transfer the old sound is heard.
fn margin_is_the_least(table: &mut Table) {
    let cards = load("");
    let link = std::fs::read_link("/proc/asound/Lab").expect("the card");
    let number = link.to_str().and_then(|card| card.strip_prefix("card")?.parse().ok()).expect("cardN");
    let cut = choose_cut(None, Some(number), Path::new("/"));
    drop(cards);
    table.expect(NAME, cut.mode == CutMode::Rewrite, "the lab's driver is not known to read late");
    let margin = Frames::from(RATE_HZ) * cut.margin.as_millis() as Frames / 1000;
    for (hidden, old) in [(0, 0), (margin, 0), (margin + TRANSFER, TRANSFER)] {
        let cards = load(&format!("hidden={hidden}"));
        let (_, kept, heard) = rewritten(&cards, margin);
        let ones = heard.iter().filter(|heard| heard.left == ONE).count();
        let found = ones as Frames - kept;
        let what = format!("{hidden} frames read unseen, {margin} kept: rewound frames that are heard");
        table.number(NAME, &what, found as f64, Goal::None);
        // A frame may be played between the question how many are queued and the rewind.
        table.expect(NAME, (old..=old + 2).contains(&found), &format!("{what}: {found}, not {old}"));
    }
}

fn load(parameters: &str) -> Cards {
    Cards::load(format!("id=Lab {parameters}").trim_end())
}

/// Every sample is heard, at its time.
fn plays_exactly(table: &mut Table) {
    let cards = load("prefetch=32");
    let ear = cards.listen(0);
    let pcm = open(DEVICE, Playback, Form::PLAIN).expect("the card");
    let samples: Vec<i32> = (0..9_600).flat_map(|place| [place, -place]).map(|sample| sample << 16).collect();
    let io = pcm.io_i32().expect("32 bit");
    io.writei(&samples[..2 * 1_920]).expect("room in the buffer");
    let before = now();
    pcm.start().expect("a full buffer");
    let after = now();
    io.writei(&samples[2 * 1_920..]).expect("the card runs");
    sleep_ms(60);
    pcm.drop().expect("an open stream");
    let heard = ear.stop();
    let exact =
        heard.iter().zip(samples.chunks_exact(2)).all(|(heard, frame)| [heard.left, heard.right] == *frame);
    table.expect(NAME, heard.len() >= 9_600 && exact, "the samples heard are not those written");
    let on_time = (0u64..).zip(&heard).all(|(place, heard)| {
        let offset = place * 1_000_000_000 / 48_000;
        (before + offset..=after + offset + 1).contains(&heard.at)
    });
    table.expect(NAME, on_time, "the samples are not heard at their times");
}

/// Every sample is captured at its time.
fn captures_exactly(table: &mut Table) {
    let cards = load("");
    let began = now();
    let counter: Vec<i16> = (0..30_000).collect();
    cards.speak(0, began, 48_000, true, &counter);
    let pcm = open(DEVICE, Capture, Form::PLAIN).expect("the card");
    let before = now();
    pcm.start().expect("a prepared stream");
    let after = now();
    let samples: Vec<i32> = read_frames(&pcm, 9_600).expect("the card runs");
    let place = |at: u64| (at - began) as f64 * 48_000.0 / 1e9;
    let first = samples[0] >> 16;
    let on_time = (place(before) - 1.0..=place(after) + 1.0).contains(&f64::from(first));
    table.expect(NAME, on_time, "the first sample captured is not of the time of the start");
    let exact =
        (first..).zip(samples.chunks_exact(2)).all(|(sample, frame)| *frame == [sample << 16, sample << 15]);
    table.expect(NAME, exact && samples.len() == 19_200, "the samples captured are not those said");
}

fn counts(table: &mut Table) {
    let cards = load("");
    let pcm = open(DEVICE, Playback, Form::PLAIN).expect("the card");
    write_frames(&pcm, ONE, 960).expect("room");
    pcm.start().expect("a filled buffer");
    pcm.drop().expect("a running stream");
    pcm.prepare().expect("a stopped stream");
    let counts = cards.counts(0, Playback);
    let all = [counts.opens, counts.prepares, counts.starts, counts.stops];
    table.expect(NAME, all == [1, 2, 1, 1], &format!("the card counted {counts:?}"));
    let none = cards.counts(0, Capture) == cards.counts(1, Playback);
    table.expect(NAME, none, "a stream that was not used was counted");
}

/// It is gone for those who hold it open, and for all others, until it is back.
fn disconnects(table: &mut Table) {
    let cards = load("");
    let ear = cards.listen(0);
    let pcm = running(ONE);
    let gone = now();
    cards.disconnect(0);
    let errno = write_frames(&pcm, ONE, 480).err().map(|error| error.errno());
    table.expect(NAME, errno == Some(libc::ENODEV), &format!("a write to a disconnected card: {errno:?}"));
    let missing = open(DEVICE, Playback, Form::PLAIN).is_err();
    table.expect(NAME, missing, "a disconnected card opened");
    cards.reconnect(0);
    let back = now();
    let again = running(TWO);
    // Of the card that is gone.
    drop(pcm);
    sleep_ms(20);
    drop(again);
    let heard = ear.stop();
    let nothing = !heard.iter().any(|heard| (gone + MS..back).contains(&heard.at));
    table.expect(NAME, nothing, "a disconnected card was heard");
    let sound = heard.iter().filter(|heard| heard.at >= back && heard.left == TWO).count();
    table.expect(NAME, sound >= 960, &format!("{sound} frames were heard of the card that is back"));
}

/// Opens playback and starts it with a buffer full of `sample`.
fn running(sample: i32) -> PCM {
    let pcm = open(DEVICE, Playback, Form::PLAIN).expect("the card");
    write_frames(&pcm, sample, 1_920).expect("room in the buffer");
    pcm.start().expect("a full buffer");
    pcm
}

fn errno<T>(result: alsa::Result<T>) -> f64 {
    result.map_or_else(|error| f64::from(error.errno()), |_| 0.0)
}

fn prepare_ms(_: &Cards) -> f64 {
    let pcm = open(DEVICE, Playback, Form::PLAIN).expect("the card");
    let before = now();
    pcm.prepare().expect("an open stream");
    ms_between(before, now())
}

/// Returns how long it takes to open capture 50 ms after the prepare of playback has begun.
fn other_open_ms(_: &Cards) -> f64 {
    let playback = open(DEVICE, Playback, Form::PLAIN).expect("the card");
    let preparing = std::thread::spawn(move || playback.prepare());
    sleep_ms(50);
    let before = now();
    let capture = PCM::new(DEVICE, Capture, false).expect("the card");
    let took = ms_between(before, now());
    preparing.join().expect("it does not panic").expect("an open stream");
    drop(capture);
    took
}

/// Plays ones, rewinds all but a margin and writes twos. Returns when, how many ones were left, and what was heard.
fn rewritten(cards: &Cards, margin: Frames) -> (u64, Frames, Vec<Heard>) {
    let ear = cards.listen(0);
    let pcm = running(ONE);
    sleep_ms(7);
    let at = now();
    let frames = rewind(&pcm, margin);
    write_frames(&pcm, TWO, frames).expect("as much room as was taken back");
    sleep_ms(60);
    drop(pcm);
    (at, Form::PLAIN.buffer_frames - frames as Frames, ear.stop())
}

fn rewind_ms(cards: &Cards) -> f64 {
    let (at, _, heard) = rewritten(cards, MARGIN);
    heard.iter().find(|heard| heard.left == TWO).map_or(f64::MAX, |heard| ms_between(at, heard.at))
}

fn ignored(cards: &Cards) -> f64 {
    let (_, _, heard) = rewritten(cards, MARGIN);
    heard.iter().filter(|heard| heard.left == ONE).count() as f64
}

/// Returns the positions of a running stream, five in a millisecond: frames queued, and the delay, with the time.
fn positions() -> Vec<(u64, Frames, Frames)> {
    let pcm = running(ONE);
    let positions = (0..100).map(|_| {
        crate::clock::sleep_ns(MS / 5);
        let (avail, delay) = pcm.avail_delay().expect("the card runs");
        (now(), 1_920 - avail, delay)
    });
    positions.collect()
}

fn step_frames(_: &Cards) -> f64 {
    let steps =
        positions().array_windows().map(|[(_, before, _), (_, after, _)]| before - after).collect::<Vec<_>>();
    steps.into_iter().filter(|step| *step > 0).min().map_or(0.0, |step| step as f64)
}

/// Returns how far the delay is off, where a frame's time is that of all frames before it.
fn delay_frames(_: &Cards) -> f64 {
    let positions = positions();
    let ((first_at, _, first), (last_at, _, last)) = (positions[0], positions[positions.len() - 1]);
    let off = |(at, _, delay): &(u64, Frames, Frames)| {
        *delay as f64 - first as f64 + ms_between(first_at, *at) * 48.0
    };
    let worst = positions
        .iter()
        .map(off)
        .fold(0.0f64, |worst, off| if off.abs() > worst.abs() { off } else { worst });
    let queued = positions.iter().all(|(_, queued, delay)| queued == delay);
    if queued || last_at == first_at || last >= first { f64::MAX } else { worst }
}

/// Returns how long there was no sound after `since`, until `until`.
fn silent_ms(heard: &[Heard], since: u64) -> f64 {
    let of_then = || heard.iter().filter(|heard| heard.at >= since);
    let sound = of_then().position(|heard| heard.left != 0).unwrap_or_else(|| of_then().count());
    sound as f64 / 48.0
}

fn silent_start_ms(cards: &Cards) -> f64 {
    let ear = cards.listen(0);
    let pcm = running(ONE);
    sleep_ms(30);
    drop(pcm);
    silent_ms(&ear.stop(), 0)
}

/// Stops capture while playback runs, and starts it again after 20 ms.
fn silent_stop_ms(cards: &Cards) -> f64 {
    let ear = cards.listen(0);
    let form = Form { buffer_frames: 9_600, ..Form::PLAIN };
    let playback = open(DEVICE, Playback, form).expect("the card");
    write_frames(&playback, ONE, 9_600).expect("room in the buffer");
    let capture = open(DEVICE, Capture, Form::PLAIN).expect("the card");
    playback.start().expect("a full buffer");
    capture.start().expect("a prepared stream");
    sleep_ms(20);
    let stopped = now();
    capture.drop().expect("a running stream");
    sleep_ms(20);
    capture.prepare().expect("a stopped stream");
    capture.start().expect("a prepared stream");
    sleep_ms(50);
    drop(playback);
    silent_ms(&ear.stop(), stopped)
}

fn second_run(cards: &Cards) -> f64 {
    let first = running(ONE);
    sleep_ms(20);
    drop(first);
    let ear = cards.listen(0);
    let second = running(TWO);
    sleep_ms(20);
    drop(second);
    ear.stop().iter().filter(|heard| heard.left == TWO).count() as f64
}

/// Returns the error of capture alone; with a running playback there must be none.
fn clock_errno(_: &Cards) -> f64 {
    let playback = running(ONE);
    let with_clock = errno(open(DEVICE, Capture, Form::PLAIN));
    drop(playback);
    let without = errno(open(DEVICE, Capture, Form::PLAIN));
    if with_clock == 0.0 { without } else { f64::MAX }
}

/// Returns the error of capture at 16 kHz beside playback at 48; at 48 there must be none.
fn other_rate_errno(_: &Cards) -> f64 {
    let _playback = open(DEVICE, Playback, Form::PLAIN).expect("the card");
    let same = errno(open(DEVICE, Capture, Form::PLAIN));
    let other = errno(open(DEVICE, Capture, Form { rate_hz: 16_000, ..Form::PLAIN }));
    if same == 0.0 { other } else { f64::MAX }
}

fn highest_rate_hz(_: &Cards) -> f64 {
    let pcm = PCM::new(DEVICE, Playback, false).expect("the card");
    let hw = alsa::pcm::HwParams::any(&pcm).expect("parameters");
    f64::from(hw.get_rate_max().expect("a rate"))
}

fn narrow_errno(_: &Cards) -> f64 {
    errno(open(DEVICE, Playback, Form { format: Format::S16LE, ..Form::PLAIN }))
}

fn mono_errno(_: &Cards) -> f64 {
    errno(open(DEVICE, Playback, Form { channels: 1, ..Form::PLAIN }))
}

fn capture_errno(_: &Cards) -> f64 {
    errno(open(DEVICE, Capture, Form::PLAIN))
}

fn period(period_frames: Frames) -> f64 {
    let pcm = open(DEVICE, Playback, Form { period_frames, ..Form::PLAIN }).expect("the card");
    let granted = pcm.hw_params_current().and_then(|hw| hw.get_period_size()).expect("a period");
    granted as f64
}

fn shortest_period(_: &Cards) -> f64 {
    period(1)
}

fn rounded_period(_: &Cards) -> f64 {
    // 480 itself lies between the two multiples.
    let granted = period(480);
    if granted == 480.0 { 0.0 } else { granted }
}

/// Returns how much faster than the kernel's clock frames are heard, in parts per million.
fn playback_ppm(cards: &Cards) -> f64 {
    let ear = cards.listen(0);
    let pcm = running(ONE);
    sleep_ms(35);
    drop(pcm);
    let heard = ear.stop();
    let span = |heard: &[Heard]| Some(heard.last()?.at - heard.first()?.at);
    let ns = span(&heard).expect("sound") as f64;
    ((heard.len() - 1) as f64 / RATE_HZ as f64 / (ns / 1e9) - 1.0) * 1e6
}

/// Returns how much faster frames are captured, from a sound whose samples are counted.
fn capture_ppm(cards: &Cards) -> f64 {
    const FRAMES: usize = 96_000;
    // Of 8 kHz, so that 16 bits count two seconds.
    let counter: Vec<i16> = (0..20_000).collect();
    cards.speak(0, now(), 8_000, false, &counter);
    let pcm = open(DEVICE, Capture, Form::PLAIN).expect("the card");
    pcm.start().expect("a prepared stream");
    let samples: Vec<i32> =
        (0..FRAMES / 480).flat_map(|_| read_frames(&pcm, 480).expect("the card runs")).collect();
    let left: Vec<i32> = samples.iter().step_by(2).map(|sample| sample >> 16).collect();
    // From the first frame of one count to the first of another.
    let changes: Vec<usize> = (1..left.len()).filter(|&at| left[at] != left[at - 1]).collect();
    let (first, last) = (changes[0], changes[changes.len() - 1]);
    let counted = f64::from(left[last] - left[first]) * 6.0;
    ((last - first) as f64 / counted - 1.0) * 1e6
}

fn captured(cards: &Cards) -> Vec<i32> {
    cards.speak(0, now(), 48_000, true, &[1_000]);
    let pcm = open(DEVICE, Capture, Form::PLAIN).expect("the card");
    pcm.start().expect("a prepared stream");
    read_frames(&pcm, 480).expect("the card runs")
}

fn sounding_samples(cards: &Cards) -> f64 {
    captured(cards).iter().filter(|sample| **sample != 0).count() as f64
}

fn right_over_left(cards: &Cards) -> f64 {
    let samples = captured(cards);
    f64::from(samples[1]) / f64::from(samples[0])
}
