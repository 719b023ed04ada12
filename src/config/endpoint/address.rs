//! Finds the host in an address that was copied from a page of the portal, a sample or another client.
//!
//! It takes the host where it is certain which one is meant; otherwise it says which address is. It never quotes the
//! address, which may contain a secret.

use super::{EXAMPLE, PATH};
use crate::config::pasted::{assignment, is_placeholder, trim_invisible, unquoted};

/// Hosts of web pages about a resource, and of services that are not Voice Live.
const OTHER_HOSTS: [&str; 12] = [
    "ai.azure.com",
    "portal.azure.com",
    "oai.azure.com",
    "ml.azure.com",
    "speech.microsoft.com",
    "learn.microsoft.com",
    "docs.microsoft.com",
    "azure.microsoft.com",
    "portal.azure.us",
    "portal.azure.cn",
    "login.microsoftonline.com",
    "github.com",
];

/// Ends of the hosts of resources. Voice Live has one path there, so any other is left out.
const RESOURCE_HOSTS: [&str; 9] = [
    ".services.ai.azure.com",
    ".cognitiveservices.azure.com",
    ".openai.azure.com",
    ".api.cognitive.microsoft.com",
    ".services.ai.azure.us",
    ".cognitiveservices.azure.us",
    ".openai.azure.us",
    ".cognitiveservices.azure.cn",
    ".openai.azure.cn",
];

/// Paths of other interfaces of a resource, on whatever host: of a Foundry project, Azure OpenAI, and old samples.
const OTHER_PATHS: [&str; 4] = ["/api/projects", "/openai", "/voice-agent", "/subscriptions"];

