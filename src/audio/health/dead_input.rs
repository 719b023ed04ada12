//! Detects dead capture: constant samples (`Flat`) or a repeating buffer (`Repeating`).
//!
//! The noise of a working microphone never repeats a block, and never holds one value for long. The detector keeps a
//! hash of each block, not the samples, and counts time in the device's frames. It does not open or close the device;
//! it returns when reopening may help.

use std::fmt;

use crate::fnv;

/// How the input of a microphone that delivers on time can be dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadInput {
    /// All samples have one value: it is muted by a switch or the mixer, its data line is open, or it never started.
    Flat,
    /// A USB microphone that had noise delivers zeros: its user has muted it with its own button, which Linux is not
    /// told.
    MutedByHand,
    /// The same blocks repeat: the transfer has stopped, and an old buffer is delivered in a loop.
    Repeating,
}

impl fmt::Display for DeadInput {
    /// Writes the message for the user: what happened, what mynah does, and the remedy.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DeadInput::Flat => {
                "the microphone delivers nothing but silence, not even noise; mynah reopens it at growing intervals. \
                 Check its mute switch, the mixer (alsamixer), and whether its data line is loose"
            }
            DeadInput::MutedByHand => {
                "the microphone delivers zeros since a moment ago, as it does while it is muted with its own button; mynah \
                 leaves it open and hears nothing. Press that button; if it is not muted, unplug it and plug it in again"
            }
            DeadInput::Repeating => {
                "the microphone delivers the same buffer repeatedly; mynah reopens it at growing intervals. If that \
                 does not help, unplug it and plug it in again, or reboot the board"
            }
        })
    }
}

/// Duration of constant or repeated samples that counts as dead, in milliseconds. It leaves the session 0.5 s to report
/// it within two seconds.
const DETECT_MS: usize = 1500;
/// Duration of new samples after which the input counts as working again, in milliseconds.
const WORKING_MS: usize = 500;
/// The longest repeating buffer that is detected, in blocks: four times the buffer that is requested.
const LAGS: usize = 32;
/// Delay until the second reopening, in milliseconds; it doubles with each one.
const REOPEN_MIN_MS: usize = 4_000;
/// The longest delay between two reopenings, in milliseconds: each may click, and is unlikely to help.
const REOPEN_MAX_MS: usize = 256_000;
/// Number of times the input may recover without help before it counts as gated: some microphones deliver constant
/// samples when it is quiet.
const FALSE_ALARMS_MAX: u32 = 3;
/// Duration of constant or repeated samples that counts as dead for a gated input, in milliseconds.
const FALSE_ALARM_DETECT_MS: usize = 60_000;

/// Compares each captured block with those before it.
pub(in crate::audio) struct DeadInputDetector {
    rate_hz: usize,
    verdict: Option<DeadInput>,
    /// Hashes of the newest blocks, a ring.
    hashes: [u64; LAGS],
    next: usize,
    /// Blocks since the device was opened.
    blocks: usize,
    /// `same[i]`: consecutive frames for which `block[n] == block[n - (i + 1)]`.
    same: [usize; LAGS],
    /// The constant sample value, as bits, and the number of frames it has lasted.
    flat: (u32, usize),
    /// Frames and blocks since the last constant or repeated block.
    working: (usize, usize),
    /// Frames captured since the device was opened.
    open_frames: usize,
    /// Frames after which a dead device is reopened.
    reopen_after: usize,
    /// Whether the input stayed dead after a reopening.
    reopen_failed: bool,
    false_alarms: u32,
    /// Whether the microphone may have a mute button of its own.
    may_mute_itself: bool,
    /// Number of times it was muted by hand, which a gated USB microphone cannot be told from.
    mutes: u32,
}

impl DeadInputDetector {
    /// Creates a detector for a device that captures `rate_hz` frames per second.
    pub(in crate::audio) fn new(rate_hz: u32) -> DeadInputDetector {
        DeadInputDetector {
            rate_hz: rate_hz as usize,
            verdict: None,
            hashes: [0; LAGS],
            next: 0,
            blocks: 0,
            same: [0; LAGS],
            flat: (0, 0),
            working: (0, 0),
            open_frames: 0,
            reopen_after: 0,
            reopen_failed: false,
            false_alarms: 0,
            may_mute_itself: false,
            mutes: 0,
        }
    }

    /// Sets whether zeros after noise mean that the user has muted the microphone with its own button.
    pub(in crate::audio) fn set_may_mute_itself(&mut self, may: bool) {
        self.may_mute_itself = may;
    }

    /// Returns how the input is dead, or `None` while it works.
    pub(in crate::audio) fn verdict(&self) -> Option<DeadInput> {
        self.verdict
    }

