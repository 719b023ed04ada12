//! What is measured of a canceller's output: echo return loss enhancement, the talker's level and intelligibility,
//! and the time to find him.

use std::ops::Range;

use mynah::echo::{Duck, EchoReport, FRAME};

use super::Scene;
use super::stoi::stoi;

/// Frames this much below the loud ones are pauses.
const PAUSE_DB: f32 = -35.0;
/// Events nearer than this to the last one are part of it: half a second, in frames.
const APART_FRAMES: usize = 50;
/// A sentence begins where the talker is within 20 dB of his own level.
const ONSET_DB: f32 = -20.0;

/// Returns by how much the echo is weaker in the output, in decibels, over its frames without pauses in a span of
/// seconds.
pub(crate) fn erle_db(scene: &Scene, out: &[f32], span_s: Range<f32>) -> f32 {
    let audible = audible(&scene.echo);
    let (mut before, mut after) = (0.0, 0.0);
    for frame in frames(span_s, audible.len()).filter(|frame| audible[*frame]) {
        let samples = frame * FRAME..(frame + 1) * FRAME;
        before += energy(&scene.microphone[samples.clone()]);
        after += energy(&out[samples]);
    }
    db(before / after)
}

/// Returns after how many seconds of audible echo from the start 20 dB hold for half a second.
pub(crate) fn seconds_to_20_db(scene: &Scene, out: &[f32]) -> f32 {
    let audible = audible(&scene.echo);
    let loud: Vec<usize> = (0..audible.len()).filter(|frame| audible[*frame]).collect();
    let of = |signal: &[f32], frames: &[usize]| -> f32 {
        frames.iter().map(|frame| energy(&signal[frame * FRAME..(frame + 1) * FRAME])).sum()
    };
    let held =
        loud.windows(50).position(|frames| db(of(&scene.microphone, frames) / of(out, frames)) >= 20.0);
    held.map_or(f32::INFINITY, |frame| frame as f32 / 100.0)
}

/// Returns the intelligibility of the talker over the reply: at the microphone, and in the output.
pub(crate) fn intelligibility(scene: &Scene, out: &[f32]) -> (f64, f64) {
    let talk = joined(&scene.talk, &scene.over_reply);
    (stoi(&talk, &joined(&scene.microphone, &scene.over_reply)), stoi(&talk, &joined(out, &scene.over_reply)))
}

/// Returns how much louder the output is than the talker over the reply, in decibels: the mean of the sentences.
pub(crate) fn talker_gain_db(scene: &Scene, out: &[f32]) -> f32 {
    let gains = scene
        .over_reply
        .iter()
        .map(|sentence| db(energy(&out[sentence.clone()]) / energy(&scene.talk[sentence.clone()])));
    gains.sum::<f32>() / scene.over_reply.len() as f32
}

/// Counts the separate events in a span of seconds.
pub(crate) fn count_events(is_event: &[bool], span_s: Range<f32>) -> usize {
    let (mut count, mut last) = (0, None);
    for frame in frames(span_s, is_event.len()).filter(|frame| is_event[*frame]) {
        if last.is_none_or(|last| frame - last > APART_FRAMES) {
            count += 1;
        }
        last = Some(frame);
    }
    count
}

/// Returns for each frame whether the loudspeaker should be quieter.
pub(crate) fn ducked(reports: &[EchoReport]) -> Vec<bool> {
    reports.iter().map(|report| report.duck >= Duck::Weak).collect()
}

/// Returns for each sentence over the reply the milliseconds from its first frame to the end of that of the event, or
/// `None` if it was missed.
pub(crate) fn latencies_ms(scene: &Scene, is_event: &[bool]) -> Vec<Option<f32>> {
    let of = |sentence: &Range<usize>| {
        let onset = onset_frame(&scene.talk, sentence);
        let found = (onset..sentence.end / FRAME).find(|frame| is_event[*frame])?;
        Some(10.0 * (found + 1 - onset) as f32)
    };
    scene.over_reply.iter().map(of).collect()
}

fn onset_frame(talk: &[f32], sentence: &Range<usize>) -> usize {
    let frames = sentence.start / FRAME..sentence.end / FRAME;
    let level = |frame: usize| db(energy(&talk[frame * FRAME..(frame + 1) * FRAME]));
    let loud = quantile(frames.clone().map(level).collect(), 0.9);
    let start = frames.start;
    frames.into_iter().find(|frame| level(*frame) > loud + ONSET_DB).unwrap_or(start)
}

/// Returns the level of a signal without its pauses, in dBFS.
pub(crate) fn level_db(samples: &[f32]) -> f32 {
    let audible = audible(samples);
    let loud = samples.chunks_exact(FRAME).zip(&audible).filter(|(_, audible)| **audible);
    let (mut sum, mut count) = (0.0, 1e-9);
    for (frame, _) in loud {
        sum += energy(frame);
        count += FRAME as f32;
    }
    db(sum / count)
}

pub(crate) fn rms_db(samples: &[f32]) -> f32 {
    db(energy(samples) / samples.len() as f32)
}

/// Returns the value that this share of the values does not exceed.
pub(crate) fn quantile(mut values: Vec<f32>, share: f32) -> f32 {
    values.sort_by(f32::total_cmp);
    let at = (values.len().saturating_sub(1) as f32 * share).round() as usize;
    values.get(at).copied().unwrap_or(f32::NAN)
}

/// Returns for each frame whether it is no pause.
pub(crate) fn audible(samples: &[f32]) -> Vec<bool> {
    let levels: Vec<f32> = samples.chunks_exact(FRAME).map(|frame| db(energy(frame))).collect();
    let least = quantile(levels.clone(), 0.95) + PAUSE_DB;
    levels.into_iter().map(|level| level > least).collect()
}

pub(crate) fn energy(samples: &[f32]) -> f32 {
    samples.iter().map(|sample| sample * sample).sum()
}

pub(crate) fn db(power: f32) -> f32 {
    10.0 * (power + 1e-20).log10()
}

fn joined(samples: &[f32], parts: &[Range<usize>]) -> Vec<f32> {
    parts.iter().flat_map(|part| &samples[part.clone()]).copied().collect()
}

fn frames(span_s: Range<f32>, most: usize) -> Range<usize> {
    let frame = |seconds: f32| ((seconds * 100.0) as usize).min(most);
    frame(span_s.start)..frame(span_s.end)
}
