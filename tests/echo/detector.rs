//! Barge-ins as a service hears them: a public detector on what goes up, gated by the canceller's own rule.

use mynah::dsp::Resampler;
use mynah::echo::FRAME;

use crate::goals::{DETECTOR_RUN, DETECTOR_SCORE, RULE_FRAMES};
use crate::scenes::RATE;

const DETECTOR_HZ: u32 = 16_000;
/// The samples of a score: 16 ms.
const BLOCK: usize = 256;

/// Returns for each frame of 10 ms whether the detector hears speech at its end.
pub(crate) fn speech(samples: &[f32]) -> Vec<bool> {
    let mut resampler = Resampler::new(RATE as u32, DETECTOR_HZ, FRAME).unwrap();
    let mut detector = earshot::Detector::default();
    let (mut run, mut pending) = (0, Vec::new());
    let frame = |frame: &[f32]| {
        let mut room = vec![0.0; resampler.output_frames_max(frame.len())];
        let made = resampler.run(frame, &mut room);
        pending.extend_from_slice(&room[..made]);
        while pending.len() >= BLOCK {
            let rest = pending.split_off(BLOCK);
            let score = detector.predict_f32(&std::mem::replace(&mut pending, rest));
            run = if score >= DETECTOR_SCORE { run + 1 } else { 0 };
        }
        run >= DETECTOR_RUN
    };
    samples.chunks_exact(FRAME).map(frame).collect()
}

/// Returns for each frame whether speech is heard and the rule held lately.
pub(crate) fn barge_ins(speech: &[bool], ducked: &[bool]) -> Vec<bool> {
    let held = |frame: usize| ducked[frame.saturating_sub(RULE_FRAMES)..=frame].contains(&true);
    (0..speech.len().min(ducked.len())).map(|frame| speech[frame] && held(frame)).collect()
}
