//! An address to which a request for a token goes.
//!
//! It refuses http except to this machine and, for a managed identity, to a link-local address, as documented. Its
//! errors never quote the address, which may contain a secret.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use http::Uri;

use crate::config::endpoint::{is_host, is_loopback};
use crate::config::pasted::{trim_invisible, unquoted};

/// Such addresses are those of the machine's own network, which no router forwards (RFC 3927).
const LINK_LOCAL: fn(&Ipv4Addr) -> bool = Ipv4Addr::is_link_local;

/// An http or https address. `Display` writes it as a URL without a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAddress {
    pub tls: bool,
    /// A host name or an address; an IPv6 address has no brackets.
    pub host: String,
    pub port: u16,
    /// The request target: a path, and a query if there is one.
    pub path: String,
}

impl HttpAddress {
    /// Parses the address of a login service: a host or an https URL, without a path. Only this machine may be http.
    ///
    /// # Errors
    /// Returns why it is rejected, without quoting it.
    pub fn of_authority(text: &str) -> Result<Self, String> {
        let address = Self::parse(text, false)?;
        if !matches!(address.path.as_str(), "" | "/") {
            return Err("has a path; keep only the host, such as https://login.microsoftonline.us".to_owned());
        }
        Ok(Self { path: String::new(), ..address })
    }

    /// Parses the address of the service of a managed identity, which is http on this machine or this link.
    ///
    /// # Errors
    /// As [`Self::of_authority`].
    pub fn of_identity(text: &str) -> Result<Self, String> {
        Self::parse(text, true)
    }

    /// Returns the address with another path, which begins with `/`.
    #[must_use]
    pub fn with_path(&self, path: String) -> Self {
        Self { path, ..self.clone() }
    }

    /// Returns the value of the `Host` header: the host, and the port unless it is the default.
    #[must_use]
    pub fn host_field(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match (self.tls, self.port) {
            (true, 443) | (false, 80) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }

    fn parse(text: &str, allows_link_local: bool) -> Result<Self, String> {
        let text = unquoted(trim_invisible(text));
        let (scheme, rest) = text.split_once("://").unwrap_or(("https", text));
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err("is not an https address".to_owned()),
        };
        let uri: Uri = format!("https://{rest}").parse().map_err(|_| "is not an address".to_owned())?;
        let authority = uri.authority().ok_or("has no host")?;
        if authority.as_str().contains('@') {
            return Err("contains a user name or password; remove it".to_owned());
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        let address = host.parse::<IpAddr>();
        if address.is_err() && !is_host(&host) {
            return Err("has an invalid host name".to_owned());
        }
        let is_link_local = matches!(address, Ok(IpAddr::V4(address)) if LINK_LOCAL(&address));
        if !(tls || is_loopback(&host) || allows_link_local && is_link_local) {
            return Err("would be asked without encryption; use https://".to_owned());
        }
        let port = match authority.port() {
            Some(port) => Some(port.as_u16()).filter(|port| *port != 0).ok_or("has the port 0")?,
            None if tls => 443,
            None => 80,
        };
        let path = uri.path_and_query().map_or_else(String::new, ToString::to_string);
        Ok(Self { tls, host, port, path })
    }
}

impl fmt::Display for HttpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        let path = self.path.split('?').next().unwrap_or_default();
        write!(f, "{scheme}://{}{path}", self.host_field())
    }
}
