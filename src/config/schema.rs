//! The table of all settings: name, where it can be set, type, default and help.
//!
//! Options, environment variables, config file, `--help` and the manual page are all derived from this table, so none
//! of them can lack a setting.

use super::KeepOpen;
use super::session_options::{
    EAGERNESS, EFFORTS, INTERIM_KINDS, MODALITIES, PERSONAL_MODELS, PROFILES, UTTERANCE_LEVELS,
    UTTERANCE_MODELS, VOICE_TYPES,
};
use super::sign_in::CredentialChoice;
use super::values::{Keyword, names};
use crate::model::{Dialect, EchoCancellation, Mode, NoiseReduction, TurnDetection};

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
    Credential,
    Tenant,
    ClientId,
    ClientSecret,
    ClientSecretFile,
    ClientCertificate,
    FederatedTokenFile,
    AuthorityHost,
    IdentityEndpoint,
    IdentityHeader,
    ImdsEndpoint,
    Model,
    Voice,
    Instructions,
    ApiVersion,
    Dialect,
    AllowPlain,
    CaFile,
    Proxy,
    Parrot,
    Mode,
    TapQuietS,
    TurnDetection,
    NoiseReduction,
    EchoCancellation,
    EarlyDuck,
    HalfDuplexTailMs,
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
    Profile,
    AgentName,
    AgentProjectName,
    AgentVersion,
    ConversationId,
    AgentIdentity,
    FoundryResource,
    VoiceType,
    VoiceEndpointId,
    VoiceModel,
    VoiceTemperature,
    VoiceRate,
    VoicePitch,
    VoiceVolume,
    VoiceStyle,
    VoiceLocale,
    VoicePreferLocales,
    VoiceLexiconUrl,
    VoiceTextNormalizationUrl,
    TurnThreshold,
    TurnPrefixMs,
    TurnSilenceMs,
    TurnSpeechMs,
    TurnInterruptMs,
    TurnIdleTimeoutMs,
    TurnRemoveFillerWords,
    TurnLanguages,
    TurnEagerness,
    EndOfUtteranceModel,
    EndOfUtteranceThreshold,
    EndOfUtteranceTimeoutMs,
    PhraseList,
    CustomSpeech,
    TranscriptionPrompt,
    InputRate,
    ReplyModalities,
    ReplyTemperature,
    ReplyMaxTokens,
    ReasoningEffort,
    ReplyTimestamps,
    InterimResponse,
    InterimTexts,
    InterimModel,
    InterimInstructions,
    InterimMaxTokens,
    InterimTriggers,
    InterimAfterMs,
    Metadata,
    SessionExtra,
}

