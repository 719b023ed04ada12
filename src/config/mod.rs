//! Reads all settings once, at start, into validated values: options, environment, `.env`, config file and board file.
//!
//! It rejects unknown names with their place, reports all problems together, and opens no device. Settings do not
//! change after start, and no other module knows these formats.

mod agent;
mod audience;
mod audio;
mod boards;
mod devices;
mod dialect;
mod doctor;
mod endpoint;
mod help;
mod host;
mod key_codes;
mod keywords;
mod login;
mod measured;
mod model_family;
mod origin;
mod pages;
mod pasted;
mod peripherals;
mod proxy;
mod record;
mod replay;
mod report;
mod saved_state;
mod schema;
mod secret;
mod service;
mod session_options;
mod shared_files;
mod sign_in;
mod sources;
mod talk;
mod values;
mod word_gate;
mod working_folder;

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use agent::AgentConfig;
pub use audio::{
    AudioConfig, CaptureConfig, ControlValue, CutMode, KeepAwake, KeepOpen, MixerControl, PcmRequest,
    PlaybackConfig, SampleFormat, UnplugPolicy,
};
pub use devices::DevicesRequest;
pub use doctor::{DoctorControls, DoctorRequest, DoctorTopic};
pub use endpoint::{Endpoint, EndpointRequest};
pub use host::HostInfo;
pub use measured::{MEASURED_FILE, MeasuredEcho};
pub use origin::Origin;
pub use peripherals::{
    ButtonAction, ButtonBindings, ButtonConfig, ButtonKind, ButtonSource, GpioLine, HeldOutput, LedWiring,
    LightConfig, LineBias, Peripherals, ResetHold,
};
pub use proxy::{Proxy, excludes as no_proxy_excludes};
pub use record::RecordConfig;
pub use replay::ReplayRequest;
pub use report::SettingsReport;
pub use saved_state::{
    ECHO_FILE, RECORDING_EXTENSION, RECORDINGS, RESET_MARK, SavedState, is_conversation_id,
};
pub use secret::Secret;
pub use sign_in::{
    AZURE_CLI_APPLICATION, Application, Authority, HttpAddress, IdentitySource, KeptSignIn, LoginRequest,
    SIGN_IN_FILE, SignIn, SignInMethod,
};
pub use talk::{MicrophoneView, TalkConfig};
pub use word_gate::{WordGate, WordRequest};

use crate::model::{
    Choice, EchoCancellation, Mode, NoiseReduction, ReplyOptions, TranscriptionOptions, TurnDetection,
    TurnOptions, Voice, VoiceOptions,
};

use origin::Origins;
use sources::CommandLine;
use values::Values;

/// The config file that is read when there is no `--config` and no `mynah.toml` in the working directory.
pub const SYSTEM_FILE: &str = "/etc/mynah/mynah.toml";

/// Reads the command line and all settings.
///
/// `args` and `env` are as from `std::env::args_os` and `vars_os`. `.env`, `mynah.toml` and relative paths are in
/// `dir`; a path in a file is relative to that file. `system` is the config file if there is no other
/// ([`SYSTEM_FILE`]), and `host` is used to detect the board if none is set.
///
/// # Errors
/// Returns all problems, one sentence each, with the place of each and what to do.
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
    if args.get(1).is_some_and(|word| word == "devices") {
        return devices::request(args, env, dir, system, host);
    }
    if args.get(1).is_some_and(|word| word == "doctor") {
        return doctor::request(args, env, dir, system, host);
    }
    if let Some([word, args @ ..]) = args.get(1..)
        && word == "replay"
    {
        return replay::request(args, dir).map(Request::Replay).map_err(ConfigError::new);
    }
    if let Some(word) = args.get(1).filter(|word| *word == "login" || *word == "logout") {
        let is_login = word == "login";
        return login::request(is_login, args, env, dir, system);
    }
    if let Some([word, args @ ..]) = args.get(1..)
        && word == "config"
    {
        return report::request(args, env, dir, system, host)
            .map(Request::Settings)
            .map_err(ConfigError::new);
    }
    if let Some([word, args @ ..]) = args.get(1..)
        && word == "help"
    {
        return help::request(args).map(Request::Help).map_err(ConfigError::new);
    }
    if let Some(page) = pages::request(args.get(1..).unwrap_or_default()) {
        return page.map(Request::Page).map_err(ConfigError::new);
    }
    let sources = match sources::gather(args, env, dir, system) {
        CommandLine::Help => return Ok(Request::Help(help::options())),
        CommandLine::Version => return Ok(Request::Version),
        CommandLine::Run(sources) => *sources,
    };
    let mut values = Values::new(sources);
    let config = assemble(&mut values, host);
    let warnings = values.finish()?;
    Ok(Request::Run(Box::new(Config { warnings, ..config })))
}

