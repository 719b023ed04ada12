//! A sleep of the machine is noticed.

use std::time::Duration;

use mynah::session::SuspendDetector;

#[test]
fn a_machine_that_has_slept_is_noticed_once() {
    let seconds = Duration::from_secs;
    let mut sleep = SuspendDetector::new(seconds(100));
    assert_eq!(sleep.update(seconds(100)), None);
    assert_eq!(sleep.update(Duration::from_millis(100_900)), None, "a difference of clocks is no sleep");
    assert_eq!(sleep.update(seconds(460)), Some(seconds(360)));
    assert_eq!(sleep.update(seconds(460)), None);
}
