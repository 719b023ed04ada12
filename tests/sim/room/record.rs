//! What a run in a room has shown: what the microphone captured, what the service was sent, and what it heard.
//!
//! It measures, and judges nothing.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use mynah::audio::{CaptureFrame, DeviceCanceller, LEAD_MS, ReferenceBlock, ReferenceSink, StampFault};

use crate::allocator::as_world;
use crate::sim::clock::{At, S};

/// Samples a millisecond.
const MS_FRAMES: usize = 24;

/// The largest error of the reference that no canceller notices: a fraction of a sample, and the error of a timestamp.
pub(crate) const MOST_ERROR_MS: f64 = 0.1;

/// Blocks of 10 ms with a reply after which a canceller is to have learned the room.
const LEARNED_BLOCKS: usize = 200;

/// What was kept of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct RoomRecord {
    /// When the user talked.
    pub(crate) talks: Vec<Range<At>>,
    /// When each block of 10 ms began to be captured.
    pub(crate) blocks: Vec<At>,
    /// Of each captured sample: the user's voice, and the speaker's echo.
    pub(crate) talk: Vec<f32>,
    pub(crate) echo: Vec<f32>,
    /// What the service was sent, in its order.
    pub(crate) sent: Vec<i16>,
    /// What the service has understood: what it would repeat as each reply.
    pub(crate) understood: Vec<Vec<i16>>,
    /// When the service found speech, and whether the user talked then.
    pub(crate) heard: Vec<(At, bool)>,
    /// What the canceller told at the end: why it cannot work, whether it hardly does, and how much it removes in decibels.
    pub(crate) told: Option<(Option<StampFault>, bool, f32)>,
    /// What removes the echo, by each configuration of a session.
    pub(crate) requested: Vec<String>,
    /// By how many milliseconds the reference was late, for each block in which it was audible.
    pub(crate) errors: Vec<(At, f64)>,
}

impl RoomRecord {
    /// Returns what is wrong if every word of the user is to be heard and nothing else, and the reference is to be right.
    pub(crate) fn violation(&self) -> Option<(At, String)> {
        // The first seconds of an echo are there to learn from; `tests/echo` measures how soon that is done.
        let has_learned =
            |at: At| self.errors.iter().filter(|(block, _)| *block < at).count() > LEARNED_BLOCKS;
        let taken = self.heard.iter().find(|(at, is_user)| !is_user && has_learned(*at));
        if let Some((at, _)) = taken {
            return Some((*at, "the service took an echo for the user".to_owned()));
        }
        if let Some((at, error)) = self.errors.iter().find(|(_, error)| error.abs() > MOST_ERROR_MS) {
            return Some((*at, format!("the reference is {error:.3} ms late")));
        }
        let missed = (0..self.talks.len()).find(|nth| self.heard_after(*nth).is_none())?;
        Some((self.talks[missed].end, "the service did not hear the user".to_owned()))
    }

    /// Returns how often the service took something else for the user.
    pub(crate) fn false_turns(&self) -> usize {
        self.heard.iter().filter(|(_, is_user)| !is_user).count()
    }

    /// Returns when the service first heard the user's words number `nth`, counted from their beginning.
    pub(crate) fn heard_after(&self, nth: usize) -> Option<At> {
        let talk = &self.talks[nth];
        let heard = self.heard.iter().find(|(at, is_user)| *is_user && talk.contains(at));
        heard.map(|(at, _)| at - talk.start)
    }

    /// Returns the largest error of the reference in milliseconds.
    pub(crate) fn largest_error_ms(&self) -> f64 {
        self.errors.iter().fold(0.0, |largest, (_, error)| error.abs().max(largest))
    }

    /// Returns how much the words that the user begins with are like what is in `heard`, from 0 to 1: the best
    /// correlation of this many milliseconds of his voice, from its first sound on.
    pub(crate) fn likeness_of_beginning(&self, nth: usize, ms: usize, heard: &[i16]) -> f32 {
        let begin = self.onset(nth);
        let word = &self.talk[begin..begin + ms * MS_FRAMES];
        let energy =
            |samples: &mut dyn Iterator<Item = f32>| samples.map(|sample| sample * sample).sum::<f32>();
        let own = energy(&mut word.iter().copied());
        let likeness = |part: &[i16]| {
            let product: f32 = word.iter().zip(part).map(|(word, heard)| word * f32::from(*heard)).sum();
            product / (own * energy(&mut part.iter().map(|sample| f32::from(*sample))) + 1e-9).sqrt()
        };
        heard.windows(word.len()).map(likeness).fold(0.0, f32::max)
    }

    /// Returns what was sent of this many milliseconds of the user's words, from 20 ms before their first sound on.
    pub(crate) fn sent_at_beginning(&self, nth: usize, ms: usize) -> &[i16] {
        let begin = self.onset(nth) - 20 * MS_FRAMES;
        &self.sent[begin..begin + (ms + 60) * MS_FRAMES]
    }

