//! A storm of xruns: so many of them, so close together, that what is heard is no speech any more.
//!
//! It is told counts and times and says when a storm has begun and when it is over. It mends nothing: the sound
//! threads have recovered from each xrun by then, and the speaker's queue has grown with each.

use std::time::Duration;

use heapless::Deque;

use crate::audio::error::Direction;
use crate::model::Time;

/// Xruns that make a storm.
const BURST_XRUNS: usize = 10;
/// Within which time.
const BURST_WINDOW: Duration = Duration::from_secs(2);
/// How long there must have been none for it to be over.
const QUIET: Duration = Duration::from_secs(5);

/// What has become of a device's storm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    /// One has begun.
    Started,
    /// It is over, after this many xruns.
    Ended(u64),
}

/// The xruns of one device.
#[derive(Debug, Default)]
pub struct XrunBurst {
    /// Xruns counted when last looked.
    counted: u64,
    /// When the latest of them were seen.
    latest: Deque<Time, BURST_XRUNS>,
    /// Xruns in the storm that rages, if one does.
    burst_xruns: Option<u64>,
}

impl XrunBurst {
    /// Notes that `counted` xruns have been counted since the start, and tells what has changed.
    pub fn update(&mut self, counted: u64, now: Time) -> Option<Transition> {
        let new_xruns = counted.saturating_sub(self.counted);
        self.counted = counted;
        for _ in 0..new_xruns.min(BURST_XRUNS as u64) {
            if self.latest.is_full() {
                self.latest.pop_front();
            }
            // There is room: it was just made.
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

    /// Tells whether a storm rages.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.burst_xruns.is_some()
    }

    /// Names the time to look again, if no xrun comes before.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        self.burst_xruns.and(self.latest.back()).map(|last| *last + QUIET)
    }
}

impl Transition {
    /// Says what has happened to the device, what mynah does about it, and what its owner can do.
    #[must_use]
    pub fn sentence(self, direction: Direction) -> String {
        let what = match (self, direction) {
            (Self::Ended(xruns), _) => {
                return format!("the {direction} runs evenly again, after {xruns} breaks");
            }
            (Self::Started, Direction::Capture) => {
                "what the microphone hears is lost again and again; it goes on with what is not"
            }
            (Self::Started, Direction::Playback) => {
                "the speaker runs dry again and again; its queue is made longer as far as its buffer goes"
            }
        };
        format!(
            "{what}: end what else keeps this machine busy, see that its power and the {direction}'s cable are good, and \
             give it a longer period"
        )
    }
}
