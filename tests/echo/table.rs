//! The table: one row for each kind of scene, and the barge-ins of two hours.

use mynah::echo::EchoCanceller;

use crate::detector::{barge_ins, speech};
use crate::goals::*;
use crate::instructions;
use crate::scenes::measure::{
    count_events, ducked, erle_db, intelligibility, latencies_ms, quantile, seconds_to_20_db, talker_gain_db,
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
    let base = rows(seed);
    drift(seed, base);
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

/// Prints the rows of the scenes of a minute, and returns the ERLE of the first.
fn rows(seed: u64) -> f32 {
    let base = |room: u64| Plan::base(seed.wrapping_add(room));
    let erle = |goal: f32| {
        move |figures: &[Figures]| (mean(figures, |f| f.erle_db) >= goal, format!("ERLE ≥ {goal}"))
    };
    let first = row("RT60 0.4 s, 10 cm, talker −10 dB", base, |figures| {
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
    first
}

/// Prints a row, and returns its mean ERLE.
fn row(name: &str, plan: impl Fn(u64) -> Plan, goal: impl Fn(&[Figures]) -> (bool, String)) -> f32 {
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
    mean(&figures, |f| f.erle_db)
}

fn drift(seed: u64, base_db: f32) {
    let plan = |room: u64| Plan { drift_ppm: 300.0, ..Plan::base(seed.wrapping_add(room)) };
    row("300 ppm between the clocks, reference follows", plan, |figures| {
        let lost = base_db - mean(figures, |f| f.erle_db);
        (lost <= DRIFT_DB, format!("at most {DRIFT_DB} dB less: {lost:.1} less"))
    });
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

/// Events and chances of one way to find a talker.
#[derive(Default)]
struct Found {
    false_events: usize,
    hours: f64,
    latencies_ms: Vec<Option<f32>>,
}

impl Found {
    fn echo_alone(&mut self, is_event: &[bool]) {
        // The first three seconds are the cold start.
        self.false_events += count_events(is_event, 3.0..ALONE_S);
        self.hours += f64::from(ALONE_S - 3.0) / 3600.0;
    }

    fn print(&self, name: &str, goal: Option<(f32, f32)>) {
        let (low, high) = poisson_interval(self.false_events);
        let rate = |events: f64| events / self.hours;
        let all = self.latencies_ms.len();
        let missed = self.latencies_ms.iter().filter(|found| found.is_none()).count();
        let (least, most) = wilson_interval(missed, all);
        let found: Vec<f32> = self.latencies_ms.iter().flatten().copied().collect();
        let per_hour = rate(self.false_events as f64);
        let met = goal.map(|(hourly, share)| {
            told(per_hour <= f64::from(hourly) && missed as f32 <= share * all as f32)
        });
        println!(
            "| {name:52} | {:3} in {:.1} h: {per_hour:.1} ({:.1} to {:.1}) | {missed} of {all}: {:.1} % ({:.1} to {:.1}) | {:.0}, {:.0} | {} |",
            self.false_events,
            self.hours,
            rate(low),
            rate(high),
            100.0 * missed as f64 / all as f64,
            100.0 * least,
            100.0 * most,
            quantile(found.clone(), 0.5),
            quantile(found, 0.9),
            met.unwrap_or(""),
        );
    }
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
        raw.echo_alone(&speech(&scene.microphone));
        gated.echo_alone(&barge_ins(&heard, &ducks));
        ungated.echo_alone(&heard);
        duck.echo_alone(&ducks);
        duck_10.echo_alone(&ducks);
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
    raw.print("earshot on the microphone, talker −10 dB", None);
    ungated.print("earshot on what goes up, talker −10 dB", None);
    gated.print("the same while the 3-of-4 rule held", Some((FALSE_BARGE_INS, MISSED_BARGE_INS)));
    duck_10.print("the rule alone, talker −10 dB", None);
    duck.print("the rule alone, talker 0, −10 and −20 dB", Some((FALSE_DUCKS, MISSED_DUCKS)));
    println!();
    println!(
        "Goals: {FALSE_BARGE_INS} false and {MISSED_BARGE_INS} missed of barge-ins; of ducks {FALSE_DUCKS} and {MISSED_DUCKS}, {DUCK_MEDIAN_MS} and {DUCK_P90_MS} ms."
    );
}

fn mean(figures: &[Figures], of: impl Fn(&Figures) -> f32) -> f32 {
    figures.iter().map(of).sum::<f32>() / figures.len() as f32
}

fn told(met: bool) -> &'static str {
    if met { "met" } else { "not met" }
}

/// Returns the 95 % interval of the mean of a Poisson distribution of which `events` were seen: the exact one up to
/// 100.
fn poisson_interval(events: usize) -> (f64, f64) {
    if events > 100 {
        let side = 1.96 * (events as f64).sqrt();
        return (events as f64 - side, events as f64 + side);
    }
    // The probability of at most `most` events.
    let below = |most: usize, mean: f64| {
        let mut term = (-mean).exp();
        let mut sum = term;
        for n in 1..=most {
            term *= mean / n as f64;
            sum += term;
        }
        sum
    };
    let solve = |most: usize, chance: f64| {
        let (mut low, mut high) = (0.0, 3.0 * events as f64 + 20.0);
        for _ in 0..60 {
            let middle = 0.5 * (low + high);
            if below(most, middle) > chance { low = middle } else { high = middle }
        }
        low
    };
    (if events == 0 { 0.0 } else { solve(events - 1, 0.975) }, solve(events, 0.025))
}

/// Returns the 95 % interval of a share by E. B. Wilson, 1927.
fn wilson_interval(count: usize, all: usize) -> (f64, f64) {
    const Z: f64 = 1.96;
    let (n, share) = (all as f64, count as f64 / all as f64);
    let centre = share + Z * Z / (2.0 * n);
    let side = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 / (1.0 + Z * Z / n);
    ((scale * (centre - side)).max(0.0), scale * (centre + side))
}
