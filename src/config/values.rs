//! Converts the settings from text to typed values and collects the problems.
//!
//! An invalid value is reported once, with its place, and replaced by a placeholder, so that all problems are reported
//! together. A placeholder is never used: `finish` fails if there is a problem.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::boards::audio;
use super::origin::{Origin, Origins};
use super::schema::{Key, ROWS, suggest_word};
use super::sources::{Layer, SharedVariable, Sources, file};
use super::{ConfigError, UnplugPolicy};

/// A type whose values are written as words. The first value replaces an invalid one.
pub(super) trait Keyword: Copy + 'static {
    /// The words and their values.
    const ALL: &'static [(&'static str, Self)];
    /// What other programs call the values, and the words for it; not listed, and taken in any case.
    const ALIASES: &'static [(&'static str, &'static str)] = &[];

    /// Returns what is probably meant by a word that is not certain enough to be an alias.
    fn hint(_word: &str) -> Option<&'static str> {
        None
    }
}

/// Returns the words of `C`.
pub(super) fn names<C: Keyword>() -> Vec<&'static str> {
    C::ALL.iter().map(|(name, _)| *name).collect()
}

/// The settings that are being read.
pub(super) struct Values {
    sources: Sources,
    /// The number of problems that are missing devices.
    missing_devices: usize,
}

impl Values {
    pub(super) fn new(sources: Sources) -> Self {
        Self { sources, missing_devices: 0 }
    }

    /// Returns the warnings, or the problems if there are any.
    pub(super) fn finish(self) -> Result<Vec<String>, ConfigError> {
        let Sources { problems, warnings, .. } = self.sources;
        if problems.is_empty() {
            return Ok(warnings);
        }
        let only_missing_devices = self.missing_devices == problems.len();
        Err(ConfigError { problems, warnings, only_missing_devices })
    }

    /// Reads a string, if it is set.
    pub(super) fn text(&mut self, key: Key) -> Option<String> {
        let given = self.sources.given.get(&key)?;
        if given.value.trim().is_empty() {
            self.refuse(key, "must not be empty");
            return None;
        }
        Some(given.value.to_string())
    }

    /// Reads a string that has a default in the table; it is empty only if it was refused.
    pub(super) fn text_or_default(&mut self, key: Key) -> String {
        self.text(key).unwrap_or_default()
    }

    /// Reads a switch; an unset switch is off.
    pub(super) fn switch(&mut self, key: Key) -> bool {
        match self.sources.given.get(&key).map(|given| given.value.as_str()) {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => {
                self.refuse_value(key, "must be true or false");
                false
            }
        }
    }

