//! What a canceller tells about its frames, and when it does nothing.

use mynah::echo::{Duck, EchoCanceller, FRAME};

#[test]
fn without_a_reference_the_microphone_passes_one_frame_late_and_unchanged() {
    let mut canceller = EchoCanceller::new();
    let mut rng = fastrand::Rng::with_seed(1);
    let mut last = [0.0; FRAME];
    for frame in 0..100 {
        let microphone = noise(&mut rng, 0.5);
        // −81 dBFS is silence.
        let reference = noise(&mut rng, if frame % 2 == 0 { 0.0 } else { 9e-5 });
        let mut out = [f32::NAN; FRAME];
        let report = canceller.process(&microphone, &reference, &mut out);
        assert_eq!(out, last, "frame {frame}");
        assert!(!report.active);
        last = microphone;
    }
}

#[test]
fn it_runs_for_300_ms_after_the_reference() {
    let mut canceller = EchoCanceller::new();
    let mut out = [0.0; FRAME];
    let mut active = |reference: f32| canceller.process(&[0.0; FRAME], &[reference; FRAME], &mut out).active;
    assert!(!active(0.0));
    assert!(active(0.1));
    let frames = (0..100).take_while(|_| active(0.0)).count();
    assert_eq!(frames, 30);
    assert!(active(2e-4));
}

#[test]
fn starting_and_stopping_makes_no_click() {
    let mut canceller = EchoCanceller::new();
    // A tone at the microphone that is no echo, while a faint reference comes and goes.
    let tone = |n: usize| 0.3 * (n as f32 * 0.05).sin();
    let mut out = [0.0; FRAME];
    let mut heard = Vec::new();
    let mut rng = fastrand::Rng::with_seed(2);
    for frame in 0..400 {
        let microphone = std::array::from_fn(|n| tone(frame * FRAME + n));
        let reference = noise(&mut rng, if frame % 100 < 20 { 2e-4 } else { 0.0 });
        canceller.process(&microphone, &reference, &mut out);
        heard.extend(out);
    }
    for (n, sample) in heard.iter().enumerate().skip(FRAME) {
        let difference = (sample - tone(n - FRAME)).abs();
        assert!(difference < 0.03, "sample {n} of frame {}: off by {difference}", n / FRAME);
    }
}

#[test]
fn a_suppressed_background_fades_in_when_the_echo_has_ended() {
    // A loudspeaker that distorts teaches the suppressor to remove much, and so a faint tone is removed too, up to the
    // last frame before the pause.
    let tone = |n: usize| 1e-4 * (n as f32 * 0.05).sin();
    let mut canceller = EchoCanceller::new();
    let mut rng = fastrand::Rng::with_seed(8);
    let (mut out, mut heard, mut last_active) = ([0.0; FRAME], Vec::new(), 0);
    for frame in 0..700 {
        let plays = frame < 600;
        let reference = noise(&mut rng, if plays { 0.4 } else { 0.0 });
        let distortion = noise(&mut rng, if plays { 0.1 } else { 0.0 });
        let microphone =
            std::array::from_fn(|n| 0.8 * reference[n] + distortion[n] + tone(frame * FRAME + n));
        last_active =
            if canceller.process(&microphone, &reference, &mut out).active { frame } else { last_active };
        heard.extend(out);
    }
    // The frame that is written by the last active one.
    let fade = last_active * FRAME..(last_active + 1) * FRAME;
    let expected = |n: usize| tone(n - FRAME);
    let share = |part: std::ops::Range<usize>| {
        let error: f32 = part.clone().map(|n| (heard[n] - expected(n)).powi(2)).sum();
        (error / part.map(|n| expected(n).powi(2)).sum::<f32>()).sqrt()
    };
    let (before, end) = (share(fade.start - FRAME..fade.start), share(fade.end - 24..fade.end));
    assert!(before > 0.7, "{before}: the tone was not removed, so nothing is shown");
    assert!(end < 0.05, "{end} of the tone is missing where it is passed on from the next sample on");
    assert!(share(fade.end..heard.len()) == 0.0);
}

#[test]
fn a_clipped_frame_is_told_and_teaches_nothing() {
    let mut canceller = EchoCanceller::new();
    let mut rng = fastrand::Rng::with_seed(5);
    let mut out = [0.0; FRAME];
    let mut erle_db = 0.0;
    for frame in 0..600 {
        let reference = noise(&mut rng, 0.4);
        let loud = frame >= 300 && frame % 3 == 0;
        let microphone =
            reference.map(|sample| if loud { (9.0 * sample).clamp(-1.0, 1.0) } else { 0.5 * sample });
        let report = canceller.process(&microphone, &reference, &mut out);
        assert_eq!(report.clipped, loud, "frame {frame}");
        if frame > 300 && frame % 3 == 2 {
            erle_db = 10.0 * (energy(&microphone) / energy(&out)).log10();
        }
    }
    assert!(erle_db > 6.0, "{erle_db} dB of the frames between");
}

#[test]
fn a_filter_that_has_learned_nothing_does_not_duck() {
    let mut canceller = EchoCanceller::new();
    let mut rng = fastrand::Rng::with_seed(6);
    let mut out = [0.0; FRAME];
    for _ in 0..300 {
        // What is at the microphone has nothing to do with the reference.
        let report = canceller.process(&noise(&mut rng, 0.5), &noise(&mut rng, 0.5), &mut out);
        assert_eq!(report.duck, Duck::None, "{report:?}");
    }
}

#[test]
fn a_filter_that_stays_wrong_stops_ducking_after_10_s() {
    let mut canceller = EchoCanceller::new();
    let mut rng = fastrand::Rng::with_seed(7);
    let mut out = [0.0; FRAME];
    let (mut before, mut after) = (0, 0);
    for frame in 0..2500 {
        let reference = noise(&mut rng, 0.4);
        // From 3 s on somebody seems to talk for 100 ms of every 300.
        let talks = frame >= 300 && frame % 30 < 10;
        let other = noise(&mut rng, if talks { 0.3 } else { 0.0 });
        let microphone = std::array::from_fn(|n| 0.5 * reference[n] + other[n]);
        let report = canceller.process(&microphone, &reference, &mut out);
        let ducks = u32::from(report.duck != Duck::None);
        if frame < 1300 { before += ducks } else { after += ducks }
    }
    assert!(before > 150, "{before} frames");
    assert!(after == 0, "{after} frames");
}

fn noise(rng: &mut fastrand::Rng, level: f32) -> [f32; FRAME] {
    std::array::from_fn(|_| level * (2.0 * rng.f32() - 1.0))
}

fn energy(samples: &[f32]) -> f32 {
    samples.iter().map(|sample| sample * sample).sum()
}
