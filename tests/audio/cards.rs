//! The real threads on alsa-lib's own devices, which open, read and write, and keep no time.

use std::time::Duration;

use mynah::audio::{AudioError, Cards, Drain, End, Form, Format, Shape, Sound, Source, cards};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::dac::tone;

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
fn what_is_said_and_not_offered_is_refused_with_what_is() {
    // What a card would be: alsa-lib's own converters are not asked for, so their limits are a card's.
    for (form, channels, sentence) in [
        (Form { channels: Some(0), ..Form::default() }, vec![], "asks for 0 channels; it offers 1 to "),
        (Form { channels: Some(2), ..Form::default() }, vec![2], "channel 2 of 2 (they are counted from 0)"),
        (Form { rate_hz: Some(24_001), ..Form::default() }, vec![], "no way from 24001 Hz to 24000 Hz"),
    ] {
        let speaker = Drain { device: "null".to_owned(), form, channels };
        let error = refused(cards(Cards { speaker, ..names("null", "null") }, Shape::default()));
        assert!(matches!(&error, AudioError::Unfit { end: End::Speaker, .. }), "{error:?}");
        assert!(error.to_string().contains(sentence), "{error}");
    }
}

#[test]
fn what_is_said_is_granted_and_the_rest_is_chosen() {
    let form = Form {
        rate_hz: Some(48_000),
        format: Some(Format::S24In3),
        channels: Some(2),
        period: Some(Duration::from_millis(5)),
    };
    let microphone = Source { device: "null".to_owned(), form, channels: vec![1], gain_db: 12.0 };
    let louder = Source { form: Form::default(), channels: vec![3], ..microphone.clone() };
    let sound = cards(Cards { microphone, ..names("null", "null") }, Shape::default()).unwrap();
    let said = sound.granted()[0].to_string();
    assert!(said.starts_with("microphone \"null\": 48000 Hz S24_3LE 2 channels, resampled; "), "{said}");
    assert_eq!(sound.granted()[0].period_frames, 240);
    let said = sound.granted()[1].to_string();
    assert!(said.starts_with("speaker \"null\": 24000 Hz S16 1 channel; periods of 240 "), "{said}");
    let sound = cards(Cards { microphone: louder, ..names("null", "null") }, Shape::default()).unwrap();
    let said = sound.granted()[0].to_string();
    assert!(said.starts_with("microphone \"null\": 24000 Hz S32 4 channels; "), "{said}");
}

#[test]
fn any_form_of_a_card_plays_what_the_mouth_says() {
    for (rate_hz, format, channels, bytes) in
        [(48_000, Format::S32, 2, 4), (44_100, Format::S24In3, 1, 3), (16_000, Format::S24, 4, 4)]
    {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("speaker.raw");
        let form =
            Form { rate_hz: Some(rate_hz), format: Some(format), channels: Some(channels), period: None };
        let device = format!("file:FILE='{}',FORMAT=raw", path.display());
        let speaker = Drain { device, form, channels: vec![channels - 1] };
        let mut sound = cards(Cards { speaker, ..names("null", "null") }, Shape::default()).unwrap();
        let reply: Vec<[i16; 1]> = tone(24_000).into_iter().map(|sample| [sample]).collect();
        assert_eq!(sound.mouth.write(&reply), 24_000);
        until(&sound, |sound| sound.mouth.heard() == 24_000);
        drop(sound);
        let raw = std::fs::read(&path).unwrap();
        let frames = raw.chunks_exact(bytes * usize::from(channels));
        let played: Vec<[f64; 2]> = frames
            .map(|frame| {
                [0, usize::from(channels) - 1].map(|channel| {
                    let sample =
                        &frame[channel * bytes..][..3.min(bytes) + usize::from(format == Format::S32)];
                    let top = i16::from_le_bytes([sample[sample.len() - 2], sample[sample.len() - 1]]);
                    f64::from(top) / 32_768.0
                })
            })
            .collect();
        let sounding: Vec<f64> = played.iter().map(|[_, last]| *last).filter(|last| *last != 0.0).collect();
        let rms = (sounding.iter().map(|sample| sample * sample).sum::<f64>() / sounding.len() as f64).sqrt();
        assert!((rms - 0.707).abs() < 0.01, "{rate_hz} Hz {format}: {rms}");
        assert!(sounding.len().abs_diff(rate_hz as usize) < rate_hz as usize / 50);
        assert!(
            channels == 1 || played.iter().all(|[first, _]| *first == 0.0),
            "the other channel is silent"
        );
    }
}

fn names(microphone: &str, speaker: &str) -> Cards {
    Cards {
        microphone: Source { device: microphone.to_owned(), ..Source::default() },
        speaker: Drain { device: speaker.to_owned(), ..Drain::default() },
        ..Cards::default()
    }
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
