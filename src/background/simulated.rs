//! [`Background`] without a thread: the simulator takes the requests and reports results in virtual time.
//!
//! It performs no I/O: the simulator stands in for the network and the disk.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use tokio::sync::{mpsc, watch};

use super::{
    Background, BackgroundEvent, BackgroundRequest, ConnectRequest, EventSender, RECORDINGS, REQUESTS,
    RecordingWrite, StateWrite, WriteJob,
};
use crate::sys::EventFd;

/// The simulator's end: receives requests and sends events.
pub struct SimulatedBackground {
    requests: mpsc::Receiver<BackgroundRequest>,
    state_writes: watch::Receiver<Option<StateWrite>>,
    echo_writes: watch::Receiver<Option<Vec<u8>>>,
    recordings: mpsc::Receiver<WriteJob>,
    sender: EventSender,
}

impl Background {
    /// Creates a handle whose requests are taken from the returned [`SimulatedBackground`].
    ///
    /// # Errors
    /// When the kernel provides no file descriptor.
    pub fn simulated() -> io::Result<(Self, SimulatedBackground)> {
        let (requests, request_rx) = mpsc::channel(REQUESTS);
        let (state_writes, state_write_rx) = watch::channel(None);
        let (echo_writes, echo_write_rx) = watch::channel(None);
        let (recordings, recording_rx) = mpsc::channel(RECORDINGS);
        let (event_tx, events) = sync_channel(REQUESTS);
        let wake = Arc::new(EventFd::new()?);
        let simulated = SimulatedBackground {
            requests: request_rx,
            state_writes: state_write_rx,
            echo_writes: echo_write_rx,
            recordings: recording_rx,
            sender: EventSender { events: event_tx, wake: Arc::clone(&wake) },
        };
        let background = Self {
            requests: Some(requests),
            state_writes: Some(state_writes),
            echo_writes: Some(echo_writes),
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
    /// Returns the latest connection request, or `Some(None)` to abandon the one in progress; `None` if there
    /// was no request since the last call.
    pub fn next_request(&mut self) -> Option<Option<ConnectRequest>> {
        let mut latest = None;
        // As on the thread, a newer request replaces the one in progress.
        while let Ok(request) = self.requests.try_recv() {
            latest = Some(match request {
                BackgroundRequest::Dial(dial) => Some(dial),
                BackgroundRequest::Cancel => None,
            });
        }
        latest
    }

    /// Returns the latest state to save, once.
    pub fn next_state_write(&mut self) -> Option<StateWrite> {
        let is_new = self.state_writes.has_changed().unwrap_or(false);
        is_new.then(|| self.state_writes.borrow_and_update().clone()).flatten()
    }

    /// Returns the latest of what was learned of the echo to be kept, once.
    pub fn next_echo_write(&mut self) -> Option<Vec<u8>> {
        let is_new = self.echo_writes.has_changed().unwrap_or(false);
        is_new.then(|| self.echo_writes.borrow_and_update().clone()).flatten()
    }

    /// Returns the next recording to write.
    pub fn next_recording(&mut self) -> Option<RecordingWrite> {
        self.recordings.try_recv().ok().map(|job| job.recording)
    }

    /// Sends the result of a request to the session.
    pub fn report(&self, event: BackgroundEvent) {
        self.sender.send(event);
    }
}
