//! The manners of speakers: how one is cut, how much it holds, how it reads its buffer and how long it takes to start.
//!
//! It lists them and draws one for a seed; `sound_card` behaves as they say. Its randomness is its own, so that a seed
//! keeps everything else that it determines.

use fastrand::Rng;
use mynah::audio::{CutMode, QueuePlan};

use super::clock::{At, S};
use super::sound_card::PERIOD_FRAMES;

/// 20 ms and 100 ms, as in `QueuePlan` of a real device, and the longest queue.
const QUEUE_FRAMES: usize = 2 * PERIOD_FRAMES;
const REWRITTEN_FRAMES: usize = 10 * PERIOD_FRAMES;
const SECOND: usize = 24_000;
const AWAKE_FRAMES: u64 = 10 * SECOND as u64;
/// Keeps the manners independent of the random actions.
const MANNER_SEED: u64 = 0x3A44_E25E;

/// How a speaker behaves while nothing is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Manner {
    pub(crate) name: &'static str,
    pub(super) plan: QueuePlan,
    pub(super) buffer_frames: usize,
    /// Frames that cannot be taken back.
    pub(super) margin_frames: usize,
    /// Frames that it reads from its buffer at a time, ahead of those that it plays; 0 if it reads them one by one.
    pub(super) burst_frames: usize,
    /// How long a call that prepares it blocks.
    pub(super) prepare: At,
}

/// An I2S card whose driver reads late.
pub(crate) const REWRITTEN: Manner = Manner {
    name: "rewrite",
    plan: QueuePlan {
        cut: CutMode::Rewrite,
        short: REWRITTEN_FRAMES,
        long: SECOND,
        fade_at: 3 * PERIOD_FRAMES,
        awake_frames: None,
    },
    buffer_frames: SECOND,
    margin_frames: 96,
    burst_frames: 0,
    prepare: 0,
};
/// A card of which nothing is known.
pub(crate) const RUN_OUT: Manner = Manner {
    name: "run out",
    plan: QueuePlan { cut: CutMode::RunOut, short: QUEUE_FRAMES, ..REWRITTEN.plan },
    margin_frames: 0,
    ..REWRITTEN
};
/// A plugin or a sound server, which is left after ten seconds of silence.
pub(crate) const SLEEPING: Manner = Manner {
    name: "drop",
    plan: QueuePlan {
        cut: CutMode::Drop,
        short: REWRITTEN_FRAMES,
        long: REWRITTEN_FRAMES,
        fade_at: 6 * PERIOD_FRAMES,
        awake_frames: Some(AWAKE_FRAMES),
    },
    buffer_frames: REWRITTEN_FRAMES,
    ..RUN_OUT
};
/// The same, kept awake for ever.
const AWAKE: Manner =
    Manner { name: "drop, awake", plan: QueuePlan { awake_frames: None, ..SLEEPING.plan }, ..SLEEPING };
/// A USB card: it reads a transfer of 6 ms at a time.
const USB: Manner = Manner { name: "usb", margin_frames: 192, burst_frames: 144, ..REWRITTEN };
/// A card that reads a period at a time, as the Raspberry Pi's headphone jack.
const HEADPHONES: Manner = Manner { name: "headphones", burst_frames: PERIOD_FRAMES, ..RUN_OUT };
/// The Raspberry Pi Codec Zero: a second for each prepare.
const CODEC_ZERO: Manner = Manner { name: "codec zero", prepare: S, ..REWRITTEN };

/// The manners, each with its share.
const MANNERS: [(Manner, u32); 7] =
    [(REWRITTEN, 4), (USB, 2), (RUN_OUT, 3), (HEADPHONES, 2), (SLEEPING, 4), (AWAKE, 4), (CODEC_ZERO, 1)];

impl Manner {
    /// Returns the manner of a seed.
    pub(super) fn of_seed(seed: u64) -> Self {
        let mut drawn =
            Rng::with_seed(seed ^ MANNER_SEED).u32(0..MANNERS.iter().map(|(_, share)| share).sum());
        for (manner, share) in MANNERS {
            match drawn.checked_sub(share) {
                Some(rest) => drawn = rest,
                None => return manner,
            }
        }
        AWAKE
    }

    /// Returns a speaker that goes on through cuts in place of one that is stopped by them. The latter is aligned anew at
    /// each reply, whose beginning may be heard as a voice.
    pub(super) fn without_dropping(self) -> Self {
        if self.plan.cut == CutMode::Drop { RUN_OUT } else { self }
    }

    /// Returns the frames that a cut leaves to be played.
    pub(super) fn frames_after_cut(&self) -> usize {
        match self.plan.cut {
            CutMode::Rewrite => self.margin_frames + self.burst_frames,
            CutMode::RunOut => self.plan.short + self.burst_frames,
            CutMode::Drop => 0,
        }
    }

    /// Returns up to which frame the buffer has been read once `played` frames have been played since the start.
    pub(super) fn read_up_to(&self, played: u64) -> u64 {
        match self.burst_frames as u64 {
            0 => played,
            burst => (played / burst + 1) * burst,
        }
    }
}
