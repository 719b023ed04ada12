//! Whether a host is one of the user's own network: then, and only if it is allowed by name, it may be reached without
//! TLS.
//!
//! It resolves no name: what a name leads to is decided by the network.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::is_host;

/// Returns whether `host` is a private or link-local address (RFC 1918, 3927, 4193, 4291), a name without a dot, or one
/// that is resolved in the local network only (`.local`, RFC 6762).
pub(in crate::config) fn is_own_network(host: &str) -> bool {
    if let Ok(address) = host.parse::<Ipv4Addr>() {
        return address.is_private() || address.is_link_local();
    }
    if let Ok(address) = host.parse::<Ipv6Addr>() {
        return address.is_unique_local() || address.is_unicast_link_local();
    }
    let is_number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit()) || label.starts_with("0x");
    // Number-like names are addresses to the resolver, and not of this network.
    is_host(host) && !host.split('.').any(is_number) && (!host.contains('.') || host.ends_with(".local"))
}
