//! Everything slow, on a thread of its own: finding and reaching the service, reading a credential,
//! writing down what is kept and recorded.
//!
//! An errand has a deadline and comes back as an [`Outcome`] with a ring of the bell that the session polls.
//! Nothing audible ever waits for one. This is the only user of tokio in the device; it touches no sound
//! and speaks no WebSocket.

mod connect;
mod heartbeat;
mod recording_file;
mod simulated;
mod state_file;

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use crate::config::Credential;
use crate::sys::EventFd;
use heartbeat::Heartbeat;

pub use connect::{ConnectError, ConnectRequest, Connection, Socket, Stream};
pub use recording_file::{EmergencyWriter, FILE_BYTES, KEPT_FILES, RECORDINGS, RecordingWrite};
pub use simulated::SimulatedBackground;
pub use state_file::{RESET_MARK, StateWrite};

use recording_file::WriteJob;

/// Errands asked for and outcomes not fetched; one is usual. When full, the errand is refused.
pub const REQUESTS: usize = 16;
/// The stack of the errands thread: name look-ups and writes run on further ones of the same size.
const STACK_BYTES: usize = 512 * 1024;
/// How long the thread may take to end, the latest memo included: storage may hang, the process must not.
const END_LIMIT: Duration = Duration::from_secs(1);

/// How an errand ended.
#[derive(Debug)]
pub enum BackgroundEvent {
    /// A dial has come to something.
    Dialled {
        /// Which dial this is the end of.
        number: u64,
        /// The connected socket and the header to show at the door, or why there is none.
        result: Result<Connection, ConnectError>,
    },
    /// A memo could not be kept, for this reason.
    StateNotSaved(String),
    /// A recording is in this file.
    Recorded(PathBuf),
    /// A recording could not be written, for this reason.
    NotRecorded(String),
}

/// The session's hold on the errands thread; dropping it ends the thread, after the latest memo is kept and the
/// recordings asked for are written, if that takes no longer than a second.
pub struct Background {
    requests: Option<mpsc::Sender<BackgroundRequest>>,
    state_writes: Option<watch::Sender<Option<StateWrite>>>,
    recordings: Option<mpsc::Sender<WriteJob>>,
    events: Receiver<BackgroundEvent>,
    wake: Arc<EventFd>,
    heartbeat: Arc<Heartbeat>,
    /// The thread, and what is disconnected when it ends.
    thread: Option<(JoinHandle<()>, Receiver<()>)>,
}

enum BackgroundRequest {
    Dial(ConnectRequest),
    Cancel,
}

impl Background {
    /// Starts the thread. `credential` is looked at anew for every dial; what is kept goes to `file`.
    ///
    /// # Errors
    /// When the kernel gives no thread or descriptor.
    pub fn start(credential: Option<Credential>, file: Option<PathBuf>) -> io::Result<Self> {
        let (requests, request_rx) = mpsc::channel(REQUESTS);
        let (state_writes, state_write_rx) = watch::channel(None);
        let (recordings, recording_rx) = mpsc::channel(RECORDINGS);
        let (event_tx, events) = sync_channel(REQUESTS);
        let wake = Arc::new(EventFd::new()?);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .max_blocking_threads(3)
            .thread_keep_alive(Duration::from_secs(1))
            .thread_stack_size(STACK_BYTES)
            .build()?;
        let sender = EventSender { events: event_tx, wake: Arc::clone(&wake) };
        let heartbeat = Arc::<Heartbeat>::default();
        let thread_heartbeat = Arc::clone(&heartbeat);
        let (alive, ended) = sync_channel::<()>(1);
        let thread = Builder::new().name("errands".into()).stack_size(STACK_BYTES).spawn(move || {
            let _alive = alive;
            runtime.block_on(async {
                let work = async {
                    tokio::join!(
                        run(request_rx, &sender, credential.as_ref()),
                        state_file::run(state_write_rx, file, &sender),
                        recording_file::run(recording_rx, &sender),
                    )
                };
                tokio::select! {
                    _ = work => {}
                    () = thread_heartbeat.run() => {}
                }
            });
            // A name look-up may still hang in the C library; it is not waited for.
            runtime.shutdown_background();
        })?;
        Ok(Self {
            requests: Some(requests),
            state_writes: Some(state_writes),
            recordings: Some(recordings),
            events,
            wake,
            heartbeat,
            thread: Some((thread, ended)),
        })
    }

