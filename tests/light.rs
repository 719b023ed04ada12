//! The light: every scene is distinct in colour and in motion, and the microphone is always shown correctly.

use std::time::Duration;

use mynah::conversation::{Exit, Notice, ServerError, State};
use mynah::light::{
    DARK, EXIT_DISPLAY, Fault, HoldProgress, Impairments, LedCaps, Levels, LightState, PIXELS, STEP,
    loudness, render, state_name,
};
use mynah::model::Time;
use proptest::option::of;
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
const FAULTS: [Fault; 7] = [
    Fault::Misconfigured,
    Fault::Quota,
    Fault::NoReply,
    Fault::NoMicrophone,
    Fault::NoSpeaker,
    Fault::Button,
    Fault::Service,
];
const DOT: LedCaps = LedCaps { pixels: 1, colour: true, dimmable: true };
const RING: LedCaps = LedCaps { pixels: 12, colour: true, dimmable: true };
const RGB_SWITCHED: LedCaps = LedCaps { pixels: 1, colour: true, dimmable: false };
const DIMMED: LedCaps = LedCaps { pixels: 1, colour: false, dimmable: true };
const SWITCHED: LedCaps = LedCaps { pixels: 1, colour: false, dimmable: false };
const QUIET: Levels = Levels { microphone: 0, speaker: 0 };
/// Two periods of the longest pattern.
const OBSERVED_MS: u64 = 8400;

type Fix = fn(&mut Impairments);

#[test]
fn each_state_has_its_frame() {
    for (state, live, since_ms, rgb, name, next_ms) in [
        (State::Connecting, false, 0, [200, 200, 255], "connecting", Some(800)),
        (State::Connecting, false, 799, [200, 200, 255], "connecting", Some(1)),
        (State::Connecting, false, 800, [0, 0, 0], "connecting", Some(800)),
        (State::Offline, false, 0, [255, 90, 0], "offline", Some(150)),
        (State::Offline, false, 200, [0, 0, 0], "offline", Some(100)),
        (State::Offline, false, 450, [0, 0, 0], "offline", Some(2550)),
        (State::Muted, false, 12_345, [255, 0, 0], "muted", None),
        (State::Idle, false, 12_345, [14, 14, 24], "idle", None),
        (State::Listening, true, 10, [0, 64, 21], "listening", Some(40)),
        (State::Thinking, false, 0, [15, 4, 20], "thinking", Some(50)),
        (State::Thinking, true, 1010, [66, 255, 85], "thinking", Some(40)),
        (State::Speaking, false, 0, [0, 17, 40], "speaking", Some(50)),
        (State::Speaking, true, 200, [0, 138, 46], "speaking", Some(50)),
    ] {
        let light = LightState { microphone_live: live, ..state_only(state) };
        let found = render(&light, at(light, since_ms), QUIET, DOT);
        let expected = (vec![rgb], name, next_ms.map(Duration::from_millis));
        assert_eq!(
            (found.pixels.to_vec(), found.name, found.next),
            expected,
            "{state:?} after {since_ms} ms"
        );
    }
}

#[test]
fn on_a_ring_green_marks_the_microphone_and_the_rest_moves() {
    let ring = LedCaps { pixels: 4, ..RING };
    let seen = |light: LightState, ms| render(&light, at(light, ms), QUIET, ring).pixels.to_vec();
    let connecting = state_only(State::Connecting);
    let (on, off) = ([200, 200, 255], [0, 0, 0]);
    assert_eq!(seen(connecting, 0), [on, off, off, off]);
    assert_eq!(seen(connecting, 800), [off, off, on, off]);
    let thinking = LightState { microphone_live: true, ..state_only(State::Thinking) };
    let (green, head, tail) = ([16, 64, 21], [200, 60, 255], [62, 18, 80]);
    assert_eq!(seen(thinking, 500), [green, tail, head, green]);
    let volume = LightState { volume: Some((50, thinking.since)), ..thinking };
    let full = [255, 255, 255];
    assert_eq!(seen(volume, 0), [[85, 255, 85], full, [23, 69, 23], [23, 69, 23]]);
    let reset = HoldProgress { since: connecting.since, until: at(connecting, 4000) };
    let held = LightState { reset: Some(reset), ..connecting };
    let filled = |ms| seen(held, ms).iter().filter(|pixel| **pixel == [255, 0, 0]).count();
    assert_eq!([0, 1000, 2000, 3100, 4000, 9000].map(filled), [0, 1, 2, 3, 4, 4]);
}

