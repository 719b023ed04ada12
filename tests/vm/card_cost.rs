//! The latency of the loopback card itself, measured with a bare reader and a bare writer in place of mynah.
//!
//! They use the same periods and the same queue as mynah and do not process the sound, so their latency is the card's.

use alsa::Direction;

use crate::clock::{self, MS, Random, ms_between, now};
use crate::latency::{counter, emitted_at};
use crate::loopback::{
    MICROPHONE, RATE_HZ, Recording, SPEAKER, SoundRecorder, SoundSource, TICK_FRAMES, open, span,
};
use crate::table::median;

const PERIOD_FRAMES: usize = 240;
const QUEUE_FRAMES: usize = 480;
const REPEATS: usize = 40;

/// The card's share of each path: medians in milliseconds.
#[derive(Clone, Copy)]
pub(crate) struct CardCost {
    /// From the emission of a period's last sample to its being read.
    pub(crate) capture_ms: f64,
    /// From `snd_pcm_drop` to silence.
    pub(crate) stop_ms: f64,
    /// From when a sample should be played, by `snd_pcm_delay`, to when it is.
    pub(crate) playback_ms: f64,
}

/// Measures the card. mynah must not be running.
pub(crate) fn measure() -> CardCost {
    CardCost {
        capture_ms: median(capture_ms()),
        stop_ms: median(stop_ms()),
        playback_ms: median(playback_ms()),
    }
}

fn capture_ms() -> Vec<f64> {
    let source = SoundSource::start(counter);
    let pcm = open(MICROPHONE, Direction::Capture, PERIOD_FRAMES, 8 * PERIOD_FRAMES).expect("the card");
    let io = pcm.io_i16().expect("16 bit");
    let mut reads = Vec::new();
    for _ in 0..4 * REPEATS {
        let mut block = [0; PERIOD_FRAMES];
        io.readi(&mut block).expect("the card runs");
        reads.push((now(), block[PERIOD_FRAMES - 1]));
    }
    let began = source.began();
    source.stop();
    // The first periods may have been captured before the source started.
    reads[10..].iter().map(|(at, last)| ms_between(emitted_at(began, *at, *last) + span(1), *at)).collect()
}

/// Keeps a playback stream's queue full.
struct Writer<'a> {
    pcm: &'a alsa::PCM,
    buffer: usize,
}

impl Writer<'_> {
    fn queued(&self) -> usize {
        self.buffer - self.pcm.avail().map_or(0, |vacant| vacant.cast_unsigned() as usize)
    }

    /// Fills the queue with `sample`, at least once, and keeps it full until the time `until`.
    fn fill(&self, sample: i16, until: u64) {
        let io = self.pcm.io_i16().expect("16 bit");
        loop {
            let wanted = QUEUE_FRAMES.saturating_sub(self.queued());
            if wanted > 0 {
                io.writei(&vec![sample; wanted]).expect("the card runs");
            }
            if now() >= until {
                return;
            }
            clock::sleep_ns(MS);
        }
    }
}

fn writer_on(pcm: &alsa::PCM) -> Writer<'_> {
    let settings = pcm.sw_params_current().expect("settings");
    settings.set_start_threshold(QUEUE_FRAMES as alsa::pcm::Frames).expect("a threshold");
    pcm.sw_params(&settings).expect("settings");
    Writer { pcm, buffer: 4 * PERIOD_FRAMES }
}

fn stop_ms() -> Vec<f64> {
    let recorder = SoundRecorder::start();
    let pcm = open(SPEAKER, Direction::Playback, PERIOD_FRAMES, 4 * PERIOD_FRAMES).expect("the card");
    let writer = writer_on(&pcm);
    let mut random = Random::new();
    let mut stops = Vec::new();
    for _ in 0..REPEATS {
        writer.fill(1000, now() + 60 * MS + random.below_ms(10));
        stops.push(now());
        pcm.drop().expect("the card runs");
        pcm.prepare().expect("the card runs");
        writer.fill(0, now() + 80 * MS);
    }
    drop(pcm);
    let recording = recorder.stop_single();
    let silent = |stop: u64| {
        recording.silence_from(recording.place(stop)).map(|at| ms_between(stop, recording.played_at(at)))
    };
    stops.into_iter().filter_map(silent).collect()
}

fn playback_ms() -> Vec<f64> {
    let recorder = SoundRecorder::start();
    let pcm = open(SPEAKER, Direction::Playback, PERIOD_FRAMES, 4 * PERIOD_FRAMES).expect("the card");
    let writer = writer_on(&pcm);
    let mut random = Random::new();
    let mut writes = Vec::new();
    for _ in 0..REPEATS {
        writer.fill(0, now() + 60 * MS + random.below_ms(10));
        let delay = pcm.delay().map_or(0, |frames| frames.cast_unsigned());
        writes.push((now(), delay));
        writer.pcm.io_i16().expect("16 bit").writei(&[1000; TICK_FRAMES]).expect("the card runs");
    }
    writer.fill(0, now() + 60 * MS);
    drop(pcm);
    let recording = recorder.stop_single();
    let played = |(at, delay): (u64, u64), recording: &Recording| {
        recording
            .sound_from(recording.place(at))
            .map(|place| ms_between(at + delay * clock::S / RATE_HZ, recording.played_at(place)))
    };
    writes.into_iter().filter_map(|moment| played(moment, &recording)).collect()
}
