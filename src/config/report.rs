//! The command `mynah config`: prints every setting, where it comes from, and all that is wrong; or judges one file.
//!
//! It prints no secret, opens no device, and writes nothing.

use std::ffi::OsString;
use std::path::Path;

use super::boards;
use super::host::HostInfo;
use super::schema::{HelpGroup, Key, KeyRow, ROWS, word};
use super::session_options::{shown_extra, shown_url};
use super::sources::{self, CommandLine, FileKind, Layer};
use super::values::Values;
use super::{
    AzureConfig, Config, Credential, Endpoint, KeepOpen, Proxy, Secret, ServiceTarget, SignInMethod, assemble,
};
use crate::printable::{clipped, redact};

const USAGE: &str = "\
Usage: mynah config [OPTION]...  print every setting, where it comes from, and what is wrong
       mynah config check FILE   check a file of settings, a .env file or a board file
Exit code 0: nothing is wrong, 2: something is
";

/// The output of `mynah config`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsReport {
    pub text: String,
    /// Whether mynah would not start with these settings.
    pub is_wrong: bool,
}

impl SettingsReport {
    fn help() -> Self {
        Self { text: USAGE.to_owned(), is_wrong: false }
    }
}

/// Runs the command with the arguments after `mynah config`.
///
/// # Errors
/// Returns every problem with the arguments, or with a file that cannot be read.
pub(super) fn request(
    args: &[OsString],
    env: impl IntoIterator<Item = (OsString, OsString)>,
    dir: &Path,
    system: &Path,
    host: &HostInfo,
) -> Result<SettingsReport, Vec<String>> {
    match args {
        [help] if help == "--help" || help == "-h" => Ok(SettingsReport::help()),
        [check, file] if check == "check" => check_file(&file.to_string_lossy(), dir, host),
        [check, ..] if check == "check" => Err(vec![format!("mynah config check: needs one FILE\n{USAGE}")]),
        [word, ..] if !word.to_string_lossy().starts_with('-') => {
            Err(vec![format!("mynah config {}: unknown command\n{USAGE}", word.to_string_lossy())])
        }
        options => {
            let args = std::iter::once(OsString::from("mynah")).chain(options.iter().cloned());
            match sources::gather(args, env, dir, system) {
                CommandLine::Help | CommandLine::Version => Ok(SettingsReport::help()),
                CommandLine::Run(sources) => Ok(report(Values::new(*sources), host, |_| true)),
            }
        }
    }
}

/// Judges `file`, as what it is by its name or contents.
fn check_file(file: &str, dir: &Path, host: &HostInfo) -> Result<SettingsReport, Vec<String>> {
    let path = dir.join(file);
    let kind = FileKind::of(&path).map_err(|error| vec![format!("{file}: cannot be read: {error}")])?;
    let name = clipped(file);
    let checked = match kind {
        FileKind::Board => {
            let args = [OsString::from("check"), OsString::from(file)];
            let (text, is_wrong) = match boards::request(&args, dir, host) {
                Ok(text) => (text, false),
                Err(problems) => (list("Wrong:", &problems), true),
            };
            SettingsReport { text: format!("{name}: taken for a board file\n{text}"), is_wrong }
        }
        FileKind::Settings | FileKind::DotEnv => {
            let what = if kind == FileKind::DotEnv { "a .env file" } else { "a file of settings" };
            let values = Values::new(sources::gather_file(&path, file, kind, dir));
            let SettingsReport { text, is_wrong } = report(values, host, |layer| layer > Layer::Measured);
            SettingsReport { text: format!("{name}: taken for {what}\n{text}"), is_wrong }
        }
    };
    Ok(checked)
}

/// Returns the settings whose layer is `shown`, and what is wrong with any.
fn report(mut values: Values, host: &HostInfo, shown: impl Fn(Layer) -> bool) -> SettingsReport {
    let config = assemble(&mut values, host);
    if let ServiceTarget::Azure(azure) = &config.service.target {
        // It may have been pasted into another setting too.
        azure.secrets().for_each(|secret| redact(secret.reveal()));
    }
    let mut text = String::new();
    for (group, title) in HelpGroup::TITLES {
        let rows = ROWS.iter().filter(|row| row.group == group);
        let lines: Vec<_> = rows.filter_map(|row| line(row, &values, &config, &shown)).collect();
        if !lines.is_empty() {
            text.push_str(&format!("\n{title}\n{}", lines.concat()));
        }
    }
    if shown(Layer::Default) {
        text.push_str(&format!("\nIt uses {}.\n", clipped(&config.board_summary)));
    }
    let (problems, warnings) = match values.finish() {
        Ok(warnings) => (Vec::new(), warnings),
        Err(error) => (error.problems().to_vec(), error.warnings().to_vec()),
    };
    if !warnings.is_empty() {
        text.push_str(&list("\nTo think about:", &warnings));
    }
    text.push_str(&match problems.as_slice() {
        [] => "\nNothing is wrong.\n".to_owned(),
        problems => list("\nWrong, so that mynah does not start:", problems),
    });
    SettingsReport { text, is_wrong: !problems.is_empty() }
}

fn list(title: &str, sentences: &[String]) -> String {
    let lines = sentences.iter().map(|sentence| format!("  - {}\n", clipped(sentence)));
    format!("{title}\n{}", lines.collect::<String>())
}

/// Settings of which an agent gets no default.
const NOT_SENT_TO_AGENT: [Key; 8] = [
    Key::Model,
    Key::Voice,
    Key::Instructions,
    Key::TurnDetection,
    Key::NoiseReduction,
    Key::EchoCancellation,
    Key::Transcription,
    Key::EndOfUtterance,
];

