//! Xruns that come alone are counted, those that come in a storm are told of and shown.

use std::time::Duration;

use mynah::audio::{Direction, Transition, XrunBurst};
use mynah::model::Time;

#[test]
fn five_xruns_a_second_are_a_storm_within_two_seconds() {
    let (seen, _) = watch((0..100).map(|xrun| 1000 + xrun * 200));
    assert_eq!(seen[0], (2800, Transition::Started));
}

#[test]
fn xruns_now_and_then_are_none() {
    let (seen, storm) = watch((0..1000).map(|xrun| xrun * 250));
    assert_eq!((seen.as_slice(), storm.deadline()), (&[][..], None));
}

#[test]
fn a_storm_is_told_of_once_and_is_over_five_seconds_after_its_last_xrun() {
    let (seen, storm) = watch((0..300).map(|xrun| xrun * 20).chain([9000, 9100]));
    assert_eq!(seen, [(180, Transition::Started), (14_100, Transition::Ended(302))]);
    assert!(!storm.is_active());
}

#[test]
fn many_xruns_counted_at_one_look_are_a_storm_at_once() {
    let (now, mut storm) = (begin(), XrunBurst::default());
    assert_eq!(storm.update(400, now), Some(Transition::Started));
    assert_eq!(storm.deadline(), Some(now + Duration::from_secs(5)));
}

#[test]
fn each_storm_is_said_in_a_sentence_with_what_mynah_does_and_what_its_owner_can() {
    for (weather, end, sentence) in [
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
        assert_eq!(weather.sentence(end), sentence);
    }
}

/// Looks at each xrun, and when the storm asks for it, and returns what was noticed when, in milliseconds.
fn watch(xruns: impl IntoIterator<Item = u64>) -> (Vec<(u64, Transition)>, XrunBurst) {
    let (start, mut storm, mut seen, mut counted) = (begin(), XrunBurst::default(), Vec::new(), 0);
    let at = |ms| start + Duration::from_millis(ms);
    let mut look = |storm: &mut XrunBurst, counted, ms| {
        seen.extend(storm.update(counted, at(ms)).map(|what| (ms, what)))
    };
    for ms in xruns {
        if let Some(due) = storm.deadline().filter(|due| *due < at(ms)) {
            look(&mut storm, counted, (due - start).as_millis() as u64);
        }
        counted += 1;
        look(&mut storm, counted, ms);
    }
    if let Some(due) = storm.deadline() {
        look(&mut storm, counted, (due - start).as_millis() as u64);
    }
    (seen, storm)
}

fn begin() -> Time {
    Time::ZERO
}