/// Returns the keys and tokens in the environment, also those that are not used.
pub fn environment_secrets(
    env: impl IntoIterator<Item = (OsString, OsString)>,
) -> impl Iterator<Item = Secret> {
    let is_secret = |name: &OsString| {
        name.to_str().and_then(sources::row_of_variable).is_some_and(schema::KeyRow::is_secret)
    };
    let set = env.into_iter().filter(move |(name, _)| is_secret(name));
    set.filter_map(|(_, value)| Secret::new(value.to_str()?).ok())
}

/// Reads all settings; problems and warnings stay in `values`.
fn assemble(values: &mut Values, host: &HostInfo) -> Config {
    measured::apply(values);
    let (audio, mut peripherals, board_summary) = boards::read(values, host);
    let service = service::read(values);
    let talk = talk::read(values);
    if talk.mode == Mode::Hold {
        peripherals.remove_hold_actions();
    }
    let config = Config {
        service,
        talk,
        audio,
        peripherals,
        board_summary,
        record: record::read(values),
        saved_state: saved_state::read(values),
        log: LogConfig {
            dir: values.path(schema::Key::LogDir),
            verbose: values.switch(schema::Key::Verbose),
            words: values.switch(schema::Key::PrintWords),
            timings: values.switch(schema::Key::Timings),
        },
        warnings: Vec::new(),
        origins: values.origins(),
    };
    working_folder::refuse_users_own(values);
    shared_files::reject(values, config.saved_state.file.as_deref());
    config
}

#[derive(Debug)]
pub enum Request {
    /// Print this help and exit.
    Help(String),
    /// Print the version and exit.
    Version,
    /// Print this output of `mynah config` and exit.
    Settings(SettingsReport),
    /// Print this output of `mynah boards` and exit.
    Boards(String),
    /// Print this manual page or these completions and exit.
    Page(String),
    /// List the sound devices and exit.
    Devices(Box<DevicesRequest>),
    /// Check what a conversation needs and exit.
    Doctor(Box<DoctorRequest>),
    /// Sign in or out and exit.
    SignIn {
        command: SignInCommand,
        /// Warnings to print, one sentence each.
        warnings: Vec<String>,
    },
    /// Replay a recording and exit.
    Replay(ReplayRequest),
    /// Run with these settings.
    Run(Box<Config>),
}

/// What to do about the kept sign-in.
#[derive(Debug)]
pub enum SignInCommand {
    Login(Box<LoginRequest>),
    /// Delete this file.
    Logout(PathBuf),
}

/// All settings.
#[derive(Debug)]
pub struct Config {
    /// The service and the settings of its session.
    pub service: ServiceConfig,
    pub talk: TalkConfig,
    pub audio: AudioConfig,
    /// Buttons, lights and held lines of the board.
    pub peripherals: Peripherals,
    /// Which board it is, why, and how to choose another: a sentence to log at start.
    pub board_summary: String,
    /// The state kept from the last run.
    pub saved_state: SavedState,
    pub record: RecordConfig,
    pub log: LogConfig,
    /// Warnings to log at start, one sentence each.
    pub warnings: Vec<String>,
    origins: Origins,
}

impl Config {
    /// Returns where the value of a setting comes from, if it has one. `name` is its name in the config file, such as
    /// `endpoint`.
    #[must_use]
    pub fn origin_of(&self, name: &str) -> Option<&Origin> {
        self.origins.0.get(name)
    }
}

/// The service and the settings of its session.
#[derive(Debug)]
pub struct ServiceConfig {
    pub target: ServiceTarget,
    /// The model or deployment, as set by the user.
    pub model: String,
    /// The agent to talk to instead of the model, if one is set. It decides what is not set here.
    pub agent: Option<AgentConfig>,
    pub voice: Option<Voice>,
    pub voice_options: VoiceOptions,
    /// The system prompt.
    pub instructions: Option<String>,
    /// How the service detects the end of a turn; not used in [`Mode::Hold`].
    pub turn_detection: Option<TurnDetection>,
    pub turn: TurnOptions,
    /// Noise reduction by the service.
    pub noise_reduction: Choice<NoiseReduction>,
    /// Echo cancellation by the service.
    pub echo_cancellation: Option<EchoCancellation>,
    /// How long the microphone is held back after the speaker was heard, in half duplex.
    pub half_duplex_tail: Duration,
    /// The model that transcribes the user's words.
    pub transcription: Choice<&'static str>,
    pub transcription_options: TranscriptionOptions,
    pub reply: ReplyOptions,
    /// The sample rate of the captured sound that is sent, in Hz.
    pub input_rate_hz: u32,
    /// Fields of the session object for which there is no setting.
    pub extra: serde_json::Map<String, serde_json::Value>,
}

