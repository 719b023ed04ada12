//! What the command does: lives by seed, on every core, with a line of progress and what came of them.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::allocator::device_bytes;
use crate::sim::{FAULTS, Kind, Life, Plan, Row, kept_seeds, live};

const USAGE: &str = "\
cargo bench --profile guest --bench sim -- [WHAT]

  --lives N          N stormy lives of two minutes each, and the lives of seeds.txt (default: 100)
  --hours N          everyday lives of ten hours each, N hours in all
  --restless N       N lives of ten minutes without a fault, in which sessions end after a minute or a few
  --hostile N        N lives of two minutes with a service that says what it should not
  --memory N         one device that is talked to for N hours, and what it holds meanwhile
  --recovery N       what each kind of fault does to N devices
  --from SEED        begin with this seed instead of a fresh one
  --seed SEED        one stormy life, told turn by turn; with --everyday one of those
";

/// A stormy life, and an everyday one.
const STORM: Duration = Duration::from_secs(120);
const DAY: Duration = Duration::from_secs(36_000);
const RESTLESS: Duration = Duration::from_secs(600);

/// What was asked for.
#[derive(Default)]
struct Wish {
    lives: Option<u64>,
    hours: Option<u64>,
    recovery: Option<u64>,
    restless: Option<u64>,
    hostile: Option<u64>,
    memory: Option<u64>,
    from: Option<u64>,
    seed: Option<u64>,
    everyday: bool,
}

