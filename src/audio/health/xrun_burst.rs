//! Detects xrun bursts: ten within two seconds, until five seconds pass without one.
//!
//! It compares counts and times, and recovers nothing: the audio threads recover from each xrun, and lengthen the
//! playback queue with each underrun.

use std::time::Duration;

use heapless::Deque;

use crate::audio::error::Direction;
use crate::model::Time;

/// Xruns that make a burst.
const BURST_XRUNS: usize = 10;
/// Time within which they must occur.
const BURST_WINDOW: Duration = Duration::from_secs(2);
/// Time without an xrun that ends a burst.
const QUIET: Duration = Duration::from_secs(5);

/// The start or the end of a burst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    Started,
    /// With the number of xruns in the burst.
    Ended(u64),
}

/// Detects bursts in the xrun count of one device.
#[derive(Debug, Default)]
pub struct XrunBurst {
    /// The count at the last update.
    counted: u64,
    /// When the latest xruns were seen.
    latest: Deque<Time, BURST_XRUNS>,
    /// Xruns in the current burst.
    burst_xruns: Option<u64>,
}

impl XrunBurst {
    /// Records the number of xruns since the start and returns the transition, if there is one.
    pub fn update(&mut self, counted: u64, now: Time) -> Option<Transition> {
        let new_xruns = counted.saturating_sub(self.counted);
        self.counted = counted;
        for _ in 0..new_xruns.min(BURST_XRUNS as u64) {
            if self.latest.is_full() {
                self.latest.pop_front();
            }
            // The oldest entry was just removed if the queue was full.
            let _ = self.latest.push_back(now);
        }
        let Some(xruns) = self.burst_xruns.map(|xruns| xruns + new_xruns) else {
            let is_dense = self.latest.front().is_some_and(|first| now < *first + BURST_WINDOW);
            return (self.latest.is_full() && is_dense).then(|| {
                self.burst_xruns = Some(BURST_XRUNS as u64);
                Transition::Started
            });
        };
        self.burst_xruns = Some(xruns);
        let is_over = self.deadline().is_some_and(|deadline| now >= deadline);
        is_over.then(|| {
            *self = Self { counted, ..Self::default() };
            Transition::Ended(xruns)
        })
    }

    /// Returns whether a burst is in progress.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.burst_xruns.is_some()
    }

    /// Returns when to call [`update`](Self::update) again, if no xrun occurs before.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        self.burst_xruns.and(self.latest.back()).map(|last| *last + QUIET)
    }
}

impl Transition {
    /// Returns the message for the user: what happened, what mynah does, and the remedy.
    #[must_use]
    pub fn message(self, direction: Direction) -> String {
        let what = match (self, direction) {
            (Self::Ended(xruns), _) => {
                return format!("the {direction} is stable again after {xruns} xruns");
            }
            (Self::Started, Direction::Capture) => {
                "the microphone overruns repeatedly and audio is lost; mynah keeps capturing"
            }
            (Self::Started, Direction::Playback) => {
                "the speaker underruns repeatedly and audio breaks up; mynah lengthens its queue up to the buffer size"
            }
        };
        format!(
            "{what}. Close CPU-heavy programs, check power and the {direction} cable, or raise period_ms in the board \
             file"
        )
    }
}