/// A row of the table.
pub(super) struct KeyRow {
    pub(super) key: Key,
    /// The name; the option has `-` instead of `_`.
    pub(super) name: &'static str,
    /// The section of the config file that contains the setting, and its name there. It is understood under `name`
    /// too, above all sections.
    pub(super) section: Option<(&'static str, &'static str)>,
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
    /// A number, or a text.
    Loose(&'static str),
    /// Texts: a list in the config file, elsewhere with commas between them or as JSON.
    List(&'static str),
    /// Pairs of texts: a table in the config file, elsewhere `NAME=TEXT,NAME=TEXT` or JSON.
    Pairs(&'static str),
    /// A JSON object; a table in the config file.
    Json,
    OneOf(&'static str, fn() -> Vec<&'static str>),
}

/// The sections of the help.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum HelpGroup {
    Service,
    Talking,
    Device,
    Running,
    Agent,
    Voice,
    Turn,
    Hearing,
    Reply,
    Session,
}

impl HelpGroup {
    /// The sections and their headings, in order.
    pub(super) const TITLES: [(Self, &'static str); 10] = [
        (Self::Service, "Service"),
        (Self::Talking, "Talking"),
        (Self::Device, "Device"),
        (Self::Running, "Running"),
        (Self::Agent, "Agent"),
        (Self::Voice, "Voice"),
        (Self::Turn, "Turns"),
        (Self::Hearing, "Hearing"),
        (Self::Reply, "Replies"),
        (Self::Session, "Session"),
    ];

    /// Returns whether `mynah help session` lists it, and not `mynah --help`, which would be too long.
    pub(super) fn is_of_session(self) -> bool {
        match self {
            Self::Service | Self::Talking | Self::Device | Self::Running => false,
            Self::Agent | Self::Voice | Self::Turn | Self::Hearing | Self::Reply | Self::Session => true,
        }
    }
}

/// The sections of the config file.
pub(super) const SECTIONS: [&str; 6] = ["agent", "voice", "turn", "hearing", "reply", "session"];

/// The synopsis, one form a line.
pub(super) const USAGE: [&str; 9] = [
    "mynah --endpoint URL [OPTION]...",
    "mynah --parrot [OPTION]...",
    "mynah login [OPTION]... | mynah logout [OPTION]...",
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
/// The prefix that Microsoft's samples had before; it is understood.
pub(super) const OLD_PREFIX: &str = "AZURE_VOICE_LIVE_";

#[rustfmt::skip]
pub(super) const ROWS: &[KeyRow] = &[
    row(Key::Endpoint, "endpoint", ValueKind::Text("URL"), HelpGroup::Service, "the address of the service, such as https://NAME.services.ai.azure.com").env("AZURE_VOICELIVE_ENDPOINT"),
    row(Key::ApiKey, "api_key", ValueKind::Secret("KEY"), HelpGroup::Service, "the resource's key; every user of the machine can see it in the process list").env("AZURE_VOICELIVE_API_KEY"),
    row(Key::ApiKeyFile, "api_key_file", ValueKind::Text("FILE"), HelpGroup::Service, "a file that contains the key"),
    row(Key::UseTokenCredential, "use_token_credential", ValueKind::Switch, HelpGroup::Service, "sign in to Azure instead of using a key; mynah help sign-in tells the ways"),
    row(Key::Token, "token", ValueKind::Secret("TOKEN"), HelpGroup::Service, "").env("AZURE_VOICELIVE_TOKEN").only(Surface::EnvironmentOnly),
    row(Key::TokenFile, "token_file", ValueKind::Text("FILE"), HelpGroup::Service, "a file that contains the token, read for every connection"),
    row(Key::Credential, "credential", ValueKind::OneOf("KIND", names::<CredentialChoice>), HelpGroup::Service, "the one way to sign in, or the ways of production or development").env("AZURE_TOKEN_CREDENTIALS"),
    row(Key::Tenant, "tenant", ValueKind::Text("ID"), HelpGroup::Service, "the tenant to sign in to: its ID or its domain").env("AZURE_TENANT_ID"),
    row(Key::ClientId, "client_id", ValueKind::Text("ID"), HelpGroup::Service, "the application to sign in with, or the managed identity").env("AZURE_CLIENT_ID"),
    row(Key::ClientSecret, "client_secret", ValueKind::Secret("SECRET"), HelpGroup::Service, "").env("AZURE_CLIENT_SECRET").only(Surface::EnvironmentOnly),
    row(Key::ClientSecretFile, "client_secret_file", ValueKind::Text("FILE"), HelpGroup::Service, "a file that contains the application's secret"),
    row(Key::ClientCertificate, "client_certificate", ValueKind::Text("FILE"), HelpGroup::Service, "a PEM file of the application's private key and certificate").env("AZURE_CLIENT_CERTIFICATE_PATH"),
    row(Key::FederatedTokenFile, "federated_token_file", ValueKind::Text("FILE"), HelpGroup::Service, "a file of another issuer's token that the application trusts").env("AZURE_FEDERATED_TOKEN_FILE"),
    row(Key::AuthorityHost, "authority_host", ValueKind::Text("HOST"), HelpGroup::Service, "the login service, if it is not that of the endpoint's cloud").env("AZURE_AUTHORITY_HOST"),
    row(Key::IdentityEndpoint, "identity_endpoint", ValueKind::Text("URL"), HelpGroup::Service, "").env("IDENTITY_ENDPOINT").only(Surface::EnvironmentOnly),
    row(Key::IdentityHeader, "identity_header", ValueKind::Secret("SECRET"), HelpGroup::Service, "").env("IDENTITY_HEADER").only(Surface::EnvironmentOnly),
    row(Key::ImdsEndpoint, "imds_endpoint", ValueKind::Text("URL"), HelpGroup::Service, "").env("IMDS_ENDPOINT").only(Surface::EnvironmentOnly),
    row(Key::Model, "model", ValueKind::Text("NAME"), HelpGroup::Service, "the model or deployment").env("AZURE_VOICELIVE_MODEL").default("gpt-realtime"),
    row(Key::Voice, "voice", ValueKind::Text("NAME"), HelpGroup::Service, "the voice of the replies").env("AZURE_VOICELIVE_VOICE").default("en-US-Ava:DragonHDLatestNeural").at("voice", "name"),
    row(Key::Instructions, "instructions", ValueKind::Text("TEXT"), HelpGroup::Service, "the system prompt").env("AZURE_VOICELIVE_INSTRUCTIONS")
        .default("You are a friendly voice on a small speaker. Answer in a few short spoken sentences.").at("reply", "instructions"),
    row(Key::ApiVersion, "api_version", ValueKind::Text("DATE"), HelpGroup::Service, "the API version of the service").env("AZURE_VOICELIVE_API_VERSION").default("2026-07-15"),
    row(Key::Dialect, "dialect", ValueKind::OneOf("NAME", names::<Dialect>), HelpGroup::Service, "the dialect of the service; if not set, found in the address and in its first message").env("AZURE_VOICELIVE_DIALECT"),
    row(Key::AllowPlain, "allow_plain", ValueKind::Text("HOST"), HelpGroup::Service, "the host of your own network that may be reached without TLS (ws://), unencrypted").env("AZURE_VOICELIVE_ALLOW_PLAIN"),
    row(Key::CaFile, "ca_file", ValueKind::Text("FILE"), HelpGroup::Service, "a PEM file of certificate authorities to trust in addition").env("SSL_CERT_FILE"),
    row(Key::Proxy, "proxy", ValueKind::Text("URL"), HelpGroup::Service, "the HTTP proxy that leads to the service, instead of that in HTTPS_PROXY or ALL_PROXY (without those in NO_PROXY); none for none"),
    row(Key::Parrot, "parrot", ValueKind::Switch, HelpGroup::Service, "use the built-in service: no account, no network"),
    row(Key::Mode, "mode", ValueKind::OneOf("MODE", names::<Mode>), HelpGroup::Talking, "when the microphone is live").default("open"),
    row(Key::TapQuietS, "tap_quiet_s", ValueKind::Seconds, HelpGroup::Talking, "in tap mode, the seconds of silence that end a conversation").default("8"),
    row(Key::TurnDetection, "turn_detection", ValueKind::OneOf("KIND", names::<TurnDetection>), HelpGroup::Talking, "how the service detects turns; if not set, azure_semantic_vad, or the multilingual one if language is not English").env("AZURE_VOICELIVE_TURN_DETECTION").at("turn", "detection"),
    row(Key::NoiseReduction, "noise_reduction", ValueKind::OneOf("KIND", names::<Option<NoiseReduction>>), HelpGroup::Talking, "noise reduction by the service").default("azure_deep_noise_suppression").env("AZURE_VOICELIVE_NOISE_REDUCTION").at("hearing", "noise_reduction"),
    row(Key::EchoCancellation, "echo_cancellation", ValueKind::OneOf("KIND", names::<EchoCancellation>), HelpGroup::Talking, "who removes the speaker's echo; client and device need a card with timestamps, and no real board has run them yet").default("server").env("AZURE_VOICELIVE_ECHO_CANCELLATION").at("hearing", "echo_cancellation"),
    row(Key::EarlyDuck, "early_duck", ValueKind::Switch, HelpGroup::Talking, "turn a reply down as soon as this device hears you talk over it; with echo_cancellation = device").default("true").env("AZURE_VOICELIVE_EARLY_DUCK").at("hearing", "early_duck"),
    row(Key::HalfDuplexTailMs, "half_duplex_tail_ms", ValueKind::Number("MS"), HelpGroup::Hearing, "how long after a reply half_duplex holds the microphone back").default("300").env("AZURE_VOICELIVE_HALF_DUPLEX_TAIL_MS").at("hearing", "half_duplex_tail_ms"),
    row(Key::Transcription, "transcription", ValueKind::OneOf("MODEL", names::<Option<&'static str>>), HelpGroup::Talking, "the model that transcribes your words; if not set, the one that fits the model").env("AZURE_VOICELIVE_TRANSCRIPTION").at("hearing", "transcription"),
    row(Key::EndOfUtterance, "end_of_utterance", ValueKind::OneOf("WHEN", names::<Option<bool>>), HelpGroup::Talking, "also detect the end of a turn from the words; auto does if it fits the model").default("auto").env("AZURE_VOICELIVE_END_OF_UTTERANCE").at("turn", "end_of_utterance"),
    row(Key::Language, "language", ValueKind::List("TAGS"), HelpGroup::Talking, "the language of your words, such as en or de-DE,fr").env("AZURE_VOICELIVE_LANGUAGE").at("hearing", "language"),
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
    row(Key::Profile, "profile", ValueKind::OneOf("PROFILE", || PROFILES.to_vec()), HelpGroup::Service, "the kind of your own deployment, if the model is one").env("AZURE_VOICELIVE_PROFILE"),
    row(Key::AgentName, "agent_name", ValueKind::Text("NAME"), HelpGroup::Agent, "the Foundry agent to talk to, instead of a model; it takes a token, not a key").env("AZURE_VOICELIVE_AGENT_NAME").at("agent", "name"),
    row(Key::AgentProjectName, "agent_project_name", ValueKind::Text("NAME"), HelpGroup::Agent, "the Foundry project of the agent").env("AZURE_VOICELIVE_AGENT_PROJECT_NAME").at("agent", "project_name"),
    row(Key::AgentVersion, "agent_version", ValueKind::Text("VERSION"), HelpGroup::Agent, "the version of the agent, instead of the newest").env("AZURE_VOICELIVE_AGENT_VERSION").at("agent", "version"),
    row(Key::ConversationId, "conversation_id", ValueKind::Text("ID"), HelpGroup::Agent, "the conversation with the agent to resume at every start, instead of the last one").env("AZURE_VOICELIVE_CONVERSATION_ID").at("agent", "conversation_id"),
    row(Key::AgentIdentity, "agent_authentication_identity_client_id", ValueKind::Text("ID"), HelpGroup::Agent, "the client id of the identity with which the service reaches an agent of another resource").env("AZURE_VOICELIVE_AGENT_AUTHENTICATION_IDENTITY_CLIENT_ID").at("agent", "identity_client_id"),
    row(Key::FoundryResource, "foundry_resource_override", ValueKind::Text("NAME"), HelpGroup::Agent, "the name of the Foundry resource that has the agent or the deployment, if it is another one").env("AZURE_VOICELIVE_FOUNDRY_RESOURCE_OVERRIDE").at("agent", "foundry_resource_override"),
    row(Key::VoiceType, "voice_type", ValueKind::OneOf("TYPE", || VOICE_TYPES.to_vec()), HelpGroup::Voice, "the kind of voice, if its name does not tell").env("AZURE_VOICELIVE_VOICE_TYPE").at("voice", "type"),
    row(Key::VoiceEndpointId, "voice_endpoint_id", ValueKind::Text("ID"), HelpGroup::Voice, "the id of the endpoint of a custom voice").env("AZURE_VOICELIVE_VOICE_ENDPOINT_ID").at("voice", "endpoint_id"),
    row(Key::VoiceModel, "voice_model", ValueKind::OneOf("MODEL", || PERSONAL_MODELS.to_vec()), HelpGroup::Voice, "the model of a personal voice").env("AZURE_VOICELIVE_VOICE_MODEL").at("voice", "model"),
    row(Key::VoiceTemperature, "voice_temperature", ValueKind::Number("0-1"), HelpGroup::Voice, "how much a high-definition voice varies").env("AZURE_VOICELIVE_VOICE_TEMPERATURE").at("voice", "temperature"),
    row(Key::VoiceRate, "voice_rate", ValueKind::Loose("RATE"), HelpGroup::Voice, "how fast an Azure voice speaks: 0.5 to 1.5, +10%, or slow, medium, fast").env("AZURE_VOICELIVE_VOICE_RATE").at("voice", "rate"),
    row(Key::VoicePitch, "voice_pitch", ValueKind::Loose("PITCH"), HelpGroup::Voice, "how high an Azure voice speaks: +10%, -2st, +50Hz, or low, medium, high").env("AZURE_VOICELIVE_VOICE_PITCH").at("voice", "pitch"),
    row(Key::VoiceVolume, "voice_volume", ValueKind::Loose("VOLUME"), HelpGroup::Voice, "how loud an Azure voice speaks, before the volume: 0 to 100, -10%, or soft, medium, loud").env("AZURE_VOICELIVE_VOICE_VOLUME").at("voice", "volume"),
    row(Key::VoiceStyle, "voice_style", ValueKind::Text("STYLE"), HelpGroup::Voice, "a style that the Azure voice has, such as cheerful").env("AZURE_VOICELIVE_VOICE_STYLE").at("voice", "style"),
    row(Key::VoiceLocale, "voice_locale", ValueKind::Text("TAG"), HelpGroup::Voice, "the only language that the Azure voice speaks, such as de-DE").env("AZURE_VOICELIVE_VOICE_LOCALE").at("voice", "locale"),
    row(Key::VoicePreferLocales, "voice_prefer_locales", ValueKind::List("TAGS"), HelpGroup::Voice, "the accents to prefer for each language, such as en-GB,pt-BR").env("AZURE_VOICELIVE_VOICE_PREFER_LOCALES").at("voice", "prefer_locales"),
    row(Key::VoiceLexiconUrl, "voice_lexicon_url", ValueKind::Text("URL"), HelpGroup::Voice, "a lexicon of pronunciations for an Azure voice").env("AZURE_VOICELIVE_VOICE_LEXICON_URL").at("voice", "lexicon_url"),
    row(Key::VoiceTextNormalizationUrl, "voice_text_normalization_url", ValueKind::Text("URL"), HelpGroup::Voice, "rules that rewrite the text for an Azure voice").env("AZURE_VOICELIVE_VOICE_TEXT_NORMALIZATION_URL").at("voice", "text_normalization_url"),
    row(Key::TurnThreshold, "turn_threshold", ValueKind::Number("0-1"), HelpGroup::Turn, "how sure the service must be that it hears speech").env("AZURE_VOICELIVE_TURN_THRESHOLD").at("turn", "threshold"),
    row(Key::TurnPrefixMs, "turn_prefix_ms", ValueKind::Number("MS"), HelpGroup::Turn, "the sound before speech that belongs to a turn").env("AZURE_VOICELIVE_TURN_PREFIX_MS").at("turn", "prefix_ms"),
    row(Key::TurnSilenceMs, "turn_silence_ms", ValueKind::Number("MS"), HelpGroup::Turn, "the silence that ends a turn").env("AZURE_VOICELIVE_TURN_SILENCE_MS").at("turn", "silence_ms"),
    row(Key::TurnSpeechMs, "turn_speech_ms", ValueKind::Number("MS"), HelpGroup::Turn, "the speech that starts a turn").env("AZURE_VOICELIVE_TURN_SPEECH_MS").at("turn", "speech_ms"),
    row(Key::TurnInterruptMs, "turn_interrupt_ms", ValueKind::Number("MS"), HelpGroup::Turn, "the speech that interrupts a reply").env("AZURE_VOICELIVE_TURN_INTERRUPT_MS").at("turn", "interrupt_ms"),
    row(Key::TurnIdleTimeoutMs, "turn_idle_timeout_ms", ValueKind::Number("MS"), HelpGroup::Turn, "the quiet after which the service speaks by itself").env("AZURE_VOICELIVE_TURN_IDLE_TIMEOUT_MS").at("turn", "idle_timeout_ms"),
    row(Key::TurnRemoveFillerWords, "turn_remove_filler_words", ValueKind::Switch, HelpGroup::Turn, "let words such as hmm not interrupt a reply").env("AZURE_VOICELIVE_TURN_REMOVE_FILLER_WORDS").at("turn", "remove_filler_words"),
    row(Key::TurnLanguages, "turn_languages", ValueKind::List("TAGS"), HelpGroup::Turn, "the languages of the turn detection, instead of language").env("AZURE_VOICELIVE_TURN_LANGUAGES").at("turn", "languages"),
    row(Key::TurnEagerness, "turn_eagerness", ValueKind::OneOf("HOW", || EAGERNESS.to_vec()), HelpGroup::Turn, "how soon semantic_vad ends a turn").env("AZURE_VOICELIVE_TURN_EAGERNESS").at("turn", "eagerness"),
    row(Key::EndOfUtteranceModel, "end_of_utterance_model", ValueKind::OneOf("MODEL", || UTTERANCE_MODELS.to_vec()), HelpGroup::Turn, "the model that detects the end of an utterance").env("AZURE_VOICELIVE_END_OF_UTTERANCE_MODEL").at("turn", "end_of_utterance_model"),
    row(Key::EndOfUtteranceThreshold, "end_of_utterance_threshold", ValueKind::OneOf("LEVEL", || UTTERANCE_LEVELS.to_vec()), HelpGroup::Turn, "how sure it must be").env("AZURE_VOICELIVE_END_OF_UTTERANCE_THRESHOLD").at("turn", "end_of_utterance_threshold"),
    row(Key::EndOfUtteranceTimeoutMs, "end_of_utterance_timeout_ms", ValueKind::Number("MS"), HelpGroup::Turn, "how long it waits for more words").env("AZURE_VOICELIVE_END_OF_UTTERANCE_TIMEOUT_MS").at("turn", "end_of_utterance_timeout_ms"),
    row(Key::PhraseList, "phrase_list", ValueKind::List("PHRASES"), HelpGroup::Hearing, "phrases that azure-speech or mai-transcribe may hear").env("AZURE_VOICELIVE_PHRASE_LIST").at("hearing", "phrase_list"),
    row(Key::CustomSpeech, "custom_speech", ValueKind::Pairs("TAG=ID"), HelpGroup::Hearing, "the endpoints of custom speech models for azure-speech, by language").env("AZURE_VOICELIVE_CUSTOM_SPEECH").at("hearing", "custom_speech"),
    row(Key::TranscriptionPrompt, "transcription_prompt", ValueKind::Text("TEXT"), HelpGroup::Hearing, "what the words are about, for the transcription models of OpenAI").env("AZURE_VOICELIVE_TRANSCRIPTION_PROMPT").at("hearing", "transcription_prompt"),
    row(Key::InputRate, "input_rate", ValueKind::Number("HZ"), HelpGroup::Hearing, "the sample rate of what is sent: 24000, or 16000 for a third less").env("AZURE_VOICELIVE_INPUT_RATE").default("24000").at("hearing", "input_rate"),
    row(Key::ReplyModalities, "reply_modalities", ValueKind::OneOf("WHAT", || MODALITIES.to_vec()), HelpGroup::Reply, "what replies consist of; text is printed, not spoken").env("AZURE_VOICELIVE_REPLY_MODALITIES").at("reply", "modalities"),
    row(Key::ReplyTemperature, "reply_temperature", ValueKind::Number("0-1.2"), HelpGroup::Reply, "how much the words of replies vary").env("AZURE_VOICELIVE_REPLY_TEMPERATURE").at("reply", "temperature"),
    row(Key::ReplyMaxTokens, "reply_max_tokens", ValueKind::Loose("N"), HelpGroup::Reply, "the longest reply: 1 to 4096 tokens, or inf").env("AZURE_VOICELIVE_REPLY_MAX_TOKENS").at("reply", "max_tokens"),
    row(Key::ReasoningEffort, "reasoning_effort", ValueKind::OneOf("HOW", || EFFORTS.to_vec()), HelpGroup::Reply, "how long the model thinks").env("AZURE_VOICELIVE_REASONING_EFFORT").at("reply", "reasoning_effort"),
    row(Key::ReplyTimestamps, "reply_timestamps", ValueKind::Switch, HelpGroup::Reply, "let the service send when each word is spoken").env("AZURE_VOICELIVE_REPLY_TIMESTAMPS").at("reply", "timestamps"),
    row(Key::InterimResponse, "interim_response", ValueKind::OneOf("KIND", || INTERIM_KINDS.to_vec()), HelpGroup::Reply, "say something while a reply takes long").env("AZURE_VOICELIVE_INTERIM_RESPONSE").at("reply", "interim_response"),
    row(Key::InterimTexts, "interim_texts", ValueKind::List("TEXTS"), HelpGroup::Reply, "what static says, one of them each time").env("AZURE_VOICELIVE_INTERIM_TEXTS").at("reply", "interim_texts"),
    row(Key::InterimModel, "interim_model", ValueKind::Text("NAME"), HelpGroup::Reply, "the model that writes what llm says").env("AZURE_VOICELIVE_INTERIM_MODEL").at("reply", "interim_model"),
    row(Key::InterimInstructions, "interim_instructions", ValueKind::Text("TEXT"), HelpGroup::Reply, "its instructions").env("AZURE_VOICELIVE_INTERIM_INSTRUCTIONS").at("reply", "interim_instructions"),
    row(Key::InterimMaxTokens, "interim_max_tokens", ValueKind::Number("N"), HelpGroup::Reply, "the most tokens it writes").env("AZURE_VOICELIVE_INTERIM_MAX_TOKENS").at("reply", "interim_max_tokens"),
    row(Key::InterimTriggers, "interim_triggers", ValueKind::List("EVENTS"), HelpGroup::Reply, "what starts it: latency, tool, or both").env("AZURE_VOICELIVE_INTERIM_TRIGGERS").at("reply", "interim_triggers"),
    row(Key::InterimAfterMs, "interim_after_ms", ValueKind::Number("MS"), HelpGroup::Reply, "the wait for a reply that starts it").env("AZURE_VOICELIVE_INTERIM_AFTER_MS").at("reply", "interim_after_ms"),
    row(Key::Metadata, "metadata", ValueKind::Pairs("NAME=TEXT"), HelpGroup::Session, "what the service stores with the session; at most 16 pairs").env("AZURE_VOICELIVE_METADATA").at("session", "metadata"),
    row(Key::SessionExtra, "session_extra", ValueKind::Json, HelpGroup::Session, "fields of the session object for which there is no setting").env("AZURE_VOICELIVE_SESSION_EXTRA").at("session", "extra"),
];

const fn row(key: Key, name: &'static str, kind: ValueKind, group: HelpGroup, help: &'static str) -> KeyRow {
    KeyRow {
        key,
        name,
        section: None,
        surface: Surface::OptionAndFile,
        env: None,
        kind,
        default: None,
        group,
        help,
    }
}

impl KeyRow {
    const fn env(self, name: &'static str) -> Self {
        Self { env: Some(name), ..self }
    }

    const fn at(self, section: &'static str, name: &'static str) -> Self {
        Self { section: Some((section, name)), ..self }
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
            | ValueKind::Loose(name)
            | ValueKind::List(name)
            | ValueKind::Pairs(name)
            | ValueKind::OneOf(name, _) => Some(name),
            ValueKind::Json => Some("JSON"),
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

    /// Returns how to write the setting in the config file, such as `rate under [voice]`.
    pub(super) fn name_in_file(&self) -> String {
        self.section
            .map_or_else(|| self.name.to_owned(), |(section, name)| format!("{name} under [{section}]"))
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
const SYNONYMS: [(&str, &[&str]); 9] = [
    ("hold", &["push-to-talk", "push_to_talk", "ptt", "walkie-talkie", "pushtotalk"]),
    ("tap", &["toggle", "click", "button", "press"]),
    ("open", &["always", "continuous", "hands-free", "handsfree", "vad", "always-on"]),
    ("unless-muted", &["on", "true", "yes", "unmuted", "while-unmuted"]),
    ("never", &["off", "none", "false", "no"]),
    ("off", &["none", "false", "disabled", "no", "null", "disable"]),
    ("server", &["on", "true", "yes", "server_echo_cancellation"]),
    ("device", &["local", "aec"]),
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
