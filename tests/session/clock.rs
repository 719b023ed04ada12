//! The clock of this machine, compared with the date that the service states.

use mynah::conversation::State;
use mynah::transport::RELEASED_S;

use super::flood::Device;
use crate::hostile::logged_by;

#[test]
fn a_clock_that_differs_from_the_services_date_is_told() {
    for (clock, told) in [
        ((|| RELEASED_S) as fn() -> u64, None),
        (|| RELEASED_S - 200, None),
        (|| 0, Some("says 1970-01-01 00:00 UTC, 20779 days behind the service's")),
        (|| RELEASED_S + 7300, Some("says 2026-11-22 14:01 UTC, 2 hours ahead of the service's")),
    ] {
        let logged = logged_by(|| {
            let device = Device::online_at(clock, "Date: Sun, 22 Nov 2026 12:00:00 GMT\r\n");
            assert_eq!(device.state(), State::Idle, "it is no reason to refuse the service");
        });
        let line = logged.iter().find(|line| line.contains("clock"));
        assert_eq!(line.is_some(), told.is_some(), "{logged:?}");
        assert!(line.is_none_or(|line| line.contains(told.unwrap())), "{logged:?}");
    }
    let logged = logged_by(|| drop(Device::online_at(|| 0, "")));
    assert!(!logged.iter().any(|line| line.contains("clock")), "no date is no difference: {logged:?}");
}
