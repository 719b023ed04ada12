//! Resolves the host of the service or of the proxy that leads to it, connects over TCP and reads the credential, again
//! for every connection.
//!
//! Addresses are tried with the staggered start of RFC 8305. It speaks neither TLS nor WebSocket.

use std::cell::Cell;
use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::tokens::TokenSource;
use super::tunnel;
use crate::config::{Credential, Proxy};
use crate::printable::{redact, without_number};

/// Delay before the next address is tried while the previous one has not answered (RFC 8305 §5).
const STAGGER: Duration = Duration::from_millis(250);

/// Where to connect, and how long to try.
#[derive(Debug)]
pub struct ConnectRequest {
    /// Returned in [`super::BackgroundEvent::Connected`], so that results of abandoned requests can be ignored.
    pub number: u64,
    /// Host name or IP address.
    pub host: String,
    pub port: u16,
    /// The proxy that connects to the host, if there is one: then it resolves the name.
    pub proxy: Option<Arc<Proxy>>,
    /// The service has refused the last token: ask for another one.
    pub renews_token: bool,
    /// Time limit for the token, the look-up, all attempts and the answer of the proxy together.
    pub limit: Duration,
}

/// What gives the header of a connection.
pub(super) enum ConnectCredential {
    /// It is written somewhere: a key, a token or its file.
    Kept(Credential),
    /// TokenSource that are asked for.
    SignIn(TokenSource),
}

/// A TCP connection over which nothing has been sent yet. Its `Debug` text holds no credential.
pub struct Connection {
    pub socket: Socket,
    /// Name and value of the HTTP header that carries the credential.
    pub credential: (&'static str, String),
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let credential = (self.credential.0, "***");
        f.debug_struct("Connection").field("socket", &self.socket).field("credential", &credential).finish()
    }
}

#[derive(Debug)]
pub enum Socket {
    Tcp(TcpStream),
    /// A stream of the simulator, which has no file descriptor.
    Simulated(Box<dyn SimulatedStream>),
}

/// A non-blocking byte stream: `WouldBlock` when there is nothing to read or no room to write.
pub trait SimulatedStream: Read + Write + fmt::Debug + Send {}

impl<T: Read + Write + fmt::Debug + Send> SimulatedStream for T {}

