//! Removes the loudspeaker's echo on this device: the canceller of [`echo`](crate::echo) in the capture step.
//!
//! It divides what is captured into the canceller's frames of 10 ms, and says whether it can work at all, and whether
//! somebody talks over the speaker. It decides nothing about the conversation, and allocates nothing after construction.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::CaptureFrame;
use super::health::weak_cancellation::{HeardSpeaker, WeakCancellation};
use super::reference::aligned::ReferenceBlock;
use super::reference::clock_map::{Alignment, StampFault};
use super::rt::reference::ReferenceSink;
use crate::echo::{Duck, EchoCanceller, EchoReport, EchoResponse, FRAME};
use crate::model::TalkEvidence;

/// The scale of a sample of 16 bits.
const FULL_SCALE: f32 = 32_768.0;
/// How many frames evidence of a talker is told after it was found: speech has gaps, and the session need not hear of
/// each.
const TALK_HELD_FRAMES: u32 = 10;
/// The weight of a new frame in the share of clipped frames: those of the last 20 s in which there was an echo.
const CLIPPING_LEARNED: f32 = 1.0 / 2000.0;
/// If more than the first share of them is clipped, what is left of an echo is taken for a talker all the time: no talker is
/// told until it is less than the second.
const CLIPPING_FOUND: f32 = 0.05;
const CLIPPING_OVER: f32 = 0.01;
/// The filter is kept if it removes at least this much of the echo, in decibels. A weaker one is relearned within a second.
const KEPT_ERLE_DB: f32 = 15.0;

/// The reference's peak, −60 dBFS, above which an echo is expected.
const SOUNDING: f32 = 1e-3;

/// What the canceller does, for the session: written by the capture thread.
#[derive(Debug)]
pub struct EchoStatus {
    /// 0 while the reference is used or waited for, else the [`StampFault`] plus 1.
    fault: AtomicU8,
    /// Whether the echo is hardly removed.
    weak: AtomicBool,
    /// How much of the echo is removed, as the bits of an `f32` in decibels.
    erle_db: AtomicU32,
    /// The [`TalkEvidence`] of the last frames.
    talk: AtomicU8,
    /// Whether the echo is clipped so often that no talker is told.
    is_clipping: AtomicBool,
    /// Frames of 10 ms in which the microphone was clipped while the loudspeaker played.
    clipped: AtomicU64,
    /// Frames of 10 ms in which an echo was removed.
    active: AtomicU64,
    /// What was learned up to the end of the last reply. Neither thread waits for the other: who finds it locked comes
    /// again.
    learned: Mutex<EchoResponse>,
    /// How often that was written.
    learned_count: AtomicU64,
}

impl Default for EchoStatus {
    fn default() -> EchoStatus {
        EchoStatus {
            fault: AtomicU8::default(),
            weak: AtomicBool::default(),
            erle_db: AtomicU32::default(),
            talk: AtomicU8::default(),
            is_clipping: AtomicBool::default(),
            clipped: AtomicU64::default(),
            active: AtomicU64::default(),
            learned: Mutex::new(EchoResponse::silent()),
            learned_count: AtomicU64::default(),
        }
    }
}

impl EchoStatus {
    /// Returns why nothing can be removed: the timestamps of a device do not say what was played when.
    #[must_use]
    pub fn fault(&self) -> Option<StampFault> {
        let faults = [
            StampFault::Missing,
            StampFault::Foreign,
            StampFault::Still,
            StampFault::Backwards,
            StampFault::Unsteady,
        ];
        faults.into_iter().find(|fault| *fault as u8 + 1 == self.fault.load(Ordering::Relaxed))
    }

    /// Records how well it is known what was played when.
    pub(super) fn record_alignment(&self, alignment: Alignment) {
        let fault = match alignment {
            Alignment::Waiting | Alignment::Aligned => 0,
            Alignment::Unaligned(fault) => fault as u8 + 1,
        };
        self.fault.store(fault, Ordering::Relaxed);
    }

