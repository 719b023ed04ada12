//! The table of all settings: name, where it can be set, type, default and help.
//!
//! Options, environment variables, config file, `--help` and the manual page are all derived from this table, so none
//! of them can lack a setting.

use std::time::Duration;

use super::KeepOpen;
use super::values::{Keyword, names};
use crate::model::{EchoCancellation, Mode, NoiseReduction, TurnDetection};

/// A setting.
#[expect(clippy::enum_variant_names, reason = "named as in the config file: api_key")]
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
    Proxy,
    Parrot,
    Mode,
    TapQuietS,
    TurnDetection,
    NoiseReduction,
    EchoCancellation,
    Transcription,
    EndOfUtterance,
    Language,
    Board,
    AnyKeyboard,
    NoLight,
    Microphone,
    Speaker,
    GainDb,
    KeepOpen,
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
    PrintWords,
    Timings,
    Sounds,
    ResumeAfterNoise,
    Verbose,
}

/// A row of the table.
pub(super) struct KeyRow {
    pub(super) key: Key,
    /// The name in the config file; the option has `-` instead of `_`.
    pub(super) name: &'static str,
    pub(super) surface: Surface,
    /// The environment variable, if there is one.
    pub(super) env: Option<&'static str>,
    pub(super) kind: ValueKind,
    pub(super) default: Option<&'static str>,
    pub(super) group: HelpGroup,
    pub(super) help: &'static str,
}

/// Where a setting can be set, besides its environment variable.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Surface {
    OptionAndFile,
    OptionOnly,
    EnvironmentOnly,
}

