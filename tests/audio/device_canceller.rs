//! The canceller in the capture step: blocks of any size, a reference that cannot be used, and what is left of an echo.

use assert_no_alloc::assert_no_alloc;
use mynah::audio::{
    Alignment, CaptureFrame, DeviceCanceller, EchoStatus, ReferenceBlock, ReferenceSink, StampFault,
};
use mynah::model::TalkEvidence;

/// How long the echo is later than the reference: the lead of 4 ms, and a metre of air.
const ECHO_FRAMES: usize = 96 + 70;
const SECONDS: usize = 8;

#[test]
fn an_echo_is_removed_and_the_devices_are_told_of_it() {
    for block_frames in [240, 480, 100, 333] {
        let (cleaned, status) = clean(block_frames, Alignment::Aligned, 0.0);
        let (captured, _) = sounds(0.0);
        let last = 24_000 * (SECONDS - 2)..24_000 * (SECONDS - 1);
        let removed_db = level_db(&captured[last.clone()]) - level_db(&cleaned[last]);
        assert!(removed_db > 30.0, "blocks of {block_frames}: {removed_db:.1} dB");
        assert!(status.erle_db() > 20.0, "{}", status.erle_db());
        let (active, clipped) = status.frames();
        assert!(active > 700 && clipped == 0, "{active} {clipped}");
    }
}

#[test]
fn without_a_reference_the_microphone_is_passed_on_10_or_20_ms_later() {
    for (block_frames, delay) in [(240, 240), (480, 240), (100, 480)] {
        let (cleaned, status) = clean(block_frames, Alignment::Unaligned(StampFault::Still), 0.3);
        let (captured, _) = sounds(0.3);
        let last = captured.len() - 1_000;
        assert_eq!(cleaned[delay..last], captured[..last - delay], "blocks of {block_frames}");
        assert_eq!((status.fault(), status.frames()), (Some(StampFault::Still), (0, 0)));
    }
}

#[test]
fn a_talker_is_kept() {
    let (cleaned, _) = clean(240, Alignment::Aligned, 0.1);
    let last = 24_000 * (SECONDS - 2)..24_000 * (SECONDS - 1);
    let talker: Vec<i16> = last.clone().map(|at| (talker(at - 240) * 3_276.8) as i16).collect();
    let kept_db = level_db(&cleaned[last]) - level_db(&talker);
    assert!(kept_db.abs() < 3.0, "{kept_db:.1} dB");
}

#[test]
fn a_talker_is_told_within_a_tenth_of_a_second_and_not_for_longer_than_he_talks() {
    let mut scene = Scene::new(false);
    scene.hear(5.0, 0.0, 1.0);
    assert_eq!(scene.told.iter().max(), Some(&TalkEvidence::None), "of the echo alone");
    scene.hear(1.0, 0.1, 1.0);
    let weak = scene.told.iter().position(|told| *told != TalkEvidence::None).unwrap();
    let strong = scene.told.iter().position(|told| *told == TalkEvidence::Strong).unwrap();
    assert!(weak <= 500 + 10 && strong <= 500 + 30, "after {} and {} frames", weak - 500, strong - 500);
    assert_eq!(scene.told.last(), Some(&TalkEvidence::Strong));
    scene.hear(1.0, 0.0, 1.0);
    // The rule looks back for 240 ms, and what it finds is told for another 100.
    let last = scene.told.iter().rposition(|told| *told != TalkEvidence::None).unwrap();
    assert!((600..650).contains(&last), "{last}");
    scene.hear(0.5, 0.1, 1.0);
    scene.hear(0.1, 0.0, 0.0);
    assert_eq!(scene.told.last(), Some(&TalkEvidence::Strong));
    // Closed and opened again, it is another sound.
    scene.canceller.interrupt();
    assert_eq!(scene.status.talk(), TalkEvidence::None);
}

#[test]
fn a_talker_is_told_only_if_that_is_wanted() {
    let mut scene = Scene::new(true);
    scene.hear(5.0, 0.0, 1.0);
    scene.hear(1.0, 0.1, 1.0);
    assert_eq!(scene.told.iter().max(), Some(&TalkEvidence::None));
    assert!(scene.status.erle_db() > 20.0, "the echo is removed");
}

#[test]
fn where_the_echo_is_clipped_no_talker_is_told_until_it_no_longer_is() {
    let mut scene = Scene::new(false);
    scene.hear(5.0, 0.0, 1.0);
    // A shout is no speaker that is too loud.
    scene.hear(0.5, 4.0, 1.0);
    assert!(!scene.status.is_clipping());
    scene.hear(3.0, 0.0, 8.0);
    assert!(scene.status.is_clipping());
    let clipped = scene.told.len();
    scene.hear(2.0, 0.3, 1.0);
    assert_eq!(scene.told[clipped..].iter().max(), Some(&TalkEvidence::None));
    scene.hear(60.0, 0.0, 1.0);
    assert!(!scene.status.is_clipping(), "the volume was lowered");
    scene.hear(1.0, 0.1, 1.0);
    assert_eq!(scene.told.last(), Some(&TalkEvidence::Strong));
}

