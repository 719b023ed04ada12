//! Settings are read in layers, rejected by name and place, and never leak a secret.

#![expect(clippy::panic, clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod agent;
mod board_file;
mod boards;
mod commands;
mod credentials;
mod dialects;
mod endpoint;
mod foreign_names;
mod language;
mod measured;
mod model_family;
mod origin;
mod overlays;
mod pairs;
mod pasted_keys;
mod proxy;
mod reference;
mod saved_state;
mod session_options;
mod shared_env;
mod shared_files;
mod shipped;
mod sign_in;
mod talk;
mod toml_errors;
mod word_gate;
mod working_folder;

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use mynah::config::{
    self, AzureConfig, Config, Credential, HostInfo, Peripherals, Request, Secret, ServiceTarget,
};
use mynah::model::{Choice, EchoCancellation, Mode, NoiseReduction, TurnDetection, Voice};
use proptest::prelude::*;

const KEY: &str = "0123456789abcdef";
const HOST: &str = "https://bird.services.ai.azure.com";

#[test]
fn parrot_needs_no_other_setting() {
    let config = Fixture::new().flags(&["--parrot"]).run();
    assert!(matches!(config.service.target, ServiceTarget::Parrot));
    assert_eq!(config.service.model, "gpt-realtime");
    assert_eq!(config.service.voice, Some(Voice::AzureStandard("en-US-Ava:DragonHDLatestNeural".to_owned())));
    assert!(config.service.instructions.is_some_and(|prompt| !prompt.is_empty()));
    assert_eq!(config.service.turn_detection, Some(TurnDetection::AzureSemanticVad));
    assert_eq!(config.service.noise_reduction, Choice::On(NoiseReduction::AzureDeepNoiseSuppression));
    assert_eq!(config.service.echo_cancellation, Some(EchoCancellation::Server));
    assert_eq!(config.service.transcription, Choice::On("whisper-1"));
    assert_eq!(config.service.transcription_options.language, None);
    assert_eq!(config.talk.mode, Mode::Open);
    let tap = Fixture::new().flags(&["--parrot", "--mode", "tap"]).run().talk.mode;
    assert_eq!(tap, Mode::Tap { quiet: Duration::from_secs(8) });
    assert!(config.talk.earcons);
    assert_eq!(config.peripherals, Peripherals::default());
    let (microphone, speaker) = (&config.audio.microphone.device, &config.audio.speaker.device);
    assert_eq!((&**microphone, &**speaker), ("default", "default"));
    assert_eq!((&config.audio.speech, &config.audio.speaker_file), (&None, &None));
    assert_eq!((config.log.dir, config.log.verbose), (None, false));
    assert_eq!(config.warnings, [""; 0]);
}

#[test]
fn options_and_environment_of_the_quickstart_work() {
    let config = Fixture::new()
        .flags(&["--model", "gpt-4o", "--voice=alloy", "--instructions", "Be brief.", "--verbose"])
        .env("AZURE_VOICELIVE_ENDPOINT", HOST)
        .env("AZURE_VOICELIVE_API_KEY", KEY)
        .env("AZURE_VOICELIVE_VOICE", "echo")
        .env("AZURE_VOICELIVE_API_VERSION", "2025-10-01")
        .run();
    let azure = azure(&config);
    assert_eq!(
        azure.endpoint.to_string(),
        "wss://bird.services.ai.azure.com/voice-live/realtime?api-version=2025-10-01&model=gpt-4o"
    );
    assert!(matches!(&azure.credential, Credential::Key(key) if key.reveal() == KEY));
    assert_eq!(config.service.voice, Some(Voice::OpenAi("alloy".to_owned())));
    assert_eq!(config.service.instructions.as_deref(), Some("Be brief."));
    assert!(config.log.verbose);
    assert_eq!(config.warnings, [""; 0]);
}

