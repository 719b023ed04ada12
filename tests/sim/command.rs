//! The `sim` command: parses the options, simulates many seeds on all cores and prints a summary.
//!
//! It judges nothing: a run that violates an invariant is printed with the options that replay it.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::allocator::device_bytes;
use crate::sim::{
    FAULTS, FaultStats, Kind, PHASES, SPEAKERS, Scenario, Simulation, TEN_HOURS, WakeRates, kept_seeds,
    scenario_for, simulate, wakes_table,
};

const USAGE: &str = "\
cargo bench --profile guest --bench sim -- [OPTION]...

  --runs N            N chaos runs of two minutes each, after those of seeds.txt (default: 100)
  --hours N           everyday runs of ten hours each, N hours in all
  --short-sessions N  N runs of ten minutes without a fault; sessions end after one to seven minutes
  --quirks N          N runs of ten minutes with the quirks of real services, noises and replies unasked
  --hostile N         N runs of two minutes with a service that sends malformed events and frames
  --flood N           N runs of two minutes with a service that repeats a frame without end
  --rooms N           N runs of a minute in a room where the microphone hears the speaker
  --memory N          one device in conversation for N hours, and its memory hour by hour
  --recovery N        what each kind of fault does to N devices
  --wakes             what wakes the threads how often, in each phase, for each way to cut a speaker
  --report            the figures of tests/README.md: speed, recovery, memory
  --from SEED         start with this seed instead of a random one
  --seed SEED         one run, traced turn by turn
  --kind KIND         the kind of that run: chaos (default), kept-open, client-reference, half-duplex,
                      half-duplex-short-sessions, half-duplex-kept-open, everyday, short-sessions, quirks, hostile,
                      flood, room or a fault, as printed with a violation
";

/// The command line.
#[derive(Default)]
struct Options {
    runs: Option<u64>,
    hours: Option<u64>,
    recovery: Option<u64>,
    short_sessions: Option<u64>,
    hostile: Option<u64>,
    flood: Option<u64>,
    rooms: Option<u64>,
    quirks: Option<u64>,
    memory: Option<u64>,
    from: Option<u64>,
    seed: Option<u64>,
    report: bool,
    wakes: bool,
    kind: Option<String>,
}

pub(crate) fn run() -> ExitCode {
    let Some(options) = parse(std::env::args().skip(1)) else {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    };
    let first = options.from.unwrap_or_else(|| RandomState::new().build_hasher().finish() >> 16);
    let fresh = |runs: u64, kind: &'static str| (first..first + runs).map(move |seed| (seed, kind));
    let passed = match options {
        Options { seed: Some(seed), kind, .. } => match trace(seed, kind.as_deref().unwrap_or("chaos")) {
            Some(passed) => passed,
            None => {
                eprint!("{USAGE}");
                return ExitCode::from(2);
            }
        },
        Options { wakes: true, .. } => wakes_tables(),
        Options { report: true, .. } => {
            let everyday = (1..=20).map(|seed| (seed, "everyday")).collect::<Vec<_>>();
            let chaos = (1..=60).map(|seed| (seed, "chaos")).collect::<Vec<_>>();
            [run_all(&everyday), run_all(&chaos), recovery_table(1, 12), memory_table(1, 24)] == [true; 4]
        }
        Options { recovery: Some(runs), .. } => recovery_table(first, runs),
        Options { memory: Some(hours), .. } => memory_table(first, hours),
        Options { hostile: Some(runs), .. } => run_all(&fresh(runs, "hostile").collect::<Vec<_>>()),
        Options { rooms: Some(runs), .. } => run_all(&fresh(runs, "room").collect::<Vec<_>>()),
        Options { flood: Some(runs), .. } => run_all(&fresh(runs, "flood").collect::<Vec<_>>()),
        Options { quirks: Some(runs), .. } => run_all(&fresh(runs, "quirks").collect::<Vec<_>>()),
        Options { short_sessions: Some(runs), .. } => {
            run_all(&fresh(runs, "short-sessions").collect::<Vec<_>>())
        }
        Options { hours: Some(hours), .. } => {
            run_all(&fresh(hours.div_ceil(TEN_HOURS.as_secs() / 3600), "everyday").collect::<Vec<_>>())
        }
        Options { runs, .. } => {
            run_all(&kept_seeds().chain(fresh(runs.unwrap_or(100), "chaos")).collect::<Vec<_>>())
        }
    };
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Option<Options> {
    let mut options = Options::default();
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next()?.parse().ok().map(Some);
        match argument.as_str() {
            // cargo passes this to every benchmark.
            "--bench" => {}
            "--runs" => options.runs = number()?,
            "--hours" => options.hours = number()?,
            "--report" => options.report = true,
            "--wakes" => options.wakes = true,
            "--recovery" => options.recovery = number()?,
            "--memory" => options.memory = number()?,
            "--hostile" => options.hostile = number()?,
            "--flood" => options.flood = number()?,
            "--rooms" => options.rooms = number()?,
            "--quirks" => options.quirks = number()?,
            "--short-sessions" => options.short_sessions = number()?,
            "--from" => options.from = number()?,
            "--seed" => options.seed = number()?,
            "--kind" => options.kind = Some(arguments.next()?),
            _ => return None,
        }
    }
    Some(options)
}

