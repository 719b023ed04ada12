//! The one table of everything that can be set: name, surfaces, kind of value, default, help.
//!
//! Flags, environment, files and `--help` are all read off it, so none of them can know a key that
//! the others do not.

use std::time::Duration;

use super::values::{Keyword, names};
use crate::model::{EchoCancellation, Mode, NoiseReduction, TurnDetection};

/// What can be set.
#[expect(clippy::enum_variant_names, reason = "the owner knows it as api_key")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Endpoint,
    ApiKey,
    ApiKeyFile,
    UseTokenCredential,
    Token,
    TokenFile,
    Model,
    Voice,
    Instructions,
    ApiVersion,
    CaFile,
    Parrot,
    Mode,
    TapQuietS,
    TurnDetection,
    NoiseReduction,
    EchoCancellation,
    Transcription,
    Language,
    Board,
    Microphone,
    Speaker,
    GainDb,
    Volume,
    UnpluggedS,
    Speech,
    SpeakerFile,
    StateFile,
    Config,
    Record,
    RecordSound,
    RecordWords,
    LogDir,
    Sounds,
    Verbose,
}

/// One line of the table.
pub(super) struct KeyRow {
    pub(super) key: Key,
    /// As the config file spells it; the flag has `-` for `_`.
    pub(super) name: &'static str,
    pub(super) surface: Surface,
    /// The environment variable that sets it, if one does.
    pub(super) env: Option<&'static str>,
    pub(super) kind: ValueKind,
    pub(super) default: Option<&'static str>,
    pub(super) group: HelpGroup,
    pub(super) help: &'static str,
}

/// Where a key may be set, besides its environment variable.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Surface {
    FlagAndFile,
    Flag,
    EnvironmentOnly,
}

