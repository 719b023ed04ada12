//! The table: one row for each kind of scene, and the barge-ins of two hours.

use mynah::echo::EchoCanceller;

use crate::detector::{barge_ins, speech};
use crate::found::Found;
use crate::goals::*;
use crate::instructions;
use crate::scenes::cards::{Cards, Driver};
use crate::scenes::measure::{
    ducked, erle_db, intelligibility, latencies_ms, quantile, seconds_to_20_db, talker_gain_db,
};
use crate::scenes::room::Distortion;
use crate::scenes::{Outcome, Plan, Scene};

/// Measures and prints everything.
pub(crate) fn print(seed: u64) {
    println!(
        "Echo canceller, synthesised voices and rooms, seed {seed:#018x}: {ROOMS} rooms a row, mean (worst)."
    );
    println!(
        "ERLE: converged. STOI: of the talker over the echo, at the microphone and after it. level: his change."
    );
    println!();
    println!(
        "| {:44} | {:13} | {:19} | {:12} | {:11} | goal | |",
        "scene", "ERLE dB", "STOI before, after", "level dB", "3 s after a pause, dB"
    );
    println!("|---|---|---|---|---|---|---|");
    rows(seed);
    drift(seed);
    kept_and_cold(seed);
    println!();
    barge_in_rows(seed);
    println!();
    if instructions::can_count() {
        let count = instructions::per_trip("frame").expect("valgrind counts");
        println!("x86_64 instructions of a frame: {count} (goal on aarch64: {INSTRUCTIONS} at most)");
    }
}

/// A scene's figures.
struct Figures {
    erle_db: f32,
    after_30_s_db: f32,
    stoi: (f64, f64),
    level_db: f32,
}

impl Figures {
    fn of(scene: &Scene, outcome: &Outcome) -> Figures {
        Figures {
            erle_db: erle_db(scene, &outcome.out, 38.0..45.0),
            after_30_s_db: erle_db(scene, &outcome.out, 30.0..33.0),
            stoi: intelligibility(scene, &outcome.out),
            level_db: talker_gain_db(scene, &outcome.out),
        }
    }
}

/// Prints the rows of the scenes of a minute.
fn rows(seed: u64) {
    let base = |room: u64| Plan::base(seed.wrapping_add(room));
    let erle = |goal: f32| {
        move |figures: &[Figures]| (mean(figures, |f| f.erle_db) >= goal, format!("ERLE ≥ {goal}"))
    };
    row("RT60 0.4 s, 10 cm, talker −10 dB", base, |figures| {
        let met =
            mean(figures, |f| f.stoi.1 as f32) >= STOI_10 && mean(figures, |f| f.level_db).abs() <= LEVEL_DB;
        (
            met && mean(figures, |f| f.erle_db) >= ERLE_DB,
            format!("ERLE ≥ {ERLE_DB}, STOI ≥ {STOI_10}, level within {LEVEL_DB}"),
        )
    });
    row("RT60 0.2 s", |room| Plan { rt60_s: 0.2, ..base(room) }, erle(ERLE_DB));
    row("RT60 0.6 s", |room| Plan { rt60_s: 0.6, ..base(room) }, erle(ERLE_DB));
    let soft = Distortion::Soft;
    row(
        "RT60 0.6 s, 2.8 % distortion",
        |room| Plan { rt60_s: 0.6, distortion: soft, ..base(room) },
        erle(ERLE_DB),
    );
    let far = |room| Plan { rt60_s: 0.6, distance_m: 0.4, ..base(room) };
    row("RT60 0.6 s, 40 cm", far, erle(ERLE_FAR_DB));
    let clipped = Distortion::Clipped(0.01);
    row(
        "1 % of the samples clipped",
        |room| Plan { distortion: clipped, ..base(room) },
        erle(ERLE_CLIPPED_DB),
    );
    row("talker 0 dB", |room| Plan { talker_db: 0.0, ..base(room) }, |_| (true, String::new()));
    row(
        "talker −20 dB",
        |room| Plan { talker_db: -20.0, ..base(room) },
        |figures| (mean(figures, |f| f.stoi.1 as f32) >= STOI_20, format!("STOI ≥ {STOI_20}")),
    );
    row("noise −50 dBFS", |room| Plan { noise_db: -50.0, ..base(room) }, |_| (true, String::new()));
    row(
        "device moved at 30 s",
        |room| Plan { moved_s: Some(30.0), ..base(room) },
        |figures| {
            (mean(figures, |f| f.after_30_s_db) >= ERLE_MOVED_DB, format!("then 3 s ≥ {ERLE_MOVED_DB}"))
        },
    );
}

