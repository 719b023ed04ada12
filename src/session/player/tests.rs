//! A paused reply, to the sample: what the speaker plays of it, and what the service is told.

use std::collections::VecDeque;

use super::*;
use crate::audio::{
    BufferLevel, CaptureDevice, CaptureFrame, CaptureLayout, PcmError, Playback, PlaybackDevice, QueuePlan,
    Recovery, StreamFormat, steps,
};
use crate::protocol;

/// Frames of a reply: three seconds, more than the lane holds.
const REPLY: usize = 72_000;
/// Frames that a speaker holds.
const BUFFER: usize = 960;
/// Frames of a fade.
const FADE: usize = 120;

#[test]
fn a_paused_reply_goes_on_where_it_was_cut() {
    for played in [1, 480, 4800, 60_000] {
        let mut device = Harness::begin();
        device.receive("i", 0..REPLY);
        device.play(played);
        device.player.pause(Time::ZERO);
        device.play(24_000);
        let silent = device.speaker.out.len();
        device.player.resume();
        device.play(REPLY + 24_000);
        let out = &device.speaker.out;
        let cut = first_difference(out);
        assert!(cut >= played && cut <= played + BUFFER, "cut at {cut} after {played}");
        assert!(out[cut + FADE..silent].iter().all(|sample| *sample == 0), "silent within 5 ms");
        let again = &out[silent..];
        let begin = again.iter().position(|sample| *sample != 0).expect("it goes on");
        let rest: Vec<i16> = (cut..REPLY).map(sample).collect();
        // The fade-in starts at zero, so its first sample is silent.
        let heard = &again[begin - 1..][..rest.len()];
        assert_eq!(heard[FADE..], rest[FADE..], "played {played}");
        assert!(heard.iter().zip(&rest).take(FADE).all(|(heard, whole)| heard.abs() <= whole.abs()));
        let after = &again[begin - 1 + rest.len() + FADE..];
        assert!(after.iter().all(|sample| *sample == 0), "nothing is played twice");
        device.player.handle_audio_done("i", 0);
        assert_eq!(device.corrections(), [], "it was heard to its end");
    }
}

#[test]
fn audio_that_arrives_during_the_pause_follows_in_order() {
    let mut device = Harness::begin();
    device.receive("i", 0..30_000);
    device.play(5000);
    device.player.pause(Time::ZERO);
    device.receive("i", 30_000..40_000);
    device.play(1);
    device.receive("j", 40_000..REPLY);
    device.play(2400);
    let silent = device.speaker.out.len();
    let cut = first_difference(&device.speaker.out);
    // A second noise, before all that was taken back has been played.
    device.player.resume();
    device.play(4800);
    device.player.pause(Time::ZERO);
    device.play(2400);
    device.player.resume();
    device.play(REPLY + 24_000);
    let heard: Vec<i16> =
        device.speaker.out[silent..].iter().copied().filter(|sample| *sample != 0).collect();
    let mut expected = (cut..REPLY).map(sample).peekable();
    for sample in heard {
        // A faded sample is smaller than the whole one, and follows in order.
        while expected.peek().is_some_and(|next| *next < sample) {
            expected.next();
        }
    }
    assert!(expected.count() <= 3, "the last sample is heard");
    for item in ["i", "j"] {
        device.player.handle_audio_done(item, 0);
    }
    assert_eq!(device.corrections(), []);
}

#[test]
fn a_paused_reply_that_is_dropped_is_corrected_once() {
    // The receipt comes before the reply is dropped, or after.
    for waits in [true, false] {
        let mut device = Harness::begin();
        device.receive("i", 0..REPLY);
        device.receive("j", 0..2400);
        device.play(24_000);
        device.player.pause(Time::ZERO);
        if waits {
            device.play(2400);
            assert_eq!(device.corrections(), [], "nothing is decided");
        }
        device.player.cut(Time::ZERO);
        device.play(2400);
        device.player.handle_event(
            &Event::Service(ServiceEvent::ReplyDone(id("r"), crate::conversation::ResponseStatus::Cancelled)),
            KeptAudio::Keep,
            Time::ZERO,
        );
        let cut_ms = first_difference(&device.speaker.out) as u64 / 24;
        let expected = [
            Correction::Truncate { item: id("i"), content_index: 0, audio_end_ms: cut_ms },
            Correction::Delete { item: id("j") },
        ];
        assert_eq!(device.corrections(), expected, "waits: {waits}");
        device.player.cut(Time::ZERO);
        device.play(2400);
        assert_eq!(device.corrections(), []);
        device.receive("k", 0..2400);
        device.play(4800);
        assert!(device.speaker.out.contains(&sample(2399)), "what follows is heard");
    }
}

