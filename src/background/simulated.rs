//! Errands without a thread: somebody else's hand does them, in its own time.
//!
//! It is for a simulation, which plays the network and the disk itself.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use tokio::sync::{mpsc, watch};

use super::{
    Background, BackgroundEvent, BackgroundRequest, ConnectRequest, EventSender, RECORDINGS, REQUESTS,
    RecordingWrite, StateWrite, WriteJob,
};
use crate::sys::EventFd;

/// Whoever does the errands.
pub struct SimulatedBackground {
    asked: mpsc::Receiver<BackgroundRequest>,
    memo: watch::Receiver<Option<StateWrite>>,
    recordings: mpsc::Receiver<WriteJob>,
    reporter: EventSender,
}

impl Background {
    /// Makes errands that wait for the returned hand.
    ///
    /// # Errors
    /// When the kernel gives no descriptor.
    pub fn simulated() -> io::Result<(Self, SimulatedBackground)> {
        let (asks, asked) = mpsc::channel(REQUESTS);
        let (memos, memo) = watch::channel(None);
        let (to_record, recordings) = mpsc::channel(RECORDINGS);
        let (report, outcomes) = sync_channel(REQUESTS);
        let bell = Arc::new(EventFd::new()?);
        let hand = SimulatedBackground {
            asked,
            memo,
            recordings,
            reporter: EventSender { report, wake: Arc::clone(&bell) },
        };
        let (asks, memos, recordings) = (Some(asks), Some(memos), Some(to_record));
        let errands = Self {
            requests: asks,
            state_writes: memos,
            recordings,
            events: outcomes,
            wake: bell,
            heartbeat: Arc::default(),
            thread: None,
        };
        Ok((errands, hand))
    }
}

impl SimulatedBackground {
    /// Takes what was asked of the telephone last: a dial, or `Some(None)` to give up the one under way; `None` when
    /// nothing was asked since.
    pub fn next_request(&mut self) -> Option<Option<ConnectRequest>> {
        let mut latest = None;
        // Whatever is asked later replaces what was asked before.
        while let Ok(ask) = self.asked.try_recv() {
            latest = Some(match ask {
                BackgroundRequest::Dial(dial) => Some(dial),
                BackgroundRequest::Cancel => None,
            });
        }
        latest
    }

    /// Takes the latest memo, unless it was taken before.
    pub fn next_state_write(&mut self) -> Option<StateWrite> {
        let news = self.memo.has_changed().unwrap_or(false);
        news.then(|| self.memo.borrow_and_update().clone()).flatten()
    }

    /// Takes the next recording that is to be written.
    pub fn next_recording(&mut self) -> Option<RecordingWrite> {
        self.recordings.try_recv().ok().map(|order| order.recording)
    }

    /// Reports how an errand ended.
    pub fn report(&self, outcome: BackgroundEvent) {
        self.reporter.send(outcome);
    }
}