pub(crate) fn run() -> ExitCode {
    let Some(wish) = understand(std::env::args().skip(1)) else {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    };
    let first = wish.from.unwrap_or_else(|| RandomState::new().build_hasher().finish() >> 16);
    let well = match wish {
        Wish { seed: Some(seed), everyday, .. } => tell(seed, everyday),
        Wish { recovery: Some(lives), .. } => recover(first, lives),
        Wish { hostile: Some(lives), .. } => insult(first, lives),
        Wish { memory: Some(hours), .. } => remember(first, hours),
        Wish { restless: Some(lives), .. } => {
            many(&(first..first + lives).collect::<Vec<_>>(), Kind::Restless, RESTLESS)
        }
        Wish { hours: Some(hours), .. } => {
            let lives = hours.div_ceil(DAY.as_secs() / 3600);
            many(&(first..first + lives).collect::<Vec<_>>(), Kind::Everyday, DAY)
        }
        Wish { lives, .. } => {
            let seeds = kept_seeds().into_iter().chain(first..first + lives.unwrap_or(100));
            many(&seeds.collect::<Vec<_>>(), Kind::Stormy, STORM)
        }
    };
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn understand(mut words: impl Iterator<Item = String>) -> Option<Wish> {
    let mut wish = Wish::default();
    while let Some(word) = words.next() {
        let mut number = || words.next()?.parse().ok().map(Some);
        match word.as_str() {
            // cargo says so to every benchmark.
            "--bench" => {}
            "--lives" => wish.lives = number()?,
            "--hours" => wish.hours = number()?,
            "--recovery" => wish.recovery = number()?,
            "--memory" => wish.memory = number()?,
            "--hostile" => wish.hostile = number()?,
            "--restless" => wish.restless = number()?,
            "--from" => wish.from = number()?,
            "--seed" => wish.seed = number()?,
            "--everyday" => wish.everyday = true,
            _ => return None,
        }
    }
    Some(wish)
}

/// One life, turn by turn.
fn tell(seed: u64, everyday: bool) -> bool {
    let plan =
        if everyday { Plan::new(seed, Kind::Everyday, DAY) } else { Plan::new(seed, Kind::Stormy, STORM) };
    println!("{plan:#?}");
    let life = live(&plan, Some(&mut |line| println!("{line}")));
    println!("{life:#?}");
    life.broken.is_none()
}

/// Lives with a service gone bad.
fn insult(first: u64, lives: u64) -> bool {
    let lived = on_every_core(lives as usize, |index| {
        let seed = first + index as u64;
        (seed, live(&Plan::hostile(seed, STORM), None))
    });
    let uttered = lived.iter().map(|(_, life)| life.uttered).sum::<usize>();
    println!("{lives} lives, in which {uttered} things were said that should not be");
    for (seed, life) in &lived {
        if let Some(broken) = &life.broken {
            println!("seed {seed}: {broken}");
        }
    }
    lived.iter().all(|(_, life)| life.broken.is_none())
}

/// One device that is talked to all the time, in sessions that end after minutes.
fn remember(seed: u64, hours: u64) -> bool {
    let length = Duration::from_secs(3600 * hours);
    let plan = Plan::new(seed, Kind::Restless, length);
    println!(
        "| hours | KiB the device has asked for | KiB of this process resident, the simulation's among them |"
    );
    println!("|---|---|---|");
    let before = device_bytes();
    let row = |at: f64| {
        println!("| {at:.0} | {} | {} |", (device_bytes() - before) / 1024, resident_kib());
        let _ = std::io::stdout().flush();
    };
    let mut rows = [0.01, 1.0, 2.0, 3.0].into_iter().chain((1..).map(|six| 6.0 * f64::from(six))).peekable();
    let life = live(
        &plan,
        Some(&mut |turn| {
            let seconds: f64 = turn.split_whitespace().next().unwrap().parse().unwrap();
            if let Some(at) = rows.next_if(|at| *at * 3600.0 <= seconds) {
                row(at);
            }
        }),
    );
    let Life { replies, heap, broken, .. } = life;
    println!("seed {seed}: {replies} replies; {heap}");
    if let Some(broken) = &broken {
        println!("BROKEN: {broken}");
    }
    broken.is_none()
}

/// Many lives at once, and the sum of them.
fn many(seeds: &[u64], kind: Kind, length: Duration) -> bool {
    let begun = now();
    let lives = on_every_core(seeds.len(), |index| {
        let plan = Plan::new(seeds[index], kind, length);
        (seeds[index], live(&plan, None))
    });
    let took = begun.elapsed();
    let hours = lives.iter().map(|(_, life)| life.simulated.as_secs_f64()).sum::<f64>() / 3600.0;
    let sum = |count: fn(&Life) -> u64| lives.iter().map(|(_, life)| count(life)).sum::<u64>();
    println!(
        "{} lives, {hours:.1} hours in {:.0} s: {:.0} hours a minute; {} replies, {} turns of the session",
        lives.len(),
        took.as_secs_f64(),
        hours / took.as_secs_f64() * 60.0,
        sum(|life| life.replies as u64),
        sum(|life| life.turns)
    );
    let mut recoveries: Vec<_> = lives.iter().filter_map(|(_, life)| life.recovery).collect();
    println!("from the last fault to rest, with a session: {}", spread(&mut recoveries));
    let digest = lives.iter().fold(0u64, |digest, (_, life)| digest.rotate_left(7) ^ life.digest);
    let most = lives.iter().map(|(_, life)| life.heap.most).max().unwrap_or(0);
    println!("no device holds more than {} KiB; digest {digest:016x}", most / 1024);
    for (seed, life) in &lives {
        if let Some(broken) = &life.broken {
            let everyday = if kind == Kind::Everyday { " --everyday" } else { "" };
            println!("BROKEN: {broken}; see it with --seed {seed}{everyday}");
        }
    }
    lives.iter().all(|(_, life)| life.broken.is_none())
}

fn recover(first: u64, lives: u64) -> bool {
    let rows = on_every_core(FAULTS.len(), |index| {
        let mut row = Row::new(FAULTS[index]);
        (first..first + lives).for_each(|seed| row.add(seed));
        row
    });
    println!(
        "| fault | the light says | within, median (most) | sounds | well again after, median (most) |\n|---|---|---|---|---|"
    );
    let mut well = true;
    for mut row in rows {
        let pictures = if row.pictures.is_empty() { "nothing".to_owned() } else { row.pictures.join(", ") };
        let told = format!("{pictures} ({} of {})", row.shown.len(), row.lives);
        let sounds =
            format!("{} to {}", row.tones.iter().min().unwrap_or(&0), row.tones.iter().max().unwrap_or(&0));
        println!(
            "| {} | {told} | {} | {sounds} | {} |",
            row.fault.name(),
            short(&mut row.shown),
            short(&mut row.well)
        );
        for (seed, broken) in row.broken {
            println!("BROKEN: seed {seed}: {broken}");
            well = false;
        }
    }
    well
}

/// Does `count` pieces of work, in order of their numbers, on as many threads as there are cores.
fn on_every_core<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let (next, done) = (AtomicU64::new(0), Mutex::new(Vec::with_capacity(count)));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let shows = std::io::stderr().is_terminal();
    std::thread::scope(|scope| {
        for _ in 0..cores.min(count) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed) as usize;
                    if index >= count {
                        return;
                    }
                    let made = work(index);
                    let mut done = done.lock().unwrap();
                    done.push((index, made));
                    if shows {
                        bar(done.len(), count);
                    }
                }
            });
        }
    });
    if shows {
        eprintln!();
    }
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, made)| made).collect()
}

fn bar(done: usize, count: usize) {
    const WIDTH: usize = 50;
    let filled = WIDTH * done / count;
    eprint!("\r[{}{}] {done}/{count}", "#".repeat(filled), " ".repeat(WIDTH - filled));
    let _ = std::io::stderr().flush();
}

fn spread(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let Some(most) = times.last() else { return "none".to_owned() };
    let at = |share: usize| times[(times.len() - 1) * share / 100].as_secs_f64();
    format!("median {:.1} s, 95 % {:.1} s, most {:.1} s", at(50), at(95), most.as_secs_f64())
}

fn short(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let Some(most) = times.last() else { return "-".to_owned() };
    format!("{:.2} s ({:.2} s)", times[times.len() / 2].as_secs_f64(), most.as_secs_f64())
}

/// The resident memory of this process (proc_pid_status(5)).
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[allow(clippy::disallowed_methods, reason = "how long the machine took, not what it simulated")]
fn now() -> Instant {
    Instant::now()
}
