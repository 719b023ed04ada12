//! The real threads on alsa-lib's own devices, which open, read and write, and keep no time.

use std::time::Duration;

use mynah::audio::{AudioError, Cards, End, Shape, Sound, cards};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

#[test]
fn the_threads_start_open_the_microphone_close_it_and_stop() {
    let mut sound = cards(names("null", "null"), Shape::default()).unwrap();
    assert_eq!(
        sound.granted().iter().map(|got| got.end).collect::<Vec<_>>(),
        [End::Microphone, End::Speaker]
    );
    assert!(sound.granted().iter().all(|got| got.rate_hz == 24_000 && got.device == "null"));
    until(&sound, |sound| sound.counters().played.get() > 0);
    assert!(!sound.ears.is_open());
    assert_eq!(sound.counters().captured.get(), 0, "nothing is captured while it is closed");
    for _ in 0..2 {
        sound.ears.set_open(true);
        until(&sound, |sound| sound.ears.is_open() && sound.ears.waiting() > 0);
        sound.ears.set_open(false);
        until(&sound, |sound| !sound.ears.is_open());
        while sound.ears.read(&mut [[0]; 4800]) > 0 {}
        assert_eq!(sound.ears.waiting(), 0);
    }
    let cut = {
        sound.mouth.write(&[[5]; 2400]);
        sound.mouth.cut()
    };
    let mut receipt = None;
    until_mut(&mut sound, |sound| {
        receipt = receipt.or_else(|| sound.mouth.receipt());
        receipt.is_some()
    });
    assert_eq!(receipt.map(|receipt| receipt.cut), Some(cut));
    assert_eq!(sound.failure(), None);
}

#[test]
fn what_the_mouth_says_reaches_the_device_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("speaker.raw");
    let speaker = format!("file:FILE='{}',FORMAT=raw", path.display());
    let mut sound = cards(names("null", &speaker), Shape::default()).unwrap();
    let reply: Vec<i16> = (1..=2400).collect();
    let frames: Vec<[i16; 1]> = reply.iter().map(|sample| [*sample]).collect();
    assert_eq!(sound.mouth.write(&frames), 2400);
    until(&sound, |sound| sound.mouth.heard() == 2400);
    drop(sound);
    let bytes = std::fs::read(&path).unwrap();
    let played: Vec<i16> = bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    let start = played.iter().position(|sample| *sample != 0).unwrap();
    assert_eq!(played[start..start + 2400], reply);
}

#[test]
fn a_device_that_keeps_no_time_does_not_keep_its_thread_from_sleeping() {
    let sound = cards(names("null", "null"), Shape::default()).unwrap();
    sound.ears.set_open(true);
    until(&sound, |_| sleeps_of("mynah-playback") > 20 && sleeps_of("mynah-capture") > 20);
}

#[test]
fn a_device_that_is_not_there_is_refused_by_name() {
    for (names, end, missing) in [
        (names("null", "no-such-speaker"), End::Speaker, "no-such-speaker"),
        (names("no-such-microphone", "null"), End::Microphone, "no-such-microphone"),
        (names("hw:77", "null"), End::Microphone, "hw:77"),
        (names("nul\0l", "null"), End::Microphone, "nul\\0l"),
    ] {
        let error = refused(cards(names, Shape::default()));
        assert!(
            matches!(&error, AudioError::Missing { end: which, .. } | AudioError::Open { end: which, .. } if *which == end),
            "{error:?}"
        );
        assert!(error.to_string().contains(missing), "{error}");
        assert!(error.to_string().contains("-L` lists"), "{error}");
    }
}

#[test]
fn a_device_of_another_rate_is_refused_with_what_it_offers() {
    let slow = "plug:SLAVE='null'";
    let error = refused(cards(names("null", slow), Shape { rate_hz: 3, ..Shape::default() }));
    assert!(matches!(&error, AudioError::Unfit { .. }), "{error:?}");
    assert!(error.to_string().contains("Hz"), "{error}");
}

fn names(microphone: &str, speaker: &str) -> Cards {
    Cards { microphone: microphone.to_owned(), speaker: speaker.to_owned(), ..Cards::default() }
}

/// Times the sleepiest thread of that name gave up the processor by itself.
fn sleeps_of(thread: &str) -> u32 {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let read =
        |task: &std::fs::DirEntry, file| std::fs::read_to_string(task.path().join(file)).unwrap_or_default();
    let sleeps = |task: &std::fs::DirEntry| {
        let status = read(task, "status");
        let count = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        count.and_then(|count| count.trim().parse().ok())
    };
    tasks
        .filter(|task| read(task, "comm").trim() == thread)
        .filter_map(|task| sleeps(&task))
        .max()
        .unwrap_or(0)
}

fn refused(result: Result<Sound, AudioError>) -> AudioError {
    result.err().expect("it is refused")
}

/// Waits, woken by the sound itself, for something to become true.
pub(super) fn until(sound: &Sound, mut truth: impl FnMut(&Sound) -> bool) {
    for _ in 0..2000 {
        if truth(sound) {
            return;
        }
        assert_eq!(sound.failure(), None);
        rest(sound);
    }
    panic!("it never became true");
}

pub(super) fn until_mut(sound: &mut Sound, mut truth: impl FnMut(&mut Sound) -> bool) {
    for _ in 0..2000 {
        if truth(sound) {
            return;
        }
        assert_eq!(sound.failure(), None);
        rest(sound);
    }
    panic!("it never became true");
}

fn rest(sound: &Sound) {
    let timeout = Timespec::try_from(Duration::from_millis(10)).unwrap();
    let _ = poll(&mut [PollFd::new(sound, PollFlags::IN)], Some(&timeout));
    sound.clear_wake();
}
