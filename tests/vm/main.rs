//! What observes mynah in the VM's machine: `tests/vm/run` boots it and starts this as its only program.
//!
//! Each scenario plays the world around the shipped binary (mouth, ear, service, finger) on the kernel's own devices
//! and enters what it saw in one table. A figure over its goal fails the run. On any other machine it does nothing.
#![expect(clippy::print_stdout, reason = "printing is what it is for")]
#![expect(clippy::expect_used, reason = "what a machine made for it does not have, ends it")]
#![expect(clippy::disallowed_methods, reason = "it lives in virtual time, and waits in it")]

mod card_cost;
mod clock;
mod dead_input;
mod device;
mod gpio;
mod jitter;
mod latency;
mod load;
mod loopback;
mod periods;
mod peripherals;
mod refusals;
mod service;
mod suspend;
mod table;
mod talk;
mod unplug;
mod xruns;

use std::path::Path;
use std::process::ExitCode;

use table::Table;

#[allow(unused_imports, reason = "what its own tests import is not used here")]
#[path = "../service/mod.rs"]
mod scripted;

/// What can be run.
struct Scenario {
    name: &'static str,
    what: &'static str,
    /// Runs it; longer, if so it shall be.
    run: fn(&mut Table, bool),
}

const SCENARIOS: &[Scenario] = &[
    Scenario { name: "talk", what: "a conversation with the parrot through the card", run: talk::run },
    Scenario {
        name: "latency",
        what: "event to silence, microphone to wire, delta to sample",
        run: latency::run,
    },
    Scenario {
        name: "jitter",
        what: "how late the sound threads run, idle and under load",
        run: jitter::run,
    },
    Scenario {
        name: "periods",
        what: "how short a period may be before the sound breaks",
        run: periods::run,
    },
    Scenario { name: "xruns", what: "talk under load, without losing a sample", run: xruns::run },
    Scenario { name: "unplug", what: "the sound card goes away and comes back", run: unplug::run },
    Scenario { name: "suspend", what: "the machine sleeps and wakes", run: suspend::run },
    Scenario {
        name: "dead-input",
        what: "a microphone that gives only zeros, and then sound",
        run: dead_input::run,
    },
    Scenario {
        name: "peripherals",
        what: "buttons, a lamp and mute, on lines of the kernel's",
        run: peripherals::run,
    },
    Scenario { name: "refusals", what: "a wrong set-up is refused with a sentence", run: refusals::run },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [flag, kind] = &arguments[..]
        && flag == "--load"
    {
        load::run_worker(kind);
    }
    if arguments.iter().any(|argument| argument == "--list") {
        for Scenario { name, what, .. } in SCENARIOS {
            println!("{name:<12} {what}");
        }
        return ExitCode::SUCCESS;
    }
    if !Path::new("/etc/vm-arguments").exists() {
        println!("this runs in the VM's machine: tests/vm/run");
        return ExitCode::SUCCESS;
    }
    let long = arguments.iter().any(|argument| argument == "--long");
    let named: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with("--")).collect();
    if let Some(unknown) = named.iter().find(|argument| SCENARIOS.iter().all(|one| one.name != **argument)) {
        println!("vm: there is no scenario {unknown}; --list lists them");
        return ExitCode::from(2);
    }
    let mut table = Table::default();
    for Scenario { name, what, run } in SCENARIOS {
        if named.is_empty() || named.iter().any(|argument| argument == name) {
            println!("vm: {name}: {what}");
            let began = clock::now();
            let before = table.failures().len();
            run(&mut table, long);
            for failure in &table.failures()[before..] {
                println!("vm: NOT MET: {failure}");
            }
            let seconds = clock::ms_between(began, clock::now()) / 1000.0;
            println!("vm: {name}: {seconds:.1} s of the machine's time");
        }
    }
    finish(&table)
}

fn finish(table: &Table) -> ExitCode {
    println!("\n{}", table.to_text());
    std::fs::write("out/results.txt", table.to_tsv()).expect("room for the results");
    println!("vm: {} of it not as it should be", table.failures().len());
    ExitCode::from(u8::from(!table.failures().is_empty()))
}