/// The type of a value. The text is its placeholder in the help.
#[derive(Clone, Copy)]
pub(super) enum ValueKind {
    Switch,
    Text(&'static str),
    Secret(&'static str),
    Seconds,
    /// A number; the text is its unit.
    Number(&'static str),
    /// Seconds, or `forever`.
    Wait,
    OneOf(&'static str, fn() -> Vec<&'static str>),
}

/// The sections of the help.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum HelpGroup {
    Service,
    Talking,
    Device,
    Running,
}

impl HelpGroup {
    /// The sections and their headings, in order.
    pub(super) const TITLES: [(Self, &'static str); 4] = [
        (Self::Service, "Service"),
        (Self::Talking, "Talking"),
        (Self::Device, "Device"),
        (Self::Running, "Running"),
    ];
}

/// The synopsis, one form a line.
pub(super) const USAGE: [&str; 8] = [
    "mynah --endpoint URL [OPTION]...",
    "mynah --parrot [OPTION]...",
    "mynah config [OPTION]... | mynah config check FILE",
    "mynah help [TOPIC]",
    "mynah boards [show NAME | check FILE]",
    "mynah devices [OPTION]...",
    "mynah doctor [TOPIC]... [OPTION]...",
    "mynah replay [--verbose] FILE",
];

/// The settings of which one gives a credential.
pub(super) const CREDENTIAL_KEYS: [Key; 5] =
    [Key::ApiKey, Key::ApiKeyFile, Key::Token, Key::TokenFile, Key::UseTokenCredential];

/// An option that is short for another with a value: `--log` is `--log-dir logs`.
pub(super) const SHORTHAND: (&str, Key, &str) = ("log", Key::LogDir, "logs");

/// The prefix of mynah's own environment variables.
pub(super) const PREFIX: &str = "AZURE_VOICELIVE_";
/// The prefix that Microsoft's samples had before; nothing is read under it.
pub(super) const OLD_PREFIX: &str = "AZURE_VOICE_LIVE_";

#[rustfmt::skip]
pub(super) const ROWS: &[KeyRow] = &[
    row(Key::Endpoint, "endpoint", ValueKind::Text("URL"), HelpGroup::Service, "the address of the service, such as https://NAME.services.ai.azure.com").env("AZURE_VOICELIVE_ENDPOINT"),
    row(Key::ApiKey, "api_key", ValueKind::Secret("KEY"), HelpGroup::Service, "the resource's key; every user of the machine can see it in the process list").env("AZURE_VOICELIVE_API_KEY"),
    row(Key::ApiKeyFile, "api_key_file", ValueKind::Text("FILE"), HelpGroup::Service, "a file that contains the key"),
    row(Key::UseTokenCredential, "use_token_credential", ValueKind::Switch, HelpGroup::Service, "use a bearer token instead of a key: AZURE_VOICELIVE_TOKEN or the token file"),
    row(Key::Token, "token", ValueKind::Secret("TOKEN"), HelpGroup::Service, "").env("AZURE_VOICELIVE_TOKEN").only(Surface::EnvironmentOnly),
    row(Key::TokenFile, "token_file", ValueKind::Text("FILE"), HelpGroup::Service, "a file that contains the token, read for every connection"),
    row(Key::Model, "model", ValueKind::Text("NAME"), HelpGroup::Service, "the model or deployment").env("AZURE_VOICELIVE_MODEL").default("gpt-realtime"),
    row(Key::Voice, "voice", ValueKind::Text("NAME"), HelpGroup::Service, "the voice of the replies").env("AZURE_VOICELIVE_VOICE").default("en-US-Ava:DragonHDLatestNeural"),
    row(Key::Instructions, "instructions", ValueKind::Text("TEXT"), HelpGroup::Service, "the system prompt").env("AZURE_VOICELIVE_INSTRUCTIONS")
        .default("You are a friendly voice on a small speaker. Answer in a few short spoken sentences."),
    row(Key::ApiVersion, "api_version", ValueKind::Text("DATE"), HelpGroup::Service, "the API version of the service").env("AZURE_VOICELIVE_API_VERSION").default("2026-07-15"),
    row(Key::CaFile, "ca_file", ValueKind::Text("FILE"), HelpGroup::Service, "a PEM file of certificate authorities to trust in addition").env("SSL_CERT_FILE"),
    row(Key::Proxy, "proxy", ValueKind::Text("URL"), HelpGroup::Service, "the HTTP proxy that leads to the service, instead of that in HTTPS_PROXY or ALL_PROXY (without those in NO_PROXY); none for none"),
    row(Key::Parrot, "parrot", ValueKind::Switch, HelpGroup::Service, "use the built-in service: no account, no network"),
    row(Key::Mode, "mode", ValueKind::OneOf("MODE", names::<Mode>), HelpGroup::Talking, "when the microphone is live").default("open"),
    row(Key::TapQuietS, "tap_quiet_s", ValueKind::Seconds, HelpGroup::Talking, "in tap mode, the seconds of silence that end a conversation").default("8"),
    row(Key::TurnDetection, "turn_detection", ValueKind::OneOf("KIND", names::<TurnDetection>), HelpGroup::Talking, "how the service detects turns; if not set, azure_semantic_vad, or the multilingual one if language is not English"),
    row(Key::NoiseReduction, "noise_reduction", ValueKind::OneOf("KIND", names::<Option<NoiseReduction>>), HelpGroup::Talking, "noise reduction by the service").default("azure_deep_noise_suppression"),
    row(Key::EchoCancellation, "echo_cancellation", ValueKind::OneOf("KIND", names::<EchoCancellation>), HelpGroup::Talking, "echo cancellation by the service").default("server"),
    row(Key::Transcription, "transcription", ValueKind::OneOf("MODEL", names::<Option<&'static str>>), HelpGroup::Talking, "the model that transcribes your words; if not set, the one that fits the model"),
    row(Key::EndOfUtterance, "end_of_utterance", ValueKind::OneOf("WHEN", names::<Option<bool>>), HelpGroup::Talking, "also detect the end of a turn from the words; auto does if it fits the model").default("auto"),
    row(Key::Language, "language", ValueKind::Text("TAGS"), HelpGroup::Talking, "the language of your words, such as en or de-DE,fr"),
    row(Key::Board, "board", ValueKind::Text("BOARD"), HelpGroup::Device, "the name of a board, or a .toml file; detected if not set"),
    row(Key::AnyKeyboard, "any_keyboard", ValueKind::Switch, HelpGroup::Device, "let a key of a board file that names no device talk, mute or reset from every keyboard"),
    row(Key::NoLight, "no_light", ValueKind::Switch, HelpGroup::Device, "let the microphone be live in the mode open although no light or terminal shows it"),
    row(Key::Microphone, "microphone", ValueKind::Text("PCM"), HelpGroup::Device, "the ALSA name of the microphone, instead of the board's"),
    row(Key::Speaker, "speaker", ValueKind::Text("PCM"), HelpGroup::Device, "the ALSA name of the speaker, instead of the board's"),
    row(Key::GainDb, "gain_db", ValueKind::Number("DB"), HelpGroup::Device, "the gain of the microphone, instead of the board's"),
    row(Key::KeepOpen, "keep_open", ValueKind::OneOf("WHEN", names::<KeepOpen>), HelpGroup::Device, "when the microphone's device stays open while nothing is captured, and what it delivers is discarded; instead of the board's"),
    row(Key::Volume, "volume", ValueKind::Number("PERCENT"), HelpGroup::Device, "the volume of replies; a saved volume overrides the config file, but not this option [100]"),
    row(Key::Sounds, "sounds", ValueKind::Switch, HelpGroup::Device, "play two soft notes when the service disconnects, and when it reconnects").default("true"),
    row(Key::ResumeAfterNoise, "resume_after_noise", ValueKind::Switch, HelpGroup::Device, "continue a reply after a noise that the service took for speech and did not answer").default("true"),
    row(Key::UnpluggedS, "unplugged_s", ValueKind::Wait, HelpGroup::Device, "how long to wait for a disconnected sound card, or forever, instead of the board's"),
    row(Key::Speech, "speech", ValueKind::Text("WAV"), HelpGroup::Device, "a WAV file to use instead of the microphone"),
    row(Key::SpeakerFile, "speaker_file", ValueKind::Text("WAV"), HelpGroup::Device, "a WAV file to write instead of playing"),
    row(Key::StateFile, "state_file", ValueKind::Text("FILE"), HelpGroup::Running, "where mute and volume are saved, instead of state.toml in $STATE_DIRECTORY or ~/.local/state/mynah"),
    row(Key::Config, "config", ValueKind::Text("FILE"), HelpGroup::Running, "the config file, instead of ./mynah.toml or /etc/mynah/mynah.toml").only(Surface::OptionOnly),
    row(Key::Record, "record", ValueKind::Text("FILE"), HelpGroup::Running, "record events for mynah replay, without audio and words; at most 64 MiB, the older half in FILE.1"),
    row(Key::RecordSound, "record_sound", ValueKind::Switch, HelpGroup::Running, "record the audio of both sides too"),
    row(Key::RecordWords, "record_words", ValueKind::Switch, HelpGroup::Running, "record the words of both sides too"),
    row(Key::LogDir, "log_dir", ValueKind::Text("DIR"), HelpGroup::Running, "write DIR/<time>_voicelive.log; --log is --log-dir logs"),
    row(Key::PrintWords, "print_words", ValueKind::Switch, HelpGroup::Running, "print the words of both sides even if the output is not a terminal; in a journal, others may read them"),
    row(Key::Timings, "timings", ValueKind::Switch, HelpGroup::Running, "print the delays of every turn"),
    row(Key::Verbose, "verbose", ValueKind::Switch, HelpGroup::Running, "log at level debug"),
];

const fn row(key: Key, name: &'static str, kind: ValueKind, group: HelpGroup, help: &'static str) -> KeyRow {
    KeyRow { key, name, surface: Surface::OptionAndFile, env: None, kind, default: None, group, help }
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

    /// Returns the name of the option, without the dashes.
    pub(super) fn option(&self) -> String {
        self.name.replace('_', "-")
    }

    pub(super) fn has_option(&self) -> bool {
        self.surface != Surface::EnvironmentOnly
    }

    pub(super) fn is_in_files(&self) -> bool {
        self.surface == Surface::OptionAndFile
    }

    /// Returns the placeholder of the value in the help; a switch has none.
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

    /// Returns the help with the possible words, and the default if it is short.
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

    /// Returns whether `name` is another spelling of this setting's name in the config file: that of its option, of its
    /// environment variable, or with other capitals.
    pub(super) fn is_meant_by(&self, name: &str) -> bool {
        let spelling = name.trim_start_matches('-').replace('-', "_");
        name != self.name
            && (spelling.eq_ignore_ascii_case(self.name)
                || self.env.is_some_and(|variable| variable.eq_ignore_ascii_case(name)))
    }

    pub(super) fn is_secret(&self) -> bool {
        matches!(self.kind, ValueKind::Secret(_))
    }
}

/// Returns the word for a value.
pub(super) fn word<C: Keyword + PartialEq>(value: C) -> &'static str {
    C::ALL.iter().find(|(_, known)| *known == value).map_or("", |(word, _)| word)
}

/// Returns whether `name` is the one that a message about `input` suggests.
pub(super) fn is_close(input: &str, name: &str) -> bool {
    !suggest(input, [name]).is_empty()
}

/// Words for one of the words of a setting: what people write, and what it is called.
const SYNONYMS: [(&str, &[&str]); 8] = [
    ("hold", &["push-to-talk", "push_to_talk", "ptt", "walkie-talkie", "pushtotalk"]),
    ("tap", &["toggle", "click", "button", "press"]),
    ("open", &["always", "continuous", "hands-free", "handsfree", "vad", "always-on"]),
    ("unless-muted", &["on", "true", "yes", "unmuted", "while-unmuted"]),
    ("never", &["off", "none", "false", "no"]),
    ("off", &["none", "false", "disabled", "no", "null", "disable"]),
    ("server", &["on", "true", "yes", "server_echo_cancellation"]),
    ("azure_deep_noise_suppression", &["on", "true", "yes"]),
];

/// Returns ` (did you mean X?)` for one of `words`, also if `input` is another word for it.
pub(super) fn suggest_word(input: &str, words: &[&'static str]) -> String {
    let lower = input.trim().to_ascii_lowercase();
    let synonym =
        SYNONYMS.iter().find(|(word, others)| words.contains(word) && others.contains(&lower.as_str()));
    match synonym {
        Some((word, _)) => format!(" (did you mean {word}?)"),
        None => suggest(&lower, words.iter().copied()),
    }
}

/// Returns ` (did you mean X?)` for the name in `known` closest to `input`, or an empty string if none is close.
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

/// Returns the text of `--help`.
pub(super) fn help() -> String {
    let mut text =
        format!("mynah, a smart speaker for Azure Voice Live\n\nUsage: {}\n", USAGE.join("\n       "));
    for (group, title) in HelpGroup::TITLES {
        text.push_str(&format!("\n{title}\n"));
        for row in ROWS.iter().filter(|row| row.group == group && row.has_option()) {
            let head = match row.value_name() {
                None => format!("--{}", row.option()),
                Some(value) => format!("--{} {value}", row.option()),
            };
            entry(&mut text, &head, &row.full_help());
        }
    }
    entry(&mut text, "--help, --version", "print this help, or the version");
    text.push_str(
        "\nSettings are read from, strongest first: options, environment, .env, and the config file (TOML,\n",
    );
    text.push_str("with _ instead of -: tap_quiet_s = 8). Environment variables:\n");
    for name in ROWS.iter().filter_map(|row| row.env) {
        text.push_str(&format!("  {name}\n"));
    }
    text.push_str("Credentials from systemd's LoadCredential=: api-key and token.\n");
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

/// The quiet time of tap mode is a setting of its own, which is filled in later.
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

/// `None` is automatic.
impl Keyword for Option<bool> {
    const ALL: &'static [(&'static str, Self)] = &[("auto", None), ("on", Some(true)), ("off", Some(false))];
}

impl Keyword for EchoCancellation {
    const ALL: &'static [(&'static str, Self)] = &[("server", Self::Server), ("off", Self::Off)];
}

/// Transcription models, under the names that the service uses.
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
