//! The detection of a system suspend.

use std::time::Duration;

use mynah::session::SuspendDetector;

#[test]
fn a_suspend_is_reported_once() {
    let seconds = Duration::from_secs;
    let mut detector = SuspendDetector::new(seconds(100));
    assert_eq!(detector.update(seconds(100)), None);
    assert_eq!(detector.update(Duration::from_millis(100_900)), None, "a clock adjustment is no suspend");
    assert_eq!(detector.update(seconds(460)), Some(seconds(360)));
    assert_eq!(detector.update(seconds(460)), None);
}