#[test]
fn what_was_cut_before_a_pause_is_not_taken_back() {
    let mut device = Harness::begin();
    device.receive("i", 0..REPLY);
    device.play(2400);
    device.player.cut(Time::ZERO);
    device.play(2400);
    let silent = device.speaker.out.len();
    device.receive("j", 30_000..31_000);
    device.player.pause(Time::ZERO);
    device.play(2400);
    device.player.resume();
    device.play(4800);
    let heard: Vec<i16> =
        device.speaker.out[silent..].iter().copied().filter(|sample| *sample != 0).collect();
    assert!(heard.iter().all(|heard| *heard <= sample(31_000)));
    assert!(!heard.contains(&sample(9000)), "a sample of the cut reply");
    assert!(heard.contains(&sample(30_999)) && heard.len() <= 1000 + FADE);
}

#[test]
fn a_reply_that_goes_on_is_corrected_from_all_that_was_heard() {
    let mut device = Harness::begin();
    device.receive("i", 0..REPLY);
    device.play(24_000);
    device.player.pause(Time::ZERO);
    device.play(4800);
    device.player.resume();
    device.play(12_000);
    device.player.cut(Time::ZERO);
    device.play(2400);
    let [Correction::Truncate { audio_end_ms, .. }] = device.corrections()[..] else {
        panic!("one truncation")
    };
    // The speaker was filled twice, and both times some of that was dropped.
    assert!((1420..=1500).contains(&audio_end_ms), "{audio_end_ms} ms");
}

#[test]
fn a_cut_drops_what_has_not_reached_the_lane() {
    let mut device = Harness::begin();
    device.receive("i", 0..REPLY);
    device.receive("j", 0..REPLY);
    device.play(2400);
    device.player.cut(Time::ZERO);
    device.play(2400);
    device.player.handle_event(
        &Event::Service(ServiceEvent::ReplyDone(id("r"), crate::conversation::ResponseStatus::Cancelled)),
        KeptAudio::Keep,
        Time::ZERO,
    );
    let corrected: Vec<_> = device.corrections();
    assert!(
        matches!(&corrected[..], [Correction::Truncate { .. }, Correction::Delete { item }] if *item == id("j")),
        "{corrected:?}"
    );
}

#[test]
fn a_reply_whose_end_is_lost_with_the_speaker_is_told_as_far_as_it_was_heard() {
    for is_done in [true, false] {
        let mut device = Harness::begin();
        device.receive("i", 0..4_800);
        if is_done {
            device.reply_done();
        }
        device.play(4_080);
        device.speaker.buffer.clear();
        device.playback.reset_stream();
        let event = device.player.poll_event(Time::ZERO);
        if !is_done {
            assert_eq!(event, None, "more of it may come");
            device.reply_done();
            assert_eq!(device.player.poll_event(Time::ZERO), Some(DeviceEvent::Drained));
        } else {
            assert_eq!(event, Some(DeviceEvent::Drained));
        }
        assert_eq!(device.player.poll_event(Time::ZERO), None, "once");
        let corrected = device.corrections();
        assert!(
            matches!(&corrected[..], [Correction::Truncate { audio_end_ms: 170, .. }]),
            "{corrected:?}: 4080 frames are 170 ms"
        );
        device.receive("j", 0..4_800);
        device.play(24_000);
        assert!(device.speaker.out.contains(&sample(4_799)), "the next reply is heard to its end");
    }
}

