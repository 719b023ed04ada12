//! The watchdog is fed only while every thread that has work makes progress.

use std::time::Duration;

use mynah::model::Time;
use mynah::session::{ThreadProgress, ThreadWork, Watchdog};

const TIMEOUT: Duration = Duration::from_secs(30);

#[test]
fn progress_feeds_the_watchdog_three_times_per_timeout() {
    let (mut watchdog, start) = begin();
    let fed = seconds(start, 60).filter(|(s, now)| watchdog.check(playing(s * 24_000), *now)).count();
    assert_eq!(fed, 7, "at once and every ten seconds");
}

#[test]
fn a_stalled_speaker_starves_the_watchdog() {
    let (mut watchdog, start) = begin();
    let fed = seconds(start, 300).filter(|(s, now)| watchdog.check(playing(s.min(&15) * 24_000), *now));
    assert_eq!(fed.map(|(s, _)| s).collect::<Vec<_>>(), [0, 10, 20]);
}

#[test]
fn a_microphone_counts_only_while_it_is_open() {
    let (mut watchdog, start) = begin();
    let progress = |s: u64| ThreadProgress {
        microphone: ThreadWork { due: (20..60).contains(&s), done: 7 },
        ..playing(s)
    };
    let fed = seconds(start, 90).filter(|(s, now)| watchdog.check(progress(*s), *now));
    assert_eq!(fed.map(|(s, _)| s).collect::<Vec<_>>(), [0, 10, 20, 60, 70, 80, 90]);
}

#[test]
fn a_background_thread_without_heartbeat_starves_the_watchdog() {
    let (mut watchdog, start) = begin();
    let progress =
        |s: u64| ThreadProgress { background: ThreadWork { due: true, done: s.min(15) }, ..playing(s) };
    let fed = seconds(start, 90).filter(|(s, now)| watchdog.check(progress(*s), *now));
    assert_eq!(fed.map(|(s, _)| s).collect::<Vec<_>>(), [0, 10, 20]);
}

fn begin() -> (Watchdog, Time) {
    let now = Time::ZERO;
    (Watchdog::new(TIMEOUT, now), now)
}

fn seconds(start: Time, end: u64) -> impl Iterator<Item = (u64, Time)> {
    (0..=end).map(move |s| (s, start + Duration::from_secs(s)))
}

fn playing(frames: u64) -> ThreadProgress {
    ThreadProgress { speaker: ThreadWork { due: true, done: frames + 1 }, ..ThreadProgress::default() }
}
