//! `jitter`: the wake-up latency of the two audio threads, idle and under load, from the kernel's trace.
//!
//! tracefs gives two times in microseconds: when a thread is woken and when it runs. For wake-ups by the card the time
//! is also measured from the card's tick, every 4 ms: that includes interrupt, timer and scheduler.

use std::collections::HashMap;
use std::fs;

use crate::clock;
use crate::device::Device;
use crate::load::Load;
use crate::loopback::SoundSource;
use crate::table::{Goal, Table};
use crate::talk::recorded;

const NAME: &str = "jitter";
const TRACE: &str = "/sys/kernel/tracing";
const TICK_US: u64 = 4_000;
const THREADS: [&str; 2] = ["mynah-capture", "mynah-playback"];

pub(crate) fn run(table: &mut Table, long: bool) {
    let listen_ms = if long { 120_000 } else { 15_000 };
    let voice = recorded();
    let device = Device::start(NAME, &["--parrot"]);
    table.expect(NAME, device.says("listening", 0, 3_000).is_some(), "it did not listen within 3 s");
    let source = SoundSource::start(move |place| voice[place as usize % voice.len()]);
    clock::sleep_ms(1_000);
    enter(table, "idle", &trace(listen_ms));
    let load = Load::begin();
    clock::sleep_ms(500);
    enter(table, "load", &trace(listen_ms));
    drop(load);
    let ended = device.leave();
    source.stop();
    table.expect(NAME, ended.code == Some(0), &format!("mynah ended with exit code {:?}", ended.code));
    table.number(NAME, "xruns", ended.xruns() as f64, Goal::Max(0.0));
}

fn enter(table: &mut Table, when: &str, trace: &str) {
    for thread in THREADS {
        let wakes = wakes(trace, thread);
        let ms = |us: u64| us as f64 / 1_000.0;
        let waited = wakes.iter().map(|wake| ms(wake.ran.saturating_sub(wake.woken))).collect();
        table.row(
            NAME,
            &format!("{when}: {thread}, ms from woken to running"),
            waited,
            Goal::P999(0.5),
            None,
        );
        let late = after_the_tick(wakes.iter().filter(|wake| wake.by_the_card).map(|wake| wake.ran));
        let what = format!("{when}: {thread}, ms from the card's tick to running");
        table.row(NAME, &what, late.into_iter().map(ms).collect(), Goal::P999(0.5), None);
    }
}

/// Traces every wake-up of the audio threads for `listen_ms`.
fn trace(listen_ms: u64) -> String {
    let set = |file: &str, value: &str| {
        fs::write(format!("{TRACE}/{file}"), value).expect("a kernel with tracefs");
    };
    set("trace_clock", "mono");
    set("buffer_size_kb", "16384");
    set("events/sched/sched_waking/filter", "comm ~ \"mynah-*\"");
    set("events/sched/sched_switch/filter", "next_comm ~ \"mynah-*\"");
    set("trace", "");
    for event in ["sched_waking", "sched_switch"] {
        set(&format!("events/sched/{event}/enable"), "1");
    }
    clock::sleep_ms(listen_ms);
    for event in ["sched_waking", "sched_switch"] {
        set(&format!("events/sched/{event}/enable"), "0");
    }
    fs::read_to_string(format!("{TRACE}/trace")).expect("a readable trace")
}

/// One wake-up, in microseconds of CLOCK_MONOTONIC.
struct Wake {
    woken: u64,
    ran: u64,
    by_the_card: bool,
}

/// Parses lines such as
/// `  <idle>-0  [000] d.s4.  12.345678: sched_waking: comm=mynah-capture pid=99 prio=29 target_cpu=000`.
fn wakes(trace: &str, thread: &str) -> Vec<Wake> {
    let mut woken: HashMap<&str, (u64, bool)> = HashMap::new();
    let mut wakes = Vec::new();
    for line in trace.lines().filter(|line| !line.starts_with('#')) {
        if let Some((head, event)) = line.split_once(": sched_waking: ") {
            if event.starts_with(&format!("comm={thread} ")) {
                // The session wakes them too, through their eventfds.
                woken.insert(thread, (microseconds(head), !head.trim_start().starts_with("mynah-")));
            }
        } else if let Some((head, event)) = line.split_once(": sched_switch: ")
            && event.contains(&format!("next_comm={thread} "))
            && let Some((since, by_the_card)) = woken.remove(thread)
        {
            wakes.push(Wake { woken: since, ran: microseconds(head), by_the_card });
        }
    }
    wakes
}

fn microseconds(head: &str) -> u64 {
    let time = head.rsplit(' ').next().unwrap_or_default();
    time.replace('.', "").parse().expect("a line of the trace ends its head with the time")
}

/// Returns the time of each moment since the card's tick, taking the earliest as right after a tick.
fn after_the_tick(moments: impl Iterator<Item = u64>) -> Vec<u64> {
    let moments: Vec<u64> = moments.collect();
    let Some(first) = moments.first() else { return Vec::new() };
    // The first may be late by less than half a tick.
    let phase = |moment: &u64| (moment + TICK_US + TICK_US / 2 - first % TICK_US) % TICK_US;
    let tick = moments.iter().map(phase).min().unwrap_or(0);
    moments.iter().map(|moment| phase(moment) - tick).collect()
}