#[test]
fn listening_follows_the_microphone_and_speaking_the_speaker() {
    for caps in [DOT, RING, DIMMED] {
        for live in [true, false] {
            let shown = |state, microphone, speaker| {
                let light = LightState { microphone_live: live, ..state_only(state) };
                let pixels = render(&light, at(light, 350), Levels { microphone, speaker }, caps).pixels;
                pixels.iter().map(|pixel| brightness(*pixel)).sum::<u32>()
            };
            let all = u16::MAX;
            let listens = live;
            assert_eq!(shown(State::Listening, all, 0) > shown(State::Listening, 0, 0), listens, "{caps:?}");
            assert_eq!(shown(State::Listening, 0, all), shown(State::Listening, 0, 0));
            assert!(shown(State::Speaking, 0, all) > shown(State::Speaking, 0, 0), "{caps:?}");
            assert_eq!(shown(State::Speaking, all, 0), shown(State::Speaking, 0, 0));
            for state in [State::Connecting, State::Idle, State::Thinking, State::Offline, State::Muted] {
                assert_eq!(shown(state, all, all), shown(state, 0, 0), "{state:?}");
            }
        }
    }
}

#[test]
fn loudness_covers_the_whole_range_and_stops_at_full_scale() {
    assert_eq!([0, 1, 32, 8192, 32767, 32768, u16::MAX].map(loudness), [0, 1, 8, 128, 255, 255, 255]);
}

#[test]
fn scenes_differ_in_motion_without_colour() {
    for (caps, least) in [
        (DOT, 20),
        (RING, 20),
        (LedCaps { pixels: 2, ..RING }, 20),
        (LedCaps { pixels: 3, ..RING }, 20),
        (LedCaps { pixels: 64, ..RING }, 20),
        (RGB_SWITCHED, 10),
        (DIMMED, 4),
        (SWITCHED, 4),
    ] {
        for live in [false, true] {
            // Green must not go dark in any scene, so an LED that cannot be dimmed shows no motion.
            if live && !caps.dimmable {
                continue;
            }
            let scenes = scenes(live);
            let motions: Vec<_> = scenes.iter().map(|(_, light)| motion(light, caps)).collect();
            for (index, one) in motions.iter().enumerate() {
                for (other, that) in motions.iter().enumerate().skip(index + 1) {
                    let differ = differences(one, that);
                    let names = (&scenes[index].0, &scenes[other].0);
                    let passes = names.0 == "Interrupted" || names.1 == "Interrupted";
                    let least = if passes { 2 } else { least };
                    assert!(differ >= least, "{names:?} differ in {differ} frames on {caps:?}, live {live}");
                }
            }
        }
    }
}

#[test]
fn a_closing_microphone_is_visible_without_colour() {
    for caps in [DOT, RING, DIMMED, SWITCHED, RGB_SWITCHED] {
        let closed = scenes(false);
        for (name, open) in scenes(true) {
            let Some((_, closed)) = closed.iter().find(|(other, _)| *other == name) else { continue };
            let differ = differences(&motion(&open, caps), &motion(closed, caps));
            assert!(differ >= 10, "{name} live and not differ in {differ} frames on {caps:?}");
        }
    }
}

#[test]
fn a_static_frame_needs_no_wake_up_and_a_moving_one_few() {
    for (caps, still) in [
        (DOT, &["Idle", "Muted"][..]),
        (RING, &["Idle", "Muted"]),
        (RGB_SWITCHED, &["Idle", "Muted"]),
        (DIMMED, &["Idle"]),
        (SWITCHED, &["Idle"]),
    ] {
        for (name, light) in scenes(false) {
            let frames = frames_in_a_minute(&light, caps);
            assert_eq!(frames == 0, still.contains(&name.as_str()), "{name} on {caps:?}: {frames}");
            assert!(frames <= 60 * 20, "{name} on {caps:?}: {frames} frames in a minute");
        }
    }
    let muted = frames_in_a_minute(&state_only(State::Muted), SWITCHED);
    assert_eq!(muted, 30, "a flash every four seconds");
    for caps in [SWITCHED, RGB_SWITCHED] {
        let light = LightState { microphone_live: true, ..state_only(State::Listening) };
        assert_eq!(frames_in_a_minute(&light, caps), 0, "it cannot show the level: {caps:?}");
    }
}

