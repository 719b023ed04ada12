//! `reference`: how exactly it is known what the speaker played when a frame was captured.
//!
//! On the project's own card the kernel's time of each sample is known. The microphone hears a click every 100 ms, which
//! dates its frames; what was heard dates those of the speaker. On the loopback card the microphone is the other end of
//! the speaker, so each click that was played is captured, with the card's own delay. A canceller learns a constant lead, so the
//! errors are those from the median. It cancels nothing.

use std::sync::{Arc, Mutex, PoisonError};

use mynah::audio::{
    AlsaDevices, AudioIo, CaptureFrame, ReferenceBlock, ReferenceSink, StreamFormat, open_alsa_with_reference,
};
use mynah::config::{CaptureConfig, PlaybackConfig, UnplugPolicy};

use crate::card::{Cards, Heard};
use crate::clock::{MS, Random, S, now, sleep_ms};
use crate::table::{Goal, Table};

const NAME: &str = "reference";
const RATE_HZ: f64 = 24_000.0;
/// Frames from click to click, and the level that is one.
const CLICK_FRAMES: usize = 2_400;
const CLICK_MS: f64 = 100.0;
const CLICK: i16 = 16_000;
const HEARD: i16 = 4_000;
/// What is measured, after the time in which the clocks are learned.
const SETTLING_S: u64 = 2;
const MEASURED_S: u64 = 10;

pub(crate) fn run(table: &mut Table, _: bool) {
    for (what, parameters, microphone, speaker) in [
        ("one card", "id=Lab", "hw:Lab", "hw:Lab"),
        ("one card, pointer in bursts of 5 ms", "id=Lab burst_us=5000 delay=1", "hw:Lab", "hw:Lab"),
        ("two cards, 300 ppm", "cards=2 id=Mic,Out ppm=0,300", "hw:Mic", "hw:Out"),
        ("two cards, -300 ppm", "cards=2 id=Mic,Out ppm=150,-150", "hw:Mic", "hw:Out"),
    ] {
        let cards = Cards::load(parameters);
        let errors = card_errors(&cards, microphone, speaker);
        if microphone == speaker {
            // Of one clock, the offset stays what its first 0.6 s have shown: that is reported.
            report(table, what, errors, Goal::None);
        } else {
            let lead_ms = report(table, what, errors, Goal::P999(0.25));
            let is_right = (3.5..4.5).contains(&lead_ms);
            table.expect(NAME, is_right, &format!("{what}: it leads by {lead_ms} ms, and 4 are meant"));
        }
    }
    report(table, "loopback card", loopback_errors(), Goal::None);
}

/// Adds the constant lead and the errors to the table, and returns the lead: between -50 and 50 ms, since one click is as good
/// as another.
fn report(table: &mut Table, what: &str, errors: Vec<f64>, goal: Goal) -> f64 {
    let mut sorted = errors;
    table.expect(NAME, sorted.len() >= 90, &format!("{what}: aligned in {} places only", sorted.len()));
    sorted.sort_by(f64::total_cmp);
    let median = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
    let absolute = sorted.iter().map(|error| (error - median).abs()).collect();
    let lead_ms = (median + CLICK_MS / 2.0).rem_euclid(CLICK_MS) - CLICK_MS / 2.0;
    table.number(NAME, &format!("{what}: leads by, ms"), lead_ms, Goal::None);
    table.row(NAME, &format!("{what}: off by, ms"), absolute, goal, None);
    lead_ms
}

/// What the capture thread was given.
#[derive(Default)]
struct Log {
    captured: usize,
    /// The first frame of each block, and the position of its reference.
    blocks: Vec<(usize, f64)>,
    /// Where clicks were captured.
    clicks: Vec<usize>,
    speaker_hz: f64,
}

struct LogSink(Arc<Mutex<Log>>);

impl ReferenceSink for LogSink {
    fn block(&mut self, captured: &mut [CaptureFrame], reference: ReferenceBlock<'_>) {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = log.captured;
        if let Some(position) = reference.position {
            log.blocks.push((first, position));
        }
        for (place, [sample]) in (first..).zip(captured.iter()) {
            let is_new = log.clicks.last().is_none_or(|last| place > last + CLICK_FRAMES / 2);
            if *sample > HEARD && is_new {
                log.clicks.push(place);
            }
        }
        log.captured += captured.len();
    }
}

