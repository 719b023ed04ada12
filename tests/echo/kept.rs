//! What a canceller keeps: between replies, and as bytes across restarts.

use mynah::echo::{EchoCanceller, EchoResponse, FRAME, KEPT_BYTES, KeptResponseError, TAPS};

const SETUP: &str = "hw:CARD=Zero, volume 70";

#[test]
fn a_kept_response_is_the_one_that_was_learned() {
    let mut response = learned().0;
    response.taps[TAPS - 1] = -0.25;
    let bytes = response.encode(SETUP);
    assert_eq!(bytes.len(), KEPT_BYTES);
    assert_eq!(EchoResponse::decode(&bytes, SETUP).unwrap(), response);
}

#[test]
fn a_restored_canceller_cancels_from_the_first_frame() {
    let (response, _) = learned();
    let mut canceller = EchoCanceller::new();
    let cold_db = first_100_ms(&mut canceller);
    assert!(cold_db < 30.0, "{cold_db} dB from a cold start");
    let mut canceller = EchoCanceller::new();
    assert!(canceller.restore(&response));
    let restored_db = first_100_ms(&mut canceller);
    assert!(restored_db > 40.0, "{restored_db} dB");
}

#[test]
fn the_learned_response_is_the_rooms() {
    let (response, _) = learned();
    for (tap, (learned, room)) in response.taps.iter().zip(room()).enumerate() {
        assert!((learned - room).abs() < 0.01, "tap {tap}: {learned}, not {room}");
    }
}

#[test]
fn bytes_that_do_not_fit_are_refused_by_reason() {
    let bytes = learned().0.encode(SETUP);
    let refused = |bytes: &[u8], setup: &str| EchoResponse::decode(bytes, setup).unwrap_err();
    assert_eq!(refused(&bytes, "hw:CARD=Zero, volume 80"), KeptResponseError::OtherSetup);
    assert_eq!(refused(&bytes[..KEPT_BYTES - 1], SETUP), KeptResponseError::Length(KEPT_BYTES - 1));
    assert_eq!(refused(&[], SETUP), KeptResponseError::Unknown);
    assert_eq!(refused(b"MYNECHO2........", SETUP), KeptResponseError::Unknown);
    for at in [8, 20, KEPT_BYTES / 2, KEPT_BYTES - 1] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        assert_eq!(refused(&damaged, SETUP), KeptResponseError::Damaged, "byte {at}");
    }
    for value in [f32::NAN, f32::INFINITY, 1000.0] {
        let mut response = EchoResponse::silent();
        response.taps[5] = value;
        assert_eq!(refused(&response.encode(SETUP), SETUP), KeptResponseError::Implausible, "{value}");
        assert!(!EchoCanceller::new().restore(&response), "{value}");
    }
    assert_eq!(KeptResponseError::Length(3).to_string(), "3 bytes instead of 24024");
}

#[test]
fn half_a_minute_of_silence_forgets_nothing() {
    let (_, mut canceller) = learned();
    let mut out = [0.0; FRAME];
    for _ in 0..3000 {
        assert!(!canceller.process(&[1e-3; FRAME], &[0.0; FRAME], &mut out).active || out[0] != 0.0);
    }
    let erle_db = first_100_ms(&mut canceller);
    assert!(erle_db > 35.0, "{erle_db} dB");
}

/// Returns what a canceller has learned of noise through a room in three seconds, and the canceller.
fn learned() -> (EchoResponse, EchoCanceller) {
    let mut canceller = EchoCanceller::new();
    through_room(&mut canceller, 1, 300);
    let mut response = EchoResponse::silent();
    canceller.response(&mut response);
    (response, canceller)
}

/// Returns by how much the first 100 ms of other noise through the same room become weaker, in decibels.
fn first_100_ms(canceller: &mut EchoCanceller) -> f32 {
    through_room(canceller, 2, 11)
}

/// A direct path, two reflections, and nothing else.
fn room() -> [f32; TAPS] {
    let mut room = [0.0; TAPS];
    (room[100], room[731], room[4000]) = (0.6, -0.2, 0.05);
    room
}

fn through_room(canceller: &mut EchoCanceller, seed: u64, frames: usize) -> f32 {
    let mut rng = fastrand::Rng::with_seed(seed);
    let reference: Vec<f32> = (0..frames * FRAME).map(|_| 0.4 * (rng.f32() - 0.5)).collect();
    let past = |n: usize, tap: usize| n.checked_sub(tap).map_or(0.0, |at| reference[at]);
    let microphone: Vec<f32> = (0..reference.len())
        .map(|n| 0.6 * past(n, 100) - 0.2 * past(n, 731) + 0.05 * past(n, 4000))
        .collect();
    let mut out = [0.0; FRAME];
    let mut after = 0.0;
    for (microphone, reference) in
        microphone.as_chunks::<FRAME>().0.iter().zip(reference.as_chunks::<FRAME>().0)
    {
        canceller.process(microphone, reference, &mut out);
        after += super::scenes::measure::energy(&out);
    }
    let before = super::scenes::measure::energy(&microphone[..(frames - 1) * FRAME]);
    super::scenes::measure::db(before / after)
}
