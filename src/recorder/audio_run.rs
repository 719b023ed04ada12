//! Messages with sound in a row, which become one line: how many, how long, and a hash of their sound.
//!
//! It keeps no sample.

use std::time::Duration;

use super::format::{RecordedAudio, RecordedMessage};
use crate::fnv;
use crate::model::Time;

/// How much time one line may stand for.
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

    /// Tells whether another message of this kind belongs to it.
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

    /// Gives the line's content.
    pub(super) fn message(&self) -> RecordedMessage<'static> {
        let Self { kind, first, last, messages, bytes, frames, hash, .. } = *self;
        let audio = RecordedAudio { messages, until: last, frames, hash: fold(hash), base64: None };
        RecordedMessage { at: first, kind: kind.into(), bytes, audio: Some(audio) }
    }
}

/// Goes on hashing: FNV-1a over words of eight bytes, because this is done for every byte that is said or heard.
pub(super) fn hash(hash: u64, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let hash = words.iter().fold(hash, |hash, word| fnv::add(hash, u64::from_le_bytes(*word)));
    rest.iter().fold(hash, |hash, byte| fnv::add(hash, u64::from(*byte)))
}

/// Makes it short. The upper half alone depends on every byte.
pub(super) fn fold(hash: u64) -> u32 {
    (hash >> 32) as u32 ^ hash as u32
}

/// Counts the whole frames of PCM16 in base64 text.
pub(super) fn frames(base64: &str) -> u64 {
    let padding = base64.bytes().rev().take(2).filter(|byte| *byte == b'=').count();
    ((base64.len() / 4 * 3).saturating_sub(padding) / 2) as u64
}
