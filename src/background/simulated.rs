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
    requests: mpsc::Receiver<BackgroundRequest>,
    state_writes: watch::Receiver<Option<StateWrite>>,
    recordings: mpsc::Receiver<WriteJob>,
    sender: EventSender,
}

impl Background {
    /// Makes errands that wait for the returned hand.
    ///
    /// # Errors
    /// When the kernel gives no descriptor.
    pub fn simulated() -> io::Result<(Self, SimulatedBackground)> {
        let (requests, request_rx) = mpsc::channel(REQUESTS);
        let (state_writes, state_write_rx) = watch::channel(None);
        let (recordings, recording_rx) = mpsc::channel(RECORDINGS);
        let (event_tx, events) = sync_channel(REQUESTS);
        let wake = Arc::new(EventFd::new()?);
        let simulated = SimulatedBackground {
            requests: request_rx,
            state_writes: state_write_rx,
            recordings: recording_rx,
            sender: EventSender { events: event_tx, wake: Arc::clone(&wake) },
        };
        let background = Self {
            requests: Some(requests),
            state_writes: Some(state_writes),
            recordings: Some(recordings),
            events,
            wake,
            heartbeat: Arc::default(),
            thread: None,
        };
        Ok((background, simulated))
    }
}

impl SimulatedBackground {
    /// Takes what was asked of the telephone last: a dial, or `Some(None)` to give up the one under way; `None` when
    /// nothing was asked since.
    pub fn next_request(&mut self) -> Option<Option<ConnectRequest>> {
        let mut latest = None;
        // Whatever is asked later replaces what was asked before.
        while let Ok(request) = self.requests.try_recv() {
            latest = Some(match request {
                BackgroundRequest::Dial(dial) => Some(dial),
                BackgroundRequest::Cancel => None,
            });
        }
        latest
    }

    /// Takes the latest memo, unless it was taken before.
    pub fn next_state_write(&mut self) -> Option<StateWrite> {
        let is_new = self.state_writes.has_changed().unwrap_or(false);
        is_new.then(|| self.state_writes.borrow_and_update().clone()).flatten()
    }

    /// Takes the next recording that is to be written.
    pub fn next_recording(&mut self) -> Option<RecordingWrite> {
        self.recordings.try_recv().ok().map(|job| job.recording)
    }

    /// Reports how an errand ended.
    pub fn report(&self, event: BackgroundEvent) {
        self.sender.send(event);
    }
}
