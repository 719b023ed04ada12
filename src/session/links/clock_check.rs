//! Compares this machine's clock with the date that the service states at the upgrade.
//!
//! It sets no clock, and trusts neither: the user is told of a large difference.

use crate::transport::utc_date;

/// Differences up to this many seconds are not told: the upgrade takes a while, and no feature needs a better clock.
const TOLERANCE_S: u64 = 300;

/// Returns what to tell the user if the clocks differ by much; both in seconds of the Unix epoch.
pub(super) fn difference(clock_s: i64, service_s: i64) -> Option<String> {
    let apart_s = clock_s.abs_diff(service_s);
    if apart_s <= TOLERANCE_S {
        return None;
    }
    let apart = match apart_s {
        ..7200 => format!("{} minutes", apart_s / 60),
        7200..172_800 => format!("{} hours", apart_s / 3600),
        _ => format!("{} days", apart_s / 86_400),
    };
    let direction = if clock_s < service_s { "behind" } else { "ahead of" };
    Some(format!(
        "this machine's clock says {}, {apart} {direction} the service's, which says {}; let it be set from the network, \
         or set it (timedatectl shows it)",
        utc_date(clock_s),
        utc_date(service_s)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_large_difference_is_told_with_both_dates() {
        let service = 1_795_348_800;
        for near in [-300, -1, 0, 300] {
            assert_eq!(difference(service + near, service), None, "{near}");
        }
        for (apart_s, told) in [
            (-301, "2026-11-22 11:54 UTC, 5 minutes behind the service's, which says 2026-11-22 12:00 UTC"),
            (7200, "2026-11-22 14:00 UTC, 2 hours ahead of the service's"),
            (-service, "1970-01-01 00:00 UTC, 20779 days behind the service's"),
            (i64::MAX - service, "a date out of range, "),
        ] {
            let message = difference(service + apart_s, service).unwrap_or_default();
            assert!(message.contains(told) && message.contains("timedatectl"), "{apart_s}: {message}");
        }
    }
}
