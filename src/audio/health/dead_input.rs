//! Whether an open microphone hears: one that does never gives the same twice, and never one value for long.
//!
//! It looks at each block as the device gave it, keeps nothing of it but a number, and counts time in the device's
//! own frames. It opens and closes nothing; it says when that may help.

use std::fmt;

use crate::fnv;

/// How a microphone that delivers on time can be deaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadInput {
    /// All its samples have one value: muted by a switch or a mixer, cut off, or not begun.
    Flat,
    /// It gives the same again and again: its transfer has stopped, and an old buffer goes round.
    Repeating,
}

impl fmt::Display for DeadInput {
    /// Says what has happened to the microphone, what mynah does about it, and what its owner can do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DeadInput::Flat => {
                "the microphone delivers nothing but silence, not even noise; it is opened anew, ever less often: see \
                 whether its switch or the mixer (alsamixer) mutes it, and whether its data line is loose"
            }
            DeadInput::Repeating => {
                "the microphone delivers the same over and over; it is opened anew, ever less often: if that does not \
                 help, unplug it and plug it in, or start the board again"
            }
        })
    }
}

/// How long it may be the same, in milliseconds: what is left of two seconds is for the session to see it.
const DETECT_MS: usize = 1500;
/// How long sound must have been back to be believed, in milliseconds.
const WORKING_MS: usize = 500;
/// The longest buffer whose going round is seen, in blocks: four times what is asked for.
const LAGS: usize = 32;
/// How long after it was opened in vain it is opened again, in milliseconds; each time twice the time before.
const REOPEN_MIN_MS: usize = 4_000;
/// The longest wait between two openings, in milliseconds: each is a click, and most likely in vain.
const REOPEN_MAX_MS: usize = 256_000;
/// Times a microphone that falls silent by itself may come back by itself before that counts as its habit: some
/// gate what is quiet.
const FALSE_ALARMS_MAX: u32 = 3;
/// How long one with that habit may be the same, in milliseconds.
const FALSE_ALARM_DETECT_MS: usize = 60_000;

/// What the blocks so far tell.
pub(in crate::audio) struct DeadInputDetector {
    rate_hz: usize,
    verdict: Option<DeadInput>,
    /// What the newest blocks were, in a ring.
    hashes: [u64; LAGS],
    next: usize,
    /// Blocks since the device was opened.
    blocks: usize,
    /// For so many frames each block has been what it was so many blocks, less one, before.
    same: [usize; LAGS],
    /// The value of every sample in the last so many frames.
    flat: (u32, usize),
    /// Frames and blocks since one was what an earlier one had been.
    working: (usize, usize),
    /// Frames since the device was opened.
    open_frames: usize,
    /// Frames after which a deaf device is opened again.
    reopen_after: usize,
    /// Whether it has been opened anew for being deaf and was so still.
    reopen_failed: bool,
    false_alarms: u32,
}

impl DeadInputDetector {
    /// Begins to look at a device that gives `rate_hz` frames a second.
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
        }
    }

    /// Returns how it is deaf, if it is.
    pub(in crate::audio) fn verdict(&self) -> Option<DeadInput> {
        self.verdict
    }

    /// Notes that the device was opened or closed: what it gives next follows nothing.
    pub(in crate::audio) fn reopened(&mut self) {
        (self.blocks, self.open_frames, self.same, self.flat, self.working) =
            (0, 0, [0; LAGS], (0, 0), (0, 0));
    }

    /// Looks at a block and tells whether the device is to be opened anew.
    pub(in crate::audio) fn push(&mut self, samples: &[f32]) -> bool {
        let Some(first) = samples.first().map(|sample| sample.to_bits()) else { return false };
        let frames = samples.len();
        // Saturating: on a small board a day of frames is all that fits.
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
            Some(_) => self.is_reopen_due(),
        }
    }

    /// Compares with the blocks before it and tells whether it is one of them.
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
        let detect_ms = if self.false_alarms >= FALSE_ALARMS_MAX { FALSE_ALARM_DETECT_MS } else { DETECT_MS };
        let detect_frames = self.frames_in(detect_ms);
        let repeats = self.same.iter().any(|frames| *frames >= detect_frames);
        self.verdict = match (self.flat.1 >= detect_frames, repeats) {
            (true, _) => Some(DeadInput::Flat),
            (false, true) => Some(DeadInput::Repeating),
            (false, false) => return false,
        };
        self.reopen_after = self.frames_in(REOPEN_MIN_MS);
        self.reopen_failed = false;
        // The first time at once.
        true
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

/// Returns a number that another block hardly has.
fn hash(samples: &[f32]) -> u64 {
    samples.iter().fold(fnv::BASIS, |hash, sample| fnv::add(hash, u64::from(sample.to_bits())))
}
