//! Messages of a hostile service, and the fuzz corpus: no crash, no growth, and a readable log.
//!
//! `tests/fuzz/run` searches for new inputs.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Once;

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::fuzz::TARGETS;
use crate::sim::{scenario_for, simulate};

/// Messages that a service should not send, in all simulations together.
const HOSTILE_MESSAGES: usize = 10_000;
/// Minimum time between two log lines of one kind.
const REPEAT_INTERVAL_S: f64 = 60.0;

#[test]
fn the_fuzz_corpus_passes_its_targets() {
    for (name, check) in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(name);
        let mut files = 0;
        for entry in fs::read_dir(&folder).unwrap() {
            let file = entry.unwrap().path();
            println!("{}", file.display());
            check(&fs::read(&file).unwrap());
            files += 1;
        }
        assert!(files > 1, "{name} has no corpus");
    }
}

#[test]
fn ten_thousand_hostile_messages_leave_a_working_device() {
    let (mut uttered, mut seed) = (0, 0);
    while uttered < HOSTILE_MESSAGES {
        let outcome = Observed::run(seed);
        println!("seed {seed}: {outcome:?}");
        assert_eq!(outcome.broken, None, "seed {seed}");
        assert_eq!(outcome.repeated, Vec::<String>::new(), "seed {seed}");
        assert!(outcome.uttered > 200 && outcome.lines > 10, "seed {seed}");
        (uttered, seed) = (uttered + outcome.uttered, seed + 1);
    }
}

/// What was observed of a simulation with a hostile service.
#[derive(Debug)]
struct Observed {
    uttered: usize,
    broken: Option<String>,
    /// Number of log lines.
    lines: usize,
    /// Lines of a kind that was logged less than a minute before, too long lines, and lines with control
    /// characters.
    repeated: Vec<String>,
}

impl Observed {
    fn run(seed: u64) -> Self {
        let scenario = scenario_for(seed, "hostile").unwrap();
        let (mut last_logged, mut repeated) = (BTreeMap::<String, f64>::new(), Vec::new());
        let mut lines = 0;
        capture_log(true);
        let outcome = simulate(
            &scenario,
            Some(&mut |turn| {
                let at: f64 = turn.split_whitespace().next().unwrap().parse().unwrap();
                for line in LOGGED.take() {
                    lines += 1;
                    let kind = kind(&line);
                    let before = last_logged.insert(kind, at);
                    // One code can be of several classes, each of which is reported.
                    let is_first = line.starts_with("the service reported") && line.ends_with("(1 so far)");
                    if before.is_some_and(|before| at < before + REPEAT_INTERVAL_S) && !is_first
                        || line.len() > 1200
                        || line.contains(char::is_control)
                    {
                        repeated.push(format!("{at:.3} {line}"));
                    }
                }
            }),
        );
        capture_log(false);
        Self { uttered: outcome.hostile_frames, broken: outcome.violation, lines, repeated }
    }
}

/// Returns the kind of a line: its text up to the first `: `, without digits.
fn kind(line: &str) -> String {
    let prefix = line.split_once(": ").map_or(line, |(prefix, _)| prefix);
    prefix.chars().filter(|c| !c.is_ascii_digit()).collect()
}

thread_local! {
    static CAPTURING: Cell<bool> = const { Cell::new(false) };
    static LOGGED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Returns what this thread logs meanwhile.
pub(crate) fn logged_by(run: impl FnOnce()) -> Vec<String> {
    capture_log(true);
    run();
    let lines = LOGGED.take();
    capture_log(false);
    lines
}

/// Starts or stops capturing what this thread logs.
fn capture_log(on: bool) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&CapturingLogger).unwrap();
        log::set_max_level(LevelFilter::Info);
    });
    CAPTURING.set(on);
    LOGGED.take();
}

struct CapturingLogger;

impl Log for CapturingLogger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Info && metadata.target().starts_with("mynah::") && CAPTURING.get()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            LOGGED.with_borrow_mut(|lines| lines.push(record.args().to_string()));
        }
    }

    fn flush(&self) {}
}