    /// Returns whether the echo is hardly removed although it is known what was played when.
    #[must_use]
    pub fn is_weak(&self) -> bool {
        self.weak.load(Ordering::Relaxed)
    }

    /// Returns by how much the echo was lowered lately, in decibels.
    #[must_use]
    pub fn erle_db(&self) -> f32 {
        f32::from_bits(self.erle_db.load(Ordering::Relaxed))
    }

    /// Returns whether somebody talks over the speaker, as far as the last 100 ms tell. While nothing is played, or the
    /// echo is hardly removed, or is clipped, there is no evidence.
    #[must_use]
    pub fn talk(&self) -> TalkEvidence {
        TalkEvidence::from_number(self.talk.load(Ordering::Relaxed))
    }

    /// Returns whether the microphone clips the echo so often that no talker can be told from it.
    #[must_use]
    pub fn is_clipping(&self) -> bool {
        self.is_clipping.load(Ordering::Relaxed)
    }

    /// Returns what was learned up to the end of a reply since `taken` was that number, which it then is again.
    pub(super) fn learned(&self, taken: &mut u64) -> Option<EchoResponse> {
        let count = self.learned_count.load(Ordering::Acquire);
        if count == *taken {
            return None;
        }
        let learned = self.learned.try_lock().ok()?.clone();
        *taken = count;
        Some(learned)
    }

    /// Returns the frames of 10 ms in which an echo was removed, and those of them that were clipped.
    #[must_use]
    pub fn frames(&self) -> (u64, u64) {
        (self.active.load(Ordering::Relaxed), self.clipped.load(Ordering::Relaxed))
    }
}

/// The canceller of the capture thread.
pub struct DeviceCanceller {
    canceller: Box<EchoCanceller>,
    status: Arc<EchoStatus>,
    microphone: [f32; FRAME],
    reference: [f32; FRAME],
    out: [f32; FRAME],
    talk: TalkDetector,
    /// Whether what was learned in this reply is still to be copied.
    is_learning: bool,
    strength: WeakCancellation,
    /// Samples of the frame that is being filled.
    filled: usize,
    /// Whether all blocks so far were whole frames: then they wait for no others.
    are_whole: bool,
}

impl DeviceCanceller {
    /// Creates a canceller that has learned nothing. It works at 24 kHz only.
    #[must_use]
    pub fn new() -> (Self, Arc<EchoStatus>) {
        let status = Arc::<EchoStatus>::default();
        let canceller = Self {
            canceller: Box::default(),
            status: Arc::clone(&status),
            microphone: [0.0; FRAME],
            reference: [0.0; FRAME],
            out: [0.0; FRAME],
            talk: TalkDetector::default(),
            is_learning: false,
            strength: WeakCancellation::default(),
            filled: 0,
            are_whole: true,
        };
        (canceller, status)
    }

    /// Creates a canceller that never tells of a talker.
    #[must_use]
    pub fn without_duck(mut self) -> Self {
        self.talk.is_off = true;
        self
    }

    /// Starts from what was learned before; returns whether it was taken: what no room can have is not.
    pub(super) fn restore(&mut self, response: &EchoResponse) -> bool {
        self.canceller.restore(response)
    }

    fn process(&mut self) {
        let report = self.canceller.process(&self.microphone, &self.reference, &mut self.out);
        let power = self.microphone.iter().map(|sample| sample * sample).sum::<f32>() / FRAME as f32;
        let is_sounding = self.reference.iter().any(|sample| sample.abs() > SOUNDING);
        let heard = match (report.active, is_sounding) {
            (false, _) => HeardSpeaker::Silent,
            (true, false) => HeardSpeaker::Fading,
            (true, true) => HeardSpeaker::Sounding,
        };
        let is_weak = self.strength.push(power, heard, report.erle_db);
        self.status.weak.store(is_weak, Ordering::Relaxed);
        if report.active {
            self.status.active.fetch_add(1, Ordering::Relaxed);
            self.status.clipped.fetch_add(u64::from(report.clipped), Ordering::Relaxed);
            self.status.erle_db.store(report.erle_db.to_bits(), Ordering::Relaxed);
        }
        if self.is_learning && !report.active {
            self.publish();
        }
        self.is_learning = report.active;
        self.talk.push(&report);
        self.status.talk.store(self.talk.evidence() as u8, Ordering::Relaxed);
        self.status.is_clipping.store(self.talk.is_clipping, Ordering::Relaxed);
    }
}