#[test]
fn stronger_layers_override_weaker_ones() {
    let mut fixture = Fixture::new().flags(&["--parrot"]);
    let model = |fixture: &Fixture| fixture.run().service.model;
    assert_eq!(model(&fixture), "gpt-realtime");
    fixture = fixture.system("model = 'from-system'");
    assert_eq!(model(&fixture), "from-system");
    fixture = fixture.file("mynah.toml", "model = 'from-config'");
    assert_eq!(model(&fixture), "from-config");
    fixture = fixture.file(".env", "AZURE_VOICELIVE_MODEL=from-dotenv");
    assert_eq!(model(&fixture), "from-dotenv");
    fixture = fixture.env("AZURE_VOICELIVE_MODEL", "from-environment");
    assert_eq!(model(&fixture), "from-environment");
    fixture = fixture.flags(&["--parrot", "--model", "first-flag", "--model", "last-flag"]);
    assert_eq!(model(&fixture), "last-flag");
}

#[test]
fn config_option_replaces_default_files_and_must_exist() {
    let fixture =
        Fixture::new().file("mynah.toml", "nonsense").file("other.toml", "parrot = true\nlog_dir = 'kept'");
    let config = fixture.flags(&["--config", "other.toml"]).run();
    assert!(config.log.dir.unwrap().ends_with("kept"));
    assert_problems(
        &Fixture::new().flags(&["--parrot", "--config", "gone.toml"]).problems(),
        &["gone.toml: | No such file"],
    );
}

#[test]
fn paths_are_relative_to_their_file_or_the_working_directory() {
    let fixture = Fixture::new()
        .file("etc/c.toml", "parrot = true\nspeech = 'a.wav'\nspeaker_file = 'b.wav'")
        .file("etc/a.wav", "");
    let path = |name: &str| Some(fixture.dir.path().join(name));
    let audio = fixture.clone_with(&["--config", "etc/c.toml"]).run().audio;
    assert_eq!((audio.speech, audio.speaker_file), (path("etc/a.wav"), path("etc/b.wav")));
    let audio = fixture.clone_with(&["--config", "etc/c.toml", "--speaker-file", "b.wav"]).run().audio;
    assert_eq!(audio.speaker_file, path("b.wav"));
}

#[test]
fn unknown_names_are_rejected_with_place_and_suggestion() {
    let problems = Fixture::new()
        .flags(&["--parrot", "--modle", "gpt-4o"])
        .env("HOME", "/nowhere")
        .file("mynah.toml", "\nmode = 'tap'\ninstruction = 'x'\n[zzz]\n")
        .problems();
    assert_problems(
        &problems,
        &[
            "unknown option --modle | mean --model? | --help",
            "mynah.toml, line 3: instruction: | mean instructions?",
            "mynah.toml, line 4: zzz: | unknown section",
        ],
    );
}

#[test]
fn unknown_variables_with_the_prefix_of_azure_are_warnings() {
    let fixture = Fixture::new()
        .env("AZURE_VOICELIVE_ENDPONT", HOST)
        .env("AZURE_VOICELIVE_AGENT_VERSION", "")
        .env("AZURE_VOICELIVE_AGENT_ID", "bird")
        .env("AZURE_VOICE_LIVE_API_KEY", KEY)
        .file(
            ".env",
            "# shared\nOTHER='1'\nAZURE_VOICELIVE_KEY=x\nAZURE_VOICELIVE_TRANSCRIPTION_LANGUAGE=de\n",
        );
    let expected = [
        "environment variable AZURE_VOICELIVE_ENDPONT: | mean AZURE_VOICELIVE_ENDPOINT?",
        "environment variable AZURE_VOICELIVE_AGENT_ID: | AZURE_VOICELIVE_AGENT_NAME",
        "environment variable AZURE_VOICE_LIVE_API_KEY: | new name is AZURE_VOICELIVE_API_KEY",
        ".env, line 3: AZURE_VOICELIVE_KEY: | mean AZURE_VOICELIVE_API_KEY?",
        ".env, line 4: AZURE_VOICELIVE_TRANSCRIPTION_LANGUAGE: | AZURE_VOICELIVE_LANGUAGE",
    ];
    assert_problems(&fixture.flags(&["--parrot"]).run().warnings, &expected);
    let error = fixture.read().unwrap_err();
    assert_problems(error.problems(), &[NO_ENDPOINT]);
    assert_problems(error.warnings(), &expected);
    assert!(error.to_string().contains("warning: environment variable AZURE_VOICELIVE_ENDPONT"), "{error}");
}

