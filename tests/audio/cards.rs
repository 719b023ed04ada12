//! The real threads on the devices of alsa-lib, which open, read and write, but keep no time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mynah::audio::{
    AlsaDevices, AudioError, AudioIo, CaptureConfig, CaptureFrame, Direction, PcmRequest, PlaybackConfig,
    ReferenceBlock, ReferenceSink, SampleFormat, StreamFormat, open_alsa, open_alsa_with_reference,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::dac::tone;

#[test]
fn threads_start_open_and_close_the_microphone_and_stop() {
    let mut audio = open_alsa(devices("null", "null"), StreamFormat::default()).unwrap();
    assert_eq!(
        audio.granted().iter().map(|granted| granted.direction).collect::<Vec<_>>(),
        [Direction::Capture, Direction::Playback]
    );
    assert!(audio.granted().iter().all(|granted| granted.rate_hz == 24_000 && granted.device == "null"));
    until(&audio, |audio| audio.counters().played.get() > 0);
    assert!(!audio.capture.is_open());
    assert_eq!(audio.counters().captured.get(), 0, "captured while closed");
    for _ in 0..2 {
        audio.capture.set_open(true);
        until(&audio, |audio| audio.capture.is_open() && audio.capture.waiting() > 0);
        audio.capture.set_open(false);
        until(&audio, |audio| !audio.capture.is_open());
        while audio.capture.read(&mut [[0]; 4800]) > 0 {}
        assert_eq!(audio.capture.waiting(), 0);
    }
    let cut = {
        audio.playback.write(&[[5]; 2400]);
        audio.playback.cut()
    };
    let mut receipt = None;
    until_mut(&mut audio, |audio| {
        receipt = receipt.or_else(|| audio.playback.receipt());
        receipt.is_some()
    });
    assert_eq!(receipt.map(|receipt| receipt.cut), Some(cut));
    assert_eq!(audio.failure(), None);
}

#[test]
fn a_sink_is_given_what_a_device_of_alsa_lib_captures() {
    let given = Arc::new(AtomicUsize::new(0));
    let sink = CountingSink(Arc::clone(&given));
    let mut audio =
        open_alsa_with_reference(devices("null", "null"), StreamFormat::default(), Box::new(sink)).unwrap();
    audio.capture.set_open(true);
    until(&audio, |audio| audio.capture.waiting() > 0 && given.load(Ordering::Relaxed) >= 2_400);
    assert_eq!(audio.failure(), None);
}

#[test]
fn written_frames_reach_the_device_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("speaker.raw");
    let speaker = format!("file:FILE='{}',FORMAT=raw", path.display());
    let mut audio = open_alsa(devices("null", &speaker), StreamFormat::default()).unwrap();
    let reply: Vec<i16> = (1..=2400).collect();
    let frames: Vec<[i16; 1]> = reply.iter().map(|sample| [*sample]).collect();
    assert_eq!(audio.playback.write(&frames), 2400);
    until(&audio, |audio| audio.playback.played_position() == 2400);
    drop(audio);
    let bytes = std::fs::read(&path).unwrap();
    let played: Vec<i16> = bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    let start = played.iter().position(|sample| *sample != 0).unwrap();
    assert_eq!(played[start..start + 2400], reply);
}

#[test]
fn a_device_without_a_clock_lets_its_thread_sleep() {
    let mut audio = open_alsa(devices("null", "null"), StreamFormat::default()).unwrap();
    audio.capture.set_open(true);
    until(&audio, |_| sleeps_of("mynah-playback") > 20 && sleeps_of("mynah-capture") > 20);
}

#[test]
fn a_missing_device_is_an_error_that_names_it() {
    for (names, end, missing) in [
        (devices("null", "no-such-speaker"), Direction::Playback, "no-such-speaker"),
        (devices("no-such-microphone", "null"), Direction::Capture, "no-such-microphone"),
        (devices("hw:77", "null"), Direction::Capture, "hw:77"),
        (devices("nul\0l", "null"), Direction::Capture, "nul\\0l"),
    ] {
        let error = open_error(open_alsa(names, StreamFormat::default()));
        assert!(
            matches!(&error, AudioError::Missing { direction: which, .. } | AudioError::Open { direction: which, .. } if *which == end),
            "{error:?}"
        );
        assert!(error.to_string().contains(missing), "{error}");
        assert!(error.to_string().contains("-L`"), "{error}");
    }
}

#[test]
fn an_unsupported_parameter_is_an_error_with_the_offered_ones() {
    // alsa-lib's converters are disabled, so the limits of this device are like those of a card.
    for (form, channels, facts) in [
        (PcmRequest { channels: Some(0), ..PcmRequest::default() }, vec![], ["0 channels", "1 to "]),
        (PcmRequest { channels: Some(2), ..PcmRequest::default() }, vec![2], ["channel 2", "from 0"]),
        (PcmRequest { rate_hz: Some(24_001), ..PcmRequest::default() }, vec![], ["24001 Hz", "24000 Hz"]),
    ] {
        let speaker =
            PlaybackConfig { device: "null".to_owned(), form, channels, ..PlaybackConfig::default() };
        let error = open_error(open_alsa(
            AlsaDevices { speaker, ..devices("null", "null") },
            StreamFormat::default(),
        ));
        assert!(matches!(&error, AudioError::Unfit { direction: Direction::Playback, .. }), "{error:?}");
        for fact in facts {
            assert!(error.to_string().contains(fact), "{fact:?}: {error}");
        }
    }
}