/// Which service to use.
#[derive(Debug)]
pub enum ServiceTarget {
    /// The built-in service.
    Parrot,
    /// Azure Voice Live, or a compatible server.
    Azure(AzureConfig),
}

/// How to reach Azure.
#[derive(Debug)]
pub struct AzureConfig {
    /// The address, complete with its query.
    pub endpoint: Endpoint,
    pub credential: Credential,
    /// The setting that gives the credential, of the several that can.
    pub credential_origin: Origin,
    /// A PEM file of certificate authorities to trust in addition to the public ones.
    pub ca_file: Option<PathBuf>,
    /// The proxy through which the service is reached, if there is one.
    pub proxy: Option<Arc<Proxy>>,
}

impl AzureConfig {
    /// Returns what no output may contain: key or token, and the proxy's password. A token in a file is not read here.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        let credential = match &self.credential {
            Credential::Key(secret) | Credential::Token(secret) => Some(secret),
            Credential::TokenFile(_) | Credential::SignIn(_) => None,
        };
        let sign_in = match &self.credential {
            Credential::SignIn(sign_in) => Some(sign_in),
            Credential::Key(_) | Credential::Token(_) | Credential::TokenFile(_) => None,
        };
        let methods = sign_in.into_iter().flat_map(|sign_in| &sign_in.methods);
        let credential = credential.into_iter().chain(methods.filter_map(SignInMethod::secret));
        let authority = sign_in.and_then(|sign_in| sign_in.authority.proxy.as_ref());
        let credential = credential.chain(authority.into_iter().flat_map(|proxy| proxy.secrets()));
        credential.chain(self.proxy.iter().flat_map(|proxy| proxy.secrets()))
    }
}

/// How to authenticate to the service.
#[derive(Debug)]
pub enum Credential {
    /// The resource's key, for the `api-key` header.
    Key(Secret),
    /// A bearer token, which is not renewed.
    Token(Secret),
    /// A file that contains a bearer token, read for every connection.
    TokenFile(PathBuf),
    /// Tokens that mynah asks for, and renews.
    SignIn(Box<SignIn>),
}

impl Credential {
    /// Checks that `token` may be sent to `host`.
    ///
    /// # Errors
    /// Returns a sentence with what the token is for.
    pub fn check_token(token: &Secret, host: &str) -> Result<(), String> {
        audience::check(token, host).map_err(|reason| format!("what the sign-in gives {reason}"))
    }

    /// Reads the bearer token in `file`, to send it to `host`.
    ///
    /// # Errors
    /// Returns a sentence that names the file if it cannot be read, contains no token, or one for another host.
    pub fn read_token(file: &Path, host: &str) -> Result<Secret, String> {
        let token = secret::from_file(file, Some(host))?;
        audience::check(&token, host).map_err(|reason| format!("{}: {reason}", file.display()))?;
        Ok(token)
    }
}

/// What to log, and where.
#[derive(Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// The directory of the log file `<timestamp>_voicelive.log`, if one is written.
    pub dir: Option<PathBuf>,
    /// Whether to log debug messages.
    pub verbose: bool,
    /// Whether to print the words of both sides even if the output is not a terminal.
    pub words: bool,
    /// Whether to print the delays of every turn.
    pub timings: bool,
}

/// All problems with the settings.
#[derive(Debug)]
pub struct ConfigError {
    problems: Vec<String>,
    /// What is also odd, and may be the cause.
    warnings: Vec<String>,
    only_missing_devices: bool,
}

impl ConfigError {
    fn new(problems: Vec<String>) -> Self {
        Self { problems, warnings: Vec::new(), only_missing_devices: false }
    }

    /// Returns true if the only problems are missing devices.
    #[must_use]
    pub fn is_missing_device_only(&self) -> bool {
        self.only_missing_devices
    }

    /// Returns the problems, one sentence each.
    #[must_use]
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Returns the warnings, one sentence each.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problems.join("\n"))?;
        self.warnings.iter().try_for_each(|warning| write!(f, "\nwarning: {warning}"))
    }
}

impl std::error::Error for ConfigError {}