#[test]
fn empty_and_quoted_variables_of_the_environment_are_read_as_meant() {
    let fixture = Fixture::new()
        .env("AZURE_VOICELIVE_ENDPOINT", &format!("\"{HOST}\""))
        .env("azure_voicelive_api_key", &format!("'{KEY}'"))
        .env("AZURE_VOICELIVE_MODEL", "  ")
        .env("AZURE_VOICELIVE_VOICE", "\"\"");
    let config = fixture.run();
    assert_eq!(azure(&config).endpoint.host, "bird.services.ai.azure.com");
    assert!(matches!(&azure(&config).credential, Credential::Key(key) if key.reveal() == KEY));
    assert_eq!(config.service.model, "gpt-realtime");
    assert_eq!(config.service.voice, Some(Voice::AzureStandard("en-US-Ava:DragonHDLatestNeural".to_owned())));
}

#[test]
fn invalid_values_are_rejected_with_place_and_suggestion() {
    let config = "parrot = true\n\nmode = 'tpa'\ntap_quiet_s = 0\nlanguage = 'english please'\n";
    let fixture = Fixture::new().file("mynah.toml", config);
    assert_problems(
        &fixture.flags(&["--echo-cancellation", "of", "--board=desk"]).problems(),
        &[
            "option --board: \"desk\": | adafruit-voice-bonnet, aiy-voice-bonnet, | .toml | mean desktop?",
            "option --echo-cancellation: \"of\": | server, client, device, half_duplex, off | mean off?",
            "mynah.toml, line 5: language = \"english please\": | de-DE",
            "mynah.toml, line 3: mode = \"tpa\": | open, tap, hold | mean tap?",
            "mynah.toml, line 4: tap_quiet_s = \"0\": | seconds | 1 | 600",
        ],
    );
}

#[test]
fn config_file_values_must_have_the_type_of_their_key() {
    for (config, expected) in [
        ("verbose = 'true'", "verbose: | true or false | without quotes"),
        ("tap_quiet_s = '8'", "tap_quiet_s: | number | without quotes"),
        ("model = 4", "model: | string in quotes"),
        ("model = ['a']", "model: | string in quotes | number | true"),
        ("model = ''", "model: | empty"),
        ("token = 'x'", "token: | unknown key | mean token_file?"),
        ("config = 'x'", "config: | unknown key"),
    ] {
        let problems = Fixture::new().file("mynah.toml", config).flags(&["--parrot"]).problems();
        assert_problems(&problems, &[&format!("mynah.toml, line 1: {expected}")]);
    }
    let twice = Fixture::new().file("mynah.toml", "model = 'a'\nmodel = 'b'").flags(&["--parrot"]);
    assert_problems(&twice.problems(), &["mynah.toml, line 2: | TOML | duplicate key"]);
}

#[test]
fn invalid_arguments_are_rejected_by_name() {
    for (arguments, expected) in [
        (&["--parrot", "-x"][..], &["unknown option -x | --help"][..]),
        (&["--parrot", "talk"], &["unexpected argument \"talk\" | --help"]),
        (&["--parrot", "--model"], &["option --model: | needs a value"]),
        (&["--parrot=perhaps"], &["option --parrot: \"perhaps\": | true or false"]),
        (&["--parrot", "--token", "x"], &["unknown option --token | mean --token-file?"]),
        (&["--parrot", "--speech", "gone.wav"], &["option --speech: \"gone.wav\": | No such file"]),
    ] {
        assert_problems(&Fixture::new().flags(arguments).problems(), expected);
    }
}

