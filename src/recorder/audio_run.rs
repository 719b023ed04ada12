//! Merges consecutive audio messages into one line: their number, duration and a hash of their audio.
//!
//! It keeps no samples.

use std::time::Duration;

use super::format::{RecordedAudio, RecordedMessage};
use crate::fnv;
use crate::model::Time;

/// Maximum time that one line covers.
const RUN_TIME: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct AudioRun {
    kind: &'static str,
    first: Time,
    last: Time,
    messages: u64,
    bytes: u64,
    frames: u64,
    hash: u64,
}

impl AudioRun {
    pub(super) fn begin(kind: &'static str, bytes: usize, base64: &str, now: Time) -> Self {
        let mut run =
            Self { kind, first: now, last: now, messages: 0, bytes: 0, frames: 0, hash: fnv::BASIS };
        run.add(bytes, base64, now);
        run
    }

    /// Returns whether a message of this type at `now` still belongs to the run.
    pub(super) fn continues(&self, kind: &str, now: Time) -> bool {
        self.kind == kind && !self.is_finished(now)
    }

    pub(super) fn is_finished(&self, now: Time) -> bool {
        now >= self.first + RUN_TIME
    }

    pub(super) fn add(&mut self, bytes: usize, base64: &str, now: Time) {
        self.last = now;
        self.messages += 1;
        self.bytes += bytes as u64;
        self.frames += frames(base64);
        self.hash = hash(self.hash, base64.as_bytes());
    }

    /// Returns the content of the line.
    pub(super) fn message(&self) -> RecordedMessage<'static> {
        let Self { kind, first, last, messages, bytes, frames, hash, .. } = *self;
        let audio = RecordedAudio { messages, until: last, frames, hash: fold(hash), base64: None };
        RecordedMessage { at: first, kind: kind.into(), bytes, audio: Some(audio) }
    }
}

/// Continues an FNV-1a hash, over words of eight bytes, because every byte of audio passes through here.
pub(super) fn hash(hash: u64, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let hash = words.iter().fold(hash, |hash, word| fnv::add(hash, u64::from_le_bytes(*word)));
    rest.iter().fold(hash, |hash, byte| fnv::add(hash, u64::from(*byte)))
}

/// Folds a hash to 32 bits. The lower half alone does not depend on the upper bits of every word.
pub(super) fn fold(hash: u64) -> u32 {
    (hash >> 32) as u32 ^ hash as u32
}

/// Returns the number of whole PCM16 frames in `base64`.
pub(super) fn frames(base64: &str) -> u64 {
    let padding = base64.bytes().rev().take(2).filter(|byte| *byte == b'=').count();
    ((base64.len() / 4 * 3).saturating_sub(padding) / 2) as u64
}
