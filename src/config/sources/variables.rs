//! Reads the variables of the environment and of `.env`, and systemd's credentials.
//!
//! The prefix of mynah's variables is Microsoft's: an unknown name is another program's, or misspelt, and only a
//! warning. It does not validate values.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::Path;

use zeroize::Zeroizing;

use super::dotenv::{self, Variable};
use super::{Doubt, Layer, SharedVariable, Sources, file};
use crate::config::pasted::{trim_invisible, unquoted};
use crate::config::schema::{CREDENTIAL_KEYS, Key, KeyRow, OLD_PREFIX, PREFIX, ROWS, suggest};
use crate::config::{proxy, saved_state, secret};

/// The variable that holds the directory of credentials (systemd.exec(5), `LoadCredential=`).
const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";
/// The names of the credentials that mynah reads, and what each sets.
const CREDENTIALS: [(&str, Key); 4] = [
    ("api-key", Key::ApiKeyFile),
    ("sealed-api-key", Key::ApiKeyFile),
    ("token", Key::TokenFile),
    ("client-secret", Key::ClientSecretFile),
];
/// The names of the credential that holds a sign-in of `mynah login`.
const SIGN_INS: [&str; 2] = ["sign-in", "sealed-sign-in"];
/// The variable by which a service manager is notified (sd_notify(3)): a service has it.
const NOTIFY_SOCKET: &str = "NOTIFY_SOCKET";

/// Variables of Microsoft's samples, without the prefix, for which mynah has another name. The first that is the start
/// of a name applies.
const OF_SAMPLES: [(&str, &str); 4] = [
    (
        "TRANSCRIPTION_LANG",
        "set AZURE_VOICELIVE_LANGUAGE, language under [hearing] in mynah.toml, or --language",
    ),
    ("PROJECT", AGENTS_HAVE_NAMES),
    ("AGENT_ID", AGENTS_HAVE_NAMES),
    ("AGENT_ACCESS_TOKEN", AGENTS_HAVE_NAMES),
];

/// The older kind of agent had an id and a token of its own.
const AGENTS_HAVE_NAMES: &str = "to talk to an agent, set AZURE_VOICELIVE_AGENT_NAME and \
    AZURE_VOICELIVE_AGENT_PROJECT_NAME, with a token";

/// The names in Microsoft's samples that have no prefix of their own, and what each sets.
const SAMPLE_NAMES: [(&str, Key); 8] = [
    ("VOICELIVE_ENDPOINT", Key::Endpoint),
    ("VOICELIVE_API_VERSION", Key::ApiVersion),
    ("AGENT_NAME", Key::AgentName),
    ("PROJECT_NAME", Key::AgentProjectName),
    ("AGENT_VERSION", Key::AgentVersion),
    ("CONVERSATION_ID", Key::ConversationId),
    ("AGENT_AUTHENTICATION_IDENTITY_CLIENT_ID", Key::AgentIdentity),
    ("FOUNDRY_RESOURCE_OVERRIDE", Key::FoundryResource),
];
/// Of these, other programs use the names that do not start with this, so that they count only together.
const SAMPLE_PREFIX: &str = "VOICELIVE_";

impl Sources {
    /// Reads the environment; variables of other programs are ignored, even invalid ones.
    pub(super) fn read_environment(&mut self, environment: &[(OsString, OsString)], dir: &Path) {
        let mut differently_spelt = Vec::new();
        for (name, value) in environment {
            let Some(name) = name.to_str() else { continue };
            if let Some((known, _)) = saved_state::STATE_DIRS.iter().find(|(known, _)| *known == name) {
                self.state_dirs.extend(value.to_str().map(|value| (*known, value.to_owned())));
            }
            match name {
                "PATH" => self.search_path = Some(value.clone()),
                NOTIFY_SOCKET => self.is_service = !value.is_empty(),
                _ => {}
            }
            if name == CREDENTIALS_DIRECTORY {
                self.read_credentials(Path::new(value), dir);
            }
            let place = format!("environment variable {name}");
            self.keep_proxy(name, value.to_str(), Layer::Environment, &place);
            if !is_own_variable(name) {
                continue;
            }
            match (row_of(name), value.to_str()) {
                (None, _) if value.is_empty() => {}
                (None, _) => self.warnings.push(unknown_variable(&place, name)),
                (Some(_), None) => self.problems.push(format!("{place}: not valid UTF-8")),
                (Some(row), Some(value)) if row.env == Some(name) => {
                    self.set_variable(row, unquoted(value).to_owned(), Layer::Environment, place, dir);
                }
                (Some(row), Some(value)) => differently_spelt.push((row, name, unquoted(value), place)),
            }
        }
        for (row, name, value, place) in differently_spelt {
            self.warn_of_old_prefix(row, name, &place);
            self.set_variable(row, value.to_owned(), Layer::Environment, place, dir);
        }
        let samples = environment.iter().filter_map(|(name, value)| {
            let (name, value) = (name.to_str()?, value.to_str()?);
            Some((name, unquoted(value).to_owned(), format!("environment variable {name}")))
        });
        self.set_samples(samples.collect(), Layer::Environment, dir);
    }

