//! Finding and reaching the service, with a credential looked at anew each time.
//!
//! Addresses are tried as RFC 8305 says. It speaks no TLS and no WebSocket.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::config::Credential;

/// How long one address may keep the next from being tried (RFC 8305 §5).
const STAGGER: Duration = Duration::from_millis(250);

/// A connection to be made.
#[derive(Debug)]
pub struct ConnectRequest {
    /// Tells this dial from earlier ones whose outcome no longer matters.
    pub number: u64,
    /// Where to, by name or address.
    pub host: String,
    pub port: u16,
    pub limit: Duration,
}

/// A connection on which nothing has been said yet.
#[derive(Debug)]
pub struct Connection {
    pub socket: Socket,
    /// The header that carries the credential, and its value.
    pub credential: (&'static str, String),
}

/// What a connection is made of.
#[derive(Debug)]
pub enum Socket {
    /// The kernel's.
    Tcp(TcpStream),
    /// Nobody's: whoever runs the errands by hand plays the network, too.
    Simulated(Box<dyn Stream>),
}

/// Bytes in both directions, never blocking: what is not there yet is `WouldBlock`.
pub trait Stream: Read + Write + fmt::Debug + Send {}

impl<T: Read + Write + fmt::Debug + Send> Stream for T {}

/// Why there is no connection.
#[derive(Debug)]
pub struct ConnectError {
    /// Whether only another set-up can help.
    pub is_setup: bool,
    /// What to tell the owner, without a full stop.
    pub sentence: String,
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

pub(super) async fn connect(
    request: &ConnectRequest,
    credential: Option<&Credential>,
) -> Result<Connection, ConnectError> {
    let credential = match credential {
        Some(credential) => header(credential)?,
        None => {
            return Err(ConnectError {
                is_setup: true,
                sentence: "there is no credential to dial with".to_owned(),
            });
        }
    };
    let unreachable = |sentence| ConnectError { is_setup: false, sentence };
    let ConnectRequest { host, port, limit, .. } = request;
    match timeout(*limit, connect_host(host, *port)).await {
        Ok(Ok(socket)) => Ok(Connection { socket: Socket::Tcp(socket), credential }),
        Ok(Err(why)) => Err(unreachable(why)),
        Err(_) => {
            Err(unreachable(format!("{host} port {port} could not be reached in {} s", limit.as_secs())))
        }
    }
}

fn header(credential: &Credential) -> Result<(&'static str, String), ConnectError> {
    let bearer = |token: &str| ("Authorization", format!("Bearer {token}"));
    match credential {
        Credential::Key(key) => Ok(("api-key", key.reveal().to_owned())),
        Credential::Token(token) => Ok(bearer(token.reveal())),
        Credential::TokenFile(file) => read_token(file).map(|token| bearer(&token)),
    }
}

fn read_token(file: &Path) -> Result<String, ConnectError> {
    let token = Credential::read_token(file).map_err(|sentence| ConnectError { is_setup: true, sentence })?;
    Ok(token.reveal().to_owned())
}

/// Tries the addresses of `host` in turn, each a little after the one before, and keeps the first that answers.
async fn connect_host(host: &str, port: u16) -> Result<TcpStream, String> {
    let resolved = tokio::net::lookup_host((host, port)).await;
    let mut addresses = resolved.map_err(|error| format!("no address for {host}: {error}"))?;
    let mut attempts = JoinSet::new();
    let mut last_error = format!("{host} has no address");
    let mut has_more = start_attempt(&mut attempts, addresses.next());
    while has_more || !attempts.is_empty() {
        tokio::select! {
            Some(attempt) = attempts.join_next() => match attempt {
                Ok(Ok(socket)) => return socket.into_std().map_err(|error| error.to_string()),
                Ok(Err((address, error))) => {
                    last_error = format!("{host} at {address}: {error}");
                    has_more = has_more && start_attempt(&mut attempts, addresses.next());
                }
                Err(error) => last_error = error.to_string(),
            },
            () = sleep(STAGGER), if has_more => has_more = start_attempt(&mut attempts, addresses.next()),
        }
    }
    Err(last_error)
}

type ConnectAttempt = Result<tokio::net::TcpStream, (SocketAddr, io::Error)>;

fn start_attempt(attempts: &mut JoinSet<ConnectAttempt>, address: Option<SocketAddr>) -> bool {
    let Some(address) = address else { return false };
    attempts.spawn(
        async move { tokio::net::TcpStream::connect(address).await.map_err(|error| (address, error)) },
    );
    true
}
