//! An audio thread hung in its driver, as the session sees it.

use std::time::Duration;

use mynah::audio::HungThread;
use mynah::model::Time;

#[test]
fn a_hung_thread_and_its_recovery_are_each_reported_once() {
    let mut detector = HungThread::default();
    let mut reports = Vec::new();
    let start = Time::ZERO;
    for ms in (0..10_000).step_by(10) {
        // It makes no progress from the second second to the sixth.
        let moved = if (1000..6000).contains(&ms) { 1000 } else { ms };
        let now = start + Duration::from_millis(ms);
        reports.extend(detector.update(true, moved, now).map(|is_hung| (ms, is_hung)));
    }
    assert_eq!(reports, [(3500, true), (6000, false)]);
}

#[test]
fn an_idle_thread_is_not_hung_and_a_hung_one_needs_progress() {
    let mut detector = HungThread::default();
    let (start, mut reports) = (Time::ZERO, Vec::new());
    for s in 0..30 {
        // It has work from the tenth second to the twentieth.
        let has_work = (10..20).contains(&s);
        let is_hung = detector.update(has_work, u64::from(s == 29), start + Duration::from_secs(s));
        reports.extend(is_hung.map(|is_hung| (s, is_hung)));
        if s < 10 {
            assert_eq!(detector.deadline(), None);
        }
    }
    assert_eq!(reports, [(13, true), (29, false)]);
}
