//! Where the settings of the service come from, so that a refusal names the one to change.
//!
//! It holds names and places, and no value: a value may be a secret.

use std::collections::BTreeMap;

use crate::config::Origin;
use crate::protocol;

/// The settings that a refusal can be about besides those of the session, as they are called in the config file.
const SETTINGS: [&str; 4] = ["endpoint", "dialect", "mode", "ca_file"];

/// The places of the settings of the service.
#[derive(Debug, Default)]
pub struct ServiceOrigins {
    places: BTreeMap<&'static str, String>,
    /// The place of the key or the token.
    credential: Option<String>,
}

impl ServiceOrigins {
    /// Reads the places: that of the credential, and those that `origin_of` returns for the name of a setting.
    #[must_use]
    pub fn new<'a>(credential: &Origin, origin_of: impl Fn(&str) -> Option<&'a Origin>) -> Self {
        let place = |name: &'static str| (name, place(name, origin_of(name)));
        let places = SETTINGS.into_iter().chain(protocol::session_settings()).map(place).collect();
        Self { places, credential: Some(credential.to_string()) }
    }

    /// Returns the place of the key or the token.
    pub(super) fn credential(&self) -> Option<String> {
        self.credential.clone()
    }

    /// Returns where `setting` is set, or could be.
    pub(super) fn of(&self, setting: &str) -> String {
        self.places.get(setting).cloned().unwrap_or_else(|| setting.to_owned())
    }
}

fn place(name: &str, origin: Option<&Origin>) -> String {
    let option = name.replace('_', "-");
    match origin {
        Some(origin) if !origin.is_default() => origin.to_string(),
        Some(origin) => format!("{origin} (to change it: --{option}, or {name} in mynah.toml)"),
        None => format!("nothing (to set it: --{option}, or {name} in mynah.toml)"),
    }
}