/// Prints a row.
fn row(name: &str, plan: impl Fn(u64) -> Plan, goal: impl Fn(&[Figures]) -> (bool, String)) {
    let figures: Vec<Figures> = (0..ROOMS)
        .map(|room| {
            let scene = plan(room).build();
            Figures::of(&scene, &scene.run(&mut EchoCanceller::new()))
        })
        .collect();
    let least = |of: fn(&Figures) -> f32| figures.iter().map(of).fold(f32::INFINITY, f32::min);
    let (met, goal) = goal(&figures);
    println!(
        "| {name:44} | {:5.1} ({:5.1}) | {:.2}, {:.2} ({:.2}) | {:4.1} ({:4.1}) | {:5.1} ({:5.1}) | {goal} | {} |",
        mean(&figures, |f| f.erle_db),
        least(|f| f.erle_db),
        mean(&figures, |f| f.stoi.0 as f32),
        mean(&figures, |f| f.stoi.1 as f32),
        least(|f| f.stoi.1 as f32),
        mean(&figures, |f| f.level_db),
        least(|f| f.level_db),
        mean(&figures, |f| f.after_30_s_db),
        least(|f| f.after_30_s_db),
        told(met),
    );
}

/// Prints what it costs that the microphone and the speaker have clocks of their own.
fn drift(seed: u64) {
    let apart = |driver: Driver| Cards { drift_ppm: Some(300.0), speaker: driver, microphone: driver };
    let one = Cards { drift_ppm: None, ..apart(Driver::I2s) };
    let erle = |cards: Cards| -> Vec<f32> {
        let of = |room: u64| {
            let plan =
                Plan { reply_s: vec![0.0..60.0], talk_s: vec![], ..Plan::base(seed.wrapping_add(room)) };
            let scene = Plan { cards: Some(cards), ..plan }.build();
            erle_db(&scene, &scene.run(&mut EchoCanceller::new()).out, 20.0..60.0)
        };
        (0..ROOMS).map(of).collect()
    };
    let average = |erle_db: &[f32]| erle_db.iter().sum::<f32>() / erle_db.len() as f32;
    let row = |name: &str, erle_db: Vec<f32>, goal: String, met: &str| {
        let worst_db = erle_db.iter().copied().fold(f32::INFINITY, f32::min);
        println!("| {name:44} | {:5.1} ({worst_db:5.1}) | | | | {goal} | {met} |", average(&erle_db));
    };
    let one = erle(one);
    let one_db = average(&one);
    row("echo alone: one card, reference by timestamps", one, String::new(), "");
    for (name, driver, is_judged) in [
        ("300 ppm between two I2S cards", Driver::I2s, true),
        ("300 ppm between two USB cards of 1 ms", Driver::Usb(1), false),
        ("300 ppm between two USB cards of 8 ms", Driver::Usb(8), false),
    ] {
        let apart = erle(apart(driver));
        let lost_db = one_db - average(&apart);
        let (goal, met) = match is_judged {
            true => (format!("at most {DRIFT_DB} dB less: {lost_db:.1} less"), told(lost_db <= DRIFT_DB)),
            false => (format!("{lost_db:.1} less"), ""),
        };
        row(name, apart, goal, met);
    }
}

/// Prints the figures of the first seconds: cold, and of a filter that was kept through a reply in another voice.
fn kept_and_cold(seed: u64) {
    let (mut cold, mut kept) = (Vec::new(), Vec::new());
    for room in 0..ROOMS {
        let plan = Plan { reply_s: vec![0.0..20.0], talk_s: vec![], ..Plan::base(seed.wrapping_add(room)) };
        let mut canceller = EchoCanceller::new();
        let scene = plan.build();
        cold.push(seconds_to_20_db(&scene, &scene.run(&mut canceller).out));
        let scene = Plan { voices: plan.voices ^ 1, ..plan }.build();
        kept.push(erle_db(&scene, &scene.run(&mut canceller).out, 0.0..3.0));
    }
    let (cold_s, worst_s) = (cold.iter().sum::<f32>() / cold.len() as f32, quantile(cold, 1.0));
    println!(
        "| cold start: seconds of echo until 20 dB hold | {cold_s:.2} ({worst_s:.2}) | | | | ≤ {COLD_S} | {} |",
        told(cold_s <= COLD_S)
    );
    let (kept_db, worst_db) = (kept.iter().sum::<f32>() / kept.len() as f32, quantile(kept, 0.0));
    println!(
        "| kept filter, another voice | | | | {kept_db:.1} ({worst_db:.1}) | ≥ {ERLE_KEPT_DB} | {} |",
        told(kept_db >= ERLE_KEPT_DB)
    );
}