    /// Asks for a connection, giving up an earlier dial, and tells whether there was room for the errand.
    #[must_use]
    pub fn dial(&self, request: ConnectRequest) -> bool {
        self.request(BackgroundRequest::Dial(request))
    }

    /// Gives up the dial under way, if there is one.
    pub fn cancel(&self) {
        // With no room the dial under way ends by its own limit.
        let _ = self.request(BackgroundRequest::Cancel);
    }

    /// Has `memo` kept for the next start. A newer one takes the place of one that is still to be written.
    pub fn save_state(&self, write: StateWrite) {
        if let Some(state_writes) = &self.state_writes {
            state_writes.send_replace(Some(write));
        }
    }

    /// Tells whether there is room for another recording that is to be written.
    #[must_use]
    pub fn can_record(&self) -> bool {
        self.recordings.as_ref().is_some_and(|recordings| recordings.capacity() > 0)
    }

    /// Has a `recording` written, and tells whether there was room for the errand.
    #[must_use]
    pub fn record(&self, recording: RecordingWrite) -> bool {
        let job = WriteJob { recording, done: None };
        self.recordings.as_ref().is_some_and(|recordings| recordings.try_send(job).is_ok())
    }

    /// Returns what has a recording written for whoever is left when the session breaks.
    #[must_use]
    pub fn emergency_writer(&self) -> Option<EmergencyWriter> {
        self.recordings.as_ref().map(|recordings| EmergencyWriter(recordings.downgrade()))
    }

    /// Asks the thread for a sign of life.
    pub fn request_heartbeat(&self) {
        match self.thread {
            Some(_) => self.heartbeat.request(),
            // A hand needs none.
            None => self.heartbeat.beat(),
        }
    }

    /// Counts the signs of life that were given.
    #[must_use]
    pub fn heartbeats(&self) -> u64 {
        self.heartbeat.beats()
    }

    /// Returns the bell to poll.
    #[must_use]
    pub fn wake_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    /// Takes the next outcome, after the bell rang.
    pub fn next_event(&self) -> Option<BackgroundEvent> {
        self.wake.drain();
        self.events.try_recv().ok()
    }

    fn request(&self, request: BackgroundRequest) -> bool {
        self.requests.as_ref().is_some_and(|requests| requests.try_send(request).is_ok())
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        (self.requests, self.state_writes, self.recordings) = (None, None, None);
        if let Some((thread, ended)) = self.thread.take()
            && ended.recv_timeout(END_LIMIT) == Err(RecvTimeoutError::Disconnected)
        {
            // A panic has been reported by its own thread.
            let _ = thread.join();
        }
    }
}

struct EventSender {
    events: SyncSender<BackgroundEvent>,
    wake: Arc<EventFd>,
}

impl EventSender {
    fn send(&self, event: BackgroundEvent) {
        match self.events.try_send(event) {
            // Nobody has fetched sixteen outcomes: the session is gone or will time the dial out.
            Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
        }
        self.wake.notify();
    }
}

async fn run(
    mut requests: mpsc::Receiver<BackgroundRequest>,
    events: &EventSender,
    credential: Option<&Credential>,
) {
    let mut next = requests.recv().await;
    while let Some(request) = next {
        next = match request {
            BackgroundRequest::Cancel => requests.recv().await,
            BackgroundRequest::Dial(dial) => tokio::select! {
                result = connect::connect(&dial, credential) => {
                    events.send(BackgroundEvent::Dialled { number: dial.number, result });
                    requests.recv().await
                }
                // Whatever is asked meanwhile replaces what is under way.
                request = requests.recv() => request,
            },
        };
    }
}
