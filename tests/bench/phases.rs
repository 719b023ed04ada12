//! The table of phases: what the mynah binary costs at rest, while nobody speaks and in a dialogue, through WAV files and
//! through ALSA's PulseAudio plugin.
//!
//! CPU time and context switches are the kernel's counts of all its threads between two moments of one phase. Beside
//! PulseAudio's figures stand those of a bare reader and writer of the same periods, measured in the same run.

use std::path::Path;
use std::time::Duration;

use mynah::parrot::ParrotConfig;

use crate::child::{Child, MYNAH, Snapshot};
use crate::conversation::{DIALOGUE, write_silence, write_speech};
use crate::pulse::PulseAudio;
use crate::service::{Behaviour, Service};
use crate::{idle, start};

/// After this the session is configured and quiet, and a speaker that may sleep does.
const SETTLED: Duration = Duration::from_secs(15);
const QUIET: Duration = Duration::from_secs(30);
const ROUNDS: u32 = 4;
/// The session has begun by then, and the last word is not over before the measurement is.
const MARGIN: Duration = Duration::from_secs(2);
/// The amplitude of the noise of a room, of 32768.
const NOISE: i16 = 20;
const MIB: f64 = 1024.0;

/// Measures each phase and prints the tables.
pub(crate) fn print() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let [silence, noise, speech] = ["silence.wav", "noise.wav", "speech.wav"].map(|name| dir.join(name));
    write_silence(&silence, SETTLED + QUIET + SETTLED, 0);
    // A microphone that delivers nothing but zeros is reopened.
    write_silence(&noise, SETTLED + QUIET + SETTLED + DIALOGUE * ROUNDS, NOISE);
    write_speech(&speech, ROUNDS as usize);
    let dialogue = (MARGIN, DIALOGUE * ROUNDS - 2 * MARGIN);

    header("WAV files");
    let quiet = (SETTLED, QUIET);
    let (speaker, state) = (dir.join("speaker.wav"), dir.join("state.toml"));
    let measure_files = |speech: &Path, muted: bool, phase| {
        std::fs::write(&state, format!("muted = {muted}\n")).unwrap();
        let files =
            ["--speech", text(speech), "--speaker-file", text(&speaker), "--state-file", text(&state)];
        measure(dir, &files, [], phase)
    };
    row("muted: the microphone is closed", Some(0.01), measure_files(&silence, true, quiet));
    row("open, nobody speaks", Some(0.08), measure_files(&silence, false, quiet));
    row("the user speaks, a reply is heard", Some(0.40), measure_files(&speech, false, dialogue));
    println!("{:36} {:>9.3}", "two threads that wake every 10 ms", idle::cpu_s_per_minute());
    println!();

    header("PulseAudio, null sinks");
    let Some(pulse) = PulseAudio::start(dir) else {
        println!("not measured: pulseaudio, pacat or ALSA's plugin is not installed");
        return;
    };
    let devices = ["--microphone", "pulse", "--speaker", "pulse", "--no-light"];
    let room = pulse.play("voice", &noise);
    row("open, nobody speaks", Some(0.28), measure(dir, &devices, pulse.environment(), quiet));
    let voice = pulse.play("voice", &speech);
    let dialogue = measure(dir, &devices, pulse.environment(), dialogue);
    drop((room, voice));
    row("the user speaks, a reply is heard", Some(0.75), dialogue);
    let bench = std::env::current_exe().expect("the bench is a file");
    let bare = Child::start(&[text(&bench), "bare-stream", "pulse", "pulse"], pulse.environment());
    let bare = Measured::of(bare, (MARGIN, QUIET));
    row("a bare reader and writer of 20 ms", None, bare);
    println!(
        "dialogue, times the bare reader and writer: {:.2}",
        dialogue.cpu_s_per_minute / bare.cpu_s_per_minute
    );
}

fn header(title: &str) {
    println!(
        "{title:36} {:>9} {:>7} {:8} {:>10} {:>8} {:>8}",
        "CPU s/min", "goal", "", "switches/s", "PSS MiB", "RSS MiB"
    );
}

fn row(title: &str, goal: Option<f64>, measured: Measured) {
    let Measured { cpu_s_per_minute, switches_per_s, pss_mib, rss_mib } = measured;
    let (goal, met) = match goal {
        Some(goal) if cpu_s_per_minute <= goal => (format!("≤ {goal}"), "met"),
        Some(goal) => (format!("≤ {goal}"), "not met"),
        None => (String::new(), ""),
    };
    println!(
        "{title:36} {cpu_s_per_minute:>9.3} {goal:>7} {met:8} {switches_per_s:>10.1} {pss_mib:>8.1} {rss_mib:>8.1}"
    );
}

/// What one process used in one phase.
#[derive(Clone, Copy)]
struct Measured {
    cpu_s_per_minute: f64,
    switches_per_s: f64,
    pss_mib: f64,
    rss_mib: f64,
}

/// Measures a mynah with these arguments, for the second duration after the first.
fn measure(
    dir: &Path,
    arguments: &[&str],
    environment: impl IntoIterator<Item = (&'static str, String)>,
    phase: (Duration, Duration),
) -> Measured {
    let service = Service::start([Behaviour::Parrot(ParrotConfig::default())]);
    Measured::of(start::child_with(dir, &service, &[MYNAH], arguments, environment), phase)
}

impl Measured {
    /// Lets the process run for the first duration, and measures it for the second.
    fn of(child: Child, (before, measured): (Duration, Duration)) -> Self {
        let proc = child.proc();
        let snapshot = || proc.snapshot().expect("it runs until it is stopped");
        std::thread::sleep(before);
        let first = snapshot();
        std::thread::sleep(measured);
        let last: Snapshot = snapshot();
        child.kill();
        assert!(last.proportional_kib > 0, "it has ended before the measurement did");
        let seconds = measured.as_secs_f64();
        Self {
            cpu_s_per_minute: (last.cpu - first.cpu).as_secs_f64() / seconds * 60.0,
            switches_per_s: (last.switches - first.switches) as f64 / seconds,
            pss_mib: last.proportional_kib as f64 / MIB,
            rss_mib: last.resident_kib as f64 / MIB,
        }
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the temporary directory has a readable name")
}
