//! A sound thread whose driver does not return, as its session sees it.

use std::time::Duration;

use mynah::audio::HungThread;
use mynah::model::Time;

#[test]
fn a_thread_that_has_work_and_does_none_is_told_once_and_so_is_its_going_on() {
    let mut standstill = HungThread::default();
    let mut told = Vec::new();
    let begin = Time::ZERO;
    for ms in (0..10_000).step_by(10) {
        // It does nothing from its second second to its sixth.
        let done = if (1000..6000).contains(&ms) { 1000 } else { ms };
        let now = begin + Duration::from_millis(ms);
        told.extend(standstill.update(true, done, now).map(|stands| (ms, stands)));
    }
    assert_eq!(told, [(3500, true), (6000, false)]);
}

#[test]
fn a_thread_without_work_may_do_nothing_and_one_that_stood_still_has_to_do_some() {
    let mut standstill = HungThread::default();
    let (begin, mut told) = (Time::ZERO, Vec::new());
    for s in 0..30 {
        // It is asked for something from the tenth second on, and for nothing from the twentieth.
        let due = (10..20).contains(&s);
        let stands = standstill.update(due, u64::from(s == 29), begin + Duration::from_secs(s));
        told.extend(stands.map(|stands| (s, stands)));
        if s < 10 {
            assert_eq!(standstill.deadline(), None);
        }
    }
    assert_eq!(told, [(13, true), (29, false)]);
}
