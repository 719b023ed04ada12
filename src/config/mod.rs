//! Everything the owner may set, read once at start into validated values: flags, environment,
//! `.env`, the config file and the board file.
//!
//! It refuses what it does not know by name and place, collects every problem before it gives up,
//! and opens no device. Nothing in it changes after start, and nothing outside it knows these formats.

mod audio;
mod boards;
mod dotenv;
mod endpoint;
mod file;
mod host;
mod key_codes;
mod pages;
mod peripherals;
mod replay;
mod saved_state;
mod schema;
mod secret;
mod service;
mod sources;
mod strict_toml;
mod values;

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

pub use audio::{
    AudioConfig, CaptureConfig, ControlValue, MixerControl, PcmRequest, PlaybackConfig, SampleFormat,
    UnplugPolicy,
};
pub use endpoint::Endpoint;
pub use host::HostInfo;
pub use peripherals::{
    ButtonAction, ButtonBindings, ButtonConfig, ButtonKind, ButtonSource, GpioLine, HeldOutput, LedWiring,
    LightConfig, LineBias, Peripherals, ResetHold,
};
pub use replay::ReplayRequest;
pub use saved_state::SavedState;
pub use secret::Secret;

use crate::model::{EchoCancellation, Mode, NoiseReduction, TurnDetection, Voice};

use sources::CommandLine;
use values::Values;

/// The config file that is read when there is no `--config` and no `mynah.toml` in the working directory.
pub const SYSTEM_FILE: &str = "/etc/mynah/mynah.toml";

/// Reads what the owner asks for.
///
/// `args` begins with the program's name and `env` is the whole environment, as `std::env::args_os`
/// and `vars_os` give them. `.env`, `mynah.toml` and relative paths are looked for in `dir`; a path
/// in a file is relative to that file. `system` is the config file of last resort ([`SYSTEM_FILE`]), and
/// `host` what the board is found by where none is asked for.
///
/// # Errors
/// Returns every problem found, one sentence each, with its place and remedy.
pub fn read(
    args: impl IntoIterator<Item = OsString>,
    env: impl IntoIterator<Item = (OsString, OsString)>,
    dir: &Path,
    system: &Path,
    host: &HostInfo,
) -> Result<Request, ConfigError> {
    let args: Vec<OsString> = args.into_iter().collect();
    if let Some([boards, args @ ..]) = args.get(1..)
        && boards == "boards"
    {
        return boards::request(args, dir, host).map(Request::Boards).map_err(ConfigError::new);
    }
    if let Some([word, args @ ..]) = args.get(1..)
        && word == "replay"
    {
        return replay::request(args, dir).map(Request::Replay).map_err(ConfigError::new);
    }
    if let Some(page) = pages::request(args.get(1..).unwrap_or_default()) {
        return page.map(Request::Page).map_err(ConfigError::new);
    }
    let sources = match sources::gather(args, env, dir, system) {
        CommandLine::Help => return Ok(Request::Help(schema::help())),
        CommandLine::Version => return Ok(Request::Version),
        CommandLine::Run(sources) => sources,
    };
    let mut values = Values::new(sources, dir);
    let (audio, mut peripherals, board_summary) = boards::read(&mut values, host);
    let service = service::read(&mut values);
    let mode = mode(&mut values);
    if mode == Mode::Hold {
        peripherals.keep_holding_for_talk();
    }
    let config = Config {
        service,
        talk: TalkConfig { mode, sounds: values.switch(schema::Key::Sounds) },
        audio,
        peripherals,
        board_summary,
        record: record(&mut values),
        saved_state: saved_state::read(&mut values),
        log: LogConfig {
            dir: values.path(schema::Key::LogDir),
            verbose: values.switch(schema::Key::Verbose),
        },
        warnings: Vec::new(),
    };
    let warnings = values.finish()?;
    Ok(Request::Run(Box::new(Config { warnings, ..config })))
}

fn mode(values: &mut Values) -> Mode {
    let mode = values.choice(schema::Key::Mode);
    // Read in every mode, so that a bad value is refused in every mode.
    let quiet = values.seconds(schema::Key::TapQuietS, 1.0, 600.0);
    match mode {
        Mode::Tap { .. } => Mode::Tap { quiet },
        Mode::Open | Mode::Hold => mode,
    }
}

fn record(values: &mut Values) -> RecordConfig {
    RecordConfig {
        file: values.path(schema::Key::Record),
        sound: values.switch(schema::Key::RecordSound),
        words: values.switch(schema::Key::RecordWords),
    }
}

