//! Sends one request for a token and receives its answer, through the proxy if there is one.
//!
//! Each has a connection of its own, a time limit and a size limit; a redirect is an answer like any other. Nothing is
//! sent before the certificate of the login service is verified.

use std::io::{self, ErrorKind};
use std::time::Duration;

use tokio::io::Interest;
use tokio::time::timeout;

use super::connect;
use crate::config::Proxy;
use crate::credentials::{ANSWER_BYTES, AnswerProgress, HttpAnswer, HttpRequest, TokenError};
use crate::model::Time;
use crate::sys::since_boot;
use crate::transport::{ByteStream, Exchange, Tls};

/// Limit of one request with its answer: less than that of a dial, which waits for it.
const ASK_LIMIT: Duration = Duration::from_secs(15);

/// Where the request goes, for messages and name look-ups.
#[derive(Clone, Copy)]
pub(super) struct Recipient<'a> {
    /// Who answers, such as `the login service`.
    pub(super) who: &'a str,
    /// The setting that names the host.
    pub(super) setting: &'a str,
    pub(super) proxy: Option<&'a Proxy>,
}

pub(super) async fn ask(
    request: &HttpRequest,
    asked: Recipient<'_>,
    tls: &Tls,
) -> Result<HttpAnswer, TokenError> {
    let Recipient { who, .. } = asked;
    match timeout(ASK_LIMIT, exchange(request, asked, tls)).await {
        Ok(result) => result,
        Err(_) => Err(TokenError::transient(format!(
            "{who} at {} did not answer within {} s",
            request.address,
            ASK_LIMIT.as_secs()
        ))),
    }
}

async fn exchange(request: &HttpRequest, asked: Recipient<'_>, tls: &Tls) -> Result<HttpAnswer, TokenError> {
    let Recipient { who, setting, proxy } = asked;
    let address = &request.address;
    let failed =
        |error: &dyn std::fmt::Display| TokenError::transient(format!("{who} at {address}: {error}"));
    let opened = connect::open(&address.host, address.port, proxy, setting).await.map_err(|error| {
        if error.is_setup { TokenError::refused(error.message) } else { TokenError::transient(error.message) }
    })?;
    let socket = opened.into_std().map_err(|error| failed(&error))?;
    // One descriptor is waited for, the other is read and written.
    let waited =
        socket.try_clone().and_then(tokio::net::TcpStream::from_std).map_err(|error| failed(&error))?;
    let stream = if address.tls {
        let now = Time::ZERO + since_boot();
        ByteStream::tls(socket, &address.host, tls, now).map_err(|error| failed(&error))?
    } else {
        ByteStream::tcp(socket).map_err(|error| failed(&error))?
    };
    let mut exchange = Exchange::new(stream, request.to_bytes(), ANSWER_BYTES);
    loop {
        step(&waited, &mut exchange).await.map_err(|error| failed(&Exchange::describe(error)))?;
        match HttpAnswer::parse(exchange.received(), exchange.has_ended()) {
            AnswerProgress::Incomplete => {}
            AnswerProgress::Complete(answer) => return Ok(answer),
            AnswerProgress::Invalid(what) => {
                return Err(TokenError::transient(format!("{who} at {address} {what}; check {setting}")));
            }
        }
    }
}

/// Waits until a step was possible.
async fn step(socket: &tokio::net::TcpStream, exchange: &mut Exchange) -> io::Result<()> {
    loop {
        match exchange.step() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            result => return result,
        }
        let mut interest = Interest::READABLE;
        if exchange.wants_write() {
            interest |= Interest::WRITABLE;
        }
        socket.ready(interest).await?;
        match socket.try_io(interest, || exchange.step()) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            result => return result,
        }
    }
}
