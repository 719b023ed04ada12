//! One HTTP/1.1 request for a token, and its answer (RFC 9112): no redirect, no cookie, no compression, no second request
//! on the same connection.
//!
//! It opens no socket. Neither type has `Debug`: both carry secrets.

use std::fmt::Write;

use crate::config::HttpAddress;

/// Limit of an answer in bytes, header and all. A token has a few KiB, with many groups in it.
pub const ANSWER_BYTES: usize = 256 * 1024;
/// Limit of the header fields of an answer.
const FIELDS: usize = 64;

/// A request. What it contains is wiped when it is freed, as by the allocator of the program.
pub struct HttpRequest {
    pub address: HttpAddress,
    method: &'static str,
    fields: Vec<(&'static str, String)>,
    body: Option<String>,
}

impl HttpRequest {
    pub(super) fn get(address: HttpAddress) -> Self {
        Self { address, method: "GET", fields: Vec::new(), body: None }
    }

    /// Creates a request that posts a form.
    pub(super) fn form(address: HttpAddress, pairs: &[(&str, &str)]) -> Self {
        let pairs: Vec<_> =
            pairs.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
        let fields = vec![("Content-Type", "application/x-www-form-urlencoded".to_owned())];
        Self { address, method: "POST", fields, body: Some(pairs.join("&")) }
    }

    pub(super) fn field(mut self, name: &'static str, value: String) -> Self {
        self.fields.push((name, value));
        self
    }

    /// Returns the bytes to send.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let Self { address, method, fields, body } = self;
        let path = if address.path.is_empty() { "/" } else { &address.path };
        let mut text = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nUser-Agent: mynah/{}\r\nAccept: application/json\r\nConnection: \
             close\r\n",
            address.host_field(),
            env!("CARGO_PKG_VERSION")
        );
        for (name, value) in fields {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        if let Some(body) = body {
            let _ = write!(text, "Content-Length: {}\r\n", body.len());
        }
        text.push_str("\r\n");
        text.push_str(body.as_deref().unwrap_or_default());
        text.into_bytes()
    }
}

/// A complete answer.
pub struct HttpAnswer {
    pub status: u16,
    /// The first `WWW-Authenticate`.
    pub challenge: Option<String>,
    pub location: Option<String>,
    pub body: Vec<u8>,
}

/// What has arrived of an answer.
pub enum AnswerProgress {
    Incomplete,
    Complete(HttpAnswer),
    /// It is not an answer: a part of a sentence, fit to print.
    Invalid(&'static str),
}

impl HttpAnswer {
    /// Reads the bytes that have arrived; `has_ended` if no more will come.
    #[must_use]
    pub fn parse(bytes: &[u8], has_ended: bool) -> AnswerProgress {
        let mut begin = 0;
        loop {
            let mut fields = [httparse::EMPTY_HEADER; FIELDS];
            let mut response = httparse::Response::new(&mut fields);
            match response.parse(&bytes[begin..]) {
                Err(_) => return AnswerProgress::Invalid("answers with something that is not HTTP"),
                Ok(httparse::Status::Partial) if has_ended && bytes.is_empty() => {
                    return AnswerProgress::Invalid("closed the connection without an answer");
                }
                Ok(httparse::Status::Partial) => return incomplete(bytes, has_ended),
                Ok(httparse::Status::Complete(length)) => match response.code {
                    Some(100..200) => begin += length,
                    Some(status) => {
                        return Self::with_body(status, &response, &bytes[begin + length..], has_ended)
                            .unwrap_or_else(|| incomplete(bytes, has_ended));
                    }
                    None => return AnswerProgress::Invalid("answers without a status"),
                },
            }
        }
    }

    /// Returns `None` if the body is not complete.
    fn with_body(
        status: u16,
        response: &httparse::Response<'_, '_>,
        rest: &[u8],
        has_ended: bool,
    ) -> Option<AnswerProgress> {
        let field = |name: &str| {
            let found = response.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name))?;
            str::from_utf8(found.value).ok().map(str::to_owned)
        };
        let is_chunked =
            field("transfer-encoding").is_some_and(|coding| coding.trim().eq_ignore_ascii_case("chunked"));
        let length = field("content-length").map(|length| length.trim().parse::<usize>());
        let body = match (is_chunked, length) {
            (true, _) => match unchunked(rest) {
                Some(Ok(body)) => body,
                Some(Err(reason)) => return Some(AnswerProgress::Invalid(reason)),
                None => return None,
            },
            (false, Some(Err(_))) => {
                return Some(AnswerProgress::Invalid("answers with a length that is not a number"));
            }
            (false, Some(Ok(length))) if length > ANSWER_BYTES => return Some(too_long()),
            (false, Some(Ok(length))) => rest.get(..length)?.to_vec(),
            (false, None) if matches!(status, 204 | 304) => Vec::new(),
            (false, None) if has_ended => rest.to_vec(),
            (false, None) => return None,
        };
        let (challenge, location) = (field("www-authenticate"), field("location"));
        Some(AnswerProgress::Complete(Self { status, challenge, location, body }))
    }
}

fn incomplete(bytes: &[u8], has_ended: bool) -> AnswerProgress {
    if bytes.len() >= ANSWER_BYTES {
        too_long()
    } else if has_ended {
        AnswerProgress::Invalid("closed the connection in the middle of its answer")
    } else {
        AnswerProgress::Incomplete
    }
}

fn too_long() -> AnswerProgress {
    AnswerProgress::Invalid("sends an answer of more than 256 KiB")
}

/// Joins the chunks of a body (RFC 9112 §7.1); `None` if the last one has not arrived.
fn unchunked(mut rest: &[u8]) -> Option<Result<Vec<u8>, &'static str>> {
    let mut body = Vec::new();
    loop {
        let (start, length) = match httparse::parse_chunk_size(rest) {
            Ok(httparse::Status::Complete(found)) => found,
            Ok(httparse::Status::Partial) => return None,
            Err(_) => return Some(Err("answers in chunks without a size")),
        };
        if length == 0 {
            return Some(Ok(body));
        }
        let Some(end) = usize::try_from(length).ok().filter(|length| *length <= ANSWER_BYTES) else {
            return Some(Err("sends an answer of more than 256 KiB"));
        };
        body.extend_from_slice(rest.get(start..start + end)?);
        rest = rest.get(start + end + 2..)?;
    }
}

/// Encodes a text for a form or a query: all but the unreserved characters (RFC 3986 §2.3).
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}