#[test]
fn option_turns_off_a_switch_of_the_config_file() {
    let fixture =
        Fixture::new().file("mynah.toml", "parrot = true\nverbose = true").flags(&["--verbose=false"]);
    assert!(!fixture.run().log.verbose);
    let quiet = Fixture::new().file("mynah.toml", "parrot = true\nresume_after_noise = false").run();
    assert!(
        !quiet.talk.resumes_replies
            && Fixture::new().file("mynah.toml", "parrot = true").run().talk.resumes_replies
    );
    assert!(!Fixture::new().file("mynah.toml", "parrot = true\nsounds = false").run().talk.earcons);
}

#[test]
fn an_early_duck_without_the_canceller_of_the_device_has_no_effect_and_says_so() {
    let run = |hearing: &str| {
        Fixture::new().file("mynah.toml", &format!("parrot = true\n[hearing]\n{hearing}")).run()
    };
    let told =
        "mynah.toml, line 3: [hearing] early_duck: has no effect without echo_cancellation = \"device\"";
    for (hearing, ducks, warnings) in [
        ("echo_cancellation = \"device\"", true, &[][..]),
        ("early_duck = true\necho_cancellation = \"device\"", true, &[]),
        ("early_duck = false", false, &[]),
        ("early_duck = true", true, &[told]),
    ] {
        let config = run(hearing);
        assert_eq!(config.talk.ducks_replies, ducks, "{hearing}");
        assert_eq!(config.warnings, warnings, "{hearing}");
    }
}

#[test]
fn log_is_short_for_log_dir_logs() {
    let fixture = Fixture::new().flags(&["--parrot", "--log"]);
    assert_eq!(fixture.run().log.dir, Some(fixture.dir.path().join("logs")));
    let fixture = Fixture::new().flags(&["--parrot", "--log", "--log-dir", "elsewhere"]);
    assert_eq!(fixture.run().log.dir, Some(fixture.dir.path().join("elsewhere")));
}

#[test]
fn help_is_printed_even_if_other_settings_are_invalid() {
    let Ok(Request::Help(help)) = Fixture::new().flags(&["--nonsense", "--help"]).file(".env", "?").read()
    else {
        panic!("no help");
    };
    for flag in
        ["--api-key KEY", "--endpoint URL", "--use-token-credential", "--mode MODE", "open, tap, hold"]
    {
        assert!(help.contains(flag), "{flag} is not in:\n{help}");
    }
    assert!(help.contains("AZURE_VOICELIVE_TOKEN") && !help.contains("--token "));
    assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
    assert!(matches!(Fixture::new().flags(&["-V"]).read(), Ok(Request::Version)));
}

#[test]
fn missing_endpoint_and_credential_are_reported_together() {
    assert_problems(&Fixture::new().problems(), &[NO_ENDPOINT, NO_CREDENTIAL]);
}

#[test]
fn empty_environment_variables_are_ignored() {
    let fixture =
        Fixture::new().env("AZURE_VOICELIVE_API_KEY", "").file(".env", "AZURE_VOICELIVE_ENDPOINT=\n");
    assert_problems(&fixture.problems(), &[NO_ENDPOINT, NO_CREDENTIAL]);
}

#[test]
fn key_on_the_command_line_works_with_a_warning() {
    let config = Fixture::new().flags(&["--endpoint", HOST, "--api-key", KEY]).run();
    assert!(matches!(&azure(&config).credential, Credential::Key(key) if key.reveal() == KEY));
    assert_eq!(config.warnings.len(), 1);
    assert_problems(
        &config.warnings,
        &["option --api-key: | --api-key-file | AZURE_VOICELIVE_API_KEY | .env"],
    );
}