/// Returns the errors on the project's own card, in milliseconds.
fn card_errors(cards: &Cards, microphone: &str, speaker: &str) -> Vec<f64> {
    let two = usize::from(microphone != speaker);
    let began = now();
    // With noise that does not repeat: without any the microphone would be taken for dead, and opened again.
    let mut random = Random::new();
    let frames = (SETTLING_S + MEASURED_S + 5) as usize * RATE_HZ as usize;
    let sound: Vec<i16> = (0..frames)
        .map(
            |place| if place.is_multiple_of(CLICK_FRAMES) { CLICK } else { (random.below_ms(1) % 64) as i16 },
        )
        .collect();
    cards.speak(0, began, RATE_HZ as u32, false, &sound);
    let ear = cards.listen(two);
    let log = play(microphone, speaker, |_| 0);
    let heard = ear.stop();
    let click_ns = |place: usize| began as f64 + place as f64 * CLICK_FRAMES as f64 / RATE_HZ * 1e9;
    let settled = (SETTLING_S as f64 * RATE_HZ) as usize;
    let clicks: Vec<(f64, f64)> = (log.clicks.iter().filter(|at| **at >= settled).enumerate())
        .map(|(place, at)| (*at as f64, click_ns(place)))
        .collect();
    let Some(captured_at) = line(&clicks) else { return Vec::new() };
    let Some((start_ns, speaker_hz)) = speaker_clock(&heard) else { return Vec::new() };
    let blocks = log.blocks.iter().filter(|(first, _)| *first >= settled);
    let error_ms = |&(first, position): &(usize, f64)| {
        let played = (captured_at(first as f64) - start_ns) / 1e9 * speaker_hz;
        (position - played) / speaker_hz * 1e3
    };
    blocks.map(error_ms).collect()
}

/// Returns the errors on the loopback card, in milliseconds.
fn loopback_errors() -> Vec<f64> {
    let log =
        play("hw:Loopback,1,1", "hw:Loopback,0,1", |place| if place % CLICK_FRAMES == 0 { CLICK } else { 0 });
    let settled = (SETTLING_S as f64 * RATE_HZ) as usize;
    let error_ms = |(place, at): (usize, &usize)| {
        let (first, position) = log.blocks.iter().rfind(|(first, _)| first <= at)?;
        let played_s = position / log.speaker_hz + (at - first) as f64 / RATE_HZ;
        Some((played_s - (place * CLICK_FRAMES) as f64 / RATE_HZ) * 1e3)
    };
    log.clicks.iter().enumerate().filter(|(_, at)| **at >= settled).filter_map(error_ms).collect()
}

/// Captures, and plays `sample(n)` for n = 0, 1, ..., until the measurement is over.
fn play(microphone: &str, speaker: &str, sample: impl Fn(usize) -> i16) -> Log {
    let log = Arc::new(Mutex::new(Log::default()));
    let devices = AlsaDevices {
        microphone: CaptureConfig { device: microphone.to_owned(), ..CaptureConfig::default() },
        speaker: PlaybackConfig { device: speaker.to_owned(), ..PlaybackConfig::default() },
        controls: Vec::new(),
        unplugged: UnplugPolicy::default(),
    };
    let sink = Box::new(LogSink(Arc::clone(&log)));
    let mut audio = open_alsa_with_reference(devices, StreamFormat::default(), sink).expect("both devices");
    audio.playback.set_reply_near(true);
    audio.capture.set_open(true);
    audio.capture.set_attentive(true);
    let end = now() + (SETTLING_S + MEASURED_S) * S;
    let mut written = 0;
    while now() < end {
        feed(&mut audio, &mut written, &sample);
        sleep_ms(5);
    }
    let speaker_hz = audio.granted().last().map_or(RATE_HZ, |granted| f64::from(granted.rate_hz));
    drop(audio);
    let log = std::mem::take(&mut *log.lock().unwrap_or_else(PoisonError::into_inner));
    Log { speaker_hz, ..log }
}

/// Keeps 100 ms in the playback lane, and discards what was captured.
fn feed(audio: &mut AudioIo, written: &mut usize, sample: &impl Fn(usize) -> i16) {
    let mut captured = [[0]; 480];
    while audio.capture.read(&mut captured) > 0 {}
    while audio.playback.waiting() < 2_400 {
        let block: [_; 240] = std::array::from_fn(|place| [sample(*written + place)]);
        *written += audio.playback.write(&block);
    }
}

/// Returns the straight line through the points: least squares.
fn line(points: &[(f64, f64)]) -> Option<impl Fn(f64) -> f64 + use<>> {
    let count = points.len() as f64;
    let (x0, y0) = (
        points.iter().map(|(x, _)| x).sum::<f64>() / count,
        points.iter().map(|(_, y)| y).sum::<f64>() / count,
    );
    let covariance: f64 = points.iter().map(|(x, y)| (x - x0) * (y - y0)).sum();
    let variance: f64 = points.iter().map(|(x, _)| (x - x0) * (x - x0)).sum();
    (points.len() > 10).then_some(move |x: f64| y0 + covariance / variance * (x - x0))
}

/// Returns when the speaker's last run began, in nanoseconds, and its true rate.
fn speaker_clock(heard: &[Heard]) -> Option<(f64, f64)> {
    let gap = heard.array_windows().rposition(|[before, after]| after.at - before.at > MS);
    let run = &heard[gap.map_or(0, |before| before + 1)..];
    let (first, last) = (run.first()?, run.last()?);
    Some((first.at as f64, (run.len() - 1) as f64 / ((last.at - first.at) as f64 / 1e9)))
}