/// Simulates one seed and prints each turn. Returns whether no invariant was violated; `None` for an unknown kind.
fn trace(seed: u64, kind: &str) -> Option<bool> {
    let scenario = scenario_for(seed, kind)?;
    println!("{scenario:#?}");
    let run = simulate(&scenario, Some(&mut |line| println!("{line}")));
    match &run.room {
        Some(room) => println!("{:?}\n{room}", run.violation),
        None => println!("{run:#?}"),
    }
    Some(run.violation.is_none())
}

/// Simulates one device in constant conversation, in sessions of minutes, and prints its memory hour by hour.
fn memory_table(seed: u64, hours: u64) -> bool {
    println!(
        "| hours | KiB allocated by the device | KiB resident in this process, including the simulator |"
    );
    println!("|---|---|---|");
    let before = device_bytes();
    let row = |at: f64| {
        println!("| {at:.0} | {} | {} |", (device_bytes() - before) / 1024, resident_kib());
        let _ = std::io::stdout().flush();
    };
    let mut rows = [0.01, 1.0, 2.0, 3.0].into_iter().chain((1..).map(|six| 6.0 * f64::from(six))).peekable();
    let scenario = Scenario::new(seed, Kind::ShortSessions, Duration::from_secs(3600 * hours));
    let run = simulate(
        &scenario,
        Some(&mut |turn| {
            let seconds: f64 = turn.split_whitespace().next().unwrap().parse().unwrap();
            if let Some(at) = rows.next_if(|at| *at * 3600.0 <= seconds) {
                row(at);
            }
        }),
    );
    let Simulation { replies, heap, violation, .. } = run;
    println!("seed {seed}: {replies} replies; {heap}");
    if let Some(violation) = &violation {
        println!("BROKEN: {violation}");
    }
    violation.is_none()
}

/// Simulates all `seeds` with their kinds and prints a summary. Returns whether no invariant was violated.
fn run_all(seeds: &[(u64, &str)]) -> bool {
    let began = now();
    let runs = on_every_core(seeds.len(), |index| {
        let (seed, kind) = seeds[index];
        simulate(&scenario_for(seed, kind).unwrap(), None)
    });
    let took = began.elapsed();
    let hours = runs.iter().map(|run| run.simulated.as_secs_f64()).sum::<f64>() / 3600.0;
    let sum = |count: fn(&Simulation) -> u64| runs.iter().map(count).sum::<u64>();
    println!(
        "{} runs, {hours:.1} hours in {:.0} s: {:.0} hours a minute; {} replies, {} session turns",
        runs.len(),
        took.as_secs_f64(),
        hours / took.as_secs_f64() * 60.0,
        sum(|run| run.replies as u64),
        sum(|run| run.turns)
    );
    let mut recoveries: Vec<_> = runs.iter().filter_map(|run| run.recovery).collect();
    println!("from the last fault to idle, with a session: {}", percentiles(&mut recoveries));
    let digest = runs.iter().fold(0u64, |digest, run| digest.rotate_left(7) ^ run.digest);
    let maximum = runs.iter().map(|run| run.heap.peak).max().unwrap_or(0);
    println!("no device holds more than {} KiB; digest {digest:016x}", maximum / 1024);
    let hostile_frames = runs.iter().map(|run| run.hostile_frames).sum::<usize>();
    if hostile_frames > 0 {
        println!("{hostile_frames} malformed events and frames were sent");
    }
    for ((seed, kind), run) in seeds.iter().zip(&runs) {
        if let Some(violation) = &run.violation {
            println!("BROKEN: {violation}; replay it with --seed {seed} --kind {kind}");
        }
    }
    runs.iter().all(|run| run.violation.is_none())
}

