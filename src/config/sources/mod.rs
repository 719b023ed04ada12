//! Collects the settings from all layers: options override the environment, which overrides `.env`, which overrides
//! the config file, which overrides the defaults.
//!
//! It rejects unknown names and records where each value is set. It does not validate values; `values` does.

mod dotenv;
pub(super) mod file;
pub(super) mod strict_toml;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use lexopt::{Arg, Parser};
use zeroize::Zeroizing;

use super::schema::{Key, KeyRow, PREFIX, ROWS, SHORTHAND, ValueKind, suggest};
use super::{saved_state, secret};
use strict_toml::{Scalar, StrictTable};

pub(super) enum CommandLine {
    Help,
    Version,
    Run(Sources),
}

/// The value of each key that is set, from the strongest layer that sets it, and the problems found.
#[derive(Default)]
pub(super) struct Sources {
    pub(super) given: BTreeMap<Key, SourcedValue>,
    pub(super) problems: Vec<String>,
    pub(super) warnings: Vec<String>,
    /// The environment variables of `STATE_DIRS`.
    pub(super) state_dirs: BTreeMap<&'static str, String>,
    /// The config file and `.env`, each with its name for messages.
    pub(super) files_read: Vec<(String, PathBuf)>,
}

/// A value as it is written, and where.
pub(super) struct SourcedValue {
    pub(super) value: Zeroizing<String>,
    pub(super) layer: Layer,
    /// Where it is set; a message about it starts with this.
    pub(super) place: String,
    /// The directory to which a relative path in it is relative.
    pub(super) base: PathBuf,
}

/// Where a value comes from, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Layer {
    Default,
    ConfigFile,
    DotEnv,
    Environment,
    CommandLine,
}

/// The variable that holds the directory of credentials (systemd.exec(5), `LoadCredential=`).
const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";
/// The names of the credentials that mynah reads, and what each sets.
const CREDENTIALS: [(&str, Key); 3] =
    [("api-key", Key::ApiKeyFile), ("sealed-api-key", Key::ApiKeyFile), ("token", Key::TokenFile)];

/// Reads all layers, strongest first; each sets only the keys that no stronger layer sets.
pub(super) fn gather(
    args: impl IntoIterator<Item = OsString>,
    env: impl IntoIterator<Item = (OsString, OsString)>,
    dir: &Path,
    system: &Path,
) -> CommandLine {
    let mut sources = Sources::default();
    let mut options = OptionParser { parser: Parser::from_iter(args), dir, after_unknown: false };
    loop {
        match options.next(&mut sources) {
            Some(ParsedOption::Consumed) => {}
            Some(ParsedOption::Help) => return CommandLine::Help,
            Some(ParsedOption::Version) => return CommandLine::Version,
            None => break,
        }
    }
    sources.read_environment(env, dir);
    sources.read_dotenv(dir);
    sources.read_config(dir, system);
    for row in ROWS {
        if let Some(default) = row.default {
            let place = format!("default of {}", row.name);
            sources.set_if_unset(row.key, Layer::Default, default.to_owned(), place, dir);
        }
    }
    CommandLine::Run(sources)
}

/// How a message about the command line ends.
const LIST_OPTIONS: &str = "mynah --help lists the options";

struct OptionParser<'d> {
    parser: Parser,
    dir: &'d Path,
    /// After an unknown option, the next argument may be its value, so it is not reported.
    after_unknown: bool,
}

enum ParsedOption {
    Consumed,
    Help,
    Version,
}

