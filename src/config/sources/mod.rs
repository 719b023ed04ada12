//! Collects the settings from all layers: options override the environment, which overrides `.env`, which overrides
//! the config file, which overrides the defaults.
//!
//! It rejects unknown names and records where each value is set. It does not validate values; `values` does.

mod dotenv;
pub(super) mod file;
pub(super) mod strict_toml;
mod toml_errors;
mod variables;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use lexopt::{Arg, Parser};
use zeroize::Zeroizing;

use super::pasted::unquoted;
use super::schema::{Key, KeyRow, ROWS, SHORTHAND, ValueKind, is_close, suggest};
use super::secret;
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
    /// What is wrong with `.env`, until all layers are read.
    doubts: Vec<Doubt>,
    /// Keys that a line sets which was refused, so that they are not reported as missing.
    pub(super) refused: BTreeSet<Key>,
    /// Whether the config file is the one of the working folder, which the user has not named.
    pub(super) has_folders_config: bool,
    /// Whether a file could not be read, so that nothing is reported as missing.
    pub(super) has_unread_file: bool,
    /// The environment variables of `STATE_DIRS`.
    pub(super) state_dirs: BTreeMap<&'static str, String>,
    /// The variables of a proxy, by their name in upper case.
    pub(super) proxies: BTreeMap<&'static str, SharedVariable>,
    /// The config file and `.env`, each with its name for messages.
    pub(super) files_read: Vec<(String, PathBuf)>,
}

/// Something wrong with the line of `.env` that sets `key`, or with the whole file.
struct Doubt {
    key: Option<Key>,
    sentence: String,
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

/// A variable that other programs read too, in upper or lower case.
pub(super) struct SharedVariable {
    /// `None` if it is not UTF-8.
    pub(super) value: Option<Zeroizing<String>>,
    pub(super) layer: Layer,
    pub(super) place: String,
    is_lower_case: bool,
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
    let environment: Vec<_> = env.into_iter().collect();
    sources.read_environment(&environment, dir);
    sources.read_dotenv(&dir.join(".env"), ".env");
    sources.read_config(dir, system);
    sources.settle_doubts();
    sources.set_defaults(dir);
    CommandLine::Run(sources)
}

/// A file that can be judged by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileKind {
    Settings,
    DotEnv,
    Board,
}

impl FileKind {
    /// Returns what a file is, by its name, or else by what is in it.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let text = file::read_any(path)?.text;
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        let is_toml = name.ends_with(".toml");
        let tables =
            ["[board]", "[microphone]", "[speaker]", "[unplugged]", "[[find]]", "[[control]]", "[[button]]"];
        let tables = tables.into_iter().chain(["[[light]]", "[[drive]]"]).collect::<Vec<_>>();
        Ok(if name.ends_with(".env") || name.starts_with(".env") {
            Self::DotEnv
        } else if text.lines().any(|line| tables.contains(&line.trim())) {
            Self::Board
        } else if !is_toml && variables::has_own(&text) {
            Self::DotEnv
        } else {
            Self::Settings
        })
    }
}

/// Reads only one file, called `name`. What it does not set may be set elsewhere. In the working directory `dir` it is
/// judged as what mynah reads there by itself.
pub(super) fn gather_file(path: &Path, name: &str, kind: FileKind, dir: &Path) -> Sources {
    let has_folders_config = is_same_file(path, &dir.join(FOLDERS_FILE));
    let mut sources = Sources { has_folders_config, ..Sources::default() };
    let dir = path.parent().unwrap_or(path);
    match kind {
        FileKind::DotEnv => sources.read_dotenv(path, name),
        FileKind::Settings | FileKind::Board => sources.read_config_file(path, name, false),
    }
    sources.settle_doubts();
    sources.set_defaults(dir);
    sources.has_unread_file = true;
    sources
}

/// The config file of the working folder.
const FOLDERS_FILE: &str = "mynah.toml";