/// Prints the wakes a second of each thread in each phase. Returns whether no invariant was violated.
fn wakes_tables() -> bool {
    let mut passed = true;
    for speaker in SPEAKERS {
        let rates = PHASES.map(|phase| WakeRates::of(phase, speaker));
        println!("Wakes a second, speaker \"{}\"\n\n{}", speaker.name, wakes_table(&rates));
        for violation in rates.iter().filter_map(|rates| rates.violation.as_ref()) {
            println!("BROKEN: {violation}");
            passed = false;
        }
    }
    passed
}

fn recovery_table(first: u64, runs: u64) -> bool {
    let rows = on_every_core(FAULTS.len(), |index| {
        let mut row = FaultStats::new(FAULTS[index]);
        (first..first + runs).for_each(|seed| row.add(seed));
        row
    });
    println!(
        "| fault | the light shows | within, median (maximum) | tones | recovered after, median (maximum) |\n|---|---|---|---|---|"
    );
    let mut passed = true;
    for mut row in rows {
        let light_words =
            if row.light_words.is_empty() { "nothing".to_owned() } else { row.light_words.join(", ") };
        let light = format!("{light_words} ({} of {})", row.shown.len(), row.runs);
        let sounds =
            format!("{} to {}", row.tones.iter().min().unwrap_or(&0), row.tones.iter().max().unwrap_or(&0));
        println!(
            "| {} | {light} | {} | {sounds} | {} |",
            row.fault.description(),
            median_and_max(&mut row.shown),
            median_and_max(&mut row.recovered)
        );
        for violation in row.violations {
            println!("BROKEN: {violation}");
            passed = false;
        }
    }
    passed
}

/// Calls `work` with 0 to `count` - 1 on one thread per core and returns the results in that order.
fn on_every_core<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let (next, done) = (AtomicU64::new(0), Mutex::new(Vec::with_capacity(count)));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let is_terminal = std::io::stderr().is_terminal();
    std::thread::scope(|scope| {
        for _ in 0..cores.min(count) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed) as usize;
                    if index >= count {
                        return;
                    }
                    let result = work(index);
                    let mut done = done.lock().unwrap();
                    done.push((index, result));
                    if is_terminal {
                        progress(done.len(), count);
                    }
                }
            });
        }
    });
    if is_terminal {
        eprintln!();
    }
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

fn progress(done: usize, count: usize) {
    const WIDTH: usize = 50;
    let filled = WIDTH * done / count;
    eprint!("\r[{}{}] {done}/{count}", "#".repeat(filled), " ".repeat(WIDTH - filled));
    let _ = std::io::stderr().flush();
}

fn percentiles(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let Some(maximum) = times.last() else { return "none".to_owned() };
    let at = |share: usize| times[(times.len() - 1) * share / 100].as_secs_f64();
    format!("median {:.1} s, 95 % {:.1} s, maximum {:.1} s", at(50), at(95), maximum.as_secs_f64())
}

fn median_and_max(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let Some(maximum) = times.last() else { return "-".to_owned() };
    format!("{:.2} s ({:.2} s)", times[times.len() / 2].as_secs_f64(), maximum.as_secs_f64())
}

/// Returns the resident memory of this process in KiB (proc_pid_status(5)).
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[allow(clippy::disallowed_methods, reason = "it measures the simulator, not what is simulated")]
fn now() -> Instant {
    Instant::now()
}