    /// Returns the level of the user's first words in what the service was sent, less that at the microphone, in decibels,
    /// for each frame of 10 ms in which he is within 20 dB of his loudest.
    pub(crate) fn gains_of_beginning_db(&self, nth: usize, ms: usize) -> Vec<f32> {
        let begin = self.onset(nth);
        let frame = 10 * MS_FRAMES;
        let power = |samples: &[f32]| samples.iter().map(|sample| sample * sample).sum::<f32>();
        let own: Vec<f32> = self.talk[begin..begin + ms * MS_FRAMES].chunks_exact(frame).map(power).collect();
        let loudest = own.iter().copied().fold(0.0, f32::max);
        let sent = |n: usize| {
            // The canceller is a frame late.
            let at = begin + (n + 1) * frame;
            let samples: Vec<f32> =
                self.sent[at..at + frame].iter().map(|sample| f32::from(*sample) / 32_768.0).collect();
            power(&samples)
        };
        let loud = own.iter().enumerate().filter(|(_, power)| **power > loudest / 100.0);
        loud.map(|(n, power)| 10.0 * (sent(n) / power).log10()).collect()
    }

    /// Returns by how much the echo is weaker in what the service was sent within a span, in decibels.
    pub(crate) fn removed_db(&self, span: Range<At>) -> f32 {
        let frames = self.sample_at(span.start)..self.sample_at(span.end);
        let before: f32 = self.echo[frames.clone()].iter().map(|sample| sample * sample).sum();
        let sent = frames.map(|n| f32::from(self.sent[n + 10 * MS_FRAMES]) / 32_768.0);
        let after: f32 = sent.map(|sample| sample * sample).sum();
        10.0 * (before / after.max(1e-9)).log10()
    }

    /// Returns the sample with which the user's words begin: within 20 dB of their loudest.
    fn onset(&self, nth: usize) -> usize {
        let begin = self.sample_at(self.talks[nth].start);
        let words = &self.talk[begin..self.sample_at(self.talks[nth].end)];
        let loudest = words.iter().fold(0.0_f32, |loudest, sample| loudest.max(sample.abs()));
        begin + words.iter().position(|sample| sample.abs() > loudest / 10.0).unwrap_or(0)
    }

    /// Returns the first sample of the block that was captured at a time.
    fn sample_at(&self, at: At) -> usize {
        let block = self.blocks.partition_point(|block| *block <= at).saturating_sub(1);
        block * 10 * MS_FRAMES
    }
}

impl fmt::Display for RoomRecord {
    /// Writes when speech was found, and for each second of a reply the errors of the reference.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, is_user) in &self.heard {
            let whom = if *is_user { "the user" } else { "something else" };
            writeln!(f, "{:8.3} s: the service hears {whom}", *at as f64 / S as f64)?;
        }
        let seconds: BTreeSet<At> = self.errors.iter().map(|(at, _)| at / S).collect();
        for second in seconds {
            let errors = self.errors.iter().filter(|(at, _)| at / S == second).map(|(_, error)| *error);
            let (least, most) = errors.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), error| {
                (least.min(error), most.max(error))
            });
            let span = second * S..(second + 1) * S;
            let talks = self.talks.iter().any(|talk| talk.start < span.end && span.start < talk.end + S);
            let removed = if talks {
                "the user talks".to_owned()
            } else {
                format!("{:.0} dB are removed", self.removed_db(span))
            };
            writeln!(f, "{second:8} s: the reference is {least:.3} to {most:.3} ms late, {removed}")?;
        }
        Ok(())
    }
}

/// Compares the reference of each block with what the speaker really played.
#[derive(Debug, Default)]
pub(crate) struct AlignmentCheck {
    /// When the block that is being captured began, and which frame the speaker played then.
    block: (At, Option<f64>),
    errors: Vec<(At, f64)>,
}

impl AlignmentCheck {
    pub(super) fn begin_block(&mut self, at: At, played: Option<f64>) {
        self.block = (at, played);
    }

    pub(super) fn take_errors(&mut self) -> Vec<(At, f64)> {
        std::mem::take(&mut self.errors)
    }

    fn compare(&mut self, reference: &ReferenceBlock<'_>) {
        let (at, played) = self.block;
        if let Some((position, played)) = reference.position.zip(played).filter(|_| reference.is_audible) {
            let late = played + f64::from(LEAD_MS) * MS_FRAMES as f64 - position;
            self.errors.push((at, late / MS_FRAMES as f64));
        }
    }
}

/// The canceller as it ships, behind a check of what it is given.
pub(crate) struct CheckedCanceller {
    pub(crate) canceller: DeviceCanceller,
    pub(crate) check: Arc<Mutex<AlignmentCheck>>,
}

impl ReferenceSink for CheckedCanceller {
    fn block(&mut self, captured: &mut [CaptureFrame], reference: ReferenceBlock<'_>) {
        as_world(|| self.check.lock().unwrap().compare(&reference));
        self.canceller.block(captured, reference);
    }
}
