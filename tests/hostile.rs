//! What a service gone bad sends, and what is kept of what the parsers were tried with: nothing ends, nothing grows,
//! and the log stays readable.
//!
//! `tests/fuzz/run` looks for more.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Once;

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::fuzz::TARGETS;
use crate::sim::{scenario_for, simulate};

/// What the service says that it should not, in all.
const UTTERANCES: usize = 10_000;
/// The least time between two lines of a kind.
const QUIET_S: f64 = 60.0;

#[test]
fn what_is_kept_of_the_corpus_is_judged_well() {
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
fn ten_thousand_mutated_events_and_frames_leave_a_device_that_rests_talks_and_does_not_grow() {
    let (mut uttered, mut seed) = (0, 0);
    while uttered < UTTERANCES {
        let life = Watched::live(seed);
        println!("seed {seed}: {life:?}");
        assert_eq!(life.broken, None, "seed {seed}");
        assert_eq!(life.chatter, Vec::<String>::new(), "seed {seed}");
        assert!(life.uttered > 200 && life.lines > 10, "seed {seed}");
        (uttered, seed) = (uttered + life.uttered, seed + 1);
    }
}

/// A life with a service gone bad, as seen from outside.
#[derive(Debug)]
struct Watched {
    uttered: usize,
    broken: Option<String>,
    /// What was logged.
    lines: usize,
    /// Lines of a kind that came again within a minute, and lines that are none.
    chatter: Vec<String>,
}

impl Watched {
    fn live(seed: u64) -> Self {
        let scenario = scenario_for(seed, "hostile").unwrap();
        let (mut told, mut chatter) = (BTreeMap::<String, f64>::new(), Vec::new());
        let mut lines = 0;
        listen(true);
        let life = simulate(
            &scenario,
            Some(&mut |turn| {
                let at: f64 = turn.split_whitespace().next().unwrap().parse().unwrap();
                for line in HEARD.take() {
                    lines += 1;
                    let kind = kind(&line);
                    let before = told.insert(kind, at);
                    if before.is_some_and(|before| at < before + QUIET_S)
                        || line.len() > 1200
                        || line.contains(char::is_control)
                    {
                        chatter.push(format!("{at:.3} {line}"));
                    }
                }
            }),
        );
        listen(false);
        Self { uttered: life.hostile_frames, broken: life.violation, lines, chatter }
    }
}

/// What a line says before it quotes: numbers and what follows a colon are not its kind.
fn kind(line: &str) -> String {
    let said = line.split_once(": ").map_or(line, |(said, _)| said);
    said.chars().filter(|c| !c.is_ascii_digit()).collect()
}

thread_local! {
    static LISTENS: Cell<bool> = const { Cell::new(false) };
    static HEARD: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Begins or ends to keep what this thread logs.
fn listen(listens: bool) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&Ear).unwrap();
        log::set_max_level(LevelFilter::Info);
    });
    LISTENS.set(listens);
    HEARD.take();
}

struct Ear;

impl Log for Ear {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Info && metadata.target().starts_with("mynah::") && LISTENS.get()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            HEARD.with_borrow_mut(|heard| heard.push(record.args().to_string()));
        }
    }

    fn flush(&self) {}
}
