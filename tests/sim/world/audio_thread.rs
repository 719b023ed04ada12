//! An audio thread of the simulation: the shipped loop, stepped where its thread would run.
//!
//! It never waits: the scheduler calls it when its device or the session may have woken it.

use std::sync::Arc;

use mynah::audio::{AudioError, CaptureLoop, PlaybackLoop, Wait, Woken};
use mynah::sys::EventFd;

use crate::sim::sound_card::SoundCard;

type Step = dyn FnMut(&mut SoundCard, Woken) -> Result<Wait, AudioError>;

/// An audio thread: its loop, its device, and what it waits for.
pub(super) struct AudioThread {
    step: Box<Step>,
    card: SoundCard,
    wake: Arc<EventFd>,
    /// `None` before the first step.
    wait: Option<Wait>,
}

impl AudioThread {
    pub(super) fn capture(mut capture: CaptureLoop, card: &SoundCard) -> Self {
        let (wake, card) = (capture.thread_wake(), card.clone());
        Self { step: Box::new(move |card, woken| capture.step(card, woken)), card, wake, wait: None }
    }

    pub(super) fn playback(mut playback: PlaybackLoop, card: &SoundCard) -> Self {
        let (wake, card) = (playback.thread_wake(), card.clone());
        Self { step: Box::new(move |card, woken| playback.step(card, woken)), card, wake, wait: None }
    }

    /// Takes steps until the wait goes on, and calls `woken_by` before each; returns whether the thread has ended.
    pub(super) fn run(&mut self, mut woken_by: impl FnMut(&'static str)) -> Result<bool, AudioError> {
        let mut is_new = false;
        loop {
            let woken = match self.wait {
                None => Some(Woken::Notified),
                Some(wait) => self.card.check_wait(wait, is_new, &self.wake),
            };
            let Some(woken) = woken else { return Ok(false) };
            woken_by(match woken {
                Woken::Ready | Woken::Notified if self.card.was_notified() => "session",
                Woken::Ready => "device",
                Woken::Notified => "start",
                Woken::Lost(_) => "loss",
                Woken::RetryDue | Woken::GaveUp => "time to retry",
                Woken::DevicesChanged => "hot-plug",
            });
            let wait = (self.step)(&mut self.card, woken)?;
            (self.wait, is_new) = (Some(wait), true);
            if wait == Wait::Over {
                return Ok(true);
            }
        }
    }
}
