//! Slow work on a thread of its own: name look-up and TCP connect, reading the credential or asking for a token,
//! writing the saved state and the recordings.
//!
//! Every request has a deadline. Its result is a [`BackgroundEvent`], announced by an eventfd that the
//! session polls. Audio never waits for it. This is the only user of tokio in the binary; it touches no audio,
//! speaks TLS only to ask for a token, and no WebSocket.

mod azure_cli;
mod connect;
mod echo_file;
mod fetch;
mod heartbeat;
mod http;
mod login;
mod recording_file;
mod sign_in_file;
mod simulated;
mod state_file;
mod tokens;
mod tunnel;

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use crate::config::{Credential, ECHO_FILE};
use crate::sys::EventFd;
use crate::transport::Tls;
use connect::ConnectCredential;
use fetch::Fetcher;
use heartbeat::Heartbeat;
use tokens::TokenSource;

pub use crate::config::RESET_MARK;
pub use connect::{ConnectError, ConnectRequest, Connection, SimulatedStream, Socket};
pub use echo_file::read_echo;
pub use login::log_in;
pub use recording_file::{
    EmergencyWriter, FILE_BYTES, KEPT_FILES, RECORDINGS, RecordingWrite, require_recordings,
};
pub use sign_in_file::{remove_sign_in, save_sign_in};
pub use simulated::SimulatedBackground;
pub use state_file::StateWrite;
pub use tunnel::{ANSWER_BYTES, ProxyAnswer};

use recording_file::WriteJob;

/// Capacity of the request queue and of the event queue; one entry is usual. A request to a full queue is
/// refused.
pub const REQUESTS: usize = 16;
/// Stack of the background thread, and of each of the threads that it starts for name look-ups and writes.
const STACK_BYTES: usize = 512 * 1024;
/// How long dropping [`Background`] waits for the thread and its last writes: storage may hang, the process
/// must not.
const END_LIMIT: Duration = Duration::from_secs(1);

/// The result of a request.
#[derive(Debug)]
pub enum BackgroundEvent {
    /// A connection was made, or could not be made.
    Connected {
        /// The number of the [`ConnectRequest`].
        number: u64,
        result: Result<Connection, ConnectError>,
    },
    /// The state could not be saved: a message for the log, with the file.
    StateNotSaved(String),
    /// The state, which could not be saved, is saved in this file now.
    StateSaved(PathBuf),
    /// A new recording was started in this file, or written to it whole.
    Recorded(PathBuf),
    /// A recording could not be written: a message for the log, with the file or folder.
    NotRecorded(String),
}

/// The session's handle of the background thread.
///
/// Dropping it writes the latest state, what was learned of the echo and the queued recordings, ends the thread, and takes one second at
/// most.
pub struct Background {
    requests: Option<mpsc::Sender<BackgroundRequest>>,
    state_writes: Option<watch::Sender<Option<StateWrite>>>,
    echo_writes: Option<watch::Sender<Option<Vec<u8>>>>,
    recordings: Option<mpsc::Sender<WriteJob>>,
    events: Receiver<BackgroundEvent>,
    wake: Arc<EventFd>,
    heartbeat: Arc<Heartbeat>,
    /// The thread, and a channel that is disconnected when the thread ends; `None` when simulated.
    thread: Option<(JoinHandle<()>, Receiver<()>)>,
}

enum BackgroundRequest {
    Dial(ConnectRequest),
    Cancel,
}

impl Background {
    /// Starts the thread. `credential` is read again for every connection, or renewed before its end; state is saved to `file`, if there
    /// is one, and what is learned of the echo beside it.
    ///
    /// # Errors
    /// When the kernel provides no thread or file descriptor, or the file of certificate authorities cannot be used.
    pub fn start(credential: Option<Credential>, file: Option<PathBuf>) -> io::Result<Self> {
        let (requests, request_rx) = mpsc::channel(REQUESTS);
        let (state_writes, state_write_rx) = watch::channel(None);
        let (echo_writes, echo_write_rx) = watch::channel(None);
        let echo_file = file.as_deref().map(|file| file.with_file_name(ECHO_FILE));
        let (recordings, recording_rx) = mpsc::channel(RECORDINGS);
        let (event_tx, events) = sync_channel(REQUESTS);
        let wake = Arc::new(EventFd::new()?);
        let (tokens, token_rx) = TokenSource::new();
        let (credential, fetcher) = split(credential, tokens)?;
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
        let thread = Builder::new().name("background".into()).stack_size(STACK_BYTES).spawn(move || {
            let _alive = alive;
            runtime.block_on(async {
                let work = async {
                    tokio::join!(
                        run(request_rx, &sender, credential),
                        tokens::run(token_rx, fetcher),
                        state_file::run(state_write_rx, file, &sender),
                        echo_file::run(echo_write_rx, echo_file, &sender),
                        recording_file::run(recording_rx, &sender),
                    )
                };
                tokio::select! {
                    _ = work => {}
                    () = thread_heartbeat.run() => {}
                }
            });
            // A name look-up may hang in the C library, so do not wait for it.
            runtime.shutdown_background();
        })?;
        Ok(Self {
            requests: Some(requests),
            state_writes: Some(state_writes),
            echo_writes: Some(echo_writes),
            recordings: Some(recordings),
            events,
            wake,
            heartbeat,
            thread: Some((thread, ended)),
        })
    }