#[derive(Debug)]
pub enum Request {
    /// Print this text and leave.
    Help(String),
    /// Print the version and leave.
    Version,
    /// Print what was asked of the boards and leave.
    Boards(String),
    /// Print this page of the manual or these completions and leave.
    Page(String),
    /// Live a recording again and leave.
    Replay(ReplayRequest),
    /// Run with these values.
    Run(Box<Config>),
}

/// Every value the program runs with.
#[derive(Debug)]
pub struct Config {
    /// Who is talked to, and how the session is set up.
    pub service: ServiceConfig,
    pub talk: TalkConfig,
    /// Where sound comes from and goes to.
    pub audio: AudioConfig,
    /// What the owner touches and sees, besides the terminal.
    pub peripherals: Peripherals,
    /// Which board that is and why, and how to choose another: one sentence, to be told at start.
    pub board_summary: String,
    /// What is remembered from the last run.
    pub saved_state: SavedState,
    pub record: RecordConfig,
    pub log: LogConfig,
    /// What is allowed but unwise, one sentence each, to be logged at start.
    pub warnings: Vec<String>,
}

/// Who is talked to, and what is asked of the session.
#[derive(Debug)]
pub struct ServiceConfig {
    pub target: ServiceTarget,
    /// The model or deployment, as the owner wrote it.
    pub model: String,
    pub voice: Voice,
    /// The system prompt.
    pub instructions: String,
    /// How the service finds the end of a turn, where it is asked to at all (see [`Mode::Hold`]).
    pub turn_detection: TurnDetection,
    /// Noise reduction on the service's side, if any.
    pub noise_reduction: Option<NoiseReduction>,
    /// Echo cancellation on the service's side.
    pub echo_cancellation: EchoCancellation,
    /// The model that writes down what the owner said; none means no transcript.
    pub transcription: Option<&'static str>,
    /// The language of the transcript: one BCP-47 tag, or several with commas between them.
    pub language: Option<String>,
}

/// Which service answers.
#[derive(Debug)]
pub enum ServiceTarget {
    /// The one built into the program.
    Parrot,
    /// Azure Voice Live, or a server that speaks like it.
    Azure(AzureConfig),
}

/// How Azure is reached.
#[derive(Debug)]
pub struct AzureConfig {
    /// The address, complete with its query.
    pub endpoint: Endpoint,
    /// What opens the door.
    pub credential: Credential,
    /// A PEM file with certificate authorities to trust besides the public ones.
    pub ca_file: Option<PathBuf>,
}

/// What proves to the service who is calling.
#[derive(Debug)]
pub enum Credential {
    /// The resource's key, for the `api-key` header.
    Key(Secret),
    /// A bearer token that lasts as long as it lasts.
    Token(Secret),
    /// A file that holds a bearer token, to be read anew for every connection.
    TokenFile(PathBuf),
}

impl Credential {
    /// Reads the bearer token in `file`.
    ///
    /// # Errors
    /// Returns one sentence that names the file when it cannot be read or holds no token.
    pub fn read_token(file: &Path) -> Result<Secret, String> {
        secret::from_file(file)
    }
}

/// When the microphone is live.
#[derive(Debug)]
pub struct TalkConfig {
    /// What opens and closes it.
    pub mode: Mode,
    /// Whether the owner hears that the service is out of reach, and that it is back.
    pub sounds: bool,
}

/// What is recorded of what happens, besides the last minutes, which are kept in memory.
#[derive(Debug, PartialEq, Eq)]
pub struct RecordConfig {
    /// The file that is written all the time.
    pub file: Option<PathBuf>,
    /// Whether samples are recorded.
    pub sound: bool,
    /// Whether words are recorded.
    pub words: bool,
}

/// What is written down.
#[derive(Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// The folder for `<timestamp>_voicelive.log`, when a log file is wanted.
    pub dir: Option<PathBuf>,
    /// Whether the log tells everything.
    pub verbose: bool,
}

/// Every problem with what the owner asked for.
#[derive(Debug)]
pub struct ConfigError {
    problems: Vec<String>,
    only_missing_devices: bool,
}

impl ConfigError {
    fn new(problems: Vec<String>) -> Self {
        Self { problems, only_missing_devices: false }
    }

    /// Tells whether all would be well if what is not plugged in were: nothing that is written is wrong.
    #[must_use]
    pub fn is_missing_device_only(&self) -> bool {
        self.only_missing_devices
    }

    /// Lists the problems, one sentence each.
    #[must_use]
    pub fn problems(&self) -> &[String] {
        &self.problems
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problems.join("\n"))
    }
}

impl std::error::Error for ConfigError {}