impl OptionParser<'_> {
    fn next(&mut self, sources: &mut Sources) -> Option<ParsedOption> {
        let name = match self.parser.next() {
            Ok(None) => return None,
            Ok(Some(Arg::Long("help") | Arg::Short('h'))) => return Some(ParsedOption::Help),
            Ok(Some(Arg::Long("version") | Arg::Short('V'))) => return Some(ParsedOption::Version),
            Ok(Some(Arg::Long(name))) => name.to_owned(),
            Ok(Some(Arg::Short(letter))) => {
                sources.problems.push(format!("unknown option -{letter}; {LIST_OPTIONS}"));
                return Some(ParsedOption::Consumed);
            }
            Ok(Some(Arg::Value(word))) => {
                if !self.after_unknown {
                    sources.problems.push(format!("unexpected argument {word:?}; {LIST_OPTIONS}"));
                }
                return Some(ParsedOption::Consumed);
            }
            Err(error) => {
                sources.problems.push(error.to_string());
                return Some(ParsedOption::Consumed);
            }
        };
        if name == SHORTHAND.0 {
            self.set(sources, SHORTHAND.1, &name, SHORTHAND.2.into());
        } else if let Some(row) = ROWS.iter().find(|row| row.has_option() && row.option() == name) {
            self.take_value(sources, row, &name);
        } else {
            self.after_unknown = self.parser.optional_value().is_none();
            let options: Vec<_> = ROWS.iter().filter(|row| row.has_option()).map(KeyRow::option).collect();
            let suggestion =
                suggest(&name, options.iter().map(String::as_str).chain(["help", "version", "log"]));
            let suggestion = suggestion.replace("mean ", "mean --");
            sources.problems.push(format!("unknown option --{name}{suggestion}; {LIST_OPTIONS}"));
        }
        Some(ParsedOption::Consumed)
    }

    fn take_value(&mut self, sources: &mut Sources, row: &KeyRow, name: &str) {
        let value = match row.kind {
            ValueKind::Switch => self.parser.optional_value().unwrap_or_else(|| "true".into()),
            ValueKind::Text(_)
            | ValueKind::Secret(_)
            | ValueKind::Seconds
            | ValueKind::Number(_)
            | ValueKind::Wait
            | ValueKind::OneOf(..) => match self.parser.value() {
                Ok(value) => value,
                Err(_) => return sources.problems.push(format!("option --{name}: needs a value")),
            },
        };
        if row.is_secret() {
            sources.warnings.push(format!(
                "option --{name}: every user of this machine can see the key in the process list; \
                 use --{name}-file, {} or .env instead",
                row.env.unwrap_or("the environment")
            ));
        }
        self.set(sources, row.key, name, value);
    }

    /// Sets `key`; the last of several options for one key wins.
    fn set(&self, sources: &mut Sources, key: Key, name: &str, value: OsString) {
        let place = format!("option --{name}");
        match value.into_string() {
            Ok(value) => {
                sources.given.remove(&key);
                sources.set_if_unset(key, Layer::CommandLine, value, place, self.dir);
            }
            Err(_) => sources.problems.push(format!("{place}: not valid UTF-8")),
        }
    }
}

impl Sources {
    fn set_if_unset(&mut self, key: Key, layer: Layer, value: String, place: String, base: &Path) {
        let value = Zeroizing::new(value);
        self.given.entry(key).or_insert_with(|| SourcedValue { value, layer, place, base: base.to_owned() });
    }

    /// Reads the environment; variables of other programs are ignored, even invalid ones.
    fn read_environment(&mut self, env: impl IntoIterator<Item = (OsString, OsString)>, dir: &Path) {
        for (name, value) in env {
            let Some(name) = name.to_str() else { continue };
            if let Some((known, _)) = saved_state::STATE_DIRS.iter().find(|(known, _)| *known == name) {
                self.state_dirs.extend(value.to_str().map(|value| (*known, value.to_owned())));
            }
            if name == CREDENTIALS_DIRECTORY {
                self.read_credentials(Path::new(&value), dir);
            }
            let place = format!("environment variable {name}");
            match (is_own_variable(name), value.into_string()) {
                (false, _) => {}
                (true, Err(_)) => self.problems.push(format!("{place}: not valid UTF-8")),
                (true, Ok(value)) => self.set_variable(name, value, Layer::Environment, place, dir),
            }
        }
    }