/// Why there is no connection.
#[derive(Debug)]
pub struct ConnectError {
    /// Whether the configuration is at fault, so that a retry cannot help.
    pub is_setup: bool,
    /// A message for the user, without a full stop.
    pub message: String,
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

pub(super) async fn reach(
    request: &ConnectRequest,
    credential: Option<&ConnectCredential>,
) -> Result<Connection, ConnectError> {
    let has_credential = Cell::new(false);
    let work = async {
        let credential = header(credential, request).await?;
        has_credential.set(true);
        Ok((connect(request).await?, credential))
    };
    let unreachable = |sentence| ConnectError { is_setup: false, message: sentence };
    let ConnectRequest { host, port, proxy, limit, .. } = request;
    match timeout(*limit, work).await {
        Ok(Ok((socket, credential))) => Ok(Connection { socket: Socket::Tcp(socket), credential }),
        Ok(Err(error)) => Err(error),
        Err(_) if !has_credential.get() => {
            Err(unreachable(format!("there was no token for {host} within {} s", limit.as_secs())))
        }
        Err(_) => Err(unreachable(match proxy {
            Some(proxy) => format!("{proxy} did not connect to {host}:{port} within {} s", limit.as_secs()),
            None => format!("{host} port {port} did not answer within {} s", limit.as_secs()),
        })),
    }
}

/// Connects to the host, through the proxy if there is one.
async fn connect(request: &ConnectRequest) -> Result<TcpStream, ConnectError> {
    let ConnectRequest { number, host, port, proxy, .. } = request;
    if let Some(proxy) = proxy {
        // Retries would flood the log.
        let level = if *number == 1 { log::Level::Info } else { log::Level::Debug };
        log::log!(level, "connecting to {host}:{port} through {proxy}");
    }
    let stream = open(host, *port, proxy.as_deref(), "endpoint").await?;
    stream.into_std().map_err(|error| ConnectError { is_setup: false, message: error.to_string() })
}

/// Connects to a host, which `setting` names, through `proxy` if there is one.
pub(super) async fn open(
    host: &str,
    port: u16,
    proxy: Option<&Proxy>,
    setting: &str,
) -> Result<tokio::net::TcpStream, ConnectError> {
    let unreachable = |message| ConnectError { is_setup: false, message };
    let Some(proxy) = proxy else {
        return connect_host(host, port, setting).await.map_err(unreachable);
    };
    let stream = connect_host(&proxy.host, proxy.port, "proxy")
        .await
        .map_err(|error| unreachable(format!("{proxy} is not reached: {error}")))?;
    tunnel::open(&stream, proxy, host, port).await?;
    Ok(stream)
}

/// Returns name and value of the header that carries the credential.
async fn header(
    credential: Option<&ConnectCredential>,
    request: &ConnectRequest,
) -> Result<(&'static str, String), ConnectError> {
    let setup = |message| ConnectError { is_setup: true, message };
    match credential {
        Some(ConnectCredential::Kept(credential)) => written(credential, &request.host),
        Some(ConnectCredential::SignIn(tokens)) => {
            let token = tokens.get(request.renews_token).await?;
            Credential::check_token(&token, &request.host).map_err(setup)?;
            Ok(("Authorization", format!("Bearer {}", token.reveal())))
        }
        None => Err(setup(
            "there is no credential; set api_key, api_key_file, AZURE_VOICELIVE_TOKEN or token_file"
                .to_owned(),
        )),
    }
}

fn written(credential: &Credential, host: &str) -> Result<(&'static str, String), ConnectError> {
    let bearer = |token: &str| ("Authorization", format!("Bearer {token}"));
    match credential {
        Credential::Key(key) => Ok(("api-key", key.reveal().to_owned())),
        Credential::Token(token) => Ok(bearer(token.reveal())),
        Credential::TokenFile(file) => read_token(file, host).map(|token| bearer(&token)),
        Credential::SignIn(_) => {
            Err(ConnectError { is_setup: true, message: "a sign-in is no header; its tokens are".to_owned() })
        }
    }
}

fn read_token(file: &Path, host: &str) -> Result<String, ConnectError> {
    let token = Credential::read_token(file, host)
        .map_err(|sentence| ConnectError { is_setup: true, message: sentence })?;
    redact(token.reveal());
    Ok(token.reveal().to_owned())
}

/// Connects to the addresses of `host`, starting one attempt after another; the first that succeeds wins. `setting` is the
/// one that names the host.
async fn connect_host(host: &str, port: u16, setting: &str) -> Result<tokio::net::TcpStream, String> {
    let resolved = tokio::net::lookup_host((host, port)).await;
    let mut addresses =
        resolved.map_err(|error| format!("cannot resolve {host}: {}", lookup_message(&error, setting)))?;
    let mut attempts = JoinSet::new();
    let mut last_error = format!("{host} has no address");
    let mut has_more = start_attempt(&mut attempts, addresses.next());
    while has_more || !attempts.is_empty() {
        tokio::select! {
            Some(attempt) = attempts.join_next() => match attempt {
                Ok(Ok(socket)) => return Ok(socket),
                Ok(Err((address, error))) => {
                    last_error = format!("{host} at {address}: {}", attempt_message(&error));
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

/// Returns the message of a failed look-up, with what to check: the `setting` that names the host. `getaddrinfo` reports
/// its reason as text only (gai_strerror(3)).
fn lookup_message(error: &io::Error, setting: &str) -> String {
    let text = without_number(error);
    if text.contains("Temporary failure") {
        return "no name server answers; is the network up?".to_owned();
    }
    if text.contains("not known") || text.contains("No address") {
        return format!("there is no such name; check the {setting}, or the name server of this network");
    }
    text
}

/// Returns the message of a failed connection attempt, with what to check.
fn attempt_message(error: &io::Error) -> String {
    let kind = error.kind();
    if kind == io::ErrorKind::ConnectionRefused {
        return "refused the connection; check the port, or a firewall".to_owned();
    }
    if matches!(
        kind,
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkDown
    ) {
        return "this network has no route to it; is it connected to the internet?".to_owned();
    }
    without_number(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_an_address_tells_the_endpoint_from_the_network() {
        let sentence_for = |setting: &str, reason: &str| {
            let text = format!("failed to lookup address information: {reason}");
            lookup_message(&io::Error::other(text), setting)
        };
        let sentence = |reason: &str| sentence_for("endpoint", reason);
        let name = "there is no such name; check the endpoint, or the name server of this network";
        assert_eq!(sentence("Name or service not known"), name);
        let proxy = sentence_for("proxy", "Name or service not known");
        assert_eq!(proxy, "there is no such name; check the proxy, or the name server of this network");
        assert_eq!(sentence("No address associated with hostname"), name);
        assert_eq!(
            sentence("Temporary failure in name resolution"),
            "no name server answers; is the network up?"
        );
        let other = "failed to lookup address information: System error";
        assert_eq!(sentence("System error"), other);
    }

    #[test]
    fn an_address_that_refuses_is_told_without_a_number() {
        // Nothing listens at TCP port 1 (tcpmux) of any system that this is built on.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let error = runtime.block_on(connect_host("127.0.0.1", 1, "endpoint")).expect_err("nothing listens");
        let expected = "127.0.0.1 at 127.0.0.1:1: refused the connection; check the port, or a firewall";
        assert_eq!(error, expected);
        let unreachable = io::Error::from(io::ErrorKind::NetworkUnreachable);
        let expected = "this network has no route to it; is it connected to the internet?";
        assert_eq!(attempt_message(&unreachable), expected);
    }
}
