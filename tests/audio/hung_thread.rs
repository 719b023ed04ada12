//! A sound thread whose driver does not return, as its session sees it.

use std::time::Duration;

use mynah::audio::HungThread;
use mynah::model::Time;

#[test]
fn a_thread_that_has_work_and_does_none_is_told_once_and_so_is_its_going_on() {
    let mut detector = HungThread::default();
    let mut reports = Vec::new();
    let start = Time::ZERO;
    for ms in (0..10_000).step_by(10) {
        // It does nothing from its second second to its sixth.
        let done = if (1000..6000).contains(&ms) { 1000 } else { ms };
        let now = start + Duration::from_millis(ms);
        reports.extend(detector.update(true, done, now).map(|is_hung| (ms, is_hung)));
    }
    assert_eq!(reports, [(3500, true), (6000, false)]);
}

#[test]
fn a_thread_without_work_may_do_nothing_and_one_that_stood_still_has_to_do_some() {
    let mut detector = HungThread::default();
    let (start, mut reports) = (Time::ZERO, Vec::new());
    for s in 0..30 {
        // It is asked for something from the tenth second on, and for nothing from the twentieth.
        let due = (10..20).contains(&s);
        let is_hung = detector.update(due, u64::from(s == 29), start + Duration::from_secs(s));
        reports.extend(is_hung.map(|is_hung| (s, is_hung)));
        if s < 10 {
            assert_eq!(detector.deadline(), None);
        }
    }
    assert_eq!(reports, [(13, true), (29, false)]);
}