fn is_same_file(first: &Path, second: &Path) -> bool {
    matches!((first.canonicalize(), second.canonicalize()), (Ok(first), Ok(second)) if first == second)
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
                let advice = words::advice_for_letter(letter);
                sources.problems.push(format!("unknown option -{letter}{advice}; {LIST_OPTIONS}"));
                return Some(ParsedOption::Consumed);
            }
            Ok(Some(Arg::Value(word))) => {
                if !self.after_unknown {
                    let advice = words::advice_for_word(&word.to_string_lossy()).unwrap_or(LIST_OPTIONS);
                    sources.problems.push(format!("unexpected argument {word:?}; {advice}"));
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
            let problem = match words::advice_for_option(&name) {
                Some(advice) => format!("unknown option --{name}: {advice}; {LIST_OPTIONS}"),
                None => format!("unknown option --{name}{suggestion}; {LIST_OPTIONS}"),
            };
            sources.problems.push(problem);
            let close = |row: &&KeyRow| is_close(&name.replace('-', "_"), row.name);
            sources.refused.extend(ROWS.iter().find(close).map(|row| row.key));
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
                Err(_) => {
                    sources.refused.insert(row.key);
                    return sources.problems.push(format!("option --{name}: needs a value"));
                }
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
                let value = unquoted(&value).to_owned();
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

    fn set_defaults(&mut self, dir: &Path) {
        for row in ROWS {
            if let Some(default) = row.default {
                let place = format!("default of {}", row.name);
                self.set_if_unset(row.key, Layer::Default, default.to_owned(), place, dir);
            }
        }
    }

    fn read_config(&mut self, dir: &Path, system: &Path) {
        let (file, display_name, optional) = match self.given.get(&Key::Config) {
            Some(given) => {
                let home = self.state_dirs.get("HOME").map(String::as_str);
                let path = file::path(&given.value, dir, home).unwrap_or_else(|_| dir.join(&*given.value));
                (path, given.value.to_string(), false)
            }
            None if dir.join(FOLDERS_FILE).exists() => {
                self.has_folders_config = !is_same_file(&dir.join(FOLDERS_FILE), system);
                (dir.join(FOLDERS_FILE), FOLDERS_FILE.to_owned(), false)
            }
            None => (system.to_owned(), system.display().to_string(), true),
        };
        self.read_config_file(&file, &display_name, optional);
    }

    /// Reads the settings of `file`, called `name`.
    fn read_config_file(&mut self, file: &Path, name: &str, optional: bool) {
        let Some(text) = self.read_config_text(file, name, optional) else { return };
        let mut table = StrictTable::parse(name, &text);
        let base = file.parent().unwrap_or(file);
        let sections = table.take_sections();
        let place = |(name, section): &(String, StrictTable<'_>)| table.place(name, section.first_line());
        let places: Vec<_> = sections.iter().map(place).collect();
        let mut holds_secret = self.read_table(table, base);
        for ((name, section), place) in sections.into_iter().zip(places) {
            self.problems.push(format!(
                "{place}: unknown key; this file has no sections, so remove the line [{name}]"
            ));
            holds_secret |= self.read_table(section, base);
        }
        if holds_secret {
            self.warnings.extend(secret::permission_warning(file));
        }
    }

    /// Reads the settings in `table`, and returns whether one is a secret. What a wrong line sets is not missing.
    fn read_table(&mut self, mut table: StrictTable<'_>, base: &Path) -> bool {
        let rows = || ROWS.iter().filter(|row| row.is_in_files());
        let mut entries = Vec::new();
        for row in rows() {
            entries.extend(table.take(row.name).map(|entry| (row, entry)));
        }
        for (row, name, entry) in table.take_misnamed(|name| rows().find(|row| row.is_meant_by(name))) {
            table.refuse(&name, entry.line, &format!("in this file it is called {}", row.name));
            entries.push((row, entry));
        }
        let mut holds_secret = false;
        for (row, entry) in entries {
            holds_secret |= row.is_secret();
            match scalar_text(row, entry.value) {
                Ok(value) => {
                    let place = table.place(row.name, entry.line);
                    self.set_if_unset(row.key, Layer::ConfigFile, value, place, base);
                }
                Err(reason) => {
                    table.refuse(row.name, entry.line, &reason);
                    self.refused.insert(row.key);
                }
            }
        }
        self.has_unread_file |= table.is_incomplete() || table.wrong_keys().contains(&None);
        let names = table.wrong_keys().iter().flatten().map(|name| (*name).to_owned());
        for name in names.chain(table.unread_names()).collect::<Vec<_>>() {
            let close =
                |row: &&KeyRow| row.name == name || row.is_meant_by(&name) || is_close(&name, row.name);
            self.refused.extend(rows().find(close).map(|row| row.key));
        }
        self.problems.extend(table.finish());
        holds_secret
    }

    fn read_config_text(&mut self, file: &Path, name: &str, optional: bool) -> Option<Zeroizing<String>> {
        self.files_read.push((name.to_owned(), file.to_owned()));
        let problem = match file::read_any(file) {
            Err(error) if optional && error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => format!("{name}: cannot be read: {error}"),
            Ok(found) => match found.require_unicode() {
                Err(reason) => format!("{name}, {reason}"),
                Ok(()) => {
                    self.warnings.extend(found.encoding_warning(name));
                    return Some(found.text);
                }
            },
        };
        self.problems.push(problem);
        self.has_unread_file = true;
        None
    }
}

/// Returns the text of a value in the config file, whose type must be that of the key: `"true"` is not a switch.
fn scalar_text(row: &KeyRow, value: Scalar) -> Result<String, String> {
    let name = row.name;
    match (row.kind, value) {
        (ValueKind::Switch, Scalar::Switch(switch)) => Ok(switch.to_string()),
        (ValueKind::Switch, Scalar::Text(_) | Scalar::Number(_)) => {
            Err("must be true or false, without quotes".to_owned())
        }
        (ValueKind::Seconds | ValueKind::Number(_) | ValueKind::Wait, Scalar::Number(number)) => Ok(number),
        (ValueKind::Wait, Scalar::Text(word)) => Ok(word),
        (ValueKind::Seconds | ValueKind::Number(_), Scalar::Text(text)) => Err(match leading_number(&text) {
            Some(number) => format!("must be a number, without quotes and unit: write {name} = {number}"),
            None => "must be a number, without quotes".to_owned(),
        }),
        (ValueKind::Seconds | ValueKind::Number(_), Scalar::Switch(_))
        | (ValueKind::Wait, Scalar::Switch(_)) => Err("must be a number, without quotes".to_owned()),
        (ValueKind::Text(_) | ValueKind::Secret(_) | ValueKind::OneOf(..), Scalar::Text(text)) => Ok(text),
        (
            ValueKind::Text(_) | ValueKind::Secret(_) | ValueKind::OneOf(..),
            Scalar::Number(_) | Scalar::Switch(_),
        ) => Err("must be a string in quotes".to_owned()),
    }
}

/// Returns the number with which `text` starts, such as the 80 of `80%`.
fn leading_number(text: &str) -> Option<&str> {
    let text = text.trim().trim_start_matches('+');
    let end = text.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '-')).unwrap_or(text.len());
    text[..end].parse::<f64>().ok().map(|_| &text[..end])
}
