//! The second table: a whole conversation of the mynah binary with the parrot over loopback TLS.
//!
//! mynah is a child process; the tests' service runs in this process. The speech is the recorded dialogue five times:
//! about a minute, with five interruptions. The service records no times: a waiting thread timestamps the arrival of
//! every event, and the times of `speech_started` come from a second parrot that is fed the same events at the same
//! times.

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use mynah::parrot::{Parrot, ParrotConfig};
use serde_json::Value;
use tempfile::TempDir;

use crate::child::{MYNAH, Peak, Usage};
use crate::service::{Behaviour, Service};
use crate::wav::{self, Append, SpeakerFile};
use crate::{idle, quantile, start};

const ROUNDS: usize = 5;
/// The duration of the recorded dialogue.
pub(crate) const DIALOGUE: Duration = Duration::from_millis(11_758);
const STARTS: usize = 9;
const FRAMES_PER_MS: u64 = 24;
const MIB: f64 = 1024.0;

/// Measures a conversation and prints the table.
pub(crate) fn print() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("speaker.wav");
    let file = ["--speaker-file", file.to_str().unwrap()];
    let mut starts: Vec<f64> = (0..STARTS).map(|_| start::after_ms(dir.path(), &[MYNAH], &file)).collect();
    write_speech(&dir.path().join("speech.wav"), ROUNDS);
    let idle = idle::cpu_s_per_minute();
    let run = Run::new(&dir);
    let idle = f64::midpoint(idle, idle::cpu_s_per_minute());
    let seconds = run.wall.as_secs_f64();
    let Usage { user, system, voluntary_switches, involuntary_switches, .. } = run.used;
    let switches = (voluntary_switches + involuntary_switches) as f64 / seconds;
    let a_minute = |time: Duration| time.as_secs_f64() / seconds * 60.0;
    let mut to_wire = run.microphone_to_wire_ms();
    let mut ages = run.sample_ages_ms(&to_wire);
    let mut first_sounds = run.first_sounds_ms(&to_wire, &dir.path().join("speech.wav"));
    let mut silences = run.silences_ms(&dir.path().join("speaker.wav"));
    let mut reported = run.reported_after_ms();

    println!(
        "A conversation of {seconds:.1} s with the parrot over loopback TLS, {} interruptions:",
        silences.len()
    );
    println!("{:46} {:>9} {:>9} {:8} {:>11}", "", "mynah", "goal ≤", "", "quickstart");
    row("CPU seconds a minute", a_minute(user + system), Some((0.40, "1.7")));
    row("  two threads waking every 10 ms, for comparison", idle, None);
    row("peak resident memory, MiB", run.peak.resident_kib as f64 / MIB, Some((8.0, "78")));
    row("context switches a second", switches, Some((250.0, "600")));
    row("  voluntary", voluntary_switches as f64 / seconds, Some((130.0, "")));
    row("threads at most", run.peak.threads as f64, None);
    row("exec to session.update received, ms, median", quantile(&mut starts, 0.5), Some((40.0, "398")));
    row(&format!("  slowest of {STARTS}"), quantile(&mut starts, 1.0), None);
    row("microphone to wire, ms: age of a sample, mean", mean(&ages), Some((16.0, "")));
    row("  95 of 100 within", quantile(&mut ages, 0.95), Some((24.0, "")));
    row("  age of the first sample sent, median", quantile(&mut to_wire, 0.5), Some((22.0, "44")));
    row("  first sound after quiet, longest", quantile(&mut first_sounds, 1.0), Some((100.0, "")));
    row("barge-in event to silence, ms, mean", mean(&silences), Some((10.0, "105")));
    row("  longest", quantile(&mut silences, 1.0), Some((14.0, "")));
    row("  event to truncate received, ms, median", quantile(&mut reported, 0.5), None);
    println!(
        "microphone to wire: from a sample's capture, which is the start of its period, to its arrival at the service."
    );
    println!("silence: in the speaker file, from the service's speech_started, including the fade.");
    for line in run.output.lines().filter(|line| line.contains("after the interruption")) {
        println!("mynah reports: {line}");
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn row(title: &str, value: f64, goal: Option<(f64, &str)>) {
    match goal {
        Some((goal, quickstart)) => {
            let met = if value <= goal { "met" } else { "not met" };
            println!("{title:46} {value:>9.3} {goal:>9} {met:8} {quickstart:>11}");
        }
        None => println!("{title:46} {value:>9.3}"),
    }
}

/// Writes the recorded dialogue `rounds` times to a WAV file.
pub(crate) fn write_speech(path: &Path, rounds: usize) {
    let mut recording =
        hound::WavReader::open(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialogue.wav")).unwrap();
    let samples: Vec<i16> = recording.samples().map(|sample: Result<i16, _>| sample.unwrap()).collect();
    let mut speech = hound::WavWriter::create(path, recording.spec()).unwrap();
    for sample in (0..rounds).flat_map(|_| &samples) {
        speech.write_sample(*sample).unwrap();
    }
    speech.finalize().unwrap();
}

/// Writes a WAV file of silence, or of noise of that amplitude.
pub(crate) fn write_silence(path: &Path, time: Duration, amplitude: i16) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 24_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut silence = hound::WavWriter::create(path, spec).unwrap();
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..time.as_millis() * 24 {
        silence.write_sample(random.i16(-amplitude..=amplitude)).unwrap();
    }
    silence.finalize().unwrap();
}

/// A finished conversation.
struct Run {
    wall: Duration,
    used: Usage,
    output: String,
    peak: Peak,
    tick: Instant,
    file: SpeakerFile,
    /// Client events with their time of arrival.
    received: Vec<(Instant, Value)>,
}

impl Run {
    fn new(dir: &TempDir) -> Self {
        let service = Service::start([Behaviour::Parrot(ParrotConfig::default())]);
        let speech = dir.path().join("speech.wav");
        let speaker = dir.path().join("speaker.wav");
        // The file of an earlier run would look like growth.
        let _ = std::fs::remove_file(&speaker);
        let began = Instant::now();
        let devices = ["--speech", speech.to_str().unwrap(), "--speaker-file", speaker.to_str().unwrap()];
        let devices = [&devices[..], &["--timings"]].concat();
        let child = start::child(dir.path(), &service, &[MYNAH], &devices);
        let proc = child.proc();
        let over = AtomicBool::new(false);
        let (file, tick, peak, arrivals, (used, output, wall)) = std::thread::scope(|scope| {
            let watcher = scope.spawn(|| {
                let file = SpeakerFile::watch(&speaker).expect("the speaker's file grows");
                let tick = proc.timer_expires().expect("the WAV devices have a timer");
                let mut peak = Peak::default();
                while !over.load(Relaxed) {
                    proc.update_peak(&mut peak);
                    std::thread::sleep(Duration::from_millis(100));
                }
                (file, tick, peak)
            });
            let waiter = scope.spawn(|| {
                let (used, output) = child.wait();
                (used, output, began.elapsed())
            });
            let arrivals = arrivals(&service);
            over.store(true, Relaxed);
            let (file, tick, peak) = watcher.join().unwrap();
            (file, tick, peak, arrivals, waiter.join().unwrap())
        });
        assert!(used.succeeded, "mynah ended with an error; it printed: {output}");
        let received = arrivals.into_iter().zip(service.received()).collect();
        Self { wall, used, output, peak, tick, file, received }
    }

    /// Returns, for each append, the age of its first sample when it arrived.
    fn microphone_to_wire_ms(&self) -> Vec<f64> {
        wav::microphone_to_wire_ms(&self.appends(), self.tick)
    }

    /// Returns the ages of the samples, of which every 24th is asked.
    fn sample_ages_ms(&self, first: &[f64]) -> Vec<f64> {
        let appends = self.appends();
        let ages = appends.iter().zip(first).flat_map(|(append, first)| {
            (0..append.frames / FRAMES_PER_MS).map(move |older| first - older as f64)
        });
        ages.collect()
    }

    /// Returns the age of each sound that follows half a second of silence in the speech.
    fn first_sounds_ms(&self, first: &[f64], speech: &Path) -> Vec<f64> {
        let sounds = wav::sounds_after_silence(speech);
        let (mut begin, mut found) = (0, Vec::new());
        for (append, age) in self.appends().iter().zip(first) {
            let end = begin + append.frames;
            let inside = sounds.iter().filter(|sound| (begin..end).contains(sound));
            found.extend(inside.map(|sound| age - (sound - begin) as f64 / FRAMES_PER_MS as f64));
            begin = end;
        }
        found
    }

    fn appends(&self) -> Vec<Append> {
        let appends = self.received.iter().filter_map(|(arrived, event)| {
            let base64 = event["audio"].as_str()?;
            Some(Append { arrived: *arrived, frames: base64.len() as u64 * 3 / 4 / 2 })
        });
        appends.collect()
    }

    /// Returns, for each interruption, the time from `speech_started` to silence.
    fn silences_ms(&self, speaker: &Path) -> Vec<f64> {
        let mut speaker = hound::WavReader::open(speaker).unwrap();
        let samples: Vec<i16> = speaker.samples().map(|sample| sample.unwrap()).collect();
        let events = self.interruptions();
        events
            .iter()
            .filter_map(|(event, _)| self.file.silent_after_ms(&samples, *event, self.tick))
            .collect()
    }

    /// Returns, for each interruption, the time from `speech_started` to the arrival of the truncation.
    fn reported_after_ms(&self) -> Vec<f64> {
        self.interruptions()
            .iter()
            .map(|(event, reported)| (*reported - *event).as_secs_f64() * 1000.0)
            .collect()
    }

    /// Returns the time of each `speech_started` that cut a reply, and of the arrival of its truncation.
    fn interruptions(&self) -> Vec<(Instant, Instant)> {
        let began = self.received[0].0;
        let mut parrot = Parrot::new(ParrotConfig::default(), 0, Duration::ZERO);
        let (mut started, mut found) = (None, Vec::new());
        for (arrived, event) in &self.received {
            let now = *arrived - began;
            if let Some(started) = started.filter(|_| event["type"] == "conversation.item.truncate") {
                found.push((started, *arrived));
            }
            parrot.receive(&event.to_string(), now);
            while let Some(answer) = parrot.next_message(now) {
                if answer.contains(r#""type":"input_audio_buffer.speech_started""#) {
                    started = Some(*arrived);
                }
            }
        }
        found
    }
}

/// Returns the arrival of every client event of the only connection, once that is closed.
fn arrivals(service: &Service) -> Vec<Instant> {
    let arrivals = RefCell::new(Vec::with_capacity(10_000));
    let is_over = Cell::new(false);
    while !is_over.get() {
        service.until("the next event", |all| {
            let Some(connection) = all.first() else { return false };
            let before = arrivals.borrow().len();
            arrivals.borrow_mut().resize(connection.received.len(), Instant::now());
            is_over.set(connection.is_over);
            is_over.get() || connection.received.len() > before
        });
    }
    arrivals.into_inner()
}
