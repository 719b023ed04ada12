//! Single xruns are only counted; bursts are reported.

use std::time::Duration;

use mynah::audio::{Direction, Transition, XrunBurst};
use mynah::model::Time;

#[test]
fn five_xruns_a_second_are_a_burst_within_two_seconds() {
    let (observed, _) = watch((0..100).map(|xrun| 1000 + xrun * 200));
    assert_eq!(observed[0], (2800, Transition::Started));
}

#[test]
fn spread_xruns_are_no_burst() {
    let (observed, burst) = watch((0..1000).map(|xrun| xrun * 250));
    assert_eq!((observed.as_slice(), burst.deadline()), (&[][..], None));
}

#[test]
fn a_burst_ends_five_seconds_after_its_last_xrun() {
    let (observed, burst) = watch((0..300).map(|xrun| xrun * 20).chain([9000, 9100]));
    assert_eq!(observed, [(180, Transition::Started), (14_100, Transition::Ended(302))]);
    assert!(!burst.is_active());
}

#[test]
fn many_xruns_in_one_update_are_a_burst_at_once() {
    let (now, mut burst) = (start(), XrunBurst::default());
    assert_eq!(burst.update(400, now), Some(Transition::Started));
    assert_eq!(burst.deadline(), Some(now + Duration::from_secs(5)));
}

#[test]
fn each_transition_names_the_device_and_a_remedy() {
    for (transition, end, facts) in [
        (Transition::Started, Direction::Playback, ["speaker underruns", "lengthens its queue", "period_ms"]),
        (Transition::Started, Direction::Capture, ["microphone overruns", "keeps capturing", "period_ms"]),
        (Transition::Ended(12), Direction::Playback, ["speaker", "stable", "12 xruns"]),
    ] {
        let message = transition.message(end);
        for fact in facts {
            assert!(message.contains(fact), "{fact:?}: {message}");
        }
    }
}

/// Updates the detector at each xrun and each deadline, and returns the transitions with their times in
/// milliseconds.
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