#[test]
fn key_file_accessible_to_others_gives_a_warning() {
    let fixture = Fixture::new().file("key", &format!("{KEY}\n")).file("mynah.toml", "api_key_file = 'key'");
    let fixture = fixture.env("AZURE_VOICELIVE_ENDPOINT", HOST);
    let config = fixture.run();
    assert!(matches!(&azure(&config).credential, Credential::Key(key) if key.reveal() == KEY));
    let key = fixture.dir.path().join("key");
    assert_problems(&config.warnings, &[&format!("{0} | mode 644 | chmod 600 {0}", key.display())]);
    fs::set_permissions(key, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(fixture.run().warnings, [""; 0]);
}

#[test]
fn config_file_and_dotenv_with_a_key_give_the_same_warning() {
    let fixture = Fixture::new().env("AZURE_VOICELIVE_ENDPOINT", HOST);
    let fixture = fixture.file("mynah.toml", "api_key = 'abc'").file(".env", "AZURE_VOICELIVE_API_KEY=def");
    assert_eq!(fixture.run().warnings.len(), 2);
}

#[test]
fn token_comes_from_environment_or_from_file_each_time() {
    let fixture = Fixture::new().flags(&["--endpoint", HOST, "--use-token-credential"]);
    let with_token = fixture.env("AZURE_VOICELIVE_TOKEN", "ey.J");
    assert!(
        matches!(&azure(&with_token.run()).credential, Credential::Token(token) if token.reveal() == "ey.J")
    );
    let fixture = Fixture::new().flags(&["--endpoint", HOST, "--use-token-credential", "--token-file", "t"]);
    let fixture = fixture.file("t", "ey.1\n");
    let config = fixture.run();
    let Credential::TokenFile(path) = &azure(&config).credential else { panic!("no token file") };
    fs::write(path, "ey.2").unwrap();
    assert_eq!(Credential::read_token(path, "localhost").unwrap().reveal(), "ey.2");
    fs::write(path, "Bearer ey.2").unwrap();
    assert_problems(
        &[Credential::read_token(path, "localhost").unwrap_err()],
        &[&format!("{}: | space", path.display())],
    );
}

#[test]
fn conflicting_credentials_are_rejected_naming_both() {
    let (key, token) = (("AZURE_VOICELIVE_API_KEY", KEY), ("AZURE_VOICELIVE_TOKEN", "ey.J"));
    for (flags, env, expected) in [
        (
            &[][..],
            &[key, token][..],
            "both | (environment variable AZURE_VOICELIVE_API_KEY) | (environment variable AZURE_VOICELIVE_TOKEN)",
        ),
        (
            &["--use-token-credential"],
            &[key],
            "both | (environment variable AZURE_VOICELIVE_API_KEY) | (option --use-token-credential)",
        ),
        (&["--api-key", KEY, "--api-key-file", "k"], &[], "option --api-key and option --api-key-file"),
        (&[], &[token], "environment variable AZURE_VOICELIVE_TOKEN: | --use-token-credential"),
        (
            &["--use-token-credential"],
            &[],
            "option --use-token-credential: | no way to sign in | mynah login",
        ),
    ] {
        let fixture = Fixture::new().flags(&[&["--endpoint", HOST], flags].concat()).file("k", KEY);
        let fixture = env.iter().fold(fixture, |fixture, (name, value)| fixture.env(name, value));
        assert_problems(&fixture.problems(), &[expected]);
    }
}

#[test]
fn key_file_option_overrides_key_in_the_environment() {
    let fixture = Fixture::new().flags(&["--endpoint", HOST, "--api-key-file", "k"]).file("k", "flagged");
    let config = fixture.env("AZURE_VOICELIVE_API_KEY", KEY).run();
    assert!(matches!(&azure(&config).credential, Credential::Key(key) if key.reveal() == "flagged"));
}

#[test]
fn no_message_contains_a_secret() {
    let fixture =
        Fixture::new().file("mynah.toml", "api_key = 'hunter2 x'\nendpoint = 'wss://x?api-key=hunter2'");
    let problems = fixture.problems();
    assert_problems(
        &problems,
        &["mynah.toml, line 2: endpoint: | api-key | query", "mynah.toml, line 1: api_key: | space"],
    );
    let unfinished =
        Fixture::new().file("mynah.toml", "api_key = 'hunter2").file(".env", "hunter2\nA=\"hunter2");
    let config = Fixture::new().flags(&["--api-key", "hunter2", "--endpoint", HOST]).run();
    let shown = format!("{problems:?}{:?}{config:?}{:?}", unfinished.problems(), Secret::new("hunter2"));
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("***"));
}

