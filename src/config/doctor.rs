//! The command `mynah doctor`: reads what to check, and all settings, however wrong they are.
//!
//! It checks nothing itself.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::host::HostInfo;
use super::sources::{self, CommandLine};
use super::values::Values;
use super::{Config, ConfigError, Request};

const USAGE: &str = "\
Usage: mynah doctor [TOPIC]... [--report FILE] [--fix | --undo] [OPTION]...
  checks what a conversation needs, and says of each thing whether it is good, or what to do; exit code 0: nothing is
  wrong, 1: something is. While the service runs, it holds the sound card: sudo systemctl stop mynah
Topics, in this order; all if none is named:
  settings   which are wrong, and what is odd about them
  system     the kernel and its messages, power and clock
  sound      cards, formats and controls; a tone and its echo; the microphone's level
  echo       for ten seconds, what the microphone hears of the speaker, and who removes it best
  board      buttons and lights, in turn
  service    name, connection, certificate, key, and a session
  --report FILE   also writes what was found into FILE, to send to somebody, and a picture of the echo beside it, into
                  FILE.svg; they have no key and no words in them
  --fix           sets the mixer controls that differ from the board's, after listing them, and keeps beside the
                  saved state what is best about the echo, which any setting goes before; changes nothing else
  --undo          sets the controls back to what they were before the last --fix, and removes what was kept
For the service: sudo mynah doctor echo --fix --state-file /var/lib/mynah/state.toml
The other options are those of mynah itself, such as --board NAME; mynah --help lists them.
";

/// What `mynah doctor` is to check.
#[derive(Debug)]
pub struct DoctorRequest {
    /// In the order in which they are checked.
    pub topics: Vec<DoctorTopic>,
    /// Where else to write what was found.
    pub report: Option<PathBuf>,
    pub controls: DoctorControls,
    pub config: Config,
    /// What is wrong with the settings, one sentence each.
    pub problems: Vec<String>,
}

/// A group of checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DoctorTopic {
    Settings,
    System,
    Sound,
    Echo,
    Board,
    Service,
}

/// What to do with the mixer controls, and with what is best about the echo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DoctorControls {
    /// Find out.
    Compare,
    /// Set the controls that differ, and keep what is best.
    Fix,
    /// Set those back that were changed, and remove what was kept.
    Undo,
}

impl DoctorTopic {
    /// All topics, in the order in which they are checked, and their names.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::Settings, "settings"),
        (Self::System, "system"),
        (Self::Sound, "sound"),
        (Self::Echo, "echo"),
        (Self::Board, "board"),
        (Self::Service, "service"),
    ];

    /// Returns the name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(topic, _)| *topic == self).map_or("", |(_, name)| name)
    }
}

/// Reads the command with all arguments of the program.
///
/// # Errors
/// When an argument of the command is wrong. What is wrong with the settings is a part of the request.
pub(super) fn request(
    args: Vec<OsString>,
    env: impl IntoIterator<Item = (OsString, OsString)>,
    dir: &Path,
    system: &Path,
    host: &HostInfo,
) -> Result<Request, ConfigError> {
    let (own, args) = OwnArguments::split(args).map_err(|problem| {
        ConfigError::new(vec![format!("mynah doctor: {problem}\n{}", USAGE.trim_end())])
    })?;
    let sources = match sources::gather(args, env, dir, system) {
        CommandLine::Help => return Ok(Request::Page(USAGE.to_owned())),
        CommandLine::Version => return Ok(Request::Version),
        CommandLine::Run(sources) => *sources,
    };
    let mut values = Values::new(sources);
    let config = super::assemble(&mut values, host);
    let (warnings, problems) = match values.finish() {
        Ok(warnings) => (warnings, Vec::new()),
        Err(error) => (error.warnings().to_vec(), error.problems().to_vec()),
    };
    let OwnArguments { topics, report, controls } = own;
    let all = DoctorTopic::ALL.map(|(topic, _)| topic);
    let topics = all.into_iter().filter(|topic| topics.is_empty() || topics.contains(topic)).collect();
    let report = report.map(|file| dir.join(file));
    let config = Config { warnings, ..config };
    Ok(Request::Doctor(Box::new(DoctorRequest { topics, report, controls, config, problems })))
}

/// The arguments that no other command has.
struct OwnArguments {
    topics: Vec<DoctorTopic>,
    report: Option<PathBuf>,
    controls: DoctorControls,
}

impl OwnArguments {
    /// Takes them out of all arguments of the program, and returns the others.
    fn split(args: Vec<OsString>) -> Result<(Self, Vec<OsString>), String> {
        let mut own = Self { topics: Vec::new(), report: None, controls: DoctorControls::Compare };
        let mut others = Vec::new();
        let mut args = args.into_iter();
        others.extend(args.next());
        // The word `doctor`.
        args.next();
        let mut in_topics = true;
        while let Some(arg) = args.next() {
            let text = arg.to_string_lossy().into_owned();
            let other = if text == "--undo" { DoctorControls::Fix } else { DoctorControls::Undo };
            match text.as_str() {
                "--fix" | "--undo" if own.controls == other => {
                    return Err("--fix and --undo exclude each other".to_owned());
                }
                "--fix" => own.controls = DoctorControls::Fix,
                "--undo" => own.controls = DoctorControls::Undo,
                "--report" => {
                    own.report = Some(args.next().ok_or("--report needs a FILE")?.into());
                }
                _ if text.starts_with("--report=") => own.report = Some(text["--report=".len()..].into()),
                _ if in_topics && !text.starts_with('-') => own.topics.push(topic(&text)?),
                // Words behind an option of mynah may be its value.
                _ => {
                    in_topics = false;
                    others.push(arg);
                }
            }
        }
        Ok((own, others))
    }
}

fn topic(name: &str) -> Result<DoctorTopic, String> {
    let names = DoctorTopic::ALL.map(|(_, name)| name);
    let found = DoctorTopic::ALL.into_iter().find(|(_, known)| *known == name);
    found.map(|(topic, _)| topic).ok_or_else(|| {
        format!("{:?} is no topic; the topics are {}", crate::printable::clipped(name), names.join(", "))
    })
}