impl DeviceCanceller {
    /// Copies what was learned in the reply that has ended, if it is worth to be kept and nobody is just reading.
    fn publish(&mut self) {
        let is_good = self.status.erle_db() >= KEPT_ERLE_DB && !self.talk.is_clipping;
        if is_good && let Ok(mut learned) = self.status.learned.try_lock() {
            self.canceller.response(&mut learned);
            self.status.learned_count.fetch_add(1, Ordering::Release);
        }
    }
}

/// What the reports of the last frames say about a talker.
#[derive(Default)]
struct TalkDetector {
    is_off: bool,
    found: TalkEvidence,
    /// For how many frames it is still told.
    held: u32,
    /// The share of the last frames with an echo that were clipped.
    clipped: f32,
    is_clipping: bool,
}

impl TalkDetector {
    fn push(&mut self, report: &EchoReport) {
        if report.active {
            self.clipped += CLIPPING_LEARNED * (f32::from(u8::from(report.clipped)) - self.clipped);
            self.is_clipping = self.clipped > if self.is_clipping { CLIPPING_OVER } else { CLIPPING_FOUND };
        }
        let found = match report.duck {
            Duck::None => TalkEvidence::None,
            Duck::Weak => TalkEvidence::Weak,
            Duck::Strong => TalkEvidence::Strong,
        };
        self.held = self.held.saturating_sub(1);
        if self.held == 0 {
            self.found = TalkEvidence::None;
        }
        if found != TalkEvidence::None && found >= self.found {
            (self.found, self.held) = (found, TALK_HELD_FRAMES);
        }
    }

    fn evidence(&self) -> TalkEvidence {
        if self.is_off || self.is_clipping { TalkEvidence::None } else { self.found }
    }

    /// Forgets what was found: the next frame is not the one that follows.
    fn forget(&mut self) {
        (self.found, self.held) = (TalkEvidence::None, 0);
    }
}

impl ReferenceSink for DeviceCanceller {
    fn interrupt(&mut self) {
        if std::mem::take(&mut self.is_learning) {
            self.publish();
        }
        self.talk.forget();
        self.status.talk.store(TalkEvidence::None as u8, Ordering::Relaxed);
    }

    fn block(&mut self, captured: &mut [CaptureFrame], reference: ReferenceBlock<'_>) {
        self.status.record_alignment(reference.alignment);
        if self.are_whole && captured.len().is_multiple_of(FRAME) {
            let (frames, played) =
                (captured.as_chunks_mut::<FRAME>().0, reference.samples.as_chunks::<FRAME>().0);
            for (frame, played) in frames.iter_mut().zip(played) {
                self.microphone = frame.map(|[sample]| f32::from(sample) / FULL_SCALE);
                self.reference = *played;
                self.process();
                for (frame, cleaned) in frame.iter_mut().zip(&self.out) {
                    frame[0] = rounded(*cleaned);
                }
            }
            return;
        }
        self.are_whole = false;
        for (frame, played) in captured.iter_mut().zip(reference.samples) {
            self.microphone[self.filled] = f32::from(frame[0]) / FULL_SCALE;
            self.reference[self.filled] = *played;
            frame[0] = rounded(self.out[self.filled]);
            self.filled += 1;
            if self.filled == FRAME {
                self.filled = 0;
                self.process();
            }
        }
    }
}

fn rounded(sample: f32) -> i16 {
    // The cast limits what is over full scale.
    (sample * FULL_SCALE).round() as i16
}