#[test]
fn requested_parameters_are_granted_and_the_rest_is_chosen() {
    let form = PcmRequest {
        rate_hz: Some(48_000),
        format: Some(SampleFormat::S24In3),
        channels: Some(2),
        period: Some(Duration::from_millis(5)),
    };
    let microphone = CaptureConfig {
        device: "null".to_owned(),
        form,
        channels: vec![1],
        gain_db: 12.0,
        ..CaptureConfig::default()
    };
    let louder = CaptureConfig { form: PcmRequest::default(), channels: vec![3], ..microphone.clone() };
    let audio =
        open_alsa(AlsaDevices { microphone, ..devices("null", "null") }, StreamFormat::default()).unwrap();
    let granted = |audio: &AudioIo, index: usize| {
        let params = &audio.granted()[index];
        (params.direction, params.rate_hz, params.format, params.channels, params.resampled)
    };
    assert_eq!(granted(&audio, 0), (Direction::Capture, 48_000, SampleFormat::S24In3, 2, true));
    assert_eq!(granted(&audio, 1), (Direction::Playback, 24_000, SampleFormat::S16, 1, false));
    assert!(audio.granted().iter().all(|params| params.device == "null"));
    // 5 ms as requested, and what suits a plugin.
    assert_eq!([0, 1].map(|index| audio.granted()[index].period_frames), [240, 960]);
    let audio =
        open_alsa(AlsaDevices { microphone: louder, ..devices("null", "null") }, StreamFormat::default())
            .unwrap();
    assert_eq!(granted(&audio, 0), (Direction::Capture, 24_000, SampleFormat::S32, 4, false));
}

#[test]
fn written_frames_are_played_in_any_device_format() {
    for (rate_hz, format, channels, bytes) in [
        (48_000, SampleFormat::S32, 2, 4),
        (44_100, SampleFormat::S24In3, 1, 3),
        (16_000, SampleFormat::S24, 4, 4),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("speaker.raw");
        let form = PcmRequest {
            rate_hz: Some(rate_hz),
            format: Some(format),
            channels: Some(channels),
            period: None,
        };
        let device = format!("file:FILE='{}',FORMAT=raw", path.display());
        let speaker =
            PlaybackConfig { device, form, channels: vec![channels - 1], ..PlaybackConfig::default() };
        let mut audio =
            open_alsa(AlsaDevices { speaker, ..devices("null", "null") }, StreamFormat::default()).unwrap();
        let reply: Vec<[i16; 1]> = tone(24_000).into_iter().map(|sample| [sample]).collect();
        assert_eq!(audio.playback.write(&reply), 24_000);
        until(&audio, |audio| audio.playback.played_position() == 24_000);
        drop(audio);
        let raw = std::fs::read(&path).unwrap();
        let frames = raw.chunks_exact(bytes * usize::from(channels));
        let played: Vec<[f64; 2]> = frames
            .map(|frame| {
                [0, usize::from(channels) - 1].map(|channel| {
                    let sample =
                        &frame[channel * bytes..][..3.min(bytes) + usize::from(format == SampleFormat::S32)];
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

fn devices(microphone: &str, speaker: &str) -> AlsaDevices {
    AlsaDevices {
        microphone: CaptureConfig { device: microphone.to_owned(), ..CaptureConfig::default() },
        speaker: PlaybackConfig { device: speaker.to_owned(), ..PlaybackConfig::default() },
        ..AlsaDevices::default()
    }
}

/// Returns the voluntary context switches of the thread of that name; the highest number if there are several.
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

fn open_error(result: Result<AudioIo, AudioError>) -> AudioError {
    result.err().expect("an error")
}

/// Waits, woken by the audio threads, until `condition` is true.
pub(super) fn until(audio: &AudioIo, mut condition: impl FnMut(&AudioIo) -> bool) {
    for _ in 0..2000 {
        if condition(audio) {
            return;
        }
        assert_eq!(audio.failure(), None);
        wait(audio);
    }
    panic!("timed out");
}

pub(super) fn until_mut(audio: &mut AudioIo, mut condition: impl FnMut(&mut AudioIo) -> bool) {
    for _ in 0..2000 {
        if condition(audio) {
            return;
        }
        assert_eq!(audio.failure(), None);
        wait(audio);
    }
    panic!("timed out");
}

fn wait(audio: &AudioIo) {
    let timeout = Timespec::try_from(Duration::from_millis(10)).unwrap();
    let _ = poll(&mut [PollFd::new(audio, PollFlags::IN)], Some(&timeout));
    audio.clear_wake();
}

/// Counts the frames that it is given.
struct CountingSink(Arc<AtomicUsize>);

impl ReferenceSink for CountingSink {
    fn block(&mut self, captured: &mut [CaptureFrame], reference: ReferenceBlock<'_>) {
        assert_eq!(captured.len(), reference.samples.len());
        self.0.fetch_add(captured.len(), Ordering::Relaxed);
    }
}