/// Returns the line of a setting: name, value and origin.
fn line(row: &KeyRow, values: &Values, config: &Config, shown: &impl Fn(Layer) -> bool) -> Option<String> {
    let is_left_to_agent = config.service.agent.is_some() && NOT_SENT_TO_AGENT.contains(&row.key);
    let (value, origin) = match values.layer(row.key) {
        None | Some(Layer::Default) if is_left_to_agent && shown(Layer::Default) => {
            ("-".to_owned(), "left to the agent".to_owned())
        }
        Some(layer) if shown(layer) => {
            let value = shown_value(row, values.raw(row.key).unwrap_or_default(), config);
            (
                value,
                if layer == Layer::Default { "default".to_owned() } else { values.place(row.key).to_owned() },
            )
        }
        None if shown(Layer::Default) && !row.group.is_of_session() => derived(row.key, config),
        Some(_) | None => return None,
    };
    Some(format!("  {:<22} {:<44} {}\n", row.name, clipped(&value), clipped(&origin)))
}

/// Returns a value as it may be shown: of a secret only the end, of an address none that was refused.
fn shown_value(row: &KeyRow, raw: &str, config: &Config) -> String {
    let ending = |secret: &Secret| format!("key ending in {}", secret.ending());
    let azure = match &config.service.target {
        ServiceTarget::Azure(azure) => Some(azure),
        ServiceTarget::Parrot => None,
    };
    if row.is_secret() {
        return Secret::new(raw).map_or_else(|_| "(not shown)".to_owned(), |secret| secret.ending());
    }
    if row.key == Key::SessionExtra {
        return shown_extra(raw);
    }
    if matches!(row.key, Key::VoiceLexiconUrl | Key::VoiceTextNormalizationUrl) {
        return format!("{:?}", shown_url(raw));
    }
    if row.key == Key::Endpoint {
        // An address that is refused may contain a secret, or be one.
        let parsed = Endpoint::new(raw, &config.service.model, "");
        return match (azure, parsed) {
            (Some(azure), _) => azure.endpoint.to_string(),
            (None, Ok(endpoint)) => format!("{:?}", endpoint.authority()),
            (None, Err(_)) => "(not shown)".to_owned(),
        };
    }
    if row.key == Key::Proxy {
        // The address of a proxy may contain a password.
        return match Proxy::new(raw, "") {
            Ok(Some(proxy)) => format!("{:?}", format!("{}:{}", proxy.host, proxy.port)),
            Ok(None) => "none".to_owned(),
            Err(_) => "(not shown)".to_owned(),
        };
    }
    if let (Key::ApiKeyFile, Some(Credential::Key(key))) = (row.key, azure.map(|azure| &azure.credential)) {
        return format!("{raw:?}, {}", ending(key));
    }
    if matches!(raw, "true" | "false") || raw.parse::<f64>().is_ok() {
        raw.to_owned()
    } else {
        format!("{raw:?}")
    }
}

/// Returns what mynah uses for a setting that is not set, and why.
fn derived(key: Key, config: &Config) -> (String, String) {
    let (service, audio, state) = (&config.service, &config.audio, &config.saved_state);
    let quoted = |text: &str| format!("{text:?}");
    let by_board = |value: String| (value, "the board".to_owned());
    let derived = [
        (
            Key::Transcription,
            (quoted(service.transcription.on().unwrap_or("off")), format!("fits {}", service.model)),
        ),
        (
            Key::TurnDetection,
            (quoted(service.turn_detection.map_or("-", word)), "fits the language".to_owned()),
        ),
        (Key::Microphone, by_board(quoted(&audio.microphone.device))),
        (Key::Speaker, by_board(quoted(&audio.speaker.device))),
        (Key::KeepOpen, keep_open(audio.microphone.keep_open)),
        (Key::GainDb, by_board(audio.microphone.gain_db.to_string())),
        (Key::Volume, (state.volume.to_string(), "the saved state, or 100".to_owned())),
    ];
    if let (Key::Proxy, ServiceTarget::Azure(AzureConfig { proxy: Some(proxy), .. })) = (key, &service.target)
    {
        return (quoted(&format!("{}:{}", proxy.host, proxy.port)), proxy.place.clone());
    }
    if let (Key::Credential, ServiceTarget::Azure(azure)) = (key, &config.service.target)
        && let Credential::SignIn(sign_in) = &azure.credential
    {
        let names: Vec<_> = sign_in.methods.iter().map(SignInMethod::name).collect();
        return (names.join(", or else "), "what is set up".to_owned());
    }
    if key == Key::StateFile {
        let file = state.file.as_ref().map(|file| quoted(&file.display().to_string()));
        return file.map_or_else(
            || ("-".to_owned(), "not kept: there is no directory for it".to_owned()),
            |file| (file, "default".to_owned()),
        );
    }
    let found = derived.into_iter().find(|(known, _)| *known == key).map(|(_, derived)| derived);
    found.unwrap_or_else(|| ("-".to_owned(), "not set".to_owned()))
}

/// Returns when the microphone's device stays open, and why; without a board's word the device decides.
fn keep_open(by_board: Option<KeepOpen>) -> (String, String) {
    match by_board {
        Some(keep_open) => (format!("{:?}", word(keep_open)), "the board".to_owned()),
        None => ("-".to_owned(), "unless-muted for a sound card, never for a sound server".to_owned()),
    }
}