#[test]
fn ten_seconds_of_pairs_are_kept_and_each_session_gets_what_it_takes() {
    let layout = CaptureLayout::WithReference;
    let (audio, mut capture, _) = steps(StreamFormat { layout, ..StreamFormat::default() }).unwrap();
    let mut player = Player::new(audio, false, 100);
    let mut microphone = Counter::default();
    for tenth in 0..120 {
        microphone.due = 2_400;
        capture.step(&mut microphone).unwrap();
        assert_eq!(player.pump(true, true, None), tenth >= 100, "full after ten seconds");
    }
    let newest = (48_000..288_000).map(counted);
    for taken in [CaptureLayout::Microphone, CaptureLayout::WithReference, CaptureLayout::Microphone] {
        let mut sent: Vec<i16> = Vec::new();
        let mut longest = 0;
        let mut send = |samples: &[CaptureFrame]| {
            longest = longest.max(samples.len());
            sent.extend(samples.as_flattened());
            true
        };
        let recipient = FrameRecipient { layout: taken, send: &mut send };
        assert!(!player.pump(true, true, Some(recipient)), "nothing more is lost");
        let expected: Vec<i16> = match taken {
            CaptureLayout::Microphone => newest.clone().collect(),
            CaptureLayout::WithReference => newest.clone().flat_map(|sample| [sample, 0]).collect(),
        };
        assert!(sent == expected, "{taken:?}: {} samples", sent.len());
        assert_eq!(longest, 1_920 * taken.samples(), "80 ms travel together");
        // The link is lost.
        player.change_session();
    }
}

#[test]
fn the_microphone_is_held_back_from_the_first_frame_to_the_tail_after_the_last() {
    for what in ["a reply", "a cut", "a pause", "an earcon"] {
        let mut device = Harness::begin();
        device.player.earcons = EarconPlayer::new(true);
        device.player.set_half_duplex(TAIL);
        assert!(!device.player.holds_microphone_back(Time::ZERO));
        match what {
            "an earcon" => device.player.request_earcon(Earcon::Disconnected),
            _ => device.receive("i", 0..24_000),
        }
        device.player.refill();
        assert!(device.player.holds_microphone_back(Time::ZERO), "{what}: before anything is heard");
        // What was heard in each 10 ms, and whether the microphone was held back at their end.
        let mut past: Vec<(bool, bool)> = Vec::new();
        for step in 1..=250 {
            let now = Time::ZERO + STEP * step;
            match (what, step) {
                ("a cut", 50) => assert!(device.player.cut(now)),
                ("a pause", 50) => assert!(device.player.pause(now)),
                ("a pause", 120) => device.player.resume(),
                _ => {}
            }
            let before = device.speaker.out.len();
            device.play(240);
            let heard = device.speaker.out[before..].iter().any(|sample| *sample != 0);
            past.push((heard, device.player.holds_microphone_back(now)));
        }
        let tail = TAIL.as_millis() as usize / 10;
        for (step, (_, held)) in past.iter().enumerate() {
            let was_heard = past[step.saturating_sub(tail)..=step].iter().any(|(heard, _)| *heard);
            assert!(*held || !was_heard, "{what}: not held back in step {step}");
            // 50 ms that a device may still play after a cut, and the steps in which the beginning and the end are seen.
            let near = step.saturating_sub(tail + 7)..(step + 10).min(past.len());
            let is_near = past[near].iter().any(|(heard, _)| *heard);
            assert!(!held || is_near, "{what}: held back for too long in step {step}");
        }
        assert!(what != "a pause" || !past[100].1, "open while the reply is paused");
        assert_eq!(device.player.half_duplex_deadline(Time::ZERO + STEP * 250), None, "{what}");
    }
}

#[test]
fn how_far_the_speaker_is_behind_the_service_is_measured_and_told_once() {
    // What happens at a time, in steps of 10 ms: a burst of three seconds; then a pause of two and a half.
    for (pause, expected_ms) in [(0, 0..60), (250, 2_450..2_600)] {
        let mut device = Harness::begin();
        let mut told = Vec::new();
        for step in 0..900 {
            device.now = Time::ZERO + STEP * step;
            match step {
                10 | 400 => device.receive("i", 0..REPLY),
                100 if pause > 0 => assert!(device.player.pause(device.now)),
                _ if step == 100 + pause && pause > 0 => device.player.resume(),
                _ => {}
            }
            device.play(240);
            told.extend(device.player.take_long_lag());
        }
        let lag = device.player.timings().lag.as_millis();
        assert!(expected_ms.contains(&lag), "{lag} ms behind after a pause of {pause} steps");
        let limits: Vec<bool> = told.iter().map(|lag| lag.as_millis() >= 2_000).collect();
        assert_eq!(limits, vec![true; usize::from(pause > 0)], "{told:?}");
    }
}

/// How long the microphone is held back after the speaker was heard.
const TAIL: Duration = Duration::from_millis(300);
const STEP: Duration = Duration::from_millis(10);