/// What kind of value a key takes; the text names it in the help.
#[derive(Clone, Copy)]
pub(super) enum ValueKind {
    Switch,
    Text(&'static str),
    Secret(&'static str),
    Seconds,
    /// A number of what the text says.
    Number(&'static str),
    /// Seconds, or a word for ever.
    Wait,
    OneOf(&'static str, fn() -> Vec<&'static str>),
}

/// The headings of the help.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum HelpGroup {
    Service,
    Talking,
    Device,
    Running,
}

impl HelpGroup {
    /// The headings, in their order.
    pub(super) const TITLES: [(Self, &'static str); 4] = [
        (Self::Service, "Service"),
        (Self::Talking, "Talking"),
        (Self::Device, "Device"),
        (Self::Running, "Running"),
    ];
}

/// How the program is called.
pub(super) const USAGE: [&str; 4] = [
    "mynah --endpoint URL [FLAG]...",
    "mynah --parrot [FLAG]...",
    "mynah boards [show NAME | check FILE]",
    "mynah replay [--verbose] FILE",
];

/// A flag that stands for a key with a value: `--log` is `--log-dir logs`.
pub(super) const SHORTHAND: (&str, Key, &str) = ("log", Key::LogDir, "logs");

/// The prefix of the environment variables that are nobody's but ours.
pub(super) const PREFIX: &str = "AZURE_VOICELIVE_";

#[rustfmt::skip]
pub(super) const ROWS: &[KeyRow] = &[
    row(Key::Endpoint, "endpoint", ValueKind::Text("URL"), HelpGroup::Service, "where the service is, such as https://NAME.services.ai.azure.com").env("AZURE_VOICELIVE_ENDPOINT"),
    row(Key::ApiKey, "api_key", ValueKind::Secret("KEY"), HelpGroup::Service, "the resource's key; every user of the machine can see it in a command line").env("AZURE_VOICELIVE_API_KEY"),
    row(Key::ApiKeyFile, "api_key_file", ValueKind::Text("FILE"), HelpGroup::Service, "a file that holds the key"),
    row(Key::UseTokenCredential, "use_token_credential", ValueKind::Switch, HelpGroup::Service, "a bearer token instead of a key: AZURE_VOICELIVE_TOKEN or the token file"),
    row(Key::Token, "token", ValueKind::Secret("TOKEN"), HelpGroup::Service, "").env("AZURE_VOICELIVE_TOKEN").only(Surface::EnvironmentOnly),
    row(Key::TokenFile, "token_file", ValueKind::Text("FILE"), HelpGroup::Service, "a file that holds the token, read for every connection"),
    row(Key::Model, "model", ValueKind::Text("NAME"), HelpGroup::Service, "the model or deployment").env("AZURE_VOICELIVE_MODEL").default("gpt-realtime"),
    row(Key::Voice, "voice", ValueKind::Text("NAME"), HelpGroup::Service, "the voice of the replies").env("AZURE_VOICELIVE_VOICE").default("en-US-Ava:DragonHDLatestNeural"),
    row(Key::Instructions, "instructions", ValueKind::Text("TEXT"), HelpGroup::Service, "the system prompt").env("AZURE_VOICELIVE_INSTRUCTIONS")
        .default("You are a friendly voice on a small speaker. Answer in a few short spoken sentences."),
    row(Key::ApiVersion, "api_version", ValueKind::Text("DATE"), HelpGroup::Service, "the version of the service's interface").env("AZURE_VOICELIVE_API_VERSION").default("2026-07-15"),
    row(Key::CaFile, "ca_file", ValueKind::Text("FILE"), HelpGroup::Service, "PEM certificate authorities to trust as well").env("SSL_CERT_FILE"),
    row(Key::Parrot, "parrot", ValueKind::Switch, HelpGroup::Service, "talk with the built-in service: no account, no network"),
    row(Key::Mode, "mode", ValueKind::OneOf("MODE", names::<Mode>), HelpGroup::Talking, "when the microphone is live").default("open"),
    row(Key::TapQuietS, "tap_quiet_s", ValueKind::Seconds, HelpGroup::Talking, "in tap mode, how much quiet ends a conversation").default("8"),
    row(Key::TurnDetection, "turn_detection", ValueKind::OneOf("KIND", names::<TurnDetection>), HelpGroup::Talking, "how the service finds turns").default("azure_semantic_vad"),
    row(Key::NoiseReduction, "noise_reduction", ValueKind::OneOf("KIND", names::<Option<NoiseReduction>>), HelpGroup::Talking, "in the service").default("azure_deep_noise_suppression"),
    row(Key::EchoCancellation, "echo_cancellation", ValueKind::OneOf("KIND", names::<EchoCancellation>), HelpGroup::Talking, "in the service").default("server"),
    row(Key::Transcription, "transcription", ValueKind::OneOf("MODEL", names::<Option<&'static str>>), HelpGroup::Talking, "what writes down your words").default("azure-speech"),
    row(Key::Language, "language", ValueKind::Text("TAGS"), HelpGroup::Talking, "of your words, such as en or de-DE,fr"),
    row(Key::Board, "board", ValueKind::Text("BOARD"), HelpGroup::Device, "the name of a board, or its .toml file; without it mynah looks which board this is"),
    row(Key::Microphone, "microphone", ValueKind::Text("PCM"), HelpGroup::Device, "the ALSA name, instead of the board's"),
    row(Key::Speaker, "speaker", ValueKind::Text("PCM"), HelpGroup::Device, "the ALSA name, instead of the board's"),
    row(Key::GainDb, "gain_db", ValueKind::Number("DB"), HelpGroup::Device, "how much louder to make the microphone, instead of the board's"),
    row(Key::Volume, "volume", ValueKind::Number("PERCENT"), HelpGroup::Device, "how loud replies are, until another volume is remembered; a flag always counts [100]"),
    row(Key::Sounds, "sounds", ValueKind::Switch, HelpGroup::Device, "two soft notes when the service is out of reach, and when it is back").default("true"),
    row(Key::UnpluggedS, "unplugged_s", ValueKind::Wait, HelpGroup::Device, "how long to wait for a sound card that went away, or forever, instead of the board's"),
    row(Key::Speech, "speech", ValueKind::Text("WAV"), HelpGroup::Device, "a recording to hear instead of the microphone"),
    row(Key::SpeakerFile, "speaker_file", ValueKind::Text("WAV"), HelpGroup::Device, "a recording to write instead of playing"),
    row(Key::StateFile, "state_file", ValueKind::Text("FILE"), HelpGroup::Running, "where mute and volume are remembered, instead of state.toml in $STATE_DIRECTORY or ~/.local/state/mynah"),
    row(Key::Config, "config", ValueKind::Text("FILE"), HelpGroup::Running, "the config file, instead of ./mynah.toml or /etc/mynah/mynah.toml").only(Surface::Flag),
    row(Key::Record, "record", ValueKind::Text("FILE"), HelpGroup::Running, "write down what happens, for mynah replay, without sound and words; at most 64 MiB, the older half in FILE.1"),
    row(Key::RecordSound, "record_sound", ValueKind::Switch, HelpGroup::Running, "put the sound of both sides into recordings"),
    row(Key::RecordWords, "record_words", ValueKind::Switch, HelpGroup::Running, "put the words of both sides into recordings"),
    row(Key::LogDir, "log_dir", ValueKind::Text("DIR"), HelpGroup::Running, "write DIR/<time>_voicelive.log; --log is --log-dir logs"),
    row(Key::Verbose, "verbose", ValueKind::Switch, HelpGroup::Running, "tell everything in the log"),
];

const fn row(key: Key, name: &'static str, kind: ValueKind, group: HelpGroup, help: &'static str) -> KeyRow {
    KeyRow { key, name, surface: Surface::FlagAndFile, env: None, kind, default: None, group, help }
}

impl KeyRow {
    const fn env(self, name: &'static str) -> Self {
        Self { env: Some(name), ..self }
    }

    const fn default(self, value: &'static str) -> Self {
        Self { default: Some(value), ..self }
    }

    const fn only(self, surface: Surface) -> Self {
        Self { surface, ..self }
    }

    /// Gives the flag without its dashes.
    pub(super) fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    pub(super) fn has_flag(&self) -> bool {
        self.surface != Surface::EnvironmentOnly
    }

    pub(super) fn is_in_files(&self) -> bool {
        self.surface == Surface::FlagAndFile
    }

    /// Returns what the help calls the flag's value, unless the flag is a switch.
    pub(super) fn value_name(&self) -> Option<&'static str> {
        match self.kind {
            ValueKind::Switch => None,
            ValueKind::Text(name)
            | ValueKind::Secret(name)
            | ValueKind::Number(name)
            | ValueKind::OneOf(name, _) => Some(name),
            ValueKind::Seconds | ValueKind::Wait => Some("S"),
        }
    }

    /// Returns the help with the words to choose from and the default, if it is short.
    pub(super) fn full_help(&self) -> String {
        let mut help = self.help.to_owned();
        if let ValueKind::OneOf(_, words) = self.kind {
            help.push_str(&format!(": {}", words().join(", ")));
        }
        if let Some(default) = self.default.filter(|default| default.len() < 40) {
            help.push_str(&format!(" [{default}]"));
        }
        help
    }

    pub(super) fn is_secret(&self) -> bool {
        matches!(self.kind, ValueKind::Secret(_))
    }
}

/// Says which of `known` was probably meant, as the end of a sentence; empty when none comes close.
pub(super) fn suggest<'k>(input: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    let close = |name: &&str| {
        let is_affix = input.len() >= 3 && (name.starts_with(input) || name.ends_with(input));
        let distance = if is_affix { 0 } else { strsim::damerau_levenshtein(input, name) };
        let rank = (distance, name.len().abs_diff(input.len()));
        (distance <= (input.len() / 3).max(1)).then_some(rank)
    };
    let closest = known.into_iter().filter_map(|name| Some((close(&name)?, name))).min();
    closest.map_or_else(String::new, |(_, name)| format!(" (did you mean {name}?)"))
}

/// Writes the text of `--help`.
pub(super) fn help() -> String {
    let mut text =
        format!("mynah, a smart speaker for Azure Voice Live\n\nUsage: {}\n", USAGE.join("\n       "));
    for (group, title) in HelpGroup::TITLES {
        text.push_str(&format!("\n{title}\n"));
        for row in ROWS.iter().filter(|row| row.group == group && row.has_flag()) {
            let head = match row.value_name() {
                None => format!("--{}", row.flag()),
                Some(value) => format!("--{} {value}", row.flag()),
            };
            entry(&mut text, &head, &row.full_help());
        }
    }
    entry(&mut text, "--help, --version", "say this, or which mynah this is");
    text.push_str(
        "\nA flag wins over the environment, that over .env, and that over the config file (TOML,\n",
    );
    text.push_str("with _ for -: tap_quiet_s = 8). The environment knows:\n");
    for name in ROWS.iter().filter_map(|row| row.env) {
        text.push_str(&format!("  {name}\n"));
    }
    text.push_str("and, from systemd's LoadCredential=, the credentials api-key and token.\n");
    text
}

fn entry(text: &mut String, head: &str, help: &str) {
    const INDENT: usize = 28;
    const WIDTH: usize = 96;
    let mut line = format!("  {head:<width$}", width = INDENT - 3);
    for word in help.split(' ') {
        if line.len() + 1 + word.len() > WIDTH {
            text.push_str(&line);
            text.push('\n');
            line = " ".repeat(INDENT - 1);
        }
        line.push(' ');
        line.push_str(word);
    }
    text.push_str(&line);
    text.push('\n');
}

/// How much quiet ends a conversation in tap mode is a key of its own, read afterwards.
impl Keyword for Mode {
    const ALL: &'static [(&'static str, Self)] =
        &[("open", Self::Open), ("tap", Self::Tap { quiet: Duration::ZERO }), ("hold", Self::Hold)];
}