    /// Records that the device was opened or closed: the next block has no predecessor.
    pub(in crate::audio) fn reopened(&mut self) {
        (self.blocks, self.open_frames, self.same, self.flat, self.working) =
            (0, 0, [0; LAGS], (0, 0), (0, 0));
    }

    /// Handles a block of mono samples and returns whether the device should be reopened.
    pub(in crate::audio) fn push(&mut self, samples: &[f32]) -> bool {
        let Some(first) = samples.first().map(|sample| sample.to_bits()) else { return false };
        let frames = samples.len();
        // Saturating, since a 32-bit count of frames lasts about a day.
        self.open_frames = self.open_frames.saturating_add(frames);
        let is_flat = samples.iter().all(|sample| sample.to_bits() == first);
        let flat_before = if is_flat && self.flat.0 == first { self.flat.1 } else { 0 };
        self.flat = (first, if is_flat { flat_before.saturating_add(frames) } else { 0 });
        let is_repeated = self.matches_earlier(hash(samples), frames);
        let (frames_working, blocks_working) = self.working;
        self.working = if is_flat || is_repeated {
            (0, 0)
        } else {
            (frames_working.saturating_add(frames), blocks_working.saturating_add(1))
        };
        match self.verdict {
            None => self.detect(),
            Some(_) if self.working.0 >= self.frames_in(WORKING_MS) && self.working.1 > LAGS => {
                self.mark_working();
                false
            }
            Some(DeadInput::MutedByHand) => false,
            Some(DeadInput::Flat | DeadInput::Repeating) => self.is_reopen_due(),
        }
    }

    /// Compares a block with the last `LAGS` ones and returns whether it equals one of them.
    fn matches_earlier(&mut self, hash: u64, frames: usize) -> bool {
        let mut is_repeated = false;
        for (lag, same) in (1..).zip(&mut self.same) {
            let earlier = self.hashes[(self.next + LAGS - lag) % LAGS];
            *same = if lag <= self.blocks && earlier == hash { same.saturating_add(frames) } else { 0 };
            is_repeated |= *same > 0;
        }
        self.hashes[self.next] = hash;
        self.next = (self.next + 1) % LAGS;
        self.blocks = self.blocks.saturating_add(1);
        is_repeated
    }

    fn detect(&mut self) -> bool {
        let repeats = self.same.iter().any(|frames| *frames >= self.detect_frames(self.false_alarms));
        let is_muted = self.is_muted_by_hand();
        let flat_frames = self.detect_frames(if is_muted { self.mutes } else { self.false_alarms });
        self.verdict = match (self.flat.1 >= flat_frames, is_muted) {
            (true, true) => {
                self.mutes = self.mutes.saturating_add(1);
                self.verdict = Some(DeadInput::MutedByHand);
                return false;
            }
            (true, false) => Some(DeadInput::Flat),
            // Zeros repeat too.
            (false, false) if repeats => Some(DeadInput::Repeating),
            (false, _) => return false,
        };
        self.reopen_after = self.frames_in(REOPEN_MIN_MS);
        self.reopen_failed = false;
        // The first reopening follows at once.
        true
    }

    /// Returns whether the constant value is that of a microphone muted with its own button: zero, and not since it was
    /// opened, for then it may have failed to start.
    fn is_muted_by_hand(&self) -> bool {
        let (value, frames) = self.flat;
        self.may_mute_itself && f32::from_bits(value) == 0.0 && frames > 0 && frames < self.open_frames
    }

    fn detect_frames(&self, false_alarms: u32) -> usize {
        self.frames_in(if false_alarms >= FALSE_ALARMS_MAX { FALSE_ALARM_DETECT_MS } else { DETECT_MS })
    }

    fn is_reopen_due(&mut self) -> bool {
        self.reopen_failed |= self.working.0 == 0 && self.open_frames >= self.frames_in(DETECT_MS);
        if self.working.0 > 0 || self.open_frames < self.reopen_after {
            return false;
        }
        self.reopen_after = (2 * self.reopen_after).min(self.frames_in(REOPEN_MAX_MS));
        true
    }

    fn mark_working(&mut self) {
        self.verdict = None;
        self.false_alarms += u32::from(self.reopen_failed);
    }

    fn frames_in(&self, ms: usize) -> usize {
        self.rate_hz * ms / 1000
    }
}

/// Returns the FNV hash of the samples' bits.
fn hash(samples: &[f32]) -> u64 {
    samples.iter().fold(fnv::BASIS, |hash, sample| fnv::add(hash, u64::from(sample.to_bits())))
}
