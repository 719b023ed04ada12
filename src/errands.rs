//! Everything slow, on a thread of its own: finding and reaching the service, reading a credential.
//!
//! An errand has a deadline, can be cancelled, and comes back as an [`Outcome`] with a ring of the bell
//! that the session polls. Nothing audible ever waits for one. This is the only user of tokio in the
//! device; it touches no sound and speaks no WebSocket.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use rustix::event::{EventfdFlags, eventfd};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::profile::Credential;

/// Errands asked for and outcomes not fetched; one is usual. When full, the errand is refused.
pub const ERRANDS: usize = 16;
/// How long one address may keep the next from being tried (RFC 8305 §5).
const STAGGER: Duration = Duration::from_millis(250);
/// The stack of the errands thread: name look-ups run on further ones of the same size.
const STACK_BYTES: usize = 512 * 1024;

/// Something slow to do.
#[derive(Debug)]
pub struct Dial {
    /// Tells this dial from earlier ones whose outcome no longer matters.
    pub number: u64,
    /// Where to, by name or address.
    pub host: String,
    /// The port there.
    pub port: u16,
    /// How long it may take.
    pub limit: Duration,
}

/// How an errand ended.
#[derive(Debug)]
pub struct Outcome {
    /// Which dial this is the end of.
    pub number: u64,
    /// The connected socket and the header to show at the door, or why there is none.
    pub result: Result<Reached, Unreached>,
}

/// A connection on which nothing has been said yet.
#[derive(Debug)]
pub struct Reached {
    /// The connected socket.
    pub socket: TcpStream,
    /// The header that carries the credential, and its value.
    pub credential: (&'static str, String),
}

/// Why there is no connection.
#[derive(Debug)]
pub struct Unreached {
    /// Whether only another set-up can help.
    pub set_up: bool,
    /// What to tell the owner, without a full stop.
    pub sentence: String,
}

impl fmt::Display for Unreached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

/// The session's hold on the errands thread; dropping it ends the thread.
pub struct Errands {
    asks: Option<mpsc::Sender<Ask>>,
    outcomes: Receiver<Outcome>,
    bell: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

enum Ask {
    Dial(Dial),
    Cancel,
}

impl Errands {
    /// Starts the thread. `credential` is looked at anew for every dial.
    ///
    /// # Errors
    /// When the kernel gives no thread or descriptor.
    pub fn start(credential: Credential) -> io::Result<Self> {
        let (asks, asked) = mpsc::channel(ERRANDS);
        let (report, outcomes) = sync_channel(ERRANDS);
        let bell = Arc::new(eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .max_blocking_threads(2)
            .thread_keep_alive(Duration::from_secs(1))
            .thread_stack_size(STACK_BYTES)
            .build()?;
        let reporter = Reporter { report, bell: Arc::clone(&bell) };
        let thread = Builder::new().name("errands".into()).stack_size(STACK_BYTES).spawn(move || {
            runtime.block_on(run(asked, reporter, credential));
            // A name look-up may still hang in the C library; it is not waited for.
            runtime.shutdown_background();
        })?;
        Ok(Self { asks: Some(asks), outcomes, bell, thread: Some(thread) })
    }

    /// Asks for a connection, giving up an earlier dial, and tells whether there was room for the errand.
    #[must_use]
    pub fn dial(&self, dial: Dial) -> bool {
        self.ask(Ask::Dial(dial))
    }

    /// Gives up the dial under way, if there is one.
    pub fn cancel(&self) {
        // With no room the dial under way ends by its own limit.
        let _ = self.ask(Ask::Cancel);
    }

    /// Returns the bell to poll.
    #[must_use]
    pub fn bell(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    /// Takes the next outcome, after the bell rang.
    pub fn outcome(&self) -> Option<Outcome> {
        let _ = rustix::io::read(&*self.bell, &mut [0; 8]);
        self.outcomes.try_recv().ok()
    }

    fn ask(&self, ask: Ask) -> bool {
        self.asks.as_ref().is_some_and(|asks| asks.try_send(ask).is_ok())
    }
}

impl Drop for Errands {
    fn drop(&mut self) {
        self.asks = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Reporter {
    report: SyncSender<Outcome>,
    bell: Arc<OwnedFd>,
}

impl Reporter {
    fn tell(&self, outcome: Outcome) {
        match self.report.try_send(outcome) {
            // Nobody has fetched sixteen outcomes: the session is gone or will time the dial out.
            Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
        }
        let _ = rustix::io::write(&*self.bell, &1u64.to_ne_bytes());
    }
}

async fn run(mut asked: mpsc::Receiver<Ask>, reporter: Reporter, credential: Credential) {
    let mut next = asked.recv().await;
    while let Some(ask) = next {
        next = match ask {
            Ask::Cancel => asked.recv().await,
            Ask::Dial(dial) => tokio::select! {
                result = reach(&dial, &credential) => {
                    reporter.tell(Outcome { number: dial.number, result });
                    asked.recv().await
                }
                // Whatever is asked meanwhile replaces what is under way.
                ask = asked.recv() => ask,
            },
        };
    }
}

async fn reach(dial: &Dial, credential: &Credential) -> Result<Reached, Unreached> {
    let credential = header(credential)?;
    let broken = |sentence| Unreached { set_up: false, sentence };
    let Dial { host, port, limit, .. } = dial;
    match timeout(*limit, connect(host, *port)).await {
        Ok(Ok(socket)) => Ok(Reached { socket, credential }),
        Ok(Err(why)) => Err(broken(why)),
        Err(_) => Err(broken(format!("{host} port {port} could not be reached in {} s", limit.as_secs()))),
    }
}

fn header(credential: &Credential) -> Result<(&'static str, String), Unreached> {
    let bearer = |token: &str| ("Authorization", format!("Bearer {token}"));
    match credential {
        Credential::Key(key) => Ok(("api-key", key.reveal().to_owned())),
        Credential::Token(token) => Ok(bearer(token.reveal())),
        Credential::TokenFile(file) => read_token(file).map(|token| bearer(&token)),
    }
}

fn read_token(file: &Path) -> Result<String, Unreached> {
    let token = Credential::read_token(file).map_err(|sentence| Unreached { set_up: true, sentence })?;
    Ok(token.reveal().to_owned())
}

/// Tries the addresses of `host` in turn, each a little after the one before, and keeps the first that answers.
async fn connect(host: &str, port: u16) -> Result<TcpStream, String> {
    let found = tokio::net::lookup_host((host, port)).await;
    let mut addresses = found.map_err(|error| format!("no address for {host}: {error}"))?;
    let mut tries = JoinSet::new();
    let mut last = format!("{host} has no address");
    let mut more = start(&mut tries, addresses.next());
    while more || !tries.is_empty() {
        tokio::select! {
            Some(tried) = tries.join_next() => match tried {
                Ok(Ok(socket)) => return socket.into_std().map_err(|error| error.to_string()),
                Ok(Err((address, error))) => {
                    last = format!("{host} at {address}: {error}");
                    more = more && start(&mut tries, addresses.next());
                }
                Err(error) => last = error.to_string(),
            },
            () = sleep(STAGGER), if more => more = start(&mut tries, addresses.next()),
        }
    }
    Err(last)
}

type Tried = Result<tokio::net::TcpStream, (SocketAddr, io::Error)>;

fn start(tries: &mut JoinSet<Tried>, address: Option<SocketAddr>) -> bool {
    let Some(address) = address else { return false };
    tries.spawn(
        async move { tokio::net::TcpStream::connect(address).await.map_err(|error| (address, error)) },
    );
    true
}
