//! Limits what the files of the working folder decide: `.env`, and the `mynah.toml` that is read because it is there.
//!
//! A folder may come from a stranger. Its files may not choose a file to write or a certificate authority, may not name
//! a secret outside the folder, and may not send the user's own secret anywhere. A file that the user names with
//! `--config` is the user's.

use std::fs::canonicalize;
use std::path::Path;

use super::SYSTEM_FILE;
use super::schema::{Key, ROWS};
use super::sources::Layer;
use super::values::Values;

/// What only the user's own settings may choose.
const USERS_OWN: [(Key, &str); 8] = [
    (Key::Record, "a file to write"),
    (Key::SpeakerFile, "a file to write"),
    (Key::StateFile, "a file to write"),
    (Key::LogDir, "a folder to write to"),
    (Key::CaFile, "certificate authorities"),
    (Key::AllowPlain, "that voice and key go unencrypted"),
    (Key::NoLight, "that nothing shows the microphone"),
    (Key::AnyKeyboard, "who may press a button"),
];

/// What may lead the conversation elsewhere than to the user's resource, so that it goes with a secret of its own layer.
const LEADING: [(Key, &str); 2] = [
    (Key::SessionExtra, "fields of the session, which may name another server"),
    (Key::FoundryResource, "another resource"),
];

/// Reports each setting of a file of the working folder that only the user's own settings may have. The built-in service
/// uses no certificate.
pub(super) fn refuse_users_own(values: &mut Values) {
    let parrot = values.text_matches(Key::Parrot, |text| text == "true");
    for (key, what) in USERS_OWN {
        if is_from_folder(values, key) && !(parrot && key == Key::CaFile) {
            let reason =
                format!("a file of the working folder may not choose {what}; {}", elsewhere(values, key));
            values.refuse(key, &reason);
        }
    }
}

/// Checks that the secret of `key` may go to the endpoint, and through the proxy that `proxy` sets at a place: it goes
/// only where the user's own settings lead, unless the folder itself gives it.
pub(super) fn check_destination(values: &mut Values, key: Key, proxy: Option<(Layer, &str)>) {
    if !is_from_folder(values, key) {
        let secret = format!("the key or token ({})", values.place(key));
        check_users_own(values, &secret, proxy);
    }
}

/// As [`check_destination`], for a `secret` that the folder does not give.
pub(super) fn check_users_own(values: &mut Values, secret: &str, proxy: Option<(Layer, &str)>) {
    if is_from_folder(values, Key::Endpoint) {
        let remedy = elsewhere(values, Key::Endpoint);
        let reason = format!(
            "{secret} was not given for this address, and a file of the working folder may not send it anywhere; \
             {remedy}. A key for this address may be in the same file"
        );
        values.refuse(Key::Endpoint, &reason);
    }
    for (leading, what) in LEADING {
        if is_from_folder(values, leading) {
            let remedy = elsewhere(values, leading);
            let reason = format!(
                "{secret} was not given for it, and a file of the working folder may not choose {what}; {remedy}"
            );
            values.refuse(leading, &reason);
        }
    }
    if let Some((_, place)) = proxy.filter(|(layer, _)| values.is_of_folder(*layer)) {
        values.problem(format!(
            "{place}: {secret} was not given for this proxy, and a file of the working folder may not send it through \
             one; set --proxy, the environment variable HTTPS_PROXY, or --proxy none"
        ));
    }
}

/// Returns whether `file`, which contains the secret of `key`, may be read: a file of the working folder may name one
/// in that folder only, wherever links lead.
pub(super) fn may_read(values: &mut Values, key: Key, file: &Path) -> bool {
    if !is_from_folder(values, key) {
        return true;
    }
    let folder = values.base(key).and_then(|folder| canonicalize(folder).ok());
    // A file that does not exist is reported when it is read.
    let is_inside = match (canonicalize(file), folder) {
        (Ok(file), Some(folder)) => file.starts_with(folder),
        (Err(_), _) => true,
        (Ok(_), None) => false,
    };
    if !is_inside {
        let remedy = elsewhere(values, key);
        let reason =
            format!("a file of the working folder may not use a secret outside that folder; {remedy}");
        values.refuse(key, &reason);
    }
    is_inside
}

/// Returns whether a file of the working folder sets `key`.
pub(super) fn is_from_folder(values: &Values, key: Key) -> bool {
    values.layer(key).is_some_and(|layer| values.is_of_folder(layer))
}

/// Returns where the user can set `key` instead.
fn elsewhere(values: &Values, key: Key) -> String {
    let Some(row) = ROWS.iter().find(|row| row.key == key) else { return String::new() };
    let option = row.option();
    let variable = row.env.map_or_else(String::new, |name| format!("the environment variable {name}, "));
    let trust = match values.layer(key) {
        Some(Layer::ConfigFile) => ", or start mynah with --config mynah.toml if you trust that file",
        _ => "",
    };
    format!("set --{option}, {variable}or {} in {SYSTEM_FILE}{trust}", row.name_in_file())
}