    /// Reads the credentials that systemd passes (systemd.exec(5), `LoadCredential=`).
    fn read_credentials(&mut self, folder: &Path, dir: &Path) {
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

    fn read_dotenv(&mut self, dir: &Path) {
        let file = dir.join(".env");
        let Some(text) = self.read_file(&file, ".env", true) else { return };
        let mut holds_secret = false;
        for variable in dotenv::parse(&text) {
            match variable {
                Err((line, reason)) => self.problems.push(format!(".env, line {line}: {reason}")),
                Ok(variable) if is_own_variable(&variable.name) => {
                    let place = format!(".env, line {}: {}", variable.line, variable.name);
                    holds_secret |= is_secret_variable(&variable.name);
                    let value = variable.value.to_string();
                    self.set_variable(&variable.name, value, Layer::DotEnv, place, dir);
                }
                Ok(_) => {}
            }
        }
        if holds_secret {
            self.warnings.extend(secret::permission_warning(&file));
        }
    }

    /// Sets the key of the variable `name`. An empty variable is ignored, as by most programs.
    fn set_variable(&mut self, name: &str, value: String, layer: Layer, place: String, base: &Path) {
        if let Some(row) = ROWS.iter().find(|row| row.env == Some(name)) {
            if !value.is_empty() {
                self.set_if_unset(row.key, layer, value, place, base);
            }
        } else {
            // Compare without the prefix, which would make all names similar.
            let own_names = ROWS.iter().filter_map(|row| row.env?.strip_prefix(PREFIX));
            let suggestion = suggest(name.strip_prefix(PREFIX).unwrap_or(name), own_names);
            let suggestion = suggestion.replace("mean ", &format!("mean {PREFIX}"));
            self.problems.push(format!("{place}: unknown{suggestion}"));
        }
    }

    fn read_config(&mut self, dir: &Path, system: &Path) {
        let (file, display_name, optional) = match self.given.get(&Key::Config) {
            Some(given) => (dir.join(&*given.value), given.value.to_string(), false),
            None if dir.join("mynah.toml").exists() => {
                (dir.join("mynah.toml"), "mynah.toml".to_owned(), false)
            }
            None => (system.to_owned(), system.display().to_string(), true),
        };
        let Some(text) = self.read_file(&file, &display_name, optional) else { return };
        let mut table = StrictTable::parse(&display_name, &text);
        for row in ROWS.iter().filter(|row| row.is_in_files()) {
            let Some(entry) = table.take(row.name) else { continue };
            match scalar_text(row, entry.value) {
                Ok(value) => {
                    let place = table.place(row.name, entry.line);
                    self.set_if_unset(row.key, Layer::ConfigFile, value, place, file.parent().unwrap_or(dir));
                }
                Err(reason) => table.refuse(row.name, entry.line, reason),
            }
            if row.is_secret() {
                self.warnings.extend(secret::permission_warning(&file));
            }
        }
        self.problems.extend(table.finish());
    }

    fn read_file(&mut self, file: &Path, display_name: &str, optional: bool) -> Option<Zeroizing<String>> {
        self.files_read.push((display_name.to_owned(), file.to_owned()));
        match file::read(file) {
            Ok(text) => Some(Zeroizing::new(text)),
            Err(error) if optional && error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                self.problems.push(format!("{display_name}: cannot be read: {error}"));
                None
            }
        }
    }
}

/// Returns whether `name` is a variable of mynah, so that an unknown one is an error. Names without the prefix are
/// shared with other programs.
fn is_own_variable(name: &str) -> bool {
    name.starts_with(PREFIX) || ROWS.iter().any(|row| row.env == Some(name))
}

fn is_secret_variable(name: &str) -> bool {
    ROWS.iter().any(|row| row.env == Some(name) && row.is_secret())
}

/// Returns the text of a value in the config file, whose type must be that of the key: `"true"` is not a switch.
fn scalar_text(row: &KeyRow, value: Scalar) -> Result<String, &'static str> {
    match (row.kind, value) {
        (ValueKind::Switch, Scalar::Switch(switch)) => Ok(switch.to_string()),
        (ValueKind::Switch, Scalar::Text(_) | Scalar::Number(_)) => {
            Err("must be true or false, without quotes")
        }
        (ValueKind::Seconds | ValueKind::Number(_) | ValueKind::Wait, Scalar::Number(number)) => Ok(number),
        (ValueKind::Wait, Scalar::Text(word)) => Ok(word),
        (ValueKind::Seconds | ValueKind::Number(_), Scalar::Text(_) | Scalar::Switch(_))
        | (ValueKind::Wait, Scalar::Switch(_)) => Err("must be a number, without quotes"),
        (ValueKind::Text(_) | ValueKind::Secret(_) | ValueKind::OneOf(..), Scalar::Text(text)) => Ok(text),
        (
            ValueKind::Text(_) | ValueKind::Secret(_) | ValueKind::OneOf(..),
            Scalar::Number(_) | Scalar::Switch(_),
        ) => Err("must be a string in quotes"),
    }
}
