//! Prints the comparison of echo cancellers: scene by scene, barge-ins, and cost. `run` builds and starts it.
//!
//! None, sonora's and mynah's, each with the reference that mynah reads from the timestamps (aligned) and with one that is
//! delayed by a guess, as programs have it that do not know when the device plays what they wrote. The scenes are those of
//! `cargo bench --bench echo`. It judges nothing: it has no goals.
#![allow(dead_code, reason = "the modules are those of the bench, and not all of them is used")]
#![expect(clippy::print_stdout, reason = "printing is what it is for")]
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a bench fails by panicking")]

mod cancellers;
#[path = "../detector.rs"]
mod detector;
#[path = "../found.rs"]
mod found;
#[path = "../goals.rs"]
mod goals;
#[path = "../../bench/instructions.rs"]
mod instructions;
#[path = "../scenes/mod.rs"]
mod scenes;

use std::ops::Range;

use cancellers::{Canceller, Kind};
use detector::{barge_ins, speech};
use found::Found;
use mynah::echo::FRAME;
use scenes::cards::{Cards, Driver};
use scenes::measure::{erle_db, intelligibility, latencies_ms};
use scenes::room::Distortion;
use scenes::{Plan, RATE, Scene};

const REPORT_SEED: &str = include_str!("../report_seed.txt");
/// A guess is wrong by up to this much, and by another amount each time that playback starts: in samples, 20 ms.
const GUESS_ERROR: i64 = RATE as i64 / 50;
/// Replies of barge-ins, and the pauses between them, in seconds.
const REPLY_S: f32 = 30.0;
const PAUSE_S: f32 = 3.0;
/// The barge-ins' rooms are three times as many as those of a scene.
const BARGE_IN_ROOMS: u64 = 3;
const COLUMNS: [(Kind, Alignment); 5] = [
    (Kind::None, Alignment::Aligned),
    (Kind::Sonora, Alignment::Aligned),
    (Kind::Sonora, Alignment::Guessed),
    (Kind::Mynah, Alignment::Aligned),
    (Kind::Mynah, Alignment::Guessed),
];

/// Where the reference comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Alignment {
    Aligned,
    Guessed,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => print(goals::ROOMS),
        ["--rooms", rooms] => print(rooms.parse().expect("a number of rooms")),
        // Run by `instructions` under valgrind.
        ["trips", name, count] => {
            let kind = if name == "sonora" { Kind::Sonora } else { Kind::Mynah };
            cancel_noise(kind, count.parse().expect("a number"));
        }
        _ => println!("usage: tests/echo/comparison/run [--rooms N]"),
    }
}

fn print(rooms: u64) {
    let seed = u64::from_str_radix(&REPORT_SEED.trim()[..16], 16).expect("a hash in hexadecimal digits");
    println!(
        "{rooms} rooms a row, seed {seed:#018x}. ERLE in dB: converged, first 3 s after a pause; then STOI."
    );
    println!();
    println!("| scene | none | sonora | sonora, guessed delay | mynah | mynah, guessed delay |");
    println!("|---|---|---|---|---|---|");
    for (name, plan) in plans() {
        let mut figures = [[0.0; 3]; COLUMNS.len()];
        for room in 0..rooms {
            let plan = plan(seed.wrapping_add(room));
            let scene = plan.build();
            for (sums, (kind, alignment)) in figures.iter_mut().zip(COLUMNS) {
                let reference = reference(&scene, &plan, alignment);
                let (out, _) = run(kind, &scene, &reference, kind.create().as_mut());
                sums[0] += erle_db(&scene, &out, 38.0..45.0);
                sums[1] += erle_db(&scene, &out, 30.0..33.0);
                sums[2] += intelligibility(&scene, &out).1 as f32;
            }
        }
        let cells = figures.map(|sums| {
            let [converged, early, stoi] = sums.map(|sum| sum / rooms as f32);
            format!("{converged:.0}, {early:.0}; {stoi:.2}")
        });
        println!("| {name} | {} |", cells.join(" | "));
    }
    println!();
    print_barge_ins(seed, BARGE_IN_ROOMS * rooms);
    println!();
    for name in ["sonora", "mynah"] {
        let count = instructions::can_count().then(|| instructions::per_trip(name).expect("valgrind counts"));
        let told =
            count.map_or_else(|| "not counted: valgrind is not installed".to_owned(), |n| n.to_string());
        println!("x86_64 instructions of 10 ms of {name}: {told}");
    }
}

type PlanOf = fn(u64) -> Plan;

