//! The light tells every scene apart, in motion and in colour, and never lies about the microphone.

use std::time::Duration;

use mynah::conversation::State;
use mynah::light::{
    DARK, Fault, HoldProgress, LedCaps, Levels, LightState, PIXELS, STEP, loudness, render, word,
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
/// Twice the longest pattern.
const WATCHED_MS: u64 = 8400;

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
        let it = LightState { microphone_live: live, ..facts(state) };
        let found = render(&it, at(it, since_ms), QUIET, DOT);
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
    let seen = |it: LightState, ms| render(&it, at(it, ms), QUIET, ring).pixels.to_vec();
    let connecting = facts(State::Connecting);
    let (on, off) = ([200, 200, 255], [0, 0, 0]);
    assert_eq!(seen(connecting, 0), [on, off, off, off]);
    assert_eq!(seen(connecting, 800), [off, off, on, off]);
    let thinking = LightState { microphone_live: true, ..facts(State::Thinking) };
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
    for face in [DOT, RING, DIMMED] {
        for live in [true, false] {
            let shown = |state, microphone, speaker| {
                let it = LightState { microphone_live: live, ..facts(state) };
                let pixels = render(&it, at(it, 350), Levels { microphone, speaker }, face).pixels;
                pixels.iter().map(|pixel| brightness(*pixel)).sum::<u32>()
            };
            let all = u16::MAX;
            let listens = live;
            assert_eq!(shown(State::Listening, all, 0) > shown(State::Listening, 0, 0), listens, "{face:?}");
            assert_eq!(shown(State::Listening, 0, all), shown(State::Listening, 0, 0));
            assert!(shown(State::Speaking, 0, all) > shown(State::Speaking, 0, 0), "{face:?}");
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
    for (face, least) in [
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
            // Green may not go dark for any of them, so where there are no shades it can only stay.
            if live && !face.dimmable {
                continue;
            }
            let scenes = scenes(live);
            let watched: Vec<_> = scenes.iter().map(|(_, it)| motion(it, face)).collect();
            for (index, one) in watched.iter().enumerate() {
                for (other, that) in watched.iter().enumerate().skip(index + 1) {
                    let differ = differences(one, that);
                    let names = (&scenes[index].0, &scenes[other].0);
                    let passes = names.0 == "Interrupted" || names.1 == "Interrupted";
                    let least = if passes { 2 } else { least };
                    assert!(differ >= least, "{names:?} differ in {differ} looks on {face:?}, live {live}");
                }
            }
        }
    }
}

#[test]
fn a_closing_microphone_is_visible_without_colour() {
    for face in [DOT, RING, DIMMED, SWITCHED, RGB_SWITCHED] {
        let closed = scenes(false);
        for (name, open) in scenes(true) {
            let Some((_, closed)) = closed.iter().find(|(other, _)| *other == name) else { continue };
            let differ = differences(&motion(&open, face), &motion(closed, face));
            assert!(differ >= 10, "{name} live and not differ in {differ} looks on {face:?}");
        }
    }
}

#[test]
fn a_static_frame_needs_no_wake_up_and_a_moving_one_few() {
    for (face, still) in [
        (DOT, &["Idle", "Muted"][..]),
        (RING, &["Idle", "Muted"]),
        (RGB_SWITCHED, &["Idle", "Muted"]),
        (DIMMED, &["Idle"]),
        (SWITCHED, &["Idle"]),
    ] {
        for (name, it) in scenes(false) {
            let looks = looks_in_a_minute(&it, face);
            assert_eq!(looks == 0, still.contains(&name.as_str()), "{name} on {face:?}: {looks}");
            assert!(looks <= 60 * 20, "{name} on {face:?}: {looks} looks in a minute");
        }
    }
    let muted = looks_in_a_minute(&facts(State::Muted), SWITCHED);
    assert_eq!(muted, 30, "a glint every four seconds");
    for face in [SWITCHED, RGB_SWITCHED] {
        let it = LightState { microphone_live: true, ..facts(State::Listening) };
        assert_eq!(looks_in_a_minute(&it, face), 0, "it cannot follow the voice: {face:?}");
    }
}

#[test]
fn passing_scenes_end_by_themselves_and_lasting_faults_stay() {
    let idle = facts(State::Idle);
    let name = |it: LightState, ms| word(&it, at(it, ms)).0;
    let volume = LightState { volume: Some((30, idle.since)), ..idle };
    assert_eq!([0, 1499, 1500].map(|ms| name(volume, ms)), ["volume", "volume", "idle"]);
    assert_eq!(word(&volume, at(idle, 10)).1, Some(Duration::from_millis(1490)));
    let lost = LightState { fault: Some((Fault::NoReply, idle.since)), ..idle };
    assert_eq!([0, 8399, 8400].map(|ms| name(lost, ms)), ["fault", "fault", "idle"]);
    let gone = LightState { fault: Some((Fault::NoSpeaker, idle.since)), ..idle };
    assert_eq!((name(gone, 3_600_000), word(&gone, at(idle, 3_600_000)).1), ("fault", None));
    let busy = LightState { state: State::Speaking, ..gone };
    assert_eq!(name(busy, 0), "speaking");
    let pressed = LightState { interrupted: Some(idle.since), ..idle };
    assert_eq!(name(pressed, 0), "idle", "a flash is not worth a word");
    assert_ne!(
        render(&pressed, at(idle, 0), QUIET, DOT).pixels,
        render(&pressed, at(idle, 300), QUIET, DOT).pixels
    );
}

#[test]
fn each_fault_blinks_its_code() {
    for fault in FAULTS {
        let it = LightState { fault: Some((fault, Time::ZERO)), ..facts(State::Idle) };
        for face in [DOT, RING, RGB_SWITCHED, DIMMED, SWITCHED] {
            let period_ms = u64::from(fault.blinks()) * 400 + 1400;
            let lit: Vec<bool> =
                (0..period_ms / 50).map(|step| is_lit(&it, at(it, step * 50), face)).collect();
            let blinks = lit.windows(2).filter(|pair| !pair[0] && pair[1]).count() + usize::from(lit[0]);
            assert_eq!(blinks, usize::from(fault.blinks()), "{fault:?} on {face:?}");
        }
    }
}

#[test]
fn a_very_old_state_is_still_rendered() {
    for state in STATES {
        let it = facts(state);
        let old = it.since + Duration::from_secs(u64::MAX / 4);
        for face in [DOT, RING, SWITCHED] {
            let _ = render(&it, old, Levels { microphone: u16::MAX, speaker: u16::MAX }, face);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn with_colour_green_is_lit_exactly_while_the_microphone_is_live(
        (it, now) in any_facts(), levels in any_levels(), face in any_face()
    ) {
        let face = LedCaps { colour: true, ..face };
        let pixels = render(&it, now, levels, face).pixels;
        let green = |least| pixels.iter().any(|[red, green, blue]| green > red && green > blue && *green >= least);
        prop_assert_eq!(pixels.len(), face.pixels);
        prop_assert!(if it.microphone_live { green(64) } else { !green(0) }, "{:?}", pixels);
    }

    #[test]
    fn a_single_colour_stays_lit_exactly_while_the_microphone_is_live(
        (it, now) in any_facts(), levels in any_levels(), face in any_face()
    ) {
        let face = LedCaps { colour: false, ..face };
        let least = |now| {
            let pixels = render(&it, now, levels, face).pixels;
            assert!(pixels.iter().all(|pixel| *pixel == [pixels[0][0]; 3]));
            pixels[0][0]
        };
        if it.microphone_live {
            prop_assert!(least(now) >= 64);
            return Ok(());
        }
        let lit: Vec<bool> =
            (0..4000 / 25).map(|look| least(now + Duration::from_millis(look * 25)) > 0).collect();
        prop_assert!(longest(&lit, true) <= 150 / 25, "lit for {} looks of 25 ms", longest(&lit, true));
        let dark = lit.iter().filter(|lit| !**lit).count();
        prop_assert!(dark * 2 >= lit.len() - 150 / 25, "dark in {} looks of {}", dark, lit.len());
    }

    #[test]
    fn a_single_colour_goes_dark_when_the_microphone_closes(
        (it, now) in any_facts(), levels in any_levels(), face in any_face(), after in 0.0..1.0f64
    ) {
        let it = LightState { microphone_live: false, closed: Some(now), ..it };
        let then = now + DARK.mul_f64(after);
        let face = LedCaps { colour: false, ..face };
        prop_assert!(!is_lit_at(&it, then, levels, face));
    }

    #[test]
    fn every_scene_begins_dark_on_a_single_colour(which in any::<prop::sample::Index>(), shades: bool) {
        let scenes = scenes(false);
        let (name, it) = &scenes[which.index(scenes.len())];
        let face = LedCaps { pixels: 1, colour: false, dimmable: shades };
        for ms in 0..DARK.as_millis() as u64 {
            prop_assert!(!is_lit(it, at(*it, ms), face), "{} after {} ms", name, ms);
        }
    }

    #[test]
    fn a_frame_does_not_change_before_next(
        (it, now) in any_facts(), face in any_face(), levels in any_levels(), part in 0.0..1.0f64
    ) {
        let shown = render(&it, now, levels, face);
        let later = now + shown.next.unwrap_or(Duration::from_secs(3600)).mul_f64(part);
        let then = render(&it, later, levels, face);
        prop_assert_eq!((&shown.pixels, shown.name), (&then.pixels, then.name));
        prop_assert!(shown.next.is_none_or(|next| !next.is_zero()));
        let (name, next) = word(&it, now);
        prop_assert_eq!(name, shown.name);
        prop_assert!(next.is_none_or(|next| shown.next.is_some_and(|sooner| sooner <= next)));
    }

    #[test]
    fn frames_change_at_most_20_times_a_second(
        (it, now) in any_facts(), face in any_face(), levels in any_levels()
    ) {
        let first = render(&it, now, levels, face).next;
        if let Some(first) = first {
            prop_assert!(render(&it, now + first, levels, face).next.is_none_or(|next| next >= STEP));
        }
    }
}

/// Facts of a device that has done this since a moment ago, and nothing else.
fn facts(state: State) -> LightState {
    LightState::begin(state, Time::ZERO)
}

fn at(it: LightState, ms: u64) -> Time {
    it.since + Duration::from_millis(ms)
}

/// Every scene with its name. What passes leaves the state that is at rest behind.
fn scenes(live: bool) -> Vec<(String, LightState)> {
    let it = |state| LightState { microphone_live: live, ..facts(state) };
    let rest = it(if live { State::Listening } else { State::Idle });
    let begun = Some(rest.since);
    let states = if live { &[State::Listening, State::Thinking, State::Speaking][..] } else { &STATES };
    let mut all: Vec<_> = states
        .iter()
        // Listening is what a live microphone alone makes.
        .filter(|state| live || **state != State::Listening)
        .map(|state| (format!("{state:?}"), it(*state)))
        .collect();
    let hold = HoldProgress { since: rest.since, until: rest.since + Duration::from_secs(6) };
    all.extend([
        ("Booting".into(), LightState { booted: false, ..rest }),
        ("Interrupted".into(), LightState { interrupted: begun, ..rest }),
        ("Volume".into(), LightState { volume: Some((60, rest.since)), ..rest }),
        ("Reset".into(), LightState { reset: Some(hold), ..rest }),
    ]);
    for fault in FAULTS {
        all.push((format!("{fault:?}"), LightState { fault: Some((fault, rest.since)), ..rest }));
    }
    all
}

/// The brightness of each pixel in silence, look by look: all that an owner without colour vision has.
fn motion(it: &LightState, face: LedCaps) -> Vec<Vec<u32>> {
    (0..WATCHED_MS / 50)
        .map(|step| {
            let pixels = render(it, at(*it, step * 50), QUIET, face).pixels;
            pixels.iter().map(|pixel| brightness(*pixel)).collect()
        })
        .collect()
}

/// Counts the looks in which some pixel differs visibly.
fn differences(one: &[Vec<u32>], other: &[Vec<u32>]) -> usize {
    let differ = |(a, b): &(&Vec<u32>, &Vec<u32>)| a.iter().zip(*b).any(|(a, b)| a.abs_diff(*b) > 8);
    one.iter().zip(other).filter(differ).count()
}

/// How bright a pixel is, whatever its colour.
fn brightness(pixel: [u8; 3]) -> u32 {
    pixel.into_iter().max().unwrap_or(0).into()
}

fn is_lit(it: &LightState, now: Time, face: LedCaps) -> bool {
    is_lit_at(it, now, QUIET, face)
}

fn is_lit_at(it: &LightState, now: Time, levels: Levels, face: LedCaps) -> bool {
    render(it, now, levels, face).pixels.iter().any(|pixel| *pixel != [0; 3])
}

fn longest(looks: &[bool], what: bool) -> usize {
    looks.chunk_by(|a, b| a == b).filter(|run| run[0] == what).map(<[bool]>::len).max().unwrap_or(0)
}

fn looks_in_a_minute(it: &LightState, face: LedCaps) -> usize {
    let mut passed = Duration::ZERO;
    let mut looks = 0;
    while let Some(next) = render(it, it.since + passed, QUIET, face).next {
        passed += next;
        if passed > Duration::from_secs(60) {
            break;
        }
        looks += 1;
    }
    looks
}

/// Any facts, and a time after all of them.
fn any_facts() -> impl Strategy<Value = (LightState, Time)> {
    let ago = || prop_oneof![0..10_000_000u64, 0..600u64];
    let flags = any::<[bool; 3]>();
    (
        (prop::sample::select(STATES.to_vec()), flags),
        (ago(), of(ago()), of(ago()), of((0..=255u8, ago())), of((ago(), 0..20_000u64))),
        of((prop::sample::select(FAULTS.to_vec()), ago())),
        0..1_000_000_000u64,
    )
        .prop_map(|((state, flags), (since, closed, interrupted, volume, reset), fault, nanos)| {
            let then = Time::ZERO + Duration::from_secs(20_000) + Duration::from_nanos(nanos);
            let past = |ms: u64| then - Duration::from_micros(ms * 1000 + ms % 997);
            let it = LightState {
                state,
                since: past(since),
                microphone_live: flags[0],
                closed: closed.map(past),
                booted: flags[1],
                interrupted: interrupted.map(past),
                volume: volume.map(|(percent, ago)| (percent, past(ago))),
                reset: reset.map(|(ago, hold)| HoldProgress {
                    since: past(ago),
                    until: past(ago) + Duration::from_millis(hold),
                }),
                fault: fault.map(|(fault, ago)| (fault, past(ago))),
                muted: flags[2],
            };
            (it, then)
        })
}

fn any_face() -> impl Strategy<Value = LedCaps> {
    let pixels = prop_oneof![Just(1), 1..=12usize, 1..=PIXELS];
    (pixels, any::<bool>(), any::<bool>()).prop_map(|(pixels, colour, shades)| LedCaps {
        pixels,
        colour,
        dimmable: shades,
    })
}

fn any_levels() -> impl Strategy<Value = Levels> {
    (any::<u16>(), any::<u16>()).prop_map(|(microphone, speaker)| Levels { microphone, speaker })
}