#[test]
fn dotenv_accepts_export_quotes_and_comments() {
    let dotenv = "\u{feff}# comment\r\n\r\nexport AZURE_VOICELIVE_MODEL = \"a \\\"b\\\" # c\" # d\r\n\
                  AZURE_VOICELIVE_VOICE='x-y'\n  AZURE_VOICELIVE_INSTRUCTIONS=be kind # comment\nEXPORT=x\n";
    let service = Fixture::new().flags(&["--parrot"]).file(".env", dotenv).run().service;
    assert_eq!(service.model, "a \"b\" # c");
    assert_eq!(service.voice, Some(Voice::AzureStandard("x-y".to_owned())));
    assert_eq!(service.instructions.as_deref(), Some("be kind"));
}

proptest! {
    #[test]
    fn no_config_file_or_dotenv_causes_a_panic(config in "\\PC{0,60}|[a-z_=\"'\\[\\]\n#0-9. ]{0,80}", dotenv in "[A-Z_='\"\\\\# \nx]{0,60}") {
        let _ = Fixture::new().flags(&["--parrot"]).file("mynah.toml", &config).file(".env", &dotenv).read();
    }
}

#[test]
fn endpoint_with_another_model_gives_a_warning() {
    let fixture = Fixture::new()
        .env("AZURE_VOICELIVE_API_KEY", KEY)
        .env("AZURE_VOICELIVE_ENDPOINT", "a.example?model=mine");
    assert_eq!(fixture.run().warnings, [""; 0]);
    let warnings = fixture.flags(&["--model", "other"]).run().warnings;
    assert_problems(
        &warnings,
        &["environment variable AZURE_VOICELIVE_ENDPOINT: | model | instead of other"],
    );
}

#[test]
fn unsupported_combinations_give_a_warning() {
    for (flags, expected) in [
        (
            &["--model=gpt-4o", "--turn-detection=semantic_vad"][..],
            &["option --turn-detection: | gpt-realtime | gpt-4o"][..],
        ),
        (
            &["--model=gpt-4o", "--noise-reduction=far_field"],
            &["option --noise-reduction: | gpt-realtime | gpt-4o"],
        ),
        (&["--voice", "allloy"], &["option --voice: \"allloy\" | mean alloy?"]),
        (&["--turn-detection=semantic_vad", "--noise-reduction=near_field", "--voice=marin"], &[]),
        (&["--model=azure-realtime", "--voice=ava"], &[]),
    ] {
        let config = Fixture::new().flags(&[&["--parrot"], flags].concat()).run();
        assert_problems(&config.warnings, expected);
    }
}

#[test]
fn ca_file_must_exist() {
    let fixture = Fixture::new().env("AZURE_VOICELIVE_API_KEY", KEY).env("AZURE_VOICELIVE_ENDPOINT", HOST);
    let fixture = fixture.env("SSL_CERT_FILE", "ca.pem");
    assert_problems(&fixture.problems(), &["environment variable SSL_CERT_FILE: \"ca.pem\": | No such file"]);
    let fixture = fixture.file("ca.pem", "");
    assert_eq!(azure(&fixture.run()).ca_file, Some(fixture.dir.path().join("ca.pem")));
}

#[test]
fn users_devices_override_those_of_a_board_file() {
    let board = "[board]\nname = 'mine'\nabout = 'x'\n[speaker]\ndevice = 'hw:1'\n";
    let fixture = Fixture::new().file("mine.toml", board);
    let audio = fixture.clone_with(&["--parrot", "--board", "mine.toml"]).run().audio;
    assert_eq!((&*audio.microphone.device, &*audio.speaker.device), ("default", "hw:1"));
    let audio = fixture.clone_with(&["--parrot", "--board", "mine.toml", "--speaker", "plug:x"]).run().audio;
    assert_eq!(&*audio.speaker.device, "plug:x");
}

