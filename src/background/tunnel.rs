//! Opens a tunnel through an HTTP proxy (`CONNECT`, RFC 9110 §9.3.6).
//!
//! The proxy resolves the service's name, and sees that name but nothing of what is said: TLS begins in the tunnel. It
//! sets no time limit, and never quotes the password.

use std::fmt::Write;
use std::io::{self, ErrorKind};

use tokio::net::TcpStream;

use super::ConnectError;
use crate::config::Proxy;
use crate::printable::clipped;

/// Limit of the header of an answer, in bytes, with those of interim answers.
pub const ANSWER_BYTES: usize = 8 * 1024;
/// Limit of the header fields of an answer.
const FIELDS: usize = 64;
/// Bytes read at once.
const READ_BYTES: usize = 1024;

/// What a proxy has answered so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProxyAnswer {
    /// The header is not complete.
    Incomplete,
    /// The tunnel is open; it begins after so many bytes.
    Open(usize),
    /// There is no tunnel.
    Refused {
        status: u16,
        /// The reason phrase and what the proxy asks for, fit to print.
        detail: String,
    },
    /// It is not an answer to `CONNECT`: a sentence part, fit to print.
    Invalid(String),
}

impl ProxyAnswer {
    /// Parses the bytes that a proxy has sent.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let mut begin = 0;
        loop {
            let mut fields = [httparse::EMPTY_HEADER; FIELDS];
            let mut response = httparse::Response::new(&mut fields);
            match response.parse(&bytes[begin..]) {
                Err(error) => {
                    return Self::Invalid(format!("answers with something that is not HTTP ({error})"));
                }
                Ok(httparse::Status::Partial) if bytes.len() >= ANSWER_BYTES => {
                    return Self::Invalid(format!("sends a header of more than {} KiB", ANSWER_BYTES / 1024));
                }
                Ok(httparse::Status::Partial) => return Self::Incomplete,
                Ok(httparse::Status::Complete(length)) => match response.code {
                    Some(100..200) => begin += length,
                    Some(200..300) => return Self::Open(begin + length),
                    status => {
                        return Self::Refused { status: status.unwrap_or(0), detail: detail(&response) };
                    }
                },
            }
        }
    }
}

/// Opens a tunnel to `host` and `port` over a connection to `proxy`.
pub(super) async fn open(
    stream: &TcpStream,
    proxy: &Proxy,
    host: &str,
    port: u16,
) -> Result<(), ConnectError> {
    let failed = |error: io::Error| transient(format!("{proxy} ended the connection: {error}"));
    write(stream, request(proxy, host, port).as_bytes()).await.map_err(failed)?;
    let mut answer = Vec::with_capacity(READ_BYTES);
    loop {
        if read(stream, &mut answer).await.map_err(failed)? == 0 {
            return Err(transient(format!("{proxy} closed the connection without an answer")));
        }
        match ProxyAnswer::parse(&answer) {
            ProxyAnswer::Incomplete => {}
            ProxyAnswer::Open(end) if end == answer.len() => return Ok(()),
            // With TLS the client speaks first, so these bytes are not the service's.
            ProxyAnswer::Open(_) => {
                return Err(transient(format!(
                    "{proxy} sends data before the service can have sent any; check that it is an HTTP proxy"
                )));
            }
            ProxyAnswer::Refused { status, detail } => {
                return Err(refusal(proxy, &format!("{host}:{port}"), status, &detail));
            }
            ProxyAnswer::Invalid(what) => {
                return Err(transient(format!("{proxy} {what}; check that it is an HTTP proxy")));
            }
        }
    }
}

/// Returns the sentence for a refusal by the proxy itself: what to do depends on the status (RFC 9110 §15).
fn refusal(proxy: &Proxy, service: &str, status: u16, detail: &str) -> ConnectError {
    let answer = format!("HTTP {status}{detail}");
    match status {
        407 if proxy.basic.is_some() => setup(format!(
            "{proxy} does not accept the user name and password in its address ({answer}); correct them there: \
             characters such as @ : / % are written %40 %3A %2F %25"
        )),
        407 => setup(format!(
            "{proxy} wants a user name and a password ({answer}); set it to http://USER:PASSWORD@{}:{}",
            proxy.host, proxy.port
        )),
        401 | 403 | 451 => setup(format!(
            "{proxy} does not allow connections to {service} ({answer}); have that address allowed, or set \
             another proxy"
        )),
        300..=399 => transient(format!(
            "{proxy} redirects instead of connecting to {service} ({answer}); perhaps this network wants a login \
             in a browser first"
        )),
        408 | 425 | 429 => transient(format!("{proxy} did not connect to {service} for now ({answer})")),
        400..=499 | 501 => setup(format!(
            "{proxy} does not open connections to {service} ({answer}); check that it is an HTTP proxy that \
             supports CONNECT"
        )),
        _ => transient(format!(
            "{proxy} could not reach {service} ({answer}); check that it can resolve and reach that address"
        )),
    }
}

fn setup(message: String) -> ConnectError {
    ConnectError { is_setup: true, message }
}

fn transient(message: String) -> ConnectError {
    ConnectError { is_setup: false, message }
}

/// Returns what a refusal says besides its status.
fn detail(response: &httparse::Response<'_, '_>) -> String {
    let mut detail = response
        .reason
        .filter(|reason| !reason.is_empty())
        .map_or_else(String::new, |reason| format!(" {}", clipped(reason)));
    let schemes: Vec<_> = response
        .headers
        .iter()
        .filter(|field| field.name.eq_ignore_ascii_case("proxy-authenticate"))
        .filter_map(|field| str::from_utf8(field.value).ok()?.split_whitespace().next())
        .collect();
    if !schemes.is_empty() && !schemes.iter().any(|scheme| scheme.eq_ignore_ascii_case("basic")) {
        let _ = write!(detail, "; it wants {}, and mynah only has Basic", clipped(&schemes.join(" or ")));
    }
    detail
}

fn request(proxy: &Proxy, host: &str, port: u16) -> String {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let mut request = format!(
        "CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: mynah/{}\r\n",
        env!("CARGO_PKG_VERSION")
    );
    if let Some(basic) = &proxy.basic {
        let _ = write!(request, "Proxy-Authorization: Basic {}\r\n", basic.reveal());
    }
    request + "\r\n"
}

async fn write(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.writable().await?;
        match stream.try_write(bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Appends what has arrived, and returns how much; 0 at the end.
async fn read(stream: &TcpStream, into: &mut Vec<u8>) -> io::Result<usize> {
    let mut bytes = [0; READ_BYTES];
    loop {
        stream.readable().await?;
        match stream.try_read(&mut bytes) {
            Ok(count) => {
                into.extend_from_slice(&bytes[..count]);
                return Ok(count);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}