struct Harness {
    now: Time,
    player: Player,
    playback: Playback,
    speaker: Speaker,
}

impl Harness {
    fn begin() -> Self {
        let (audio, _, playback) = steps(StreamFormat::default()).unwrap();
        Self {
            now: Time::ZERO,
            player: Player::new(audio, false, 100),
            playback,
            speaker: Speaker::default(),
        }
    }

    /// Receives samples of an item.
    fn receive(&mut self, item: &str, range: std::ops::Range<usize>) {
        let samples: Vec<i16> = range.map(sample).collect();
        for chunk in samples.chunks(4800) {
            let mut base64 = bytes::BytesMut::new();
            protocol::encode(chunk, &mut base64);
            let delta = AudioDelta {
                reply: "r".into(),
                item: item.into(),
                content_index: 0,
                base64: std::str::from_utf8(&base64).unwrap().into(),
            };
            assert_eq!(self.player.handle_delta(&delta, self.now).queued, chunk.len());
        }
    }

    /// Plays this many frames, in steps of 10 ms, or one.
    fn play(&mut self, frames: usize) {
        let mut left = frames;
        while left > 0 {
            self.playback.run(&mut self.speaker).unwrap();
            let step = left.min(240);
            self.speaker.play(step);
            left -= step;
            self.turn();
        }
        self.playback.run(&mut self.speaker).unwrap();
        self.turn();
    }

    fn reply_done(&mut self) {
        let done = ServiceEvent::ReplyDone(id("r"), crate::conversation::ResponseStatus::Completed);
        self.player.handle_event(&Event::Service(done), KeptAudio::Keep, Time::ZERO);
    }

    fn turn(&mut self) {
        while self.player.poll_receipt(Time::ZERO) {}
        let _ = self.player.poll_event(self.now);
        self.player.refill();
    }

    fn corrections(&mut self) -> Vec<Correction> {
        std::iter::from_fn(|| self.player.poll_correction()).collect()
    }
}

/// A microphone that counts its samples.
#[derive(Default)]
struct Counter {
    next: usize,
    due: usize,
}

fn counted(sample: usize) -> i16 {
    (sample % 30_000) as i16 + 1
}

impl CaptureDevice for Counter {
    fn read(&mut self, into: &mut [f32]) -> Result<usize, PcmError> {
        let taken = self.due.min(into.len());
        for place in &mut into[..taken] {
            *place = f32::from(counted(self.next)) / 32_768.0;
            self.next += 1;
        }
        self.due -= taken;
        Ok(taken)
    }

    fn recover(&mut self, _: PcmError) -> Result<Recovery, PcmError> {
        Ok(Recovery::Emptied)
    }
}

/// A speaker that records what it has played.
#[derive(Default)]
struct Speaker {
    buffer: VecDeque<f32>,
    out: Vec<i16>,
}

impl Speaker {
    fn play(&mut self, frames: usize) {
        for _ in 0..frames {
            let sample = self.buffer.pop_front().unwrap_or(0.0);
            self.out.push((sample * 32_768.0).round() as i16);
        }
    }
}

impl PlaybackDevice for Speaker {
    fn queue(&self) -> QueuePlan {
        QueuePlan::fixed(BUFFER)
    }

    fn level(&mut self) -> Result<BufferLevel, PcmError> {
        Ok(BufferLevel { queued: self.buffer.len(), delay: self.buffer.len() as i64 })
    }

    fn write(&mut self, frames: &[f32]) -> Result<usize, PcmError> {
        let count = frames.len().min(BUFFER - self.buffer.len());
        self.buffer.extend(&frames[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> Result<(), PcmError> {
        self.buffer.clear();
        Ok(())
    }

    fn recover(&mut self, _: PcmError) -> Result<Recovery, PcmError> {
        Ok(Recovery::Emptied)
    }
}

/// The samples of a reply rise and are never zero.
fn sample(index: usize) -> i16 {
    (index / 3) as i16 + 8000
}

/// Returns where the speaker first plays something other than the reply.
fn first_difference(out: &[i16]) -> usize {
    out.iter().zip((0..REPLY).map(sample)).position(|(heard, whole)| *heard != whole).unwrap()
}

fn id(name: &str) -> crate::conversation::Id {
    crate::conversation::Id::try_from(name).unwrap()
}
