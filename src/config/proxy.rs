//! Reads which HTTP proxy leads to the service: `proxy`, or else the variables that other programs use too.
//!
//! It refuses a proxy that mynah cannot speak to, by the name of its setting, and only if it would be used. It resolves
//! no name. Its errors never quote an address, which may contain a password.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::endpoint::is_host;
use super::schema::Key;
use super::sources::Layer;
use super::values::Values;
use super::{Endpoint, Secret, secret};

/// The variables that name the proxy of an `https` address, strongest first. Each has a lower-case twin, which is
/// stronger. `HTTP_PROXY` is for other addresses.
const PROXY_VARIABLES: [&str; 2] = ["HTTPS_PROXY", "ALL_PROXY"];
/// The variable that lists what is reached without a proxy.
const NO_PROXY: &str = "NO_PROXY";
/// The port of an HTTP proxy whose address has none.
const DEFAULT_PORT: u16 = 80;
/// How an error ends.
const EXAMPLE: &str = "a proxy looks like http://HOST:PORT or http://USER:PASSWORD@HOST:PORT";

/// An HTTP proxy that opens tunnels (`CONNECT`, RFC 9110 §9.3.6). `Display` names it and its setting for a message,
/// without its password.
#[derive(Debug)]
pub struct Proxy {
    /// A host name or an address; an IPv6 address has no brackets.
    pub host: String,
    pub port: u16,
    /// User and password for `Proxy-Authorization: Basic`, encoded (RFC 7617).
    pub basic: Option<Secret>,
    /// Where it is set.
    pub place: String,
    /// What may appear in no output: the password, as written and decoded.
    passwords: Vec<Secret>,
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, place, .. } = self;
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        write!(f, "the proxy {host}:{port} ({place})")
    }
}

impl Proxy {
    /// Returns what no output may contain.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        self.basic.iter().chain(&self.passwords)
    }

    /// Parses the address of a proxy; `none` is none.
    ///
    /// # Errors
    /// Returns why it is rejected, without quoting it.
    pub fn new(input: &str, place: &str) -> Result<Option<Self>, String> {
        let input = unquoted(input.trim());
        if input.eq_ignore_ascii_case("none") {
            return Ok(None);
        }
        let (scheme, rest) = input.split_once("://").unwrap_or(("http", input));
        match scheme.to_ascii_lowercase().as_str() {
            "http" => {}
            "https" => {
                return Err(format!(
                    "is a proxy that is itself reached over TLS, which mynah does not support; {EXAMPLE}. What \
                     passes through it is encrypted up to the service"
                ));
            }
            socks if socks.starts_with("socks") => {
                return Err(format!(
                    "is a SOCKS proxy, which mynah does not support; {EXAMPLE}, and proxy = \"none\" means that \
                     mynah uses none"
                ));
            }
            _ => return Err(format!("is not the address of an HTTP proxy; {EXAMPLE}")),
        }
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if !matches!(path, "" | "/") {
            return Err(format!(
                "has a path; a script that chooses a proxy is not supported, and in a password / is written %2F, \
                 ? is %3F and # is %23; {EXAMPLE}"
            ));
        }
        let (user, address) = match authority.rsplit_once('@') {
            Some((user, address)) => (Some(user), address),
            None => (None, authority),
        };
        let (host, port) = host_and_port(address)?;
        let port = port.unwrap_or(DEFAULT_PORT);
        let (basic, passwords) = user.map(credentials).transpose()?.unwrap_or_default();
        Ok(Some(Self { host, port, basic, place: place.to_owned(), passwords }))
    }
}

/// Returns whether `name` is one of the variables read here: its name in upper case, and whether it is in lower case.
pub(super) fn variable(name: &str) -> Option<(&'static str, bool)> {
    PROXY_VARIABLES
        .into_iter()
        .chain([NO_PROXY])
        .find(|known| name.eq_ignore_ascii_case(known))
        .filter(|known| name == *known || name == known.to_ascii_lowercase())
        .map(|known| (known, name != known))
}

/// Reads the proxy through which the service is reached, and the layer that sets it. This machine, and a host without
/// TLS, are always reached directly.
pub(super) fn read(values: &mut Values, endpoint: &Endpoint) -> Option<(Arc<Proxy>, Layer)> {
    if endpoint.is_loopback() || !endpoint.tls {
        return None;
    }
    let (input, place, layer) = match values.layer(Key::Proxy) {
        Some(layer) => (Zeroizing::new(values.text(Key::Proxy)?), values.place(Key::Proxy).to_owned(), layer),
        None => {
            let named = PROXY_VARIABLES.iter().find_map(|name| values.shared_variable(name))?;
            let (place, layer) = (named.place.clone(), named.layer);
            let input = named.value.clone();
            if is_excluded(values, endpoint) {
                return None;
            }
            let Some(input) = input else {
                values.problem(format!("{place}: not valid UTF-8; {EXAMPLE}"));
                return None;
            };
            (input, place, layer)
        }
    };
    match Proxy::new(&input, &place) {
        Ok(Some(proxy)) => {
            warn_of_readable_password(values, &proxy, layer);
            Some((Arc::new(proxy), layer))
        }
        Ok(None) => None,
        Err(reason) => {
            values.problem(format!("{place}: {reason}"));
            None
        }
    }
}

fn is_excluded(values: &Values, endpoint: &Endpoint) -> bool {
    let list = values.shared_variable(NO_PROXY).and_then(|variable| variable.value.as_deref());
    list.is_some_and(|list| excludes(list, &endpoint.host, endpoint.port))
}