impl Keyword for TurnDetection {
    const ALL: &'static [(&'static str, Self)] = &[
        ("server_vad", Self::ServerVad),
        ("azure_semantic_vad", Self::AzureSemanticVad),
        ("azure_semantic_vad_multilingual", Self::AzureSemanticVadMultilingual),
        ("semantic_vad", Self::SemanticVad),
    ];
}

impl Keyword for Option<NoiseReduction> {
    const ALL: &'static [(&'static str, Self)] = &[
        ("azure_deep_noise_suppression", Some(NoiseReduction::AzureDeepNoiseSuppression)),
        ("near_field", Some(NoiseReduction::NearField)),
        ("far_field", Some(NoiseReduction::FarField)),
        ("off", None),
    ];
}

impl Keyword for EchoCancellation {
    const ALL: &'static [(&'static str, Self)] = &[("server", Self::Server), ("off", Self::Off)];
}

/// Transcription models, which the service is told by the same name.
impl Keyword for Option<&'static str> {
    const ALL: &'static [(&'static str, Self)] = &[
        ("azure-speech", Some("azure-speech")),
        ("whisper-1", Some("whisper-1")),
        ("gpt-4o-transcribe", Some("gpt-4o-transcribe")),
        ("gpt-4o-mini-transcribe", Some("gpt-4o-mini-transcribe")),
        ("gpt-4o-transcribe-diarize", Some("gpt-4o-transcribe-diarize")),
        ("mai-transcribe", Some("mai-transcribe")),
        ("mai-transcribe-1", Some("mai-transcribe-1")),
        ("mai-transcribe-2", Some("mai-transcribe-2")),
        ("off", None),
    ];
}
