//! Watches the audio threads for the session: disconnected devices, dead inputs, xrun bursts and hung threads.
//!
//! It compares counters and times and returns what has changed. It recovers nothing, and decides nothing that follows.

use super::device_canceller::EchoStatus;
use super::error::{DeviceLost, Direction};
use super::health::dead_input::DeadInput;
use super::health::hung_thread::HungThread;
use super::health::xrun_burst::{Transition, XrunBurst};
use super::reference::clock_map::StampFault;
use super::rt::reconnect::MissingDevices;
use super::{AudioIo, CaptureLayout};
use crate::model::Time;

/// The most changes of one update: every device, the input, the reference, the echo, and both detectors of both directions.
pub const AUDIO_CHANGES: usize = 9;

/// Compares the state of the audio threads with that at the last update.
#[derive(Debug, Default)]
pub struct AudioMonitor {
    missing: MissingDevices,
    /// Whether it was told that the reference cannot be uploaded.
    is_reference_lost: bool,
    /// Whether the user was told that the echo is clipped.
    is_clipping_told: bool,
    /// What became of the echo at the last update.
    echo: EchoCondition,
    /// Capture, then playback.
    xrun_bursts: [XrunBurst; 2],
    /// Capture, then playback.
    hung_threads: [HungThread; 2],
}

/// What becomes of the speaker's echo on this device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum EchoCondition {
    /// It is removed, or not this device's to remove.
    #[default]
    Removed,
    Remains(StampFault),
    Weak,
}

/// A change that the user should know of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AudioChange {
    Disconnected(Direction, DeviceLost),
    Reconnected(Direction),
    /// The microphone delivers no usable audio.
    InputDead(DeadInput),
    InputWorks,
    /// The echo is not removed, because it is not known what was played when.
    EchoRemains(StampFault),
    /// The echo is hardly removed, although that is known.
    EchoWeak,
    /// It is removed again.
    EchoRemoved,
    /// The service's canceller gets silence for a reference, because it is not known what was played when. Told once.
    ReferenceLost(StampFault),
    /// The speaker is too loud for the microphone. Told once.
    EchoClipped,
    XrunBurst(Direction, Transition),
    ThreadHangs(Direction),
    ThreadResponds(Direction),
}