fn warn_of_readable_password(values: &mut Values, proxy: &Proxy, layer: Layer) {
    if proxy.passwords.is_empty() {
        return;
    }
    match layer {
        Layer::CommandLine => values.warn(format!(
            "{}: every user of this machine can see the proxy's password in the process list; use proxy in \
             mynah.toml or the variable HTTPS_PROXY instead",
            proxy.place
        )),
        Layer::ConfigFile | Layer::DotEnv => {
            let file = values.files_read().iter().find(|(name, _)| proxy.place.starts_with(name.as_str()));
            let warning = file.and_then(|(_, path)| secret::permission_warning(path));
            warning.into_iter().for_each(|warning| values.warn(warning));
        }
        Layer::Environment | Layer::Measured | Layer::Default => {}
    }
}

/// Returns the text without one pair of quotes: docker's `--env-file` and systemd's files are often written with them.
fn unquoted(text: &str) -> &str {
    let inside = |quote| text.strip_prefix(quote)?.strip_suffix(quote);
    inside('"').or_else(|| inside('\'')).unwrap_or(text).trim()
}

fn host_and_port(address: &str) -> Result<(String, Option<u16>), String> {
    let (host, port) = match address.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => (host, (!rest.is_empty()).then(|| rest.strip_prefix(':').unwrap_or("?"))),
        None if address.parse::<Ipv6Addr>().is_ok() => (address, None),
        None => address.split_once(':').map_or((address, None), |(host, port)| (host, Some(port))),
    };
    if !is_host(host) && host.parse::<Ipv6Addr>().is_err() {
        return Err(format!("has no valid host name; {EXAMPLE}"));
    }
    let port = port.filter(|port| !port.is_empty()).map(|port| match port.parse() {
        Ok(0) | Err(_) => Err(format!("has an invalid port; a port is a number from 1 to 65535; {EXAMPLE}")),
        Ok(port) => Ok(port),
    });
    Ok((host.to_ascii_lowercase(), port.transpose()?))
}

/// Returns the value of the header, and the password in all its forms.
fn credentials(user: &str) -> Result<(Option<Secret>, Vec<Secret>), String> {
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    let name = decoded(name);
    if name.contains(&b':') {
        return Err("has a user name with a colon, which Basic authentication cannot send".to_owned());
    }
    let plain = Zeroizing::new([&name[..], b":", &decoded(password)].concat());
    let basic = Secret::new(&Zeroizing::new(STANDARD.encode(&*plain))).ok();
    let decoded_password = Zeroizing::new(String::from_utf8_lossy(&decoded(password)).into_owned());
    let mut passwords: Vec<_> =
        [password, &decoded_password].into_iter().filter_map(|text| Secret::new(text).ok()).collect();
    passwords.dedup_by(|one, other| one.reveal() == other.reveal());
    Ok((basic, passwords))
}

/// Decodes `%` and two hexadecimal digits; any other `%` stays.
fn decoded(text: &str) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        let hex = after.get(..2).filter(|hex| *byte == b'%' && hex.iter().all(u8::is_ascii_hexdigit));
        let escaped = hex.and_then(|hex| u8::from_str_radix(str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(escaped.unwrap_or(*byte));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    bytes
}

/// Returns whether `list`, as in `NO_PROXY`, contains `host` and `port`.
///
/// Its entries are separated by commas or blanks: `*`, a domain with all below it (`example.com`, `.example.com`,
/// `*.example.com`), an address, a range of addresses (`10.0.0.0/8`); any but a range may end with a port. An entry that
/// is none of these excludes nothing.
#[must_use]
pub fn excludes(list: &str, host: &str, port: u16) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let address = host.parse::<IpAddr>().ok().map(|address| address.to_canonical());
    unquoted(list.trim()).split([',', ' ', '\t', ';']).map(str::trim).filter(|entry| !entry.is_empty()).any(
        |entry| {
            if let Some((network, bits)) = entry.split_once('/') {
                return address.is_some_and(|address| is_in_range(address, network, bits));
            }
            let Some((name, wanted_port)) = entry_and_port(entry) else { return false };
            if wanted_port.is_some_and(|wanted| wanted != port) {
                return false;
            }
            match (address, name.parse::<IpAddr>()) {
                (Some(address), Ok(entry)) => entry.to_canonical() == address,
                (Some(_), Err(_)) => name == "*",
                (None, _) => is_in_domain(&host, name),
            }
        },
    )
}

/// Splits an entry into the host and the port, if it has one; `None` if the port is not one.
fn entry_and_port(entry: &str) -> Option<(&str, Option<u16>)> {
    if let Some((address, rest)) = entry.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return match rest.strip_prefix(':') {
            Some(port) => Some((address, Some(port.parse().ok()?))),
            None => Some((address, None)),
        };
    }
    match entry.split_once(':') {
        Some((name, port)) if !port.contains(':') => Some((name, Some(port.parse().ok()?))),
        Some(_) | None => Some((entry, None)),
    }
}

fn is_in_domain(host: &str, domain: &str) -> bool {
    if domain == "*" {
        return true;
    }
    let domain = domain.strip_prefix('*').unwrap_or(domain);
    let domain = domain.trim_matches('.').to_ascii_lowercase();
    let Some(before) = host.strip_suffix(&domain) else { return false };
    !domain.is_empty() && (before.is_empty() || before.ends_with('.'))
}

/// Returns whether the first `bits` of an address are those of `network` (CIDR, RFC 4632).
fn is_in_range(address: IpAddr, network: &str, bits: &str) -> bool {
    let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>()) else { return false };
    let (address, network, width): (u128, u128, u32) = match (address, network.to_canonical()) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            (u128::from(u32::from(address)), u128::from(u32::from(network)), 32)
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => (u128::from(address), u128::from(network), 128),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return false,
    };
    let Some(ignored) = width.checked_sub(bits) else { return false };
    address.checked_shr(ignored).unwrap_or(0) == network.checked_shr(ignored).unwrap_or(0)
}