/// A canceller in a room with noise from the speaker, and what it tells of a talker after each frame.
pub(super) struct Scene {
    pub(super) canceller: DeviceCanceller,
    pub(super) status: std::sync::Arc<EchoStatus>,
    random: fastrand::Rng,
    played: Vec<f32>,
    told: Vec<TalkEvidence>,
    /// How loud the echo is.
    pub(super) gain: f32,
}

impl Scene {
    pub(super) fn new(is_off: bool) -> Scene {
        let (canceller, status) = DeviceCanceller::new();
        let canceller = if is_off { canceller.without_duck() } else { canceller };
        let random = fastrand::Rng::with_seed(5);
        Scene { canceller, status, random, played: Vec::new(), told: Vec::new(), gain: 1.0 }
    }

    /// Captures for some seconds, with a talker and a speaker of these levels; returns by how much the sound was lowered, in
    /// decibels.
    pub(super) fn hear(&mut self, seconds: f32, talk: f32, speaker: f32) -> f32 {
        let (mut before, mut after) = (0.0, 0.0);
        let energy = |frames: &[[i16; 1]]| frames.iter().map(|[it]| f64::from(*it).powi(2)).sum::<f64>();
        for _ in 0..(seconds * 100.0) as usize {
            let start = self.played.len();
            let mut captured = [[0_i16]; 240];
            for frame in &mut captured {
                let at = self.played.len();
                self.played.push(0.3 * speaker * (2.0 * self.random.f32() - 1.0));
                let echo = |delay: usize, gain: f32| {
                    at.checked_sub(delay).map_or(0.0, |from| gain * self.played[from])
                };
                let noise = 1e-4 * (2.0 * self.random.f32() - 1.0);
                let echo = self.gain * (echo(ECHO_FRAMES, 0.5) - echo(ECHO_FRAMES + 131, 0.2));
                frame[0] = ((echo + noise + talk * tones(at)) * 32_768.0) as i16;
            }
            before += energy(&captured);
            let reference = ReferenceBlock {
                samples: &self.played[start..],
                is_audible: true,
                alignment: Alignment::Aligned,
                position: None,
            };
            assert_no_alloc(|| self.canceller.block(&mut captured, reference));
            after += energy(&captured);
            self.told.push(self.status.talk());
        }
        10.0 * ((before + 1.0) / (after + 1.0)).log10() as f32
    }
}

/// Returns what is sent of the sounds, passed on in blocks.
fn clean(block_frames: usize, alignment: Alignment, talker: f32) -> (Vec<i16>, std::sync::Arc<EchoStatus>) {
    let (captured, played) = sounds(talker);
    let silence = vec![0.0; block_frames];
    let (mut canceller, status) = DeviceCanceller::new();
    let mut frames: Vec<CaptureFrame> = captured.iter().map(|sample| [*sample]).collect();
    for (block, reference) in frames.chunks_mut(block_frames).zip(played.chunks(block_frames)) {
        let is_aligned = alignment == Alignment::Aligned;
        let samples = if is_aligned { reference } else { &silence[..reference.len()] };
        let reference = ReferenceBlock { samples, is_audible: is_aligned, alignment, position: None };
        assert_no_alloc(|| canceller.block(block, reference));
    }
    (frames.into_iter().map(|[sample]| sample).collect(), status)
}

/// Returns what is captured, and what is played. The talker's amplitude is a part of full scale.
fn sounds(talk: f32) -> (Vec<i16>, Vec<f32>) {
    let mut random = fastrand::Rng::with_seed(3);
    let frames = 24_000 * SECONDS;
    let played: Vec<f32> = (0..frames).map(|_| 0.3 * (2.0 * random.f32() - 1.0)).collect();
    let captured = (0..frames).map(|at| {
        let echo = |delay: usize, gain: f32| at.checked_sub(delay).map_or(0.0, |from| gain * played[from]);
        let noise = 1e-4 * (2.0 * random.f32() - 1.0);
        let sound = echo(ECHO_FRAMES, 0.5) - echo(ECHO_FRAMES + 131, 0.2) + noise + talk * talker(at);
        (sound * 32_768.0) as i16
    });
    (captured.collect(), played)
}

/// A voice of three tones, which speaks in the last three seconds.
fn talker(at: usize) -> f32 {
    if at < 24_000 * (SECONDS - 3) { 0.0 } else { tones(at) }
}

fn tones(at: usize) -> f32 {
    let time_s = at as f32 / 24_000.0;
    let tone = |hz: f32| (std::f32::consts::TAU * hz * time_s).sin() / 3.0;
    tone(220.0) + tone(660.0) + tone(1_540.0)
}

fn level_db(samples: &[i16]) -> f32 {
    let power: f32 = samples.iter().map(|sample| f32::from(*sample).powi(2)).sum();
    10.0 * (power / samples.len() as f32 + 1e-3).log10()
}