    /// Requests a connection and abandons an earlier request; returns `false` when the queue is full.
    #[must_use]
    pub fn connect(&self, request: ConnectRequest) -> bool {
        self.request(BackgroundRequest::Dial(request))
    }

    /// Abandons the connection attempt in progress, if there is one.
    pub fn cancel(&self) {
        // If the queue is full the attempt ends by its own time limit.
        let _ = self.request(BackgroundRequest::Cancel);
    }

    /// Saves the state for the next start. A newer write replaces one that is still pending.
    pub fn save_state(&self, write: StateWrite) {
        if let Some(state_writes) = &self.state_writes {
            state_writes.send_replace(Some(write));
        }
    }

    /// Keeps what was learned of the speaker's echo for the next start, beside the state. A newer write replaces one that is
    /// still pending.
    pub fn keep_echo(&self, learned: Vec<u8>) {
        if let Some(echo_writes) = &self.echo_writes {
            echo_writes.send_replace(Some(learned));
        }
    }

    /// Returns whether the recording queue has room.
    #[must_use]
    pub fn can_record(&self) -> bool {
        self.recordings.as_ref().is_some_and(|recordings| recordings.capacity() > 0)
    }

    /// Writes a recording; returns `false` when the queue is full.
    #[must_use]
    pub fn record(&self, recording: RecordingWrite) -> bool {
        let job = WriteJob { recording, done: None };
        self.recordings.as_ref().is_some_and(|recordings| recordings.try_send(job).is_ok())
    }

    /// Returns a writer for the final recording after a panic of the session; `None` while shutting down.
    #[must_use]
    pub fn emergency_writer(&self) -> Option<EmergencyWriter> {
        self.recordings.as_ref().map(|recordings| EmergencyWriter(recordings.downgrade()))
    }

    /// Asks the thread to increment [`Self::heartbeats`], which it cannot do while it hangs.
    pub fn request_heartbeat(&self) {
        match self.thread {
            Some(_) => self.heartbeat.request(),
            // Simulated: there is no thread that could hang.
            None => self.heartbeat.beat(),
        }
    }

    /// Returns the number of heartbeat requests that the thread has answered.
    #[must_use]
    pub fn heartbeats(&self) -> u64 {
        self.heartbeat.beats()
    }

    /// Returns the eventfd to poll for [`Self::poll_event`].
    #[must_use]
    pub fn wake_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    /// Returns the next event, and resets [`Self::wake_fd`]: call it until it returns `None`.
    pub fn poll_event(&self) -> Option<BackgroundEvent> {
        self.wake.drain();
        self.events.try_recv().ok()
    }

    fn request(&self, request: BackgroundRequest) -> bool {
        self.requests.as_ref().is_some_and(|requests| requests.try_send(request).is_ok())
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        (self.requests, self.state_writes, self.echo_writes, self.recordings) = (None, None, None, None);
        if let Some((thread, ended)) = self.thread.take()
            && ended.recv_timeout(END_LIMIT) == Err(RecvTimeoutError::Disconnected)
        {
            // The thread has reported its own panic.
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
            // The session has ended, or has left `REQUESTS` events unread and will time out the connection.
            Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
        }
        self.wake.notify();
    }
}

/// Returns what a connection needs, and what gets tokens for it.
fn split(
    credential: Option<Credential>,
    tokens: TokenSource,
) -> io::Result<(Option<ConnectCredential>, Option<Fetcher>)> {
    Ok(match credential {
        None => (None, None),
        Some(Credential::SignIn(sign_in)) => {
            let tls = Tls::new(sign_in.ca_file.as_deref()).map_err(io::Error::other)?;
            (Some(ConnectCredential::SignIn(tokens)), Some(Fetcher::new(*sign_in, tls)))
        }
        Some(kept) => (Some(ConnectCredential::Kept(kept)), None),
    })
}

async fn run(
    mut requests: mpsc::Receiver<BackgroundRequest>,
    events: &EventSender,
    credential: Option<ConnectCredential>,
) {
    let mut next = requests.recv().await;
    while let Some(request) = next {
        next = match request {
            BackgroundRequest::Cancel => requests.recv().await,
            BackgroundRequest::Dial(dial) => tokio::select! {
                result = connect::reach(&dial, credential.as_ref()) => {
                    events.send(BackgroundEvent::Connected { number: dial.number, result });
                    requests.recv().await
                }
                // A newer request replaces the one in progress.
                request = requests.recv() => request,
            },
        };
    }
}
