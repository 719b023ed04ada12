//! What the canceller has learned, kept across a restart: it works from the first word, or is refused or unlearned.

use std::time::Duration;

use mynah::audio::{AudioIo, EchoKeeper, ReferenceSink, StreamFormat, steps};
use mynah::echo::{EchoResponse, KEPT_BYTES, KeptResponseError};
use mynah::model::Time;

use super::device_canceller::Scene;

const SETUP: &str = "the cards of the test";
const INTERVAL: Duration = Duration::from_secs(30 * 60);

#[test]
fn what_one_run_has_learned_removes_the_echo_from_the_first_word_of_the_next() {
    let bytes = learned();
    assert_eq!(bytes.len(), KEPT_BYTES);
    let mut fresh = Scene::new(false);
    let fresh_db = fresh.hear(0.5, 0.0, 1.0);
    let mut restored = Scene::new(false);
    EchoKeeper::new(SETUP.into()).restore(&bytes, &mut restored.canceller).unwrap();
    let restored_db = restored.hear(0.5, 0.0, 1.0);
    assert!(restored_db > 30.0 && fresh_db < restored_db - 10.0, "{restored_db:.1} dB, not {fresh_db:.1} dB");
}

#[test]
fn bytes_that_are_of_no_use_leave_the_canceller_as_it_was() {
    let bytes = learned();
    let mut flipped = bytes.clone();
    flipped[9_000] ^= 1;
    let mut loud = EchoResponse::silent();
    loud.taps.fill(2.0);
    let mut missing = EchoResponse::silent();
    missing.taps[7] = f32::NAN;
    for (bytes, setup, expected) in [
        (&b"not what it was"[..], SETUP, KeptResponseError::Unknown),
        (&bytes[..9_000], SETUP, KeptResponseError::Length(9_000)),
        (&flipped, SETUP, KeptResponseError::Damaged),
        (&bytes, "another microphone", KeptResponseError::OtherSetup),
        (&loud.encode(SETUP), SETUP, KeptResponseError::Implausible),
        (&missing.encode(SETUP), SETUP, KeptResponseError::Implausible),
    ] {
        let (mut scene, mut fresh) = (Scene::new(false), Scene::new(false));
        let restored = EchoKeeper::new(setup.into()).restore(bytes, &mut scene.canceller);
        assert_eq!(restored, Err(expected));
        assert_eq!(scene.hear(0.5, 0.0, 1.0), fresh.hear(0.5, 0.0, 1.0), "after {expected}");
    }
}

#[test]
fn a_response_of_another_room_makes_nothing_louder_and_is_unlearned() {
    let mut random = fastrand::Rng::with_seed(9);
    let mut other = EchoResponse::silent();
    other.taps.iter_mut().for_each(|tap| *tap = 0.05 * (2.0 * random.f32() - 1.0));
    let mut scene = Scene::new(false);
    EchoKeeper::new(SETUP.into()).restore(&other.encode(SETUP), &mut scene.canceller).unwrap();
    let first_db = scene.hear(1.0, 0.0, 1.0);
    assert!(first_db > -1.0, "{first_db:.1} dB");
    scene.hear(4.0, 0.0, 1.0);
    let then_db = scene.hear(1.0, 0.0, 1.0);
    assert!(then_db > 25.0, "{then_db:.1} dB after 5 s");
}

#[test]
fn it_is_kept_once_in_half_an_hour_and_at_the_end_if_it_has_changed() {
    let (mut scene, mut audio) = kept();
    let at = |part: u32| Time::ZERO + INTERVAL / 4 * part;
    let reply = |scene: &mut Scene| {
        scene.hear(6.0, 0.0, 1.0);
        scene.hear(0.5, 0.0, 0.0);
    };
    assert_eq!(audio.poll_learned_echo(true, at(0)), None, "nothing is learned");
    reply(&mut scene);
    assert!(audio.poll_learned_echo(false, at(0)).is_some());
    assert_eq!(audio.poll_learned_echo(true, at(0)), None, "there is nothing new");
    reply(&mut scene);
    assert_eq!(audio.poll_learned_echo(false, at(4)), None, "it is the same");
    scene.gain = 0.7;
    reply(&mut scene);
    assert_eq!(audio.poll_learned_echo(false, at(7)), None, "it is too early");
    assert!(audio.poll_learned_echo(false, at(8)).is_some());
    scene.gain = 1.0;
    reply(&mut scene);
    assert!(audio.poll_learned_echo(true, at(9)).is_some(), "at the end");
}

#[test]
fn what_removes_little_is_not_kept() {
    let (mut scene, mut audio) = kept();
    scene.hear(0.2, 0.0, 1.0);
    scene.hear(0.5, 0.0, 0.0);
    assert_eq!(audio.poll_learned_echo(true, Time::ZERO), None);
}

#[test]
fn a_microphone_that_closes_after_a_reply_keeps_it_too() {
    let (mut scene, mut audio) = kept();
    scene.hear(6.0, 0.0, 1.0);
    assert_eq!(audio.poll_learned_echo(true, Time::ZERO), None, "the reply goes on");
    scene.canceller.interrupt();
    assert!(audio.poll_learned_echo(false, Time::ZERO).is_some());
}

/// Returns what a run has learned of a reply of 6 s.
fn learned() -> Vec<u8> {
    let (mut scene, mut audio) = kept();
    scene.hear(6.0, 0.0, 1.0);
    scene.hear(0.5, 0.0, 0.0);
    audio.poll_learned_echo(false, Time::ZERO).unwrap()
}

fn kept() -> (Scene, AudioIo) {
    let scene = Scene::new(false);
    let (mut audio, ..) = steps(StreamFormat::default()).unwrap();
    audio.watch_echo(scene.status.clone());
    audio.keep_echo(EchoKeeper::new(SETUP.into()));
    (scene, audio)
}
