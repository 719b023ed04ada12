//! Keeps a bearer token from hosts that it was not issued for, by the audience (`aud`, RFC 7519 §4.1.3) in it.
//!
//! It does not verify the token; the service does. A token without a readable audience, or for an application of the
//! user's, may go to the endpoint that was set for it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::Secret;
use super::endpoint::{is_loopback, is_resource_of};
use crate::printable::clipped;

/// The audiences of Azure's AI services, without the end that names the cloud.
const SERVICES: [&str; 2] = ["ai.azure.", "cognitiveservices.azure."];
/// The ends of the hosts of each cloud.
const CLOUDS: [&str; 3] = ["com", "us", "cn"];
/// The application of these services, which tokens of version 2 name instead.
const APPLICATION: &str = "7d312290-28c8-473c-a0ed-8e53749b6d6d";

/// Checks that `token` may go to `host`.
///
/// # Errors
/// Returns which audience the token is for, and what to do.
pub(super) fn check(token: &Secret, host: &str) -> Result<(), String> {
    let audiences = audiences(token.reveal());
    if audiences.is_empty() || is_loopback(host) || audiences.iter().any(|audience| includes(audience, host))
    {
        return Ok(());
    }
    let names: Vec<_> = audiences.iter().map(|audience| clipped(audience)).collect();
    Err(format!(
        "is a token for {}, and {host} is not a host of it; ask for a token of the service, such as `az account \
         get-access-token --resource https://ai.azure.com`, or correct the endpoint",
        names.join(" and ")
    ))
}

/// Returns whether `host` is one to which a token of Azure's AI services may go.
pub(super) fn takes_tokens(host: &str) -> bool {
    is_loopback(host) || cloud_of(host).is_some()
}

/// Returns the end of the hosts of the cloud in which `host` is a resource.
pub(super) fn cloud_of(host: &str) -> Option<&'static str> {
    CLOUDS.into_iter().find(|cloud| is_resource_of(cloud, host))
}

/// Returns the scope of a token for `host`: that of Foundry, or on hosts of a single service the older one, in the
/// cloud of the host.
pub(super) fn scope_for(host: &str) -> String {
    let cloud = cloud_of(host).unwrap_or(CLOUDS[0]);
    let is_foundry = host.ends_with(&format!(".services.ai.azure.{cloud}")) || cloud_of(host).is_none();
    let [foundry, single] = SERVICES;
    format!("https://{}{cloud}/.default", if is_foundry { foundry } else { single })
}

/// Returns the audiences in a JSON Web Token; none if it is something else.
fn audiences(token: &str) -> Vec<String> {
    let claims = || {
        let [_, claims, _] = token.split('.').collect::<Vec<_>>()[..] else { return None };
        let claims = URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?;
        serde_json::from_slice::<Value>(&claims).ok()
    };
    match claims().as_mut().and_then(|claims| claims.get_mut("aud")).map(Value::take) {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(all)) => all.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect(),
        Some(_) | None => Vec::new(),
    }
}

/// Returns whether `host` is one of those that `audience` stands for.
fn includes(audience: &str, host: &str) -> bool {
    let audience = audience.to_ascii_lowercase();
    if audience == APPLICATION {
        return CLOUDS.iter().any(|cloud| is_resource_of(cloud, host));
    }
    let Some((_, rest)) = audience.split_once("://").filter(|(scheme, _)| scheme.starts_with("http")) else {
        // An application, such as api://ID: it stands for no host.
        return true;
    };
    let name = rest.split(['/', ':', '?']).next().unwrap_or_default();
    match SERVICES.iter().find_map(|service| name.strip_prefix(service)) {
        Some(cloud) => is_resource_of(cloud, host),
        None => host == name || host.ends_with(&format!(".{name}")),
    }
}
