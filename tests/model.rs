//! The arithmetic and the serialisation of time, including the ends of its range.

use std::time::Duration;

use mynah::model::Id;
use mynah::model::Time;

#[test]
fn time_plus_duration_is_time_and_a_difference_is_a_duration() {
    let later = Time::ZERO + Duration::from_millis(1500);
    assert_eq!(later.as_nanos(), 1_500_000_000);
    assert_eq!(later - Time::from_nanos(500_000_000), Duration::from_secs(1));
    assert_eq!(later - Duration::from_millis(500), Time::from_nanos(1_000_000_000));
    assert!(Time::ZERO < later && later < Time::MAX);
}

#[test]
fn arithmetic_saturates_at_the_range() {
    for duration in [Duration::from_nanos(u64::MAX), Duration::MAX] {
        assert_eq!(Time::MAX + duration, Time::MAX);
        assert_eq!(Time::from_nanos(1) + duration, Time::MAX);
        assert_eq!(Time::from_nanos(1) - duration, Time::ZERO);
    }
    assert_eq!(Time::ZERO - Time::MAX, Duration::ZERO);
    assert_eq!(Time::MAX - Time::ZERO, Duration::from_nanos(u64::MAX));
}

#[test]
fn time_is_serialised_as_an_integer_only() {
    let text = serde_json::to_string(&Time::MAX).unwrap();
    assert_eq!(text, u64::MAX.to_string());
    assert_eq!(serde_json::from_str::<Time>(&text).unwrap(), Time::MAX);
    for other in ["-1", "1.5", "18446744073709551616", "\"1\"", "{\"secs\":1}"] {
        assert!(serde_json::from_str::<Time>(other).is_err(), "{other}");
    }
}

#[test]
fn an_identifier_is_serialised_as_a_hash_that_stays_the_same() {
    let written = |text: &str| serde_json::to_string(&Id::try_from(text).unwrap()).unwrap();
    let [one, other] = ["resp_Jd05yTq7Xn2E", "resp_Jd05yTq7Xn2F"].map(written);
    assert!(one != other && !one.contains("resp") && one.len() == "\"#0123456789abcdef\"".len(), "{one}");
    let read: Id = serde_json::from_str(&one).unwrap();
    assert_eq!(
        serde_json::to_string(&read).unwrap(),
        one,
        "a recording that is read and written stays the same"
    );
    let long = "x".repeat(65);
    assert!(
        Id::try_from(long.as_str()).is_err() && serde_json::from_str::<Id>(&format!("\"{long}\"")).is_err()
    );
}