    /// Warns of a variable with the old prefix, which still works.
    fn warn_of_old_prefix(&mut self, row: &KeyRow, name: &str, place: &str) {
        if starts_with_ignoring_case(name, OLD_PREFIX)
            && let Some(new) = row.env
        {
            self.warnings.push(format!("{place}: is understood; its new name is {new}"));
        }
    }

    /// Sets the keys of the names in Microsoft's samples, unless mynah's own names set them in this layer or a stronger
    /// one. Those that other programs use too count only if an agent and its project are both named.
    fn set_samples(&mut self, variables: Vec<(&str, String, String)>, layer: Layer, base: &Path) {
        let is_set =
            |name: &str| variables.iter().any(|(known, value, _)| *known == name && !value.trim().is_empty());
        let names_agent = is_set("AGENT_NAME") && is_set("PROJECT_NAME");
        for (name, value, place) in variables {
            let Some((_, key)) = SAMPLE_NAMES.iter().find(|(known, _)| *known == name) else { continue };
            let Some(row) = ROWS.iter().find(|row| row.key == *key) else { continue };
            let counts = name.starts_with(SAMPLE_PREFIX) || names_agent;
            if !counts || value.trim().is_empty() || self.given.contains_key(key) {
                continue;
            }
            let new = row.env.unwrap_or(row.name);
            self.warnings.push(format!("{place}: is understood; its name in mynah is {new}"));
            self.set_variable(row, value, layer, place, base);
        }
    }

    /// Reads the credentials that systemd passes (systemd.exec(5), `LoadCredential=`).
    fn read_credentials(&mut self, folder: &Path, dir: &Path) {
        self.sign_in = SIGN_INS.map(|name| folder.join(name)).into_iter().find(|file| file.is_file());
        for (name, key) in CREDENTIALS {
            let file = folder.join(name);
            if file.is_file() {
                let place = format!("credential {name}");
                self.set_if_unset(key, Layer::Environment, file.display().to_string(), place.clone(), dir);
                if key == Key::TokenFile {
                    self.set_if_unset(
                        Key::UseTokenCredential,
                        Layer::Environment,
                        "true".to_owned(),
                        place,
                        dir,
                    );
                }
            }
        }
    }

    /// Reads a `.env` file called `file_name`. What is wrong with it is not yet a problem: whether it matters depends on
    /// the other layers.
    pub(super) fn read_dotenv(&mut self, path: &Path, file_name: &str) {
        // A virtual environment of Python may be a directory of this name.
        if path.is_dir() {
            return;
        }
        self.files_read.push((file_name.to_owned(), path.to_owned()));
        let found = match file::read_any(path) {
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::NotFound => return,
            Err(error) => {
                let sentence = format!("{file_name}: cannot be read: {error}");
                return self.doubts.push(Doubt { key: None, sentence });
            }
        };
        let variables = dotenv::parse(&found.text, is_own_variable, is_secret_variable);
        let (mut own, mut samples) = (Vec::new(), Vec::new());
        for variable in variables {
            if !is_own_variable(&variable.name) {
                let place = format!("{file_name}, line {}: {}", variable.line, variable.name);
                let value = variable.value.as_ref().ok().map(|value| value.as_str());
                self.keep_proxy(&variable.name, value, Layer::DotEnv, &place);
                samples.extend(value.map(|value| (variable.name.to_string(), value.to_owned(), place)));
                continue;
            }
            match row_of(&variable.name) {
                Some(row) => own.push((row, variable)),
                None if variable.value.as_ref().is_ok_and(|value| value.is_empty()) => {}
                None => {
                    let place = format!("{file_name}, line {}: {}", variable.line, variable.name);
                    self.warnings.push(unknown_variable(&place, &variable.name));
                }
            }
        }
        if own.iter().any(|(row, _)| row.is_secret()) {
            self.warnings.extend(secret::permission_warning(path));
        }
        if !own.is_empty() {
            self.warnings.extend(found.encoding_warning(file_name));
        }
        let dir = path.parent().unwrap_or(path);
        self.set_from_dotenv(own, file_name, dir);
        // As in a shell, the last line that sets a variable wins.
        let samples =
            samples.iter().rev().map(|(name, value, place)| (&**name, value.clone(), place.clone()));
        self.set_samples(samples.collect(), Layer::DotEnv, dir);
    }

    /// Sets the keys of the variables of `.env`. As in a shell, the last line that sets a variable wins; so does the
    /// exact name over another spelling.
    fn set_from_dotenv(&mut self, mut own: Vec<(&KeyRow, Variable)>, file_name: &str, dir: &Path) {
        own.reverse();
        own.sort_by_key(|(row, variable)| row.env != Some(&*variable.name));
        let mut doubts = Vec::new();
        for (row, Variable { name, value, line }) in own {
            let place = format!("{file_name}, line {line}: {name}");
            match value {
                Ok(value) => {
                    self.warn_of_old_prefix(row, &name, &place);
                    self.set_variable(row, value.to_string(), Layer::DotEnv, place, dir);
                }
                Err(reason) => {
                    doubts.push((line, Doubt { key: Some(row.key), sentence: format!("{place}: {reason}") }));
                }
            }
        }
        doubts.sort_by_key(|(line, _)| *line);
        self.doubts.extend(doubts.into_iter().map(|(_, doubt)| doubt));
    }