impl AudioMonitor {
    /// Returns the changes since the last call. `is_playing` is whether audio waits to be played.
    pub fn update(
        &mut self,
        audio: &AudioIo,
        is_playing: bool,
        now: Time,
    ) -> heapless::Vec<AudioChange, AUDIO_CHANGES> {
        let mut changes = heapless::Vec::new();
        let mut add = |change| {
            // The capacity is the number of changes that are possible.
            let _ = changes.push(change);
        };
        let before = std::mem::replace(&mut self.missing, audio.missing_devices());
        let after = self.missing;
        let devices = [
            (Direction::Capture, before.capture, after.capture),
            (Direction::Playback, before.playback, after.playback),
        ];
        for (direction, before, after) in devices {
            match (before, after) {
                (None, Some(lost)) => add(AudioChange::Disconnected(direction, lost)),
                (Some(_), None) => add(AudioChange::Reconnected(direction)),
                (None, None) | (Some(_), Some(_)) => {}
            }
        }
        match (before.dead_input, after.dead_input) {
            (None, Some(dead_input)) => add(AudioChange::InputDead(dead_input)),
            (Some(_), None) => add(AudioChange::InputWorks),
            (None, None) | (Some(_), Some(_)) => {}
        }
        let echo = audio.echo_status().map_or(EchoCondition::Removed, EchoCondition::of);
        let before = std::mem::replace(&mut self.echo, echo);
        match (audio.capture_layout(), before, echo) {
            (CaptureLayout::WithReference, _, EchoCondition::Remains(fault)) => {
                if !std::mem::replace(&mut self.is_reference_lost, true) {
                    add(AudioChange::ReferenceLost(fault));
                }
            }
            (CaptureLayout::WithReference, _, EchoCondition::Removed | EchoCondition::Weak)
            | (_, EchoCondition::Removed, EchoCondition::Removed)
            | (_, EchoCondition::Remains(_), EchoCondition::Remains(_))
            | (_, EchoCondition::Weak, EchoCondition::Weak) => {}
            (CaptureLayout::Microphone, _, EchoCondition::Remains(fault)) => {
                add(AudioChange::EchoRemains(fault))
            }
            (CaptureLayout::Microphone, _, EchoCondition::Weak) => add(AudioChange::EchoWeak),
            (CaptureLayout::Microphone, _, EchoCondition::Removed) => add(AudioChange::EchoRemoved),
        }
        let is_clipping = audio.echo_status().is_some_and(EchoStatus::is_clipping);
        if is_clipping && !std::mem::replace(&mut self.is_clipping_told, true) {
            add(AudioChange::EchoClipped);
        }
        let counters = audio.counters();
        // A thread without its device, or with a closed one, has no work, so it cannot hang in it.
        let capture_works = audio.capture.is_running();
        let read = counters.captured.get() + counters.discarded.get();
        let playback_works = is_playing && after.playback.is_none();
        let threads = [
            (Direction::Capture, counters.capture_xruns.get(), read, capture_works),
            (Direction::Playback, counters.playback_xruns.get(), counters.played.get(), playback_works),
        ];
        for (index, (direction, xruns, ..)) in threads.into_iter().enumerate() {
            if let Some(transition) = self.xrun_bursts[index].update(xruns, now) {
                add(AudioChange::XrunBurst(direction, transition));
            }
        }
        for (index, (direction, _, moved, has_work)) in threads.into_iter().enumerate() {
            match self.hung_threads[index].update(has_work, moved, now) {
                Some(true) => add(AudioChange::ThreadHangs(direction)),
                Some(false) => add(AudioChange::ThreadResponds(direction)),
                None => {}
            }
        }
        changes
    }

    /// Returns when to call [`update`](Self::update) again, if nothing happens before.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        let bursts = self.xrun_bursts.iter().filter_map(XrunBurst::deadline);
        bursts.chain(self.hung_threads.iter().filter_map(HungThread::deadline)).min()
    }

    /// Returns the devices that were missing at the last update.
    #[must_use]
    pub fn missing(&self) -> MissingDevices {
        self.missing
    }

    /// Returns whether a burst of xruns lasts, or the thread hangs.
    #[must_use]
    pub fn is_unreliable(&self, direction: Direction) -> bool {
        let index = direction as usize;
        self.xrun_bursts[index].is_active() || self.hung_threads[index].is_hung()
    }
}

impl EchoCondition {
    fn of(status: &EchoStatus) -> EchoCondition {
        match status.fault() {
            Some(fault) => EchoCondition::Remains(fault),
            None if status.is_weak() => EchoCondition::Weak,
            None => EchoCondition::Removed,
        }
    }
}

