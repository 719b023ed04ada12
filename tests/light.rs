//! The light tells every state apart, in motion and in colour, and never lies about the microphone.

use std::time::Duration;

use mynah::conversation::State;
use mynah::light::{Levels, Picture, STEP, loudness, picture};
use proptest::prelude::*;

const STATES: [State; 7] = [
    State::Connecting,
    State::Idle,
    State::Listening,
    State::Thinking,
    State::Speaking,
    State::Offline,
    State::Muted,
];

#[test]
fn each_state_has_its_picture() {
    for (state, since_ms, rgb, name, next_ms) in [
        (State::Connecting, 0, [200, 200, 255], "connecting", Some(800)),
        (State::Connecting, 799, [200, 200, 255], "connecting", Some(1)),
        (State::Connecting, 800, [0, 0, 0], "connecting", Some(800)),
        (State::Connecting, 1600, [200, 200, 255], "connecting", Some(800)),
        (State::Offline, 0, [255, 90, 0], "offline", Some(150)),
        (State::Offline, 200, [0, 0, 0], "offline", Some(100)),
        (State::Offline, 300, [255, 90, 0], "offline", Some(150)),
        (State::Offline, 450, [0, 0, 0], "offline", Some(2550)),
        (State::Muted, 12_345, [255, 0, 0], "muted", None),
        (State::Idle, 12_345, [14, 14, 24], "idle", None),
        (State::Listening, 10, [0, 64, 15], "listening", Some(40)),
        (State::Thinking, 0, [23, 7, 30], "thinking", Some(50)),
        (State::Thinking, 1010, [200, 60, 255], "thinking", Some(40)),
        (State::Speaking, 0, [0, 55, 128], "speaking", Some(50)),
        (State::Speaking, 200, [0, 34, 80], "speaking", Some(50)),
    ] {
        let expected = Picture { rgb, name, next: next_ms.map(Duration::from_millis) };
        assert_eq!(at(state, since_ms, Levels::default()), expected, "{state:?} after {since_ms} ms");
    }
}

#[test]
fn listening_follows_the_voice_and_speaking_follows_the_speaker() {
    let brightness = |state, microphone, speaker| {
        u16::from(*at(state, 0, Levels { microphone, speaker }).rgb.iter().max().unwrap())
    };
    assert_eq!(brightness(State::Listening, 32768, 0), 255);
    assert_eq!(brightness(State::Listening, 0, 32768), brightness(State::Listening, 0, 0));
    assert_eq!(brightness(State::Speaking, 0, 32768), 255);
    assert_eq!(brightness(State::Speaking, 32768, 0), brightness(State::Speaking, 0, 0));
    for state in [State::Connecting, State::Idle, State::Thinking, State::Offline, State::Muted] {
        assert_eq!(brightness(state, 32768, 32768), brightness(state, 0, 0), "{state:?}");
    }
    let rising: Vec<_> = (0..=32).map(|step| brightness(State::Listening, step * 1024, 0)).collect();
    assert!(rising.is_sorted(), "{rising:?}");
}

#[test]
fn loudness_covers_the_whole_range_and_stops_at_full_scale() {
    assert_eq!([0, 1, 32, 8192, 32767, 32768, u16::MAX].map(loudness), [0, 1, 8, 128, 255, 255, 255]);
}

#[test]
fn without_colour_every_state_still_looks_different_in_silence() {
    // Brightness over six seconds is all that an owner without colour vision has.
    let watched = |state| -> Vec<u8> {
        (0..120).map(|step| *at(state, step * 50, Levels::default()).rgb.iter().max().unwrap()).collect()
    };
    for (index, one) in STATES.iter().enumerate() {
        for other in &STATES[index + 1..] {
            let differ =
                watched(*one).iter().zip(watched(*other)).filter(|(a, b)| a.abs_diff(*b) > 12).count();
            assert!(differ > 20, "{one:?} and {other:?} differ in {differ} of 120 looks");
        }
    }
}

#[test]
fn a_still_light_asks_for_no_wake_up_and_a_moving_one_for_few() {
    for state in STATES {
        let is_still = at(state, 0, Levels::default()).next.is_none();
        assert_eq!(is_still, matches!(state, State::Idle | State::Muted), "{state:?}");
        let (mut since, mut looks) = (Duration::ZERO, 0);
        while let Some(next) = picture(state, since, Levels::default()).next.filter(|_| since.as_secs() < 60)
        {
            assert!(!next.is_zero());
            since += next;
            looks += 1;
        }
        let most = if matches!(state, State::Connecting | State::Offline) { 80 } else { 20 * 60 };
        assert!(looks <= most, "{state:?} woke {looks} times in a minute");
    }
}

proptest! {
    #[test]
    fn only_listening_is_green(state in any_state(), since_ms in any::<u32>(), levels in any_levels()) {
        let [red, green, blue] = at(state, since_ms.into(), levels).rgb;
        let is_green = green > red && green > blue;
        prop_assert_eq!(is_green, state == State::Listening, "{:?} {:?}", state, [red, green, blue]);
    }

    #[test]
    fn a_picture_stays_until_it_said_it_would_change(
        state in any_state(), since_ms in any::<u32>(), levels in any_levels(), part in 0.0..1.0f64
    ) {
        let now = at(state, since_ms.into(), levels);
        let later = now.next.unwrap_or(Duration::from_secs(3600)).mul_f64(part);
        let then = picture(state, Duration::from_millis(since_ms.into()) + later, levels);
        prop_assert_eq!((now.rgb, now.name), (then.rgb, then.name));
        prop_assert!(now.next.is_none_or(|next| !next.is_zero()));
    }

    #[test]
    fn no_light_changes_more_than_twenty_times_a_second(
        state in any_state(), start_ms in any::<u32>(), levels in any_levels()
    ) {
        let mut since = Duration::from_millis(start_ms.into());
        let end = since + Duration::from_secs(1);
        let mut changes = 0;
        while let Some(next) = picture(state, since, levels).next.filter(|_| since < end) {
            let before = picture(state, since, levels).rgb;
            since += next;
            changes += u32::from(picture(state, since, levels).rgb != before);
        }
        prop_assert!(changes <= 1 + 1000 / STEP.as_millis() as u32, "{} changes", changes);
    }
}

#[test]
fn a_state_that_has_lasted_for_ever_is_still_shown() {
    for state in STATES {
        let _ = picture(state, Duration::MAX, Levels { microphone: u16::MAX, speaker: u16::MAX });
    }
}

fn at(state: State, since_ms: u64, levels: Levels) -> Picture {
    picture(state, Duration::from_millis(since_ms), levels)
}

fn any_state() -> impl Strategy<Value = State> {
    prop::sample::select(STATES.to_vec())
}

fn any_levels() -> impl Strategy<Value = Levels> {
    (any::<u16>(), any::<u16>()).prop_map(|(microphone, speaker)| Levels { microphone, speaker })
}