    /// Reads one of the words of `C`; if unset, returns the first value.
    pub(super) fn choice<C: Keyword>(&mut self, key: Key) -> C {
        let (_, first) = C::ALL[0];
        let Some(given) = self.sources.given.get(&key) else { return first };
        let raw = given.value.as_str();
        if let Some((_, value)) = C::ALL.iter().find(|(name, _)| *name == raw) {
            return *value;
        }
        let meant = C::ALIASES.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(raw));
        if let Some((_, value)) = meant.and_then(|(_, word)| C::ALL.iter().find(|(name, _)| name == word)) {
            return *value;
        }
        let names = names::<C>();
        let suggestion = suggest_word(raw, &names);
        self.refuse_value(key, &format!("must be one of {}{suggestion}", names.join(", ")));
        first
    }

    /// Reads a duration of `min` to `max` seconds.
    pub(super) fn seconds(&mut self, key: Key, min: f64, max: f64) -> Duration {
        let raw = self.sources.given.get(&key).and_then(|given| given.value.parse::<f64>().ok());
        match raw.filter(|seconds| (min..=max).contains(seconds)) {
            Some(seconds) => Duration::from_secs_f64(seconds),
            None => {
                self.refuse_value(key, &format!("must be a number of seconds from {min} to {max}"));
                Duration::ZERO
            }
        }
    }

    /// Reads a number from `within.0` to `within.1`, if it is set.
    pub(super) fn number(&mut self, key: Key, within: (f64, f64)) -> Option<f32> {
        let raw = &self.sources.given.get(&key)?.value;
        let number = raw.parse::<f32>().ok().filter(|n| (within.0..=within.1).contains(&f64::from(*n)));
        if number.is_none() {
            self.refuse_value(key, &format!("must be a number from {} to {}", within.0, within.1));
        }
        number
    }

    /// Reads a number from `min` to `max`, if it is set.
    pub(super) fn decimal(&mut self, key: Key, min: f64, max: f64) -> Option<f64> {
        let raw = &self.sources.given.get(&key)?.value;
        let number = raw.trim().parse::<f64>().ok().filter(|number| (min..=max).contains(number));
        if number.is_none() {
            self.refuse_value(key, &format!("must be a number from {min} to {max}"));
        }
        number
    }

    /// Reads a whole number from `min` to `max`, if it is set.
    pub(super) fn whole(&mut self, key: Key, min: u32, max: u32) -> Option<u32> {
        let raw = &self.sources.given.get(&key)?.value;
        let number = raw.trim().parse::<u32>().ok().filter(|number| (min..=max).contains(number));
        if number.is_none() {
            self.refuse_value(key, &format!("must be a whole number from {min} to {max}"));
        }
        number
    }

    /// Reads one of `words`, which are sent as they are written, if it is set.
    pub(super) fn one_of(&mut self, key: Key, words: &[&'static str]) -> Option<&'static str> {
        let raw = self.sources.given.get(&key)?.value.trim();
        let found = words.iter().find(|word| **word == raw).copied();
        if found.is_none() {
            let suggestion = suggest_word(raw, words);
            self.refuse_value(key, &format!("must be one of {}{suggestion}", words.join(", ")));
        }
        found
    }

    /// Reads a list of texts, if it is set: in JSON, or with commas between them. `allowed` says what they are, after
    /// "must be".
    pub(super) fn list(&mut self, key: Key, allowed: &str) -> Option<Vec<String>> {
        let raw = self.text(key)?;
        let texts: Vec<String> = if raw.trim_start().starts_with('[') {
            let Ok(texts) = serde_json::from_str(&raw) else {
                self.refuse(key, "must be a list of texts in quotes, such as [\"one\", \"two\"]");
                return None;
            };
            texts
        } else {
            raw.split(',').map(|text| text.trim().to_owned()).collect()
        };
        if texts.is_empty() || texts.iter().any(|text| text.trim().is_empty()) {
            self.refuse_value(key, &format!("a part is empty; must be {allowed}"));
            return None;
        }
        Some(texts)
    }

    /// Reads pairs of texts, if they are set: a JSON object, or `NAME=TEXT` with commas between them.
    pub(super) fn pairs(&mut self, key: Key) -> Option<BTreeMap<String, String>> {
        let raw = self.text(key)?;
        let pairs: Option<BTreeMap<String, String>> = if raw.trim_start().starts_with('{') {
            serde_json::from_str(&raw).ok()
        } else {
            let pair = |pair: &str| {
                let (name, text) = pair.split_once('=')?;
                Some((name.trim().to_owned(), text.trim().to_owned()))
            };
            raw.split(',').map(pair).collect()
        };
        let pairs =
            pairs.filter(|pairs| pairs.iter().all(|(name, text)| !name.is_empty() && !text.is_empty()));
        if pairs.is_none() {
            self.refuse(key, "must be pairs of texts: NAME=TEXT,NAME=TEXT, or a table in the config file");
        }
        pairs
    }

    /// Reads a JSON object, if it is set.
    pub(super) fn json(&mut self, key: Key) -> Option<serde_json::Map<String, serde_json::Value>> {
        let raw = self.text(key)?;
        let reason = match serde_json::from_str(&raw) {
            Ok(serde_json::Value::Object(fields)) => return Some(fields),
            Ok(_) => "must be a JSON object, such as {\"include\": []}".to_owned(),
            Err(error) => format!("is not JSON: column {} of line {}", error.column(), error.line()),
        };
        self.refuse(key, &reason);
        None
    }

    /// Reads a percentage, if it is set.
    pub(super) fn percent(&mut self, key: Key) -> Option<u8> {
        let raw = &self.sources.given.get(&key)?.value;
        let percent = raw.parse().ok().filter(|percent| *percent <= 100);
        if percent.is_none() {
            self.refuse_value(key, "must be a whole number from 0 to 100");
        }
        percent
    }

    /// Reads how long to wait for a disconnected card, if it is set.
    pub(super) fn wait(&mut self, key: Key) -> Option<UnplugPolicy> {
        let wait = audio::wait(&self.sources.given.get(&key)?.value);
        if wait.is_none() {
            self.refuse_value(key, &audio::wait_error());
        }
        wait
    }

    /// Returns the environment variable `variable` of `STATE_DIRS`, if it is set.
    pub(super) fn state_dir(&self, variable: &str) -> Option<&str> {
        self.sources.state_dirs.get(variable).map(String::as_str)
    }

    /// Returns `PATH`, if it is set.
    pub(super) fn search_path(&self) -> Option<OsString> {
        self.sources.search_path.clone()
    }

    /// Returns whether a service manager has started the program.
    pub(super) fn is_service(&self) -> bool {
        self.sources.is_service
    }

    /// Returns the sign-in that systemd hands over, if it does.
    pub(super) fn handed_over_sign_in(&self) -> Option<PathBuf> {
        self.sources.sign_in.clone()
    }

    /// Returns the variable of a proxy, if it is set in upper or lower case.
    pub(super) fn shared_variable(&self, name: &str) -> Option<&SharedVariable> {
        self.sources.proxies.get(name)
    }

    /// Reads a path, if it is set. It is relative to the file it is written in, or else to the working directory.
    pub(super) fn path(&mut self, key: Key) -> Option<PathBuf> {
        let raw = self.text(key)?;
        let base = &self.sources.given.get(&key)?.base;
        match file::path(&raw, base, self.state_dir("HOME")) {
            Ok(path) => Some(path),
            Err(reason) => {
                self.refuse_value(key, reason);
                None
            }
        }
    }

    /// Returns the path that [`Values::path`] reads, and reports nothing.
    pub(super) fn unchecked_path(&self, key: Key) -> Option<PathBuf> {
        let given = self.sources.given.get(&key)?;
        if given.value.trim().is_empty() {
            return None;
        }
        file::path(&given.value, &given.base, self.state_dir("HOME")).ok()
    }

    /// Returns whether `key` is set and its text `matches`.
    pub(super) fn text_matches(&self, key: Key, matches: impl Fn(&str) -> bool) -> bool {
        self.sources.given.get(&key).is_some_and(|given| matches(&given.value))
    }

    /// Returns the config file and `.env`, each with its name for messages.
    pub(super) fn files_read(&self) -> &[(String, PathBuf)] {
        &self.sources.files_read
    }

    /// Reads the path of a file that must be readable.
    pub(super) fn file(&mut self, key: Key) -> Option<PathBuf> {
        let path = self.path(key)?;
        let opened = std::fs::File::open(&path).and_then(|file| file.metadata());
        let reason = match opened {
            Ok(metadata) if metadata.is_dir() => "is a directory, not a file".to_owned(),
            Ok(_) => return Some(path),
            Err(error) => format!("cannot be read: {error}"),
        };
        self.refuse_value(key, &reason);
        None
    }

    /// Returns the layer that sets `key`, if one does.
    pub(super) fn layer(&self, key: Key) -> Option<Layer> {
        self.sources.given.get(&key).map(|given| given.layer)
    }

    /// Sets what was measured, if the user has not set it.
    pub(super) fn set_measured(&mut self, key: Key, value: String, place: String) {
        self.sources.set_measured(key, value, place);
    }

    /// Returns whether `layer` is a file that is read because mynah was started in its folder.
    pub(super) fn is_of_folder(&self, layer: Layer) -> bool {
        match layer {
            Layer::DotEnv => true,
            Layer::ConfigFile => self.sources.has_folders_config,
            Layer::Default | Layer::Measured | Layer::Environment | Layer::CommandLine => false,
        }
    }

    /// Returns the directory to which a relative path in `key` is relative.
    pub(super) fn base(&self, key: Key) -> Option<&Path> {
        self.sources.given.get(&key).map(|given| given.base.as_path())
    }

    /// Returns whether one of `keys` would be set if what sets it had not been refused, so that it is not missing.
    pub(super) fn is_refused(&self, keys: &[Key]) -> bool {
        self.sources.has_unread_file || keys.iter().any(|key| self.sources.refused.contains(key))
    }

    /// Returns the value of `key` as it is written.
    pub(super) fn raw(&self, key: Key) -> Option<&str> {
        self.sources.given.get(&key).map(|given| given.value.as_str())
    }

    /// Returns where each value comes from.
    pub(super) fn origins(&self) -> Origins {
        let name = |key: &Key| ROWS.iter().find(|row| row.key == *key).map(|row| row.name);
        let given = self.sources.given.keys();
        Origins(given.filter_map(|key| Some((name(key)?, self.origin(*key)))).collect())
    }

    /// Returns where the value of `key` comes from.
    pub(super) fn origin(&self, key: Key) -> Origin {
        Origin { place: self.place(key).to_owned(), layer: self.layer(key).unwrap_or(Layer::Default) }
    }

    /// Returns the place where `key` is set, with which a message starts.
    pub(super) fn place(&self, key: Key) -> &str {
        self.sources.given.get(&key).map_or("nowhere", |given| &given.place)
    }

    /// Reports a problem with `key` without quoting its value.
    pub(super) fn refuse(&mut self, key: Key, reason: &str) {
        self.sources.refused.insert(key);
        let problem = format!("{}: {reason}", self.place(key));
        self.problem(problem);
    }

    /// Reports a problem with `key` and quotes its value, unless it is a secret.
    pub(super) fn refuse_value(&mut self, key: Key, reason: &str) {
        self.sources.refused.insert(key);
        let secret = ROWS.iter().any(|row| row.key == key && row.is_secret());
        let Some(given) = self.sources.given.get(&key).filter(|_| !secret) else {
            return self.refuse(key, reason);
        };
        let sign = match given.layer {
            Layer::Measured | Layer::ConfigFile | Layer::DotEnv => " =",
            Layer::Default | Layer::Environment | Layer::CommandLine => ":",
        };
        self.problem(format!("{}{sign} {:?}: {reason}", given.place, &*given.value));
    }

    /// Reports a problem, once.
    pub(super) fn problem(&mut self, sentence: String) {
        if !self.sources.problems.contains(&sentence) {
            self.sources.problems.push(sentence);
        }
    }

    /// Reports a missing device.
    pub(super) fn missing_device(&mut self, sentence: String) {
        self.missing_devices += 1;
        self.problem(sentence);
    }

    /// Warns once.
    pub(super) fn warn(&mut self, sentence: String) {
        if !self.sources.warnings.contains(&sentence) {
            self.sources.warnings.push(sentence);
        }
    }
}