impl AudioChange {
    /// Returns the message for the user: what happened, what mynah does, and the remedy.
    #[must_use]
    pub fn message(self) -> String {
        match self {
            Self::Disconnected(direction, lost) => lost.sentence(direction),
            Self::Reconnected(direction) => format!("the {direction} is back"),
            Self::InputDead(dead_input) => dead_input.to_string(),
            Self::InputWorks => "the microphone delivers sound again".to_owned(),
            Self::EchoRemains(fault) => format!(
                "the speaker's echo is not removed: {fault}; from the next session on the service is asked to do it; set \
                 echo_cancellation = \"server\", or use another card"
            ),
            Self::EchoWeak => "the speaker's echo is hardly removed; from the next session on the service is asked to do \
                it too; turn the volume down, and turn off what changes the sound after mynah (a sound server, an \
                automatic gain), or set echo_cancellation = \"server\""
                .to_owned(),
            Self::EchoRemoved => "the speaker's echo is removed again".to_owned(),
            Self::ReferenceLost(fault) => format!(
                "what the speaker plays cannot be sent to the service's echo cancellation: {fault}; the service uses its \
                 own sound from now on, as with echo_cancellation = \"server\": set that, or use another card"
            ),
            Self::EchoClipped => "the speaker is so loud that the microphone clips: its echo is removed badly, and a reply is \
                                  not turned down when you talk over it, until it clips less; lower the volume or the \
                                  microphone's gain, or move the two apart"
                .to_owned(),
            Self::XrunBurst(direction, transition) => transition.message(direction),
            Self::ThreadHangs(direction) => HungThread::message(direction, true),
            Self::ThreadResponds(direction) => HungThread::message(direction, false),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a file descriptor is always left in a test")]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::audio::{StreamFormat, steps};

    const UNPLUGGED: DeviceLost = DeviceLost { errno: libc::ENODEV };

    #[test]
    fn each_change_is_returned_once() {
        let (audio, ..) = steps(StreamFormat::default()).unwrap();
        let mut monitor = AudioMonitor::default();
        let mut update = |audio: &AudioIo| monitor.update(audio, true, Time::ZERO);
        assert!(update(&audio).is_empty());
        for direction in [Direction::Capture, Direction::Playback] {
            audio.counters().presence(direction).set(Some(UNPLUGGED));
        }
        audio.counters().record_dead_input(None, Some(DeadInput::Flat));
        let all = [
            AudioChange::Disconnected(Direction::Capture, UNPLUGGED),
            AudioChange::Disconnected(Direction::Playback, UNPLUGGED),
            AudioChange::InputDead(DeadInput::Flat),
        ];
        assert_eq!(update(&audio), all);
        assert!(update(&audio).is_empty());
        audio.counters().presence(Direction::Playback).set(None);
        audio.counters().record_dead_input(Some(DeadInput::Flat), None);
        assert_eq!(update(&audio), [AudioChange::Reconnected(Direction::Playback), AudioChange::InputWorks]);
    }

    #[test]
    fn an_echo_that_remains_is_told_once() {
        use crate::audio::{Alignment, DeviceCanceller, ReferenceBlock, ReferenceSink};
        let (mut audio, ..) = steps(StreamFormat::default()).unwrap();
        let (mut canceller, status) = DeviceCanceller::new();
        audio.watch_echo(status);
        let mut monitor = AudioMonitor::default();
        let fault = StampFault::Backwards;
        let unaligned = Alignment::Unaligned(fault);
        for (alignment, expected) in [
            (Alignment::Waiting, &[][..]),
            (unaligned, &[AudioChange::EchoRemains(fault)]),
            (unaligned, &[]),
            (Alignment::Aligned, &[AudioChange::EchoRemoved]),
        ] {
            let reference = ReferenceBlock { samples: &[], is_audible: false, alignment, position: None };
            canceller.block(&mut [], reference);
            assert_eq!(monitor.update(&audio, true, Time::ZERO), expected);
        }
    }

    #[test]
    fn a_reference_that_cannot_be_uploaded_is_told_once() {
        use crate::audio::{Alignment, ReferenceBlock, ReferenceSink, ReferenceUpload};
        let format = StreamFormat { layout: CaptureLayout::WithReference, ..StreamFormat::default() };
        let (mut audio, ..) = steps(format).unwrap();
        let (mut upload, status) = ReferenceUpload::new();
        audio.watch_echo(status);
        let mut monitor = AudioMonitor::default();
        let unaligned = Alignment::Unaligned(StampFault::Still);
        for (alignment, expected) in [
            (Alignment::Waiting, &[][..]),
            (unaligned, &[AudioChange::ReferenceLost(StampFault::Still)]),
            (Alignment::Aligned, &[]),
            // The service has its own reference by now.
            (unaligned, &[]),
        ] {
            upload.block(
                &mut [],
                ReferenceBlock { samples: &[], is_audible: false, alignment, position: None },
            );
            assert_eq!(monitor.update(&audio, true, Time::ZERO), expected);
        }
    }

    #[test]
    fn a_clipped_echo_is_told_once() {
        use crate::audio::{Alignment, DeviceCanceller, ReferenceBlock, ReferenceSink};
        let (mut audio, ..) = steps(StreamFormat::default()).unwrap();
        let (mut canceller, status) = DeviceCanceller::new();
        audio.watch_echo(status);
        let mut monitor = AudioMonitor::default();
        let mut hear = |sample: i16, frames: usize| {
            for _ in 0..frames {
                let alignment = Alignment::Aligned;
                let reference =
                    ReferenceBlock { samples: &[0.5; 240], is_audible: true, alignment, position: None };
                canceller.block(&mut [[sample]; 240], reference);
            }
            monitor.update(&audio, true, Time::ZERO)
        };
        assert!(hear(i16::MAX, 90).is_empty(), "for less than a second");
        assert_eq!(hear(i16::MAX, 20), [AudioChange::EchoClipped]);
        for sample in [0, i16::MAX] {
            assert!(!hear(sample, 8_000).contains(&AudioChange::EchoClipped), "it is told once");
        }
    }

    #[test]
    fn an_echo_that_is_hardly_removed_is_told_once() {
        use crate::audio::{Alignment, DeviceCanceller, ReferenceBlock, ReferenceSink};
        let (mut audio, ..) = steps(StreamFormat::default()).unwrap();
        let (mut canceller, status) = DeviceCanceller::new();
        audio.watch_echo(status);
        let mut monitor = AudioMonitor::default();
        let mut seed: u32 = 1;
        let mut noise = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 16) as i16 / 4
        };
        let mut told = Vec::new();
        for _ in 0..1_000 {
            // What the microphone hears has nothing to do with the reference.
            let mut captured = [0; 240].map(|_: i16| [noise()]);
            let samples = [0.0; 240].map(|_: f32| f32::from(noise()) / 32_768.0);
            let alignment = Alignment::Aligned;
            let reference = ReferenceBlock { samples: &samples, is_audible: true, alignment, position: None };
            canceller.block(&mut captured, reference);
            told.extend(monitor.update(&audio, true, Time::ZERO));
        }
        assert_eq!(told, [AudioChange::EchoWeak]);
        assert!(AudioChange::EchoWeak.message().contains("hardly removed"));
    }

