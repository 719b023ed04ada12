//! Xruns that come alone are counted, those that come in a storm are told of and shown.

use std::time::Duration;

use mynah::audio::{Direction, Transition, XrunBurst};
use mynah::model::Time;

#[test]
fn five_xruns_a_second_are_a_storm_within_two_seconds() {
    let (observed, _) = watch((0..100).map(|xrun| 1000 + xrun * 200));
    assert_eq!(observed[0], (2800, Transition::Started));
}

#[test]
fn xruns_now_and_then_are_none() {
    let (observed, burst) = watch((0..1000).map(|xrun| xrun * 250));
    assert_eq!((observed.as_slice(), burst.deadline()), (&[][..], None));
}

#[test]
fn a_storm_is_told_of_once_and_is_over_five_seconds_after_its_last_xrun() {
    let (observed, burst) = watch((0..300).map(|xrun| xrun * 20).chain([9000, 9100]));
    assert_eq!(observed, [(180, Transition::Started), (14_100, Transition::Ended(302))]);
    assert!(!burst.is_active());
}

#[test]
fn many_xruns_counted_at_one_look_are_a_storm_at_once() {
    let (now, mut burst) = (start(), XrunBurst::default());
    assert_eq!(burst.update(400, now), Some(Transition::Started));
    assert_eq!(burst.deadline(), Some(now + Duration::from_secs(5)));
}

#[test]
fn each_storm_is_said_in_a_sentence_with_what_mynah_does_and_what_its_owner_can() {
    for (transition, end, sentence) in [
        (
            Transition::Started,
            Direction::Playback,
            "the speaker runs dry again and again; its queue is made longer as far as its buffer goes: end what else \
             keeps this machine busy, see that its power and the speaker's cable are good, and give it a longer period",
        ),
        (
            Transition::Started,
            Direction::Capture,
            "what the microphone hears is lost again and again; it goes on with what is not: end what else keeps this \
             machine busy, see that its power and the microphone's cable are good, and give it a longer period",
        ),
        (Transition::Ended(12), Direction::Playback, "the speaker runs evenly again, after 12 breaks"),
    ] {
        assert_eq!(transition.sentence(end), sentence);
    }
}

/// Looks at each xrun, and when the storm asks for it, and returns what was noticed when, in milliseconds.
fn watch(xruns: impl IntoIterator<Item = u64>) -> (Vec<(u64, Transition)>, XrunBurst) {
    let (start, mut burst, mut observed, mut counted) = (start(), XrunBurst::default(), Vec::new(), 0);
    let at = |ms| start + Duration::from_millis(ms);
    let mut observe = |burst: &mut XrunBurst, counted, ms| {
        observed.extend(burst.update(counted, at(ms)).map(|what| (ms, what)))
    };
    for ms in xruns {
        if let Some(deadline) = burst.deadline().filter(|deadline| *deadline < at(ms)) {
            observe(&mut burst, counted, (deadline - start).as_millis() as u64);
        }
        counted += 1;
        observe(&mut burst, counted, ms);
    }
    if let Some(deadline) = burst.deadline() {
        observe(&mut burst, counted, (deadline - start).as_millis() as u64);
    }
    (observed, burst)
}

fn start() -> Time {
    Time::ZERO
}
