//! What the command does: lives by seed, on every core, with a line of progress and what came of them.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::allocator::device_bytes;
use crate::sim::{DAY, FAULTS, Kind, Life, Plan, Row, kept, live, plan};

const USAGE: &str = "\
cargo bench --profile guest --bench sim -- [WHAT]

  --lives N          N stormy lives of two minutes each, after those of seeds.txt (default: 100)
  --hours N          everyday lives of ten hours each, N hours in all
  --restless N       N lives of ten minutes without a fault, in which sessions end after a minute or a few
  --hostile N        N lives of two minutes with a service that says what it should not
  --memory N         one device that is talked to for N hours, and what it holds meanwhile
  --recovery N       what each kind of fault does to N devices
  --report           the figures of tests/README.md: speed, recovery, memory
  --from SEED        begin with this seed instead of a fresh one
  --seed SEED        one stormy life, told turn by turn
  --as KIND          the kind of that life: everyday, restless, hostile, or a fault's, as a broken promise names it
";

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
    report: bool,
    kind: Option<String>,
}

pub(crate) fn run() -> ExitCode {
    let Some(wish) = understand(std::env::args().skip(1)) else {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    };
    let first = wish.from.unwrap_or_else(|| RandomState::new().build_hasher().finish() >> 16);
    let fresh = |lives: u64, kind: &'static str| (first..first + lives).map(move |seed| (seed, kind));
    let well = match wish {
        Wish { seed: Some(seed), kind, .. } => match tell(seed, kind.as_deref().unwrap_or("stormy")) {
            Some(well) => well,
            None => {
                eprint!("{USAGE}");
                return ExitCode::from(2);
            }
        },
        Wish { report: true, .. } => {
            let days = (1..=20).map(|seed| (seed, "everyday")).collect::<Vec<_>>();
            let storms = (1..=60).map(|seed| (seed, "stormy")).collect::<Vec<_>>();
            [many(&days), many(&storms), recover(1, 12), remember(1, 24)] == [true; 4]
        }
        Wish { recovery: Some(lives), .. } => recover(first, lives),
        Wish { memory: Some(hours), .. } => remember(first, hours),
        Wish { hostile: Some(lives), .. } => many(&fresh(lives, "hostile").collect::<Vec<_>>()),
        Wish { restless: Some(lives), .. } => many(&fresh(lives, "restless").collect::<Vec<_>>()),
        Wish { hours: Some(hours), .. } => {
            many(&fresh(hours.div_ceil(DAY.as_secs() / 3600), "everyday").collect::<Vec<_>>())
        }
        Wish { lives, .. } => many(&kept().chain(fresh(lives.unwrap_or(100), "stormy")).collect::<Vec<_>>()),
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
            "--report" => wish.report = true,
            "--recovery" => wish.recovery = number()?,
            "--memory" => wish.memory = number()?,
            "--hostile" => wish.hostile = number()?,
            "--restless" => wish.restless = number()?,
            "--from" => wish.from = number()?,
            "--seed" => wish.seed = number()?,
            "--as" => wish.kind = Some(words.next()?),
            _ => return None,
        }
    }
    Some(wish)
}

/// One life, turn by turn, if there is that kind.
fn tell(seed: u64, kind: &str) -> Option<bool> {
    let plan = plan(seed, kind)?;
    println!("{plan:#?}");
    let life = live(&plan, Some(&mut |line| println!("{line}")));
    println!("{life:#?}");
    Some(life.broken.is_none())
}

/// One device that is talked to all the time, in sessions that end after minutes.
fn remember(seed: u64, hours: u64) -> bool {
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
    let plan = Plan::new(seed, Kind::Restless, Duration::from_secs(3600 * hours));
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

/// Many lives at once, by seed and kind, and the sum of them.
fn many(seeds: &[(u64, &str)]) -> bool {
    let begun = now();
    let lives = on_every_core(seeds.len(), |index| {
        let (seed, kind) = seeds[index];
        live(&plan(seed, kind).unwrap(), None)
    });
    let took = begun.elapsed();
    let hours = lives.iter().map(|life| life.simulated.as_secs_f64()).sum::<f64>() / 3600.0;
    let sum = |count: fn(&Life) -> u64| lives.iter().map(count).sum::<u64>();
    println!(
        "{} lives, {hours:.1} hours in {:.0} s: {:.0} hours a minute; {} replies, {} turns of the session",
        lives.len(),
        took.as_secs_f64(),
        hours / took.as_secs_f64() * 60.0,
        sum(|life| life.replies as u64),
        sum(|life| life.turns)
    );
    let mut recoveries: Vec<_> = lives.iter().filter_map(|life| life.recovery).collect();
    println!("from the last fault to rest, with a session: {}", spread(&mut recoveries));
    let digest = lives.iter().fold(0u64, |digest, life| digest.rotate_left(7) ^ life.digest);
    let most = lives.iter().map(|life| life.heap.most).max().unwrap_or(0);
    println!("no device holds more than {} KiB; digest {digest:016x}", most / 1024);
    let uttered = lives.iter().map(|life| life.uttered).sum::<usize>();
    if uttered > 0 {
        println!("{uttered} things were said that should not be");
    }
    for ((seed, kind), life) in seeds.iter().zip(&lives) {
        if let Some(broken) = &life.broken {
            println!("BROKEN: {broken}; see it with --seed {seed} --as {kind}");
        }
    }
    lives.iter().all(|life| life.broken.is_none())
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
        for broken in row.broken {
            println!("BROKEN: {broken}");
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
