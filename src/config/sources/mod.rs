//! Collects the settings from all layers: options override the environment, which overrides `.env`, which overrides
//! the config file, which overrides what was measured, which overrides the defaults.
//!
//! It rejects unknown names and records where each value is set. It does not validate values; `values` does.

mod config_file;
mod dotenv;
pub(super) mod file;
pub(super) mod strict_toml;
mod toml_errors;
mod variables;
mod words;

pub(super) use variables::row_of as row_of_variable;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use lexopt::{Arg, Parser};
use zeroize::Zeroizing;

use super::pasted::unquoted;
use super::schema::{Key, KeyRow, ROWS, SHORTHAND, ValueKind, is_close, suggest};

pub(super) enum CommandLine {
    Help,
    Version,
    Run(Box<Sources>),
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
    /// `PATH`, where programs are looked for.
    pub(super) search_path: Option<OsString>,
    /// Whether a service manager has started the program.
    pub(super) is_service: bool,
    /// A sign-in that systemd hands over.
    pub(super) sign_in: Option<PathBuf>,
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
    /// Found out by `mynah doctor`. It is read last, by `measured`.
    Measured,
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
    CommandLine::Run(Box::new(sources))
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
            | ValueKind::Loose(_)
            | ValueKind::List(_)
            | ValueKind::Pairs(_)
            | ValueKind::Json
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

    /// Sets what was measured, if the user has not set it.
    pub(super) fn set_measured(&mut self, key: Key, value: String, place: String) {
        if self.given.get(&key).is_none_or(|given| given.layer < Layer::Measured) {
            self.given.remove(&key);
            self.set_if_unset(key, Layer::Measured, value, place, Path::new(""));
        }
    }

    fn set_defaults(&mut self, dir: &Path) {
        for row in ROWS {
            if let Some(default) = row.default {
                let place = format!("default of {}", row.name);
                self.set_if_unset(row.key, Layer::Default, default.to_owned(), place, dir);
            }
        }
    }
}
