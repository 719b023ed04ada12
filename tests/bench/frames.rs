//! The first table: the cost of one frame up and one delta down, compared with the floor.

use std::time::{Duration, Instant};

use crate::allocations::allocations;
use crate::{instructions, quantile, trips};

const WARM_UP: usize = 500;
const TIMED: usize = 10_000;
const TIMED_COLD: usize = 300;
/// The usual time between two frames; meanwhile other work uses the caches.
const PAUSE: Duration = Duration::from_millis(10);
const ALLOCATED: u64 = 1000;
/// The maximum cost of mynah, as a multiple of the floor.
const GOAL: f64 = 2.0;

/// Measures all trips and prints the table.
pub(crate) fn print() {
    println!(
        "One 20 ms frame up (480 samples: lane, base64, JSON, WebSocket, TLS, socket) and one 200 ms delta down"
    );
    println!("(the reverse, until the socket is empty): the client's part alone, over loopback TLS.");
    println!(
        "Floor: bare base64, one copy and TLS of the same audio. Goal: mynah at most {GOAL:.1} times the floor."
    );
    println!();
    println!("{:20} {:12} {:>10} {:>10} {:>7}  goal ≤ {GOAL:.1}", "", "", "mynah", "floor", "ratio");
    let counted = instructions::can_count();
    for (title, name, floor) in
        [("20 ms frame up", "up", "up-floor"), ("200 ms delta down", "down", "down-floor")]
    {
        let (mynah_ns, floor_ns) = times(name, floor, TIMED, Duration::ZERO);
        row(title, "ns, hot", mynah_ns, floor_ns);
        let (mynah_ns, floor_ns) = times(name, floor, TIMED_COLD, PAUSE);
        row("", "ns, cold", mynah_ns, floor_ns);
        if counted
            && let (Some(mynah), Some(floor)) = (instructions::per_trip(name), instructions::per_trip(floor))
        {
            row("", "instructions", mynah, floor);
        }
    }
    println!("ns: median, including the kernel; hot: {TIMED} times in a row; cold: after a sleep of 10 ms.");
    if counted {
        println!("instructions: user space, by valgrind's callgrind.");
    } else {
        println!("instructions: not counted, because valgrind is missing (apt install valgrind).");
    }
    println!();
    println!(
        "{:20} {:>22} {:>22} {:>22}",
        "allocations (bytes)", "mynah, socket pair", "mynah, TLS", "floor, TLS"
    );
    for (title, name) in [("20 ms frame up", "up"), ("200 ms delta down", "down")] {
        let [pair, tls, floor] = ["-pair", "", "-floor"].map(|over| allocated(&format!("{name}{over}")));
        println!("{title:20} {pair:>22} {tls:>22} {floor:>22}");
    }
    println!();
}

fn row(title: &str, unit: &str, mynah: u64, floor: u64) {
    let ratio = mynah as f64 / floor as f64;
    let met = if ratio <= GOAL { "met" } else { "not met" };
    println!("{title:20} {unit:12} {mynah:>10} {floor:>10} {ratio:>7.2}  {met}");
}

/// Returns the median times of both in ns. The two alternate, so that other load affects both.
fn times(name: &str, floor: &str, rounds: usize, pause: Duration) -> (u64, u64) {
    let mut trips = [trips::named(name), trips::named(floor)];
    let mut times = [Vec::with_capacity(rounds), Vec::with_capacity(rounds)];
    let warm_up = if pause.is_zero() { WARM_UP } else { 0 };
    for round in 0..warm_up + rounds {
        for (trip, times) in trips.iter_mut().zip(&mut times) {
            trip.prepare();
            if !pause.is_zero() {
                std::thread::sleep(pause);
            }
            let began = Instant::now();
            trips::measured_part(&mut **trip);
            let time = began.elapsed();
            trip.finish();
            if round >= warm_up {
                times.push(time.as_nanos() as u64);
            }
        }
    }
    let [mynah, floor] = &mut times;
    (quantile(mynah, 0.5), quantile(floor, 0.5))
}

/// Returns the mean number of allocations of a trip, and their bytes, as text.
fn allocated(name: &str) -> String {
    let mut trip = trips::named(name);
    let (mut times, mut bytes) = (0, 0);
    for round in 0..WARM_UP as u64 + ALLOCATED {
        trip.prepare();
        let before = allocations();
        trips::measured_part(&mut *trip);
        let after = allocations();
        trip.finish();
        if round >= WARM_UP as u64 {
            times += after.count - before.count;
            bytes += after.bytes - before.bytes;
        }
    }
    format!("{:.2} ({})", times as f64 / ALLOCATED as f64, bytes / ALLOCATED)
}
