//! Converts an endpoint, in any form that users paste, to the address of the service.
//!
//! It rejects secrets in the address, and a connection without TLS except to this machine or to the host that is allowed
//! by name. Its errors never quote the address, which may contain a secret.

mod address;
mod dialect_of;
mod own_network;

pub(super) use address::is_resource_of;
pub(super) use dialect_of::refusal as dialect_refusal;
pub(super) use own_network::is_own_network;

use std::fmt::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr};

use http::Uri;

use crate::model::Dialect;

/// The path of the Voice Live WebSocket.
const PATH: &str = "/voice-live/realtime";

/// The query key of the conversation with an agent that is to be resumed.
const CONVERSATION: &str = "conversation-id";

/// The query key of the features that are not on by themselves, and the one that takes a reference for the echo
/// cancellation.
const FEATURES: &str = "features";
const CLIENT_REFERENCE: &str = "client_ec_reference:true";

/// The query keys that carry a secret.
const SECRET_KEYS: &[&str] = &["api-key", "authorization", "agent-access-token", "access_token"];

/// The address of the service, without a secret. `Display` writes it as a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Whether the connection uses TLS; only a loopback address, or a host that is allowed by name, may be used without.
    pub tls: bool,
    /// A host name or an address; an IPv6 address has no brackets.
    pub host: String,
    pub port: u16,
    /// The request target, with `model` in the query, and `api-version` if the dialect has one.
    pub path_and_query: String,
    /// The dialect that is expected there.
    pub dialect: Dialect,
    /// Whether the user has set it, so that another one is an error.
    pub is_dialect_set: bool,
}

/// What an endpoint is to be reached with.
#[derive(Clone, Copy, Debug, Default)]
pub struct EndpointRequest<'a> {
    /// Parameters that are added to the query if it lacks them.
    pub query: &'a [(&'a str, &'a str)],
    /// The dialect that the user has set; `None` to find it in the address.
    pub dialect: Option<Dialect>,
    /// The host that may be reached without TLS, although it is not this machine.
    pub plain_host: Option<&'a str>,
}

impl Endpoint {
    /// Parses an endpoint: a host, or an http, https, ws or wss URL, with or without the path, also as it is copied from
    /// a page of the portal. Adds `model` and `api-version` to the query if it lacks them.
    ///
    /// # Errors
    /// Returns why the endpoint is rejected, without quoting it.
    pub fn new(input: &str, model: &str, api_version: &str) -> Result<Self, String> {
        let query = &[("api-version", api_version), ("model", model)];
        Self::with(input, &EndpointRequest { query, ..EndpointRequest::default() })
    }

    /// Parses an endpoint like [`new`](Self::new), in the dialect and with the exception that `request` names.
    ///
    /// # Errors
    /// Returns why the endpoint is rejected, without quoting it.
    pub fn with(input: &str, request: &EndpointRequest<'_>) -> Result<Self, String> {
        let (scheme, rest) = address::split_scheme(input)?;
        let (tls, port) = match scheme.unwrap_or("wss") {
            "http" | "ws" => (false, 80),
            _ => (true, 443),
        };
        let uri: Uri = format!("wss://{rest}").parse().map_err(|error| format!("{error}; {EXAMPLE}"))?;
        let (host, port) = authority(&uri, port)?;
        address::refuse_other_host(&host, rest)?;
        if !tls && !is_loopback(&host) && request.plain_host != Some(&*host) {
            let scheme = scheme.unwrap_or_default();
            let exception = if is_own_network(&host) {
                ", or, for a server of your own on your own network, set --allow-plain to its host"
            } else {
                ""
            };
            return Err(format!("{scheme}:// sends voice and key unencrypted; use https://{exception}"));
        }
        let dialect = request.dialect.unwrap_or_else(|| dialect_of::address(&host, uri.path()));
        let path_and_query = path_and_query(&host, &uri, dialect, request)?;
        Ok(Self { tls, host, port, path_and_query, dialect, is_dialect_set: request.dialect.is_some() })
    }

    /// Returns a warning if the host may not be that of Voice Live.
    pub(super) fn host_warning(&self) -> Option<String> {
        (self.dialect == Dialect::VoiceLive).then(|| address::host_warning(&self.host)).flatten()
    }

    /// Returns the value of the `Host` header: the host, and the port unless it is the default.
    #[must_use]
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match (self.tls, self.port) {
            (true, 443) | (false, 80) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }

    /// Returns the value of `key` in the query, as it is written there.
    pub(super) fn query(&self, key: &str) -> Option<&str> {
        let (_, query) = self.path_and_query.split_once('?')?;
        query.split('&').find_map(|part| part.strip_prefix(key)?.strip_prefix('='))
    }

    /// Returns whether the query selects an agent.
    #[must_use]
    pub fn is_agent(&self) -> bool {
        self.query("agent-name").is_some()
    }

    /// Returns whether the query selects a conversation with the agent.
    #[must_use]
    pub fn has_conversation(&self) -> bool {
        self.query(CONVERSATION).is_some()
    }