    #[test]
    fn only_a_thread_with_work_can_hang() {
        let second = |nth| Time::ZERO + Duration::from_secs(nth);
        for (is_playing, has_speaker) in [(true, true), (true, false), (false, true)] {
            let (audio, ..) = steps(StreamFormat::default()).unwrap();
            audio.counters().presence(Direction::Playback).set((!has_speaker).then_some(UNPLUGGED));
            let mut monitor = AudioMonitor::default();
            let changes: Vec<_> =
                (0..10).flat_map(|nth| monitor.update(&audio, is_playing, second(nth))).collect();
            let hangs = changes.contains(&AudioChange::ThreadHangs(Direction::Playback));
            assert_eq!(hangs, is_playing && has_speaker, "{changes:?}");
            assert!(!changes.contains(&AudioChange::ThreadHangs(Direction::Capture)), "it is closed");
            assert_eq!(monitor.is_unreliable(Direction::Playback), hangs);
        }
    }

    #[test]
    fn an_xrun_burst_is_unreliable_until_it_ends() {
        let (audio, ..) = steps(StreamFormat::default()).unwrap();
        let mut monitor = AudioMonitor::default();
        audio.counters().capture_xruns.add(10);
        let started = AudioChange::XrunBurst(Direction::Capture, Transition::Started);
        assert_eq!(monitor.update(&audio, false, Time::ZERO), [started]);
        assert!(monitor.is_unreliable(Direction::Capture) && !monitor.is_unreliable(Direction::Playback));
        let end = monitor.deadline().unwrap();
        let ended = AudioChange::XrunBurst(Direction::Capture, Transition::Ended(10));
        assert_eq!(monitor.update(&audio, false, end), [ended]);
        assert!(!monitor.is_unreliable(Direction::Capture));
    }
}