/// A scheme, and the rest of the address. An address that was pasted after another scheme has two.
pub(super) fn split_scheme(input: &str) -> Result<(Option<&str>, &str), String> {
    let mut rest = cleaned(input);
    let mut scheme = None;
    while let Some((found, after)) = scheme_of(rest) {
        (scheme, rest) = (Some(found), after);
    }
    if rest.contains(char::is_whitespace) {
        return Err(format!("contains white space; copy the address in one piece: {EXAMPLE}"));
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if scheme.is_none() && rest.chars().all(is_name) && rest != "localhost" {
        return Err(format!("is only a name; {EXAMPLE}, with the name of your resource"));
    }
    if let Some((other, _)) = rest.split_once("://")
        && !other.contains(['/', '?'])
    {
        return Err(format!("not an https or wss address; {EXAMPLE}"));
    }
    if let Some(name) =
        resource_in_id(rest).filter(|_| rest.trim_start_matches('/').starts_with("subscriptions/"))
    {
        return Err(format!("is the ID of a resource; its address is https://{name}.services.ai.azure.com"));
    }
    Ok((scheme, rest))
}

/// Removes what is copied along with an address: quotes, `NAME=`, and the marks around a link.
fn cleaned(input: &str) -> &str {
    let mut text = unquoted(trim_invisible(input));
    if let Some((name, value)) = assignment(text)
        && ["ENDPOINT", "URL"].iter().any(|word| name.to_ascii_uppercase().contains(word))
    {
        text = unquoted(value);
    }
    let link = text.strip_prefix('<').and_then(|text| text.strip_suffix('>'));
    let text = link.filter(|link| scheme_of(link).is_some()).unwrap_or(text);
    unquoted(trim_invisible(text.trim_end_matches([';', ','])))
}

/// Splits an https, http, wss or ws scheme from `text`, also with one slash or without the colon.
fn scheme_of(text: &str) -> Option<(&'static str, &str)> {
    ["https", "http", "wss", "ws"].into_iter().find_map(|scheme| {
        let after = text.get(..scheme.len()).filter(|start| start.eq_ignore_ascii_case(scheme))?;
        let after = &text[after.len()..];
        let slashes = after.strip_prefix(':').filter(|after| after.starts_with('/'));
        let rest = slashes.or_else(|| after.strip_prefix('/').filter(|after| after.starts_with('/')))?;
        Some((scheme, rest.trim_start_matches('/')))
    })
}

/// Returns whether `host` is that of a resource of Azure.
pub(super) fn is_resource(host: &str) -> bool {
    RESOURCE_HOSTS.iter().any(|end| host.ends_with(end))
}

/// Returns whether `host` is that of a resource in the cloud whose hosts end with `cloud`, such as `com`.
pub(in crate::config) fn is_resource_of(cloud: &str, host: &str) -> bool {
    let ends = RESOURCE_HOSTS.iter().filter(|end| end.rsplit('.').next() == Some(cloud));
    ends.into_iter().any(|end| host.ends_with(end))
}

/// Returns why no service is at `host` of `address`.
pub(super) fn refuse_other_host(host: &str, address: &str) -> Result<(), String> {
    if RESOURCE_HOSTS.iter().any(|end| host == &end[1..]) {
        return Err(format!("lacks the name of the resource before its host; {EXAMPLE}"));
    }
    if is_resource(host) {
        let name = host.split('.').next().unwrap_or_default();
        return if is_placeholder(name) {
            Err(format!("still has the placeholder of an example; {EXAMPLE}, with the name of your resource"))
        } else {
            Ok(())
        };
    }
    if !OTHER_HOSTS.iter().any(|other| host == *other || host.ends_with(&format!(".{other}"))) {
        return Ok(());
    }
    let meant = match resource_in_id(address) {
        Some(name) => format!("the address is probably https://{name}.services.ai.azure.com"),
        None => format!("copy the endpoint that is shown on the page of your resource; {EXAMPLE}"),
    };
    Err(format!("is a page at {host}, not the address of a resource; {meant}"))
}

/// Returns the name of the resource in its ID, which is a part of many addresses of the portal.
fn resource_in_id(text: &str) -> Option<String> {
    let text = text.replace("%2F", "/").replace("%2f", "/");
    let at = text.to_ascii_lowercase().find("/accounts/")?;
    let name = text[at..].split('/').nth(2)?;
    let name: String = name.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    (2..=64).contains(&name.len()).then_some(name)
}

/// Returns the path of Voice Live for an address with `path`, and whether the query belongs to it.
pub(super) fn voice_live_path(host: &str, path: &str) -> (String, bool) {
    let lower = path.to_ascii_lowercase();
    let find = |part: &str| {
        lower.match_indices(part).map(|(at, _)| at).find(|at| {
            let after = lower.as_bytes().get(at + part.len());
            after.is_none_or(|byte| *byte == b'/')
        })
    };
    let other = OTHER_PATHS.iter().filter_map(|part| find(part)).min();
    let own = find("/voice-live");
    let (kept, is_own) = match (own, other) {
        (Some(own), other) if other.is_none_or(|other| own < other) => (&path[..own], true),
        (_, Some(other)) => (&path[..other], false),
        (_, None) => (path.trim_end_matches('/'), true),
    };
    if is_resource(host) {
        return (PATH.to_owned(), is_own && (own.is_some() || kept.is_empty()));
    }
    (format!("{}{PATH}", kept.trim_end_matches('/')), is_own)
}

/// Returns a warning about a host at which Voice Live may not be.
pub(super) fn host_warning(host: &str) -> Option<String> {
    if host == "api.voicelive.com" {
        return Some(format!("is the address in samples, not that of your resource; {EXAMPLE}"));
    }
    if host.starts_with("name.") {
        return Some("still has the word NAME, which stands for the name of your resource".to_owned());
    }
    let name = host.strip_suffix(".openai.azure.com")?;
    Some(format!(
        "is the address of Azure OpenAI, where Voice Live is looked for; if it is not found, use \
         https://{name}.services.ai.azure.com, or end the address with /openai/v1/realtime to use Azure OpenAI itself"
    ))
}