#[test]
fn board_file_errors_name_file_line_and_suggestion() {
    let board = "[board]\nname = 'mine'\n[speaker]\ndevise = 'hw:1'\n[microfone]\n";
    let fixture = Fixture::new().file("mine.toml", board).flags(&["--parrot", "--board", "mine.toml"]);
    assert_problems(
        &fixture.problems(),
        &[
            "mine.toml, line 5: microfone: | mean microphone?",
            "mine.toml: [board] about: | required",
            "mine.toml, line 4: [speaker] devise: | mean device?",
        ],
    );
    assert_problems(
        &Fixture::new().flags(&["--parrot", "--board=gone.toml"]).problems(),
        &["option --board: \"gone.toml\": | No such file"],
    );
}

const NO_ENDPOINT: &str =
    "no endpoint | AZURE_VOICELIVE_ENDPOINT | --endpoint | mynah.toml | https:// | --parrot";
const NO_CREDENTIAL: &str =
    "no credential | AZURE_VOICELIVE_API_KEY | api_key_file | use_token_credential | --parrot";

/// Asserts that there is one message for each of `expected`, in order. Each of `expected` is the start of a message, and
/// after each ` | ` a text that the rest must contain.
fn assert_problems(messages: &[String], expected: &[&str]) {
    assert_eq!(messages.len(), expected.len(), "{messages:#?}");
    for (message, expected) in messages.iter().zip(expected) {
        assert!(states(message, expected), "{message}\nlacks a part of\n{expected}");
    }
}

fn states(message: &str, expected: &str) -> bool {
    let mut facts = expected.split(" | ");
    let Some(rest) = facts.next().and_then(|start| message.strip_prefix(start)) else { return false };
    facts.all(|fact| rest.contains(fact))
}

/// A working directory with files, an environment and a command line.
#[derive(Clone)]
struct Fixture {
    dir: std::sync::Arc<tempfile::TempDir>,
    flags: Vec<String>,
    env: Vec<(String, String)>,
    host: HostInfo,
}

impl Fixture {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap().into(),
            flags: Vec::new(),
            env: Vec::new(),
            host: HostInfo::default(),
        }
    }

    fn flags(&self, flags: &[&str]) -> Self {
        self.clone_with(flags)
    }

    fn clone_with(&self, flags: &[&str]) -> Self {
        Self { flags: flags.iter().map(|flag| (*flag).to_owned()).collect(), ..self.clone() }
    }

    fn env(&self, name: &str, value: &str) -> Self {
        let mut fixture = self.clone();
        fixture.env.push((name.to_owned(), value.to_owned()));
        fixture
    }

    fn file(self, name: &str, text: &str) -> Self {
        self.bytes(name, text.as_bytes())
    }

    fn bytes(self, name: &str, text: &[u8]) -> Self {
        let path = self.dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
        self
    }

    fn on(self, host: HostInfo) -> Self {
        Self { host, ..self }
    }

    fn system(self, text: &str) -> Self {
        self.file("system/mynah.toml", text)
    }

    fn read(&self) -> Result<Request, config::ConfigError> {
        let args = std::iter::once("mynah").chain(self.flags.iter().map(String::as_str)).map(OsString::from);
        let env = self.env.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let system = self.dir.path().join("system/mynah.toml");
        config::read(args, env, self.dir.path(), &system, &self.host)
    }

    fn run(&self) -> Config {
        match self.read() {
            Ok(Request::Run(config)) => *config,
            other => panic!("{other:?}"),
        }
    }

    fn problems(&self) -> Vec<String> {
        match self.read() {
            Err(error) => error.problems().to_vec(),
            other => panic!("{other:?}"),
        }
    }
}

fn azure(config: &Config) -> &AzureConfig {
    match &config.service.target {
        ServiceTarget::Azure(azure) => azure,
        ServiceTarget::Parrot => panic!("not Azure"),
    }
}