    /// Returns the address at which the service takes a reference for its echo cancellation (protocol §8.4). Features that
    /// the query names already are left as they are.
    #[must_use]
    pub fn requesting_reference(&self) -> Self {
        let mut endpoint = self.clone();
        if self.query(FEATURES).is_none() {
            let before = if self.path_and_query.contains('?') { '&' } else { '?' };
            endpoint.path_and_query.extend([
                before.encode_utf8(&mut [0; 4]),
                FEATURES,
                "=",
                CLIENT_REFERENCE,
            ]);
        }
        endpoint
    }

    /// Returns the address at which the agent resumes the conversation `id`, in place of one that the query selects.
    #[must_use]
    pub fn resuming(&self, id: &str) -> Self {
        let (path, query) = self.path_and_query.split_once('?').unwrap_or((&self.path_and_query, ""));
        let is_other = |part: &&str| part.split('=').next() != Some(CONVERSATION) && !part.is_empty();
        let mut path_and_query = format!("{path}?");
        for part in query.split('&').filter(is_other) {
            path_and_query.push_str(part);
            path_and_query.push('&');
        }
        path_and_query.push_str(CONVERSATION);
        path_and_query.push('=');
        encode(&mut path_and_query, id);
        Self { path_and_query, ..self.clone() }
    }

    /// Returns whether the service runs on this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }

    /// Returns whether Voice Live may have the nested session object here: a resource of Azure, or the version that may
    /// bring it (protocol §12).
    #[must_use]
    pub fn may_nest_voice_live(&self) -> bool {
        let is_versioned = self.query("api-version").is_some_and(|version| version.starts_with('v'));
        self.dialect == Dialect::VoiceLive && (address::is_resource(&self.host) || is_versioned)
    }

    /// Returns whether the query sets `model`.
    pub(super) fn requests_model(&self, model: &str) -> bool {
        let mut parameter = String::from("model=");
        encode(&mut parameter, model);
        self.path_and_query.split(['?', '&']).any(|part| part == parameter)
    }
}

/// An example of an endpoint, with which an error ends.
pub(super) const EXAMPLE: &str = "an endpoint looks like https://NAME.services.ai.azure.com";

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "wss" } else { "ws" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path_and_query)
    }
}

fn authority(uri: &Uri, default_port: u16) -> Result<(String, u16), String> {
    let authority = uri.authority().ok_or_else(|| format!("has no host; {EXAMPLE}"))?;
    if authority.as_str().contains('@') {
        return Err(
            "contains a user name or password, which Voice Live does not accept; remove it".to_owned()
        );
    }
    let host_text = authority.host();
    let host = match host_text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) if address.parse::<Ipv6Addr>().is_ok() => address.to_ascii_lowercase(),
        Some(_) => return Err("has brackets around something that is not an IPv6 address".to_owned()),
        None if is_host(host_text) => host_text.to_ascii_lowercase(),
        None => return Err(format!("has an invalid host name; {EXAMPLE}")),
    };
    let port = match authority.as_str()[host_text.len()..].strip_prefix(':') {
        None => default_port,
        Some(port) => port
            .parse()
            .ok()
            .filter(|port| *port != 0)
            .ok_or_else(|| "has an invalid port; a port is a number from 1 to 65535".to_owned())?,
    };
    Ok((host, port))
}

pub(super) fn is_host(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 253
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        })
}

pub(super) fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        || host.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback())
}

fn path_and_query(
    host: &str,
    uri: &Uri,
    dialect: Dialect,
    request: &EndpointRequest<'_>,
) -> Result<String, String> {
    let (mut result, has_own_query) = dialect_of::path(dialect, host, uri.path());
    let mut parts: Vec<_> =
        uri.query().unwrap_or_default().split('&').filter(|part| !part.is_empty()).collect();
    let mut keys: Vec<_> = parts.iter().map(|part| decoded_key(part)).collect();
    if let Some(secret) = keys.iter().find(|key| SECRET_KEYS.contains(&key.to_ascii_lowercase().as_str())) {
        return Err(format!("has {secret} in its query; remove it, and set the key or token separately"));
    }
    if !has_own_query {
        (parts, keys) = (Vec::new(), Vec::new());
    }
    let mut separator = '?';
    for part in parts {
        result.push(separator);
        result.push_str(part);
        separator = '&';
    }
    // Only Voice Live has dated versions.
    let is_sent = |key: &str| key != "api-version" || dialect == Dialect::VoiceLive;
    for (key, value) in request.query.iter().filter(|(key, _)| is_sent(key)) {
        if !keys.iter().any(|present| present == key) {
            result.push(separator);
            result.push_str(key);
            result.push('=');
            encode(&mut result, value);
            separator = '&';
        }
    }
    Ok(result)
}

/// Returns the key of one part of a query, percent-decoded as by the service.
fn decoded_key(part: &str) -> String {
    let mut rest = part.split('=').next().unwrap_or_default().as_bytes();
    let mut decoded = Vec::new();
    while let [byte, after @ ..] = rest {
        let escape = after.get(..2).filter(|_| *byte == b'%');
        let escaped = escape.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        decoded.push(escaped.unwrap_or(*byte));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// Appends `text`, percent-encoded for a query.
fn encode(into: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            into.push(char::from(byte));
        } else {
            let _ = write!(into, "%{byte:02X}");
        }
    }
}
