//! The VM's observer: `tests/vm/run` boots a virtual machine and starts this program in it.
//!
//! Each scenario runs the release build of mynah on the kernel's own devices, provides the audio, the service and the
//! button presses around it, and adds its measurements to one table. A figure that misses its goal fails the run. On
//! any other machine it does nothing.
#![expect(clippy::print_stdout, reason = "printing is what it is for")]
#![expect(clippy::expect_used, reason = "it panics where the machine lacks what it was built with")]
#![expect(clippy::disallowed_methods, reason = "it runs and sleeps in the guest's virtual time")]

mod bare_stream;
mod boards;
mod card;
mod card_cost;
mod clock;
mod dead_input;
mod device;
mod doctor;
mod echo;
mod gpio;
mod jitter;
mod latency;
mod load;
mod loopback;
mod manners;
mod periods;
mod peripherals;
mod reference;
mod refusals;
mod room;
mod service;
mod suspend;
mod table;
mod talk;
mod unplug;
mod xruns;

use std::path::Path;
use std::process::ExitCode;

use table::Table;

#[allow(unused_imports, reason = "its own tests import more of it")]
#[path = "../service/mod.rs"]
mod scripted;

struct Scenario {
    name: &'static str,
    what: &'static str,
    /// Runs it; the flag asks for the long variant.
    run: fn(&mut Table, bool),
}

const SCENARIOS: &[Scenario] = &[
    Scenario { name: "card", what: "the manners of the project's own sound card", run: manners::run },
    Scenario { name: "talk", what: "a conversation with the parrot through the card", run: talk::run },
    Scenario {
        name: "latency",
        what: "event to silence, microphone to wire, delta to sample",
        run: latency::run,
    },
    Scenario {
        name: "jitter",
        what: "wake-up latency of the audio threads, idle and under load",
        run: jitter::run,
    },
    Scenario { name: "periods", what: "the shortest period without xruns", run: periods::run },
    Scenario { name: "xruns", what: "a conversation under load, without a lost sample", run: xruns::run },
    Scenario { name: "unplug", what: "the sound card is disconnected and reconnected", run: unplug::run },
    Scenario { name: "suspend", what: "the machine suspends and resumes", run: suspend::run },
    Scenario {
        name: "dead-input",
        what: "a microphone that delivers only zeros, and then sound",
        run: dead_input::run,
    },
    Scenario {
        name: "peripherals",
        what: "buttons, a light and mute, on simulated GPIO lines",
        run: peripherals::run,
    },
    Scenario {
        name: "boards",
        what: "a conversation on the cards of boards, with their manners",
        run: boards::run,
    },
    Scenario {
        name: "echo",
        what: "a conversation in a room where the microphone hears the speaker",
        run: echo::run,
    },
    Scenario {
        name: "reference",
        what: "how exactly it is known what the speaker played when a frame was captured",
        run: reference::run,
    },
    Scenario { name: "doctor", what: "mynah doctor finds what is wrong with a card", run: doctor::run },
    Scenario {
        name: "refusals",
        what: "wrong settings are refused with exit code 2 and a reason",
        run: refusals::run,
    },
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
        println!("vm: this runs only in the virtual machine; start it with tests/vm/run");
        return ExitCode::SUCCESS;
    }
    let long = arguments.iter().any(|argument| argument == "--long");
    let named: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with("--")).collect();
    if let Some(unknown) = named.iter().find(|argument| SCENARIOS.iter().all(|one| one.name != **argument)) {
        println!("vm: unknown scenario {unknown}; tests/vm/run --list shows all");
        return ExitCode::from(2);
    }
    let mut table = Table::default();
    for Scenario { name, what, run } in SCENARIOS {
        let by_default = named.is_empty();
        if by_default || named.iter().any(|argument| argument == name) {
            println!("vm: {name}: {what}");
            let began = clock::now();
            let before = table.failures().len();
            run(&mut table, long);
            for failure in &table.failures()[before..] {
                println!("vm: NOT MET: {failure}");
            }
            let seconds = clock::ms_between(began, clock::now()) / 1000.0;
            println!("vm: {name}: {seconds:.1} s of guest time");
        }
    }
    finish(&table)
}

fn finish(table: &Table) -> ExitCode {
    println!("\n{}", table.to_text());
    std::fs::write("out/results.txt", table.to_tsv()).expect("room for the results");
    println!("vm: {} goals not met", table.failures().len());
    ExitCode::from(u8::from(!table.failures().is_empty()))
}