fn barge_in_rows(seed: u64) {
    let (mut raw, mut ungated, mut gated) = (Found::default(), Found::default(), Found::default());
    let (mut duck, mut duck_10) = (Found::default(), Found::default());
    let mut clean = (0, 0);
    for room in 0..BARGE_IN_ROOMS {
        let room_seed = seed.wrapping_add(1000 + room);
        let mut rng = fastrand::Rng::with_seed(room_seed);
        let plan = Plan {
            rt60_s: 0.2 + 0.4 * rng.f64(),
            distortion: if rng.bool() { Distortion::Soft } else { Distortion::None },
            reply_s: vec![0.0..ALONE_S],
            talk_s: vec![],
            ..Plan::base(room_seed)
        };
        let mut canceller = EchoCanceller::new();
        let scene = plan.build();
        let outcome = scene.run(&mut canceller);
        let (heard, ducks) = (speech(&outcome.out), ducked(&outcome.reports));
        raw.echo_alone(&speech(&scene.microphone), ALONE_S);
        gated.echo_alone(&barge_ins(&heard, &ducks), ALONE_S);
        ungated.echo_alone(&heard, ALONE_S);
        duck.echo_alone(&ducks, ALONE_S);
        duck_10.echo_alone(&ducks, ALONE_S);
        for talker_db in [0.0, -10.0, -20.0] {
            let plan = Plan {
                talker_db,
                voices: plan.voices ^ 2,
                reply_s: vec![0.0..TALK_S + 5.0],
                talk_s: vec![4.0..TALK_S + 4.0],
                ..plan.clone()
            };
            let scene = plan.build();
            let outcome = scene.run(&mut canceller);
            let (heard, ducks) = (speech(&outcome.out), ducked(&outcome.reports));
            duck.latencies_ms.extend(latencies_ms(&scene, &ducks));
            if talker_db == -10.0 {
                duck_10.latencies_ms.extend(latencies_ms(&scene, &ducks));
                raw.latencies_ms.extend(latencies_ms(&scene, &speech(&scene.microphone)));
                ungated.latencies_ms.extend(latencies_ms(&scene, &heard));
                gated.latencies_ms.extend(latencies_ms(&scene, &barge_ins(&heard, &ducks)));
                let alone = latencies_ms(&scene, &speech(&scene.talk));
                clean = (clean.0 + alone.iter().flatten().count(), clean.1 + alone.len());
            }
        }
    }
    println!(
        "Barge-ins in {BARGE_IN_ROOMS} rooms without clipping, half of them with 2.8 % distortion, filter kept; earshot 1.2.2, three scores"
    );
    println!(
        "of {DETECTOR_SCORE} in a row (it hears {} of {} sentences of the talker alone). In parentheses: 95 % intervals.",
        clean.0, clean.1
    );
    println!();
    println!("| | false an hour | missed | ms: median, nine of ten | |");
    println!("|---|---|---|---|---|");
    let print = |name: &str, found: &Found, goal: Option<(f32, f32)>| {
        let is_met = |(hourly, share): (f32, f32)| {
            found.false_hourly() <= f64::from(hourly) && found.missed() <= f64::from(share)
        };
        println!("| {name:52} | {} | {} |", found.cells(), goal.map_or("", |goal| told(is_met(goal))));
    };
    print("earshot on the microphone, talker −10 dB", &raw, None);
    print("earshot on what goes up, talker −10 dB", &ungated, None);
    print("the same while the 3-of-4 rule held", &gated, Some((FALSE_BARGE_INS, MISSED_BARGE_INS)));
    print("the rule alone, talker −10 dB", &duck_10, None);
    print("the rule alone, talker 0, −10 and −20 dB", &duck, Some((FALSE_DUCKS, MISSED_DUCKS)));
    println!();
    println!(
        "Goals: {FALSE_BARGE_INS} false and {MISSED_BARGE_INS} missed of barge-ins; of ducks {FALSE_DUCKS} and {MISSED_DUCKS}, {DUCK_MEDIAN_MS} ms in the median ({}) and {DUCK_P90_MS} ms for nine of ten ({}).",
        told(duck.within_ms(0.5) <= DUCK_MEDIAN_MS),
        told(duck.within_ms(0.9) <= DUCK_P90_MS),
    );
}

fn mean(figures: &[Figures], of: impl Fn(&Figures) -> f32) -> f32 {
    figures.iter().map(of).sum::<f32>() / figures.len() as f32
}

fn told(met: bool) -> &'static str {
    if met { "met" } else { "not met" }
}
