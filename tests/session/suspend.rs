//! A detector of the machine is noticed.

use std::time::Duration;

use mynah::session::SuspendDetector;

#[test]
fn a_machine_that_has_slept_is_noticed_once() {
    let seconds = Duration::from_secs;
    let mut detector = SuspendDetector::new(seconds(100));
    assert_eq!(detector.update(seconds(100)), None);
    assert_eq!(detector.update(Duration::from_millis(100_900)), None, "a difference of clocks is no sleep");
    assert_eq!(detector.update(seconds(460)), Some(seconds(360)));
    assert_eq!(detector.update(seconds(460)), None);
}
