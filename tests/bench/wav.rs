//! The timing of mynah's WAV devices from outside: when a sample of the speech file was captured, and when a sample of
//! the speaker file was played.
//!
//! One timer drives both, a tick per period. `/proc/PID/fdinfo` gives its expiry to a few microseconds, so the phase of
//! the ticks is known, and their number remains: for the microphone it follows from the quickest append, which is less
//! than a period late, for the speaker from the moment its file first grows. Rounding is against mynah: a sample counts
//! as captured at the start of its period, and as played when its period was written.

use std::path::Path;
use std::time::{Duration, Instant};

use mynah::audio::StreamFormat;

const RATE_HZ: u64 = 24_000;
/// The header of a mono 16-bit WAV file.
const HEADER_BYTES: u64 = 44;
/// A sound is louder than full scale divided by this: -40 dB.
const SOUND: i32 = 100;
/// Zero samples that count as silence: 50 ms.
const SILENCE_FRAMES: usize = 1200;

/// One append and when it arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Append {
    pub(crate) arrived: Instant,
    pub(crate) frames: u64,
}

/// Returns, for each append, the milliseconds since its first sample was captured.
pub(crate) fn microphone_to_wire_ms(appends: &[Append], tick: Instant) -> Vec<f64> {
    let mut position = 0;
    let positions: Vec<(Append, u64)> = appends
        .iter()
        .map(|append| {
            let first = position;
            position += append.frames;
            (*append, first)
        })
        .collect();
    // When the very first sample was captured, if this append took no time.
    let begins = positions
        .iter()
        .filter_map(|(append, first)| append.arrived.checked_sub(span(first + append.frames)));
    let Some(earliest) = begins.min() else { return Vec::new() };
    let begin = tick_before(earliest, tick);
    positions
        .iter()
        .map(|(append, first)| ms((append.arrived).saturating_duration_since(begin + span(*first))))
        .collect()
}

/// Returns where in a WAV file a sound follows half a second without one.
pub(crate) fn sounds_after_silence(path: &Path) -> Vec<u64> {
    let mut speech = hound::WavReader::open(path).unwrap();
    let full_scale = 1 << (speech.spec().bits_per_sample - 1);
    let (mut silent, mut sounds) = (0, Vec::new());
    for (frame, sample) in speech.samples::<i32>().enumerate() {
        if sample.unwrap().abs() * SOUND < full_scale {
            silent += 1;
        } else {
            if silent >= RATE_HZ / 2 {
                sounds.push(frame as u64);
            }
            silent = 0;
        }
    }
    sounds
}

/// The speaker file: its size at one moment.
pub(crate) struct SpeakerFile {
    grown_at: Instant,
    bytes: u64,
}

impl SpeakerFile {
    /// Waits until the file has grown beyond its header; polls often enough to identify the tick.
    pub(crate) fn watch(path: &Path) -> Option<Self> {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(5) {
            let bytes = std::fs::metadata(path).map_or(0, |file| file.len());
            if bytes > HEADER_BYTES {
                return Some(Self { grown_at: Instant::now(), bytes });
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        None
    }

    /// Returns the milliseconds from `event` to the first sample of the silence that follows it in `samples`.
    pub(crate) fn silent_after_ms(&self, samples: &[i16], event: Instant, tick: Instant) -> Option<f64> {
        // The first sample of the file was written this many ticks before the one at which it was seen to grow.
        let ticks = (self.bytes - HEADER_BYTES) / 2 / tick_frames();
        let begin = tick_before(self.grown_at, tick).checked_sub(span(ticks * tick_frames()))?;
        let position = (event.saturating_duration_since(begin).as_nanos() * u128::from(RATE_HZ)
            / 1_000_000_000) as usize;
        // What is written at one tick plays until the next.
        let silent = (position..).find(|from| {
            samples.get(*from..from + SILENCE_FRAMES).is_none_or(|run| run.iter().all(|sample| *sample == 0))
        })?;
        (silent + SILENCE_FRAMES <= samples.len())
            .then(|| ms((begin + span(silent as u64)).saturating_duration_since(event)))
    }
}

/// Returns the frames of one tick: a period.
fn tick_frames() -> u64 {
    StreamFormat::default().period_frames as u64
}

fn tick_before(moment: Instant, tick: Instant) -> Instant {
    let since =
        |from: Instant, to: Instant| (to - from).as_nanos() as u64 % span(tick_frames()).as_nanos() as u64;
    let into_the_tick = if moment >= tick {
        since(tick, moment)
    } else {
        match since(moment, tick) {
            0 => 0,
            left => span(tick_frames()).as_nanos() as u64 - left,
        }
    };
    moment - Duration::from_nanos(into_the_tick)
}

fn span(frames: u64) -> Duration {
    Duration::from_nanos(frames * 1_000_000_000 / RATE_HZ)
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
