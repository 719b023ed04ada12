//! Errands without a thread: somebody else's hand does them, in its own time.
//!
//! It is for a simulation, which plays the network and the disk itself.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use tokio::sync::{mpsc, watch};

use super::{Ask, Dial, ERRANDS, Errands, Memo, Order, Outcome, RECORDINGS, Recording, Reporter};
use crate::sys::EventFd;

/// Whoever does the errands.
pub struct Hand {
    asked: mpsc::Receiver<Ask>,
    memo: watch::Receiver<Option<Memo>>,
    recordings: mpsc::Receiver<Order>,
    reporter: Reporter,
}

impl Errands {
    /// Makes errands that wait for the returned hand.
    ///
    /// # Errors
    /// When the kernel gives no descriptor.
    pub fn by_hand() -> io::Result<(Self, Hand)> {
        let (asks, asked) = mpsc::channel(ERRANDS);
        let (memos, memo) = watch::channel(None);
        let (to_record, recordings) = mpsc::channel(RECORDINGS);
        let (report, outcomes) = sync_channel(ERRANDS);
        let bell = Arc::new(EventFd::new()?);
        let hand = Hand { asked, memo, recordings, reporter: Reporter { report, bell: Arc::clone(&bell) } };
        let (asks, memos, recordings) = (Some(asks), Some(memos), Some(to_record));
        let errands = Self { asks, memos, recordings, outcomes, bell, pulse: Arc::default(), thread: None };
        Ok((errands, hand))
    }
}

impl Hand {
    /// Takes what was asked of the telephone last: a dial, or `Some(None)` to give up the one under way; `None` when
    /// nothing was asked since.
    pub fn asked(&mut self) -> Option<Option<Dial>> {
        let mut latest = None;
        // Whatever is asked later replaces what was asked before.
        while let Ok(ask) = self.asked.try_recv() {
            latest = Some(match ask {
                Ask::Dial(dial) => Some(dial),
                Ask::Cancel => None,
            });
        }
        latest
    }

    /// Takes the latest memo, unless it was taken before.
    pub fn memo(&mut self) -> Option<Memo> {
        let news = self.memo.has_changed().unwrap_or(false);
        news.then(|| self.memo.borrow_and_update().clone()).flatten()
    }

    /// Takes the next recording that is to be written.
    pub fn recording(&mut self) -> Option<Recording> {
        self.recordings.try_recv().ok().map(|order| order.recording)
    }

    /// Reports how an errand ended.
    pub fn report(&self, outcome: Outcome) {
        self.reporter.tell(outcome);
    }
}
