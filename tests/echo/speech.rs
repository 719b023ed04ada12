//! Scenes of a few seconds, by their figures; and that the measures themselves are right.

use mynah::echo::EchoCanceller;

use super::scenes::Plan;
use super::scenes::cards::{Cards, Driver};
use super::scenes::measure::{count_events, ducked, erle_db, latencies_ms, talker_gain_db};
use super::scenes::room::soft;
use super::scenes::stoi::stoi;

#[test]
fn an_echo_becomes_30_db_weaker_within_20_s_and_ducks_nothing() {
    let scene = Plan { reply_s: vec![0.0..20.0], talk_s: vec![], ..Plan::base(1) }.build();
    let outcome = scene.run(&mut EchoCanceller::new());
    let erle_db = erle_db(&scene, &outcome.out, 14.0..20.0);
    assert!(erle_db >= 30.0, "{erle_db} dB");
    assert_eq!(count_events(&ducked(&outcome.reports), 3.0..20.0), 0);
}

#[test]
fn a_talker_10_db_below_the_echo_is_left_and_ducks() {
    let scene = Plan { reply_s: vec![0.0..20.0], talk_s: vec![12.0..20.0], ..Plan::base(1) }.build();
    let outcome = scene.run(&mut EchoCanceller::new());
    let before = super::scenes::measure::intelligibility(&scene, &scene.microphone).1;
    let after = super::scenes::measure::intelligibility(&scene, &outcome.out).1;
    assert!(before < 0.6 && after >= 0.8, "{before} became {after}");
    let gain_db = talker_gain_db(&scene, &outcome.out);
    assert!(gain_db.abs() <= 2.0, "{gain_db} dB");
    let found = latencies_ms(&scene, &ducked(&outcome.reports));
    assert!(found.len() >= 2 && found.iter().all(Option::is_some), "{found:?}");
}

#[test]
fn a_reference_that_is_late_is_worth_nothing() {
    let mut scene = Plan { reply_s: vec![0.0..8.0], talk_s: vec![], ..Plan::base(3) }.build();
    let aligned = erle_db(&scene, &scene.run(&mut EchoCanceller::new()).out, 5.0..8.0);
    // By the lead of 4 ms, the air's 0.3 ms and 1 ms more.
    scene.reference.splice(0..0, [0.0; 127]);
    let late = erle_db(&scene, &scene.run(&mut EchoCanceller::new()).out, 5.0..8.0);
    assert!(aligned >= 35.0 && late <= aligned - 15.0, "{aligned} dB, and 1 ms late {late} dB");
}

#[test]
fn an_echo_is_cancelled_across_two_clocks_if_the_reference_follows() {
    let plan = Plan { reply_s: vec![0.0..12.0], talk_s: vec![], ..Plan::base(5) };
    let cards = Cards { drift_ppm: Some(300.0), speaker: Driver::I2s, microphone: Driver::I2s };
    let mut scene = Plan { cards: Some(cards), ..plan.clone() }.build();
    let followed_db = erle_db(&scene, &scene.run(&mut EchoCanceller::new()).out, 7.0..12.0);
    scene.reference = plan.build().reference;
    let left_db = erle_db(&scene, &scene.run(&mut EchoCanceller::new()).out, 7.0..12.0);
    assert!(followed_db >= 38.0 && left_db <= 20.0, "{followed_db} dB, and {left_db} dB if it does not");
}

#[test]
fn stoi_is_1_for_clean_speech_and_falls_with_the_noise() {
    let scene = Plan { reply_s: vec![], talk_s: vec![0.0..8.0], ..Plan::base(4) }.build();
    let mut rng = fastrand::Rng::with_seed(4);
    let noise: Vec<f32> = scene.talk.iter().map(|_| 2.0 * rng.f32() - 1.0).collect();
    let with = |level: f32| -> f64 {
        let heard: Vec<f32> =
            scene.talk.iter().zip(&noise).map(|(talk, noise)| talk + level * noise).collect();
        stoi(&scene.talk, &heard)
    };
    assert!((stoi(&scene.talk, &scene.talk) - 1.0).abs() < 1e-9);
    let louder: Vec<f32> = scene.talk.iter().map(|sample| -3.0 * sample).collect();
    assert!((stoi(&scene.talk, &louder) - 1.0).abs() < 1e-6, "the level and the sign do not count");
    let falling = [0.001, 0.01, 0.03, 0.1, 1.0].map(with);
    assert!(falling.is_sorted_by(|a, b| a > b), "{falling:?}");
    assert!(falling[4] < 0.3 && stoi(&scene.talk, &noise) < 0.25, "{falling:?}");
}

#[test]
fn the_soft_driver_distorts_by_2_8_percent() {
    let samples = 1000;
    let at = |n: usize| std::f32::consts::TAU * n as f32 / samples as f32;
    let harmonic = |k: usize| -> f32 {
        let parts = (0..samples).map(|n| {
            let (sin, cos) = (at(k * n)).sin_cos();
            let value = soft(at(n).sin());
            (value * sin, value * cos)
        });
        let (a, b) = parts.fold((0.0, 0.0), |(a, b), (x, y)| (a + x, b + y));
        (a.powi(2) + b.powi(2)).sqrt()
    };
    let thd = (2..6).map(|k| harmonic(k).powi(2)).sum::<f32>().sqrt() / harmonic(1);
    assert!((0.027..0.03).contains(&thd), "{thd}");
}