    /// Keeps a variable of a proxy: of two, that of the stronger layer, and within a layer that in lower case, as most
    /// programs do. An empty one is not set.
    fn keep_proxy(&mut self, name: &str, value: Option<&str>, layer: Layer, place: &str) {
        let Some((name, is_lower_case)) = proxy::variable(name) else { return };
        let is_stronger = |kept: &SharedVariable| (layer, is_lower_case) >= (kept.layer, kept.is_lower_case);
        if value.is_none_or(|value| !value.trim().is_empty())
            && self.proxies.get(name).is_none_or(is_stronger)
        {
            let (value, place) = (value.map(|value| Zeroizing::new(value.to_owned())), place.to_owned());
            self.proxies.insert(name, SharedVariable { value, layer, place, is_lower_case });
        }
    }

    /// Sets the key of a variable. An empty variable is ignored, as by most programs.
    fn set_variable(&mut self, row: &KeyRow, value: String, layer: Layer, place: String, base: &Path) {
        if !trim_invisible(&value).is_empty() {
            self.set_if_unset(row.key, layer, value, place, base);
        }
    }

    /// Decides which doubts about `.env` are problems: those that no stronger layer answers. The built-in service
    /// needs nothing of the file.
    pub(super) fn settle_doubts(&mut self) {
        let parrot = self.given.get(&Key::Parrot).is_some_and(|given| *given.value == "true");
        for Doubt { key, sentence } in std::mem::take(&mut self.doubts) {
            let is_answered = match key {
                Some(key) if CREDENTIAL_KEYS.contains(&key) => self.has_credential(Layer::DotEnv),
                Some(key) => self.is_set(key, Layer::DotEnv),
                None => {
                    self.is_set(Key::Endpoint, Layer::Environment) && self.has_credential(Layer::Environment)
                }
            };
            if parrot || is_answered {
                self.warnings.push(format!("{sentence}; it is ignored"));
            } else {
                self.problems.push(sentence);
                match key {
                    Some(key) => drop(self.refused.insert(key)),
                    None => self.has_unread_file = true,
                }
            }
        }
    }

    /// Returns whether `layer`, or a stronger one, sets `key`.
    fn is_set(&self, key: Key, layer: Layer) -> bool {
        self.given.get(&key).is_some_and(|given| given.layer >= layer)
    }

    fn has_credential(&self, layer: Layer) -> bool {
        CREDENTIAL_KEYS.iter().any(|key| self.is_set(*key, layer))
    }
}

/// Returns whether a `.env` file of this `text` sets a variable of mynah.
pub(super) fn has_own(text: &str) -> bool {
    dotenv::parse(text, is_own_variable, is_secret_variable)
        .iter()
        .any(|variable| is_own_variable(&variable.name))
}

/// Returns whether `name` is a variable of mynah, or one that is meant for it. Other names are shared with other
/// programs.
fn is_own_variable(name: &str) -> bool {
    starts_with_ignoring_case(name, PREFIX) || row_of(name).is_some()
}

fn is_secret_variable(name: &str) -> bool {
    row_of(name).is_some_and(KeyRow::is_secret)
}

/// Returns the setting of a variable; a name in small letters means the same, and so does one with the old prefix.
pub(in crate::config) fn row_of(name: &str) -> Option<&'static KeyRow> {
    let own =
        |name: &str| ROWS.iter().find(|row| row.env.is_some_and(|known| known.eq_ignore_ascii_case(name)));
    own(name).or_else(|| {
        let has_old_prefix = starts_with_ignoring_case(name, OLD_PREFIX);
        has_old_prefix.then(|| own(&format!("{PREFIX}{}", name.get(OLD_PREFIX.len()..)?)))?
    })
}

/// Returns the warning about a variable that mynah does not read.
fn unknown_variable(place: &str, name: &str) -> String {
    let rest = name.get(PREFIX.len()..).unwrap_or_default().to_ascii_uppercase();
    if let Some((_, advice)) = OF_SAMPLES.iter().find(|(start, _)| rest.starts_with(start)) {
        return format!("{place}: mynah does not read it; {advice}");
    }
    // Compare without the prefix, which would make all names similar.
    let own_names = ROWS.iter().filter_map(|row| row.env?.strip_prefix(PREFIX));
    let suggestion = suggest(&rest, own_names).replace("mean ", &format!("mean {PREFIX}"));
    format!("{place}: mynah does not read it{suggestion}")
}

fn starts_with_ignoring_case(name: &str, prefix: &str) -> bool {
    name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}