#[test]
fn passing_scenes_end_by_themselves_and_lasting_faults_stay() {
    let idle = state_only(State::Idle);
    let name = |light: LightState, ms| state_name(&light, at(light, ms)).0;
    let volume = LightState { volume: Some((30, idle.since)), ..idle };
    assert_eq!([0, 1499, 1500].map(|ms| name(volume, ms)), ["volume", "volume", "idle"]);
    assert_eq!(state_name(&volume, at(idle, 10)).1, Some(Duration::from_millis(1490)));
    let no_reply = LightState { fault: Some((Fault::NoReply, idle.since)), ..idle };
    assert_eq!([0, 8399, 8400].map(|ms| name(no_reply, ms)), ["fault", "fault", "idle"]);
    let no_speaker = LightState { fault: Some((Fault::NoSpeaker, idle.since)), ..idle };
    assert_eq!(
        (name(no_speaker, 3_600_000), state_name(&no_speaker, at(idle, 3_600_000)).1),
        ("fault", None)
    );
    let busy = LightState { state: State::Speaking, ..no_speaker };
    assert_eq!(name(busy, 0), "speaking");
    let pressed = LightState { interrupted: Some(idle.since), ..idle };
    assert_eq!(name(pressed, 0), "idle", "an interruption has no name of its own");
    assert_ne!(
        render(&pressed, at(idle, 0), QUIET, DOT).pixels,
        render(&pressed, at(idle, 300), QUIET, DOT).pixels
    );
}

#[test]
fn each_fault_blinks_its_code() {
    for fault in FAULTS {
        let light = LightState { fault: Some((fault, Time::ZERO)), ..state_only(State::Idle) };
        for caps in [DOT, RING, RGB_SWITCHED, DIMMED, SWITCHED] {
            let period_ms = u64::from(fault.blinks()) * 400 + 1400;
            let lit: Vec<bool> =
                (0..period_ms / 50).map(|step| is_lit(&light, at(light, step * 50), caps)).collect();
            let blinks = lit.windows(2).filter(|pair| !pair[0] && pair[1]).count() + usize::from(lit[0]);
            assert_eq!(blinks, usize::from(fault.blinks()), "{fault:?} on {caps:?}");
        }
    }
}

#[test]
fn the_worst_impairment_is_shown() {
    let mut light = state_only(State::Idle);
    let mut left = Impairments {
        speaker_missing: true,
        microphone_missing: true,
        speaker_unreliable: true,
        microphone_unreliable: true,
        button_ignored: true,
        access_refused: true,
    };
    let fixes: [(Fix, Option<Fault>); 7] = [
        (|_| {}, Some(Fault::Misconfigured)),
        (|left| left.access_refused = false, Some(Fault::NoSpeaker)),
        (|left| left.speaker_missing = false, Some(Fault::NoMicrophone)),
        (|left| left.microphone_missing = false, Some(Fault::NoSpeaker)),
        (|left| left.speaker_unreliable = false, Some(Fault::NoMicrophone)),
        (|left| left.microphone_unreliable = false, Some(Fault::Button)),
        (|left| left.button_ignored = false, None),
    ];
    for (fix, expected) in fixes {
        fix(&mut left);
        light.set_impairments(left, light.since);
        assert_eq!(light.fault.map(|(fault, _)| fault), expected, "{left:?}");
    }
}

#[test]
fn a_passing_fault_does_not_hide_a_lasting_one() {
    let shown = |light: &LightState| light.fault.map(|(fault, _)| fault);
    let mut light = state_only(State::Idle);
    let now = light.since;
    light.set_notice(Notice::TooShort, now);
    light.set_server_error(ServerError::NothingToCancel, now);
    assert_eq!(shown(&light), None, "the user is answered otherwise");
    light.set_notice(Notice::ReplyFailed, now);
    assert_eq!(shown(&light), Some(Fault::NoReply));
    light.set_server_error(ServerError::Other, now);
    assert_eq!(shown(&light), Some(Fault::Service));
    light.set_impairments(Impairments { button_ignored: true, ..Impairments::default() }, now);
    light.set_notice(Notice::NoReply, now);
    assert_eq!(shown(&light), Some(Fault::Button));
}

#[test]
fn an_exit_is_shown_with_its_cause() {
    let now = state_only(State::Idle).since;
    for (error, expected) in [(None, Fault::Misconfigured), (Some(ServerError::QuotaExceeded), Fault::Quota)]
    {
        let mut light = state_only(State::Idle);
        assert_eq!(light.set_exit(Exit::Requested, now), Duration::ZERO);
        assert_eq!(light.fault, None);
        if let Some(error) = error {
            light.set_server_error(error, now);
        }
        assert_eq!(light.set_exit(Exit::Misconfigured, now), EXIT_DISPLAY);
        assert_eq!(light.fault, Some((expected, now)));
    }
}