/// The scenes of the report that differ in what a canceller has to do.
fn plans() -> [(&'static str, PlanOf); 8] {
    [
        ("RT60 0.4 s, 10 cm, talker −10 dB", Plan::base),
        ("RT60 0.6 s, 2.8 % distortion", |seed| Plan {
            rt60_s: 0.6,
            distortion: Distortion::Soft,
            ..Plan::base(seed)
        }),
        ("RT60 0.6 s, 40 cm", |seed| Plan { rt60_s: 0.6, distance_m: 0.4, ..Plan::base(seed) }),
        ("1 % of the samples clipped", |seed| Plan {
            distortion: Distortion::Clipped(0.01),
            ..Plan::base(seed)
        }),
        ("talker −20 dB", |seed| Plan { talker_db: -20.0, ..Plan::base(seed) }),
        ("noise −50 dBFS", |seed| Plan { noise_db: -50.0, ..Plan::base(seed) }),
        ("device moved at 30 s", |seed| Plan { moved_s: Some(30.0), ..Plan::base(seed) }),
        ("300 ppm between two I2S cards", |seed| {
            let cards = Cards { drift_ppm: Some(300.0), speaker: Driver::I2s, microphone: Driver::I2s };
            Plan { cards: Some(cards), ..Plan::base(seed) }
        }),
    ]
}

fn print_barge_ins(seed: u64, rooms: u64) {
    println!(
        "Barge-ins in {rooms} rooms, talker −10 dB: earshot 1.2.2 on what goes up, three scores of 0.7 in a row."
    );
    println!();
    println!("| | false an hour | missed | ms: median, nine of ten |");
    println!("|---|---|---|---|");
    let replies: Vec<Range<f32>> =
        (0..11).map(|n| n as f32 * (REPLY_S + PAUSE_S)).map(|at| at..at + REPLY_S).collect();
    let alone_s = 11.0 * (REPLY_S + PAUSE_S) - PAUSE_S;
    let mut heard: [Found; COLUMNS.len()] = Default::default();
    let mut gated: [Found; COLUMNS.len()] = Default::default();
    for room in 0..rooms {
        let room_seed = seed.wrapping_add(1000 + room);
        let mut rng = fastrand::Rng::with_seed(room_seed);
        let alone = Plan {
            rt60_s: 0.2 + 0.4 * rng.f64(),
            distortion: if rng.bool() { Distortion::Soft } else { Distortion::None },
            reply_s: replies.clone(),
            talk_s: vec![],
            ..Plan::base(room_seed)
        };
        let talk = Plan { voices: 2, reply_s: vec![0.0..65.0], talk_s: vec![4.0..64.0], ..alone.clone() };
        let (alone_scene, talk_scene) = (alone.build(), talk.build());
        for (column, (kind, alignment)) in COLUMNS.into_iter().enumerate() {
            let mut canceller = kind.create();
            let reference_alone = reference(&alone_scene, &alone, alignment);
            let (out, ducks) = run(kind, &alone_scene, &reference_alone, canceller.as_mut());
            let events = speech(&out);
            gated[column].echo_alone(&barge_ins(&events, &ducks), alone_s);
            heard[column].echo_alone(&events, alone_s);
            let (out, ducks) =
                run(kind, &talk_scene, &reference(&talk_scene, &talk, alignment), canceller.as_mut());
            let events = speech(&out);
            gated[column].latencies_ms.extend(latencies_ms(&talk_scene, &barge_ins(&events, &ducks)));
            heard[column].latencies_ms.extend(latencies_ms(&talk_scene, &events));
        }
    }
    let names =
        ["none", "sonora, aligned", "sonora, guessed delay", "mynah, aligned", "mynah, guessed delay"];
    for (column, name) in names.into_iter().enumerate() {
        println!("| {name} | {} |", heard[column].cells());
        if COLUMNS[column].0 == Kind::Mynah {
            println!("| {name}, while its own rule held | {} |", gated[column].cells());
        }
    }
}

/// Returns the reference of a scene: its own, or the reply delayed by a guess, whose error is another one in each reply,
/// and whose drift nobody follows.
fn reference(scene: &Scene, plan: &Plan, alignment: Alignment) -> Vec<f32> {
    if alignment == Alignment::Aligned {
        return scene.reference.clone();
    }
    let mut rng = fastrand::Rng::with_seed(plan.seed ^ 0x6e55);
    // Without cards it is what was written, by the speaker's clock.
    let written = Plan { cards: None, ..plan.clone() }.build().reference;
    let mut guessed = vec![0.0; written.len()];
    for span in &plan.reply_s {
        let error = rng.i64(-GUESS_ERROR..=GUESS_ERROR);
        let sample = |second: f32| ((second * RATE as f32) as usize).min(written.len());
        for at in sample(span.start)..sample(span.end) {
            let moved = usize::try_from(at as i64 + error).ok().and_then(|at| guessed.get_mut(at));
            if let Some(moved) = moved {
                *moved = written[at];
            }
        }
    }
    guessed
}

/// Returns what a canceller makes of a scene, in step with the microphone, and for each frame whether it hears a talker.
fn run(kind: Kind, scene: &Scene, reference: &[f32], canceller: &mut dyn Canceller) -> (Vec<f32>, Vec<bool>) {
    let (mut out, mut talks) = (Vec::new(), Vec::new());
    let mut frame = [0.0; FRAME];
    let frames = scene.microphone.as_chunks::<FRAME>().0.iter().zip(reference.as_chunks::<FRAME>().0);
    for (microphone, reference) in frames {
        talks.push(canceller.process(microphone, reference, &mut frame));
        out.extend(frame);
    }
    out.drain(..kind.latency());
    out.resize(scene.microphone.len(), 0.0);
    (out, talks)
}

/// Processes frames of noise and its echo.
fn cancel_noise(kind: Kind, frames: u64) {
    let (mut canceller, mut rng, mut out) = (kind.create(), fastrand::Rng::with_seed(1), [0.0; FRAME]);
    for _ in 0..frames {
        let reference = [0.0; FRAME].map(|_: f32| 0.4 * (rng.f32() - 0.5));
        measured_part(canceller.as_mut(), &reference.map(|sample| 0.5 * sample), &reference, &mut out);
    }
    println!("{}", out[0]);
}

#[inline(never)]
fn measured_part(
    canceller: &mut dyn Canceller,
    microphone: &[f32; FRAME],
    reference: &[f32; FRAME],
    out: &mut [f32; FRAME],
) {
    canceller.process(microphone, reference, out);
}