#[test]
fn a_very_old_state_is_still_rendered() {
    for state in STATES {
        let light = state_only(state);
        let old = light.since + Duration::from_secs(u64::MAX / 4);
        for caps in [DOT, RING, SWITCHED] {
            let _ = render(&light, old, Levels { microphone: u16::MAX, speaker: u16::MAX }, caps);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn with_colour_green_is_lit_exactly_while_the_microphone_is_live(
        (light, now) in any_light(), levels in any_levels(), caps in any_caps()
    ) {
        let caps = LedCaps { colour: true, ..caps };
        let pixels = render(&light, now, levels, caps).pixels;
        let green = |least| pixels.iter().any(|[red, green, blue]| green > red && green > blue && *green >= least);
        prop_assert_eq!(pixels.len(), caps.pixels);
        prop_assert!(if light.microphone_live { green(64) } else { !green(0) }, "{:?}", pixels);
    }

    #[test]
    fn a_single_colour_stays_lit_exactly_while_the_microphone_is_live(
        (light, now) in any_light(), levels in any_levels(), caps in any_caps()
    ) {
        let caps = LedCaps { colour: false, ..caps };
        let least = |now| {
            let pixels = render(&light, now, levels, caps).pixels;
            assert!(pixels.iter().all(|pixel| *pixel == [pixels[0][0]; 3]));
            pixels[0][0]
        };
        if light.microphone_live {
            prop_assert!(least(now) >= 64);
            return Ok(());
        }
        let lit: Vec<bool> =
            (0..4000 / 25).map(|sample| least(now + Duration::from_millis(sample * 25)) > 0).collect();
        prop_assert!(longest(&lit, true) <= 150 / 25, "lit for {} samples of 25 ms", longest(&lit, true));
        let dark = lit.iter().filter(|lit| !**lit).count();
        prop_assert!(dark * 2 >= lit.len() - 150 / 25, "dark in {} samples of {}", dark, lit.len());
    }

    #[test]
    fn a_single_colour_goes_dark_when_the_microphone_closes(
        (light, now) in any_light(), levels in any_levels(), caps in any_caps(), after in 0.0..1.0f64
    ) {
        let light = LightState { microphone_live: false, closed: Some(now), ..light };
        let then = now + DARK.mul_f64(after);
        let caps = LedCaps { colour: false, ..caps };
        prop_assert!(!is_lit_at(&light, then, levels, caps));
    }

    #[test]
    fn every_scene_begins_dark_on_a_single_colour(which in any::<prop::sample::Index>(), dimmable: bool) {
        let scenes = scenes(false);
        let (name, light) = &scenes[which.index(scenes.len())];
        let caps = LedCaps { pixels: 1, colour: false, dimmable };
        for ms in 0..DARK.as_millis() as u64 {
            prop_assert!(!is_lit(light, at(*light, ms), caps), "{} after {} ms", name, ms);
        }
    }

    #[test]
    fn a_frame_does_not_change_before_next(
        (light, now) in any_light(), caps in any_caps(), levels in any_levels(), part in 0.0..1.0f64
    ) {
        let shown = render(&light, now, levels, caps);
        let later = now + shown.next.unwrap_or(Duration::from_secs(3600)).mul_f64(part);
        let then = render(&light, later, levels, caps);
        prop_assert_eq!((&shown.pixels, shown.name), (&then.pixels, then.name));
        prop_assert!(shown.next.is_none_or(|next| !next.is_zero()));
        let (name, next) = state_name(&light, now);
        prop_assert_eq!(name, shown.name);
        prop_assert!(next.is_none_or(|next| shown.next.is_some_and(|sooner| sooner <= next)));
    }

    #[test]
    fn frames_change_at_most_20_times_a_second(
        (light, now) in any_light(), caps in any_caps(), levels in any_levels()
    ) {
        let first = render(&light, now, levels, caps).next;
        if let Some(first) = first {
            prop_assert!(render(&light, now + first, levels, caps).next.is_none_or(|next| next >= STEP));
        }
    }
}

/// Returns a light with this state, the microphone closed and no fault.
fn state_only(state: State) -> LightState {
    LightState::begin(state, Time::ZERO)
}

fn at(light: LightState, ms: u64) -> Time {
    light.since + Duration::from_millis(ms)
}

/// Returns every scene with its name. Passing scenes end in the state at rest.
fn scenes(live: bool) -> Vec<(String, LightState)> {
    let light = |state| LightState { microphone_live: live, ..state_only(state) };
    let rest = light(if live { State::Listening } else { State::Idle });
    let begun = Some(rest.since);
    let states = if live { &[State::Listening, State::Thinking, State::Speaking][..] } else { &STATES };
    let mut all: Vec<_> = states
        .iter()
        // Listening implies a live microphone.
        .filter(|state| live || **state != State::Listening)
        .map(|state| (format!("{state:?}"), light(*state)))
        .collect();
    let hold = HoldProgress { since: rest.since, until: rest.since + Duration::from_secs(6) };
    all.extend([
        ("Booting".into(), LightState { booted: false, ..rest }),
        ("Recording".into(), LightState { booted: false, records: true, ..rest }),
        ("Interrupted".into(), LightState { interrupted: begun, ..rest }),
        ("Volume".into(), LightState { volume: Some((60, rest.since)), ..rest }),
        ("Reset".into(), LightState { reset: Some(hold), ..rest }),
    ]);
    for fault in FAULTS {
        all.push((format!("{fault:?}"), LightState { fault: Some((fault, rest.since)), ..rest }));
    }
    all
}

/// Returns the brightness of each pixel in silence, step by step: what a user without colour vision sees.
fn motion(light: &LightState, caps: LedCaps) -> Vec<Vec<u32>> {
    (0..OBSERVED_MS / 50)
        .map(|step| {
            let pixels = render(light, at(*light, step * 50), QUIET, caps).pixels;
            pixels.iter().map(|pixel| brightness(*pixel)).collect()
        })
        .collect()
}

/// Returns the number of steps in which some pixel differs visibly.
fn differences(one: &[Vec<u32>], other: &[Vec<u32>]) -> usize {
    let differ = |(a, b): &(&Vec<u32>, &Vec<u32>)| a.iter().zip(*b).any(|(a, b)| a.abs_diff(*b) > 8);
    one.iter().zip(other).filter(differ).count()
}

/// Returns the brightness of a pixel of any colour.
fn brightness(pixel: [u8; 3]) -> u32 {
    pixel.into_iter().max().unwrap_or(0).into()
}

fn is_lit(light: &LightState, now: Time, caps: LedCaps) -> bool {
    is_lit_at(light, now, QUIET, caps)
}

fn is_lit_at(light: &LightState, now: Time, levels: Levels, caps: LedCaps) -> bool {
    render(light, now, levels, caps).pixels.iter().any(|pixel| *pixel != [0; 3])
}

fn longest(samples: &[bool], what: bool) -> usize {
    samples.chunk_by(|a, b| a == b).filter(|run| run[0] == what).map(<[bool]>::len).max().unwrap_or(0)
}

fn frames_in_a_minute(light: &LightState, caps: LedCaps) -> usize {
    let mut passed = Duration::ZERO;
    let mut frames = 0;
    while let Some(next) = render(light, light.since + passed, QUIET, caps).next {
        passed += next;
        if passed > Duration::from_secs(60) {
            break;
        }
        frames += 1;
    }
    frames
}

/// Generates a light, and a time after all times in it.
fn any_light() -> impl Strategy<Value = (LightState, Time)> {
    let ago = || prop_oneof![0..10_000_000u64, 0..600u64];
    let flags = any::<[bool; 4]>();
    (
        (prop::sample::select(STATES.to_vec()), flags),
        (ago(), of(ago()), of(ago()), of((0..=255u8, ago())), of((ago(), 0..20_000u64))),
        of((prop::sample::select(FAULTS.to_vec()), ago())),
        0..1_000_000_000u64,
    )
        .prop_map(|((state, flags), (since, closed, interrupted, volume, reset), fault, nanos)| {
            let then = Time::ZERO + Duration::from_secs(20_000) + Duration::from_nanos(nanos);
            let past = |ms: u64| then - Duration::from_micros(ms * 1000 + ms % 997);
            let light = LightState {
                state,
                since: past(since),
                microphone_live: flags[0],
                closed: closed.map(past),
                booted: flags[1],
                records: flags[3],
                interrupted: interrupted.map(past),
                volume: volume.map(|(percent, ago)| (percent, past(ago))),
                reset: reset.map(|(ago, hold)| HoldProgress {
                    since: past(ago),
                    until: past(ago) + Duration::from_millis(hold),
                }),
                fault: fault.map(|(fault, ago)| (fault, past(ago))),
                muted: flags[2],
            };
            (light, then)
        })
}

fn any_caps() -> impl Strategy<Value = LedCaps> {
    let pixels = prop_oneof![Just(1), 1..=12usize, 1..=PIXELS];
    (pixels, any::<bool>(), any::<bool>()).prop_map(|(pixels, colour, dimmable)| LedCaps {
        pixels,
        colour,
        dimmable,
    })
}

fn any_levels() -> impl Strategy<Value = Levels> {
    (any::<u16>(), any::<u16>()).prop_map(|(microphone, speaker)| Levels { microphone, speaker })
}
