//! What the owner asks for is read in layers, refused by name and place, and never leaks a secret.

#![expect(clippy::panic, clippy::unwrap_used, reason = "in helpers, too, that is how a test fails")]

mod board_file;
mod boards;
mod credentials;
mod endpoint;
mod reference;
mod saved_state;

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use mynah::config::{
    self, AzureConfig, Config, Credential, HostInfo, Peripherals, Request, Secret, ServiceTarget,
};
use mynah::model::{EchoCancellation, Mode, NoiseReduction, TurnDetection, Voice};
use proptest::prelude::*;

const KEY: &str = "0123456789abcdef";
const HOST: &str = "https://bird.services.ai.azure.com";

#[test]
fn the_parrot_needs_nothing_but_its_flag() {
    let config = Fixture::new().flags(&["--parrot"]).run();
    assert!(matches!(config.service.target, ServiceTarget::Parrot));
    assert_eq!(config.service.model, "gpt-realtime");
    assert_eq!(config.service.voice, Voice::AzureStandard("en-US-Ava:DragonHDLatestNeural".to_owned()));
    assert!(!config.service.instructions.is_empty());
    assert_eq!(config.service.turn_detection, TurnDetection::AzureSemanticVad);
    assert_eq!(config.service.noise_reduction, Some(NoiseReduction::AzureDeepNoiseSuppression));
    assert_eq!(config.service.echo_cancellation, EchoCancellation::Server);
    assert_eq!(config.service.transcription, Some("azure-speech"));
    assert_eq!(config.service.language, None);
    assert_eq!(config.talk.mode, Mode::Open);
    let tap = Fixture::new().flags(&["--parrot", "--mode", "tap"]).run().talk.mode;
    assert_eq!(tap, Mode::Tap { quiet: Duration::from_secs(8) });
    assert!(config.talk.sounds);
    assert_eq!(config.peripherals, Peripherals::default());
    let (microphone, speaker) = (&config.audio.microphone.device, &config.audio.speaker.device);
    assert_eq!((&**microphone, &**speaker), ("default", "default"));
    assert_eq!((&config.audio.speech, &config.audio.speaker_file), (&None, &None));
    assert_eq!((config.log.dir, config.log.verbose), (None, false));
    assert_eq!(config.warnings, [""; 0]);
}

#[test]
fn the_quickstarts_flags_and_environment_work() {
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
    assert_eq!(config.service.voice, Voice::OpenAi("alloy".to_owned()));
    assert_eq!(config.service.instructions, "Be brief.");
    assert!(config.log.verbose);
    assert_eq!(config.warnings, [""; 0]);
}

#[test]
fn flags_win_over_environment_over_dotenv_over_config_over_default() {
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
fn a_named_config_file_replaces_the_usual_ones_and_must_be_there() {
    let fixture =
        Fixture::new().file("mynah.toml", "nonsense").file("other.toml", "parrot = true\nlog_dir = 'kept'");
    let config = fixture.flags(&["--config", "other.toml"]).run();
    assert!(config.log.dir.unwrap().ends_with("kept"));
    let problems = Fixture::new().flags(&["--parrot", "--config", "gone.toml"]).problems();
    assert!(problems[0].starts_with("gone.toml: cannot be read: "), "{problems:?}");
}

#[test]
fn paths_in_a_file_are_relative_to_that_file_and_flags_to_the_working_directory() {
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
fn what_is_unknown_is_refused_with_its_place_and_the_nearest_name() {
    let problems = Fixture::new()
        .flags(&["--parrot", "--modle", "gpt-4o"])
        .env("AZURE_VOICELIVE_ENDPONT", HOST)
        .env("HOME", "/nowhere")
        .file(".env", "# shared\nOTHER='1'\nAZURE_VOICELIVE_KEY=x")
        .file("mynah.toml", "\nmode = 'tap'\ninstruction = 'x'\n[zzz]\n")
        .problems();
    assert_eq!(
        problems,
        [
            "flag --modle: unknown (did you mean --model?); mynah --help lists the flags",
            "environment AZURE_VOICELIVE_ENDPONT: unknown (did you mean AZURE_VOICELIVE_ENDPOINT?)",
            ".env, line 3: AZURE_VOICELIVE_KEY: unknown (did you mean AZURE_VOICELIVE_API_KEY?)",
            "mynah.toml, line 3: instruction: unknown key (did you mean instructions?)",
            "mynah.toml, line 4: zzz: unknown key",
        ]
    );
}

#[test]
fn a_bad_value_is_refused_with_its_place_its_text_and_what_was_meant() {
    let config = "parrot = true\n\nmode = 'tpa'\ntap_quiet_s = 0\nlanguage = 'english please'\n";
    assert_eq!(
        Fixture::new()
            .file("mynah.toml", config)
            .flags(&["--echo-cancellation", "of", "--board=desk"])
            .problems(),
        [
            r#"flag --board: "desk": neither a board (adafruit-voice-bonnet, aiy-voice-bonnet, aiy-voice-hat, codec-zero, desktop, i2s-mems, respeaker-2mic-v1, respeaker-2mic-v2, respeaker-4mic, respeaker-xvf3800, usb-speakerphone) nor the path of a .toml file (did you mean desktop?)"#,
            r#"flag --echo-cancellation: "of": not one of server, off (did you mean off?)"#,
            r#"mynah.toml, line 5: language = "english please": not a language tag such as en or de-DE, nor several with commas"#,
            r#"mynah.toml, line 3: mode = "tpa": not one of open, tap, hold (did you mean tap?)"#,
            r#"mynah.toml, line 4: tap_quiet_s = "0": not a number of seconds from 1 to 600"#,
        ]
    );
}

#[test]
fn every_kind_of_value_in_the_config_file_must_be_its_own() {
    let problems =
        |config: &str| Fixture::new().file("mynah.toml", config).flags(&["--parrot"]).problems().join("|");
    assert_eq!(
        problems("verbose = 'true'"),
        "mynah.toml, line 1: verbose: must be true or false, without quotes"
    );
    assert_eq!(
        problems("tap_quiet_s = '8'"),
        "mynah.toml, line 1: tap_quiet_s: must be a number, without quotes"
    );
    assert_eq!(problems("model = 4"), "mynah.toml, line 1: model: must be text in quotes");
    assert_eq!(
        problems("model = ['a']"),
        "mynah.toml, line 1: model: must be a plain value: text in quotes, a number, true or false"
    );
    assert_eq!(problems("model = ''"), "mynah.toml, line 1: model: is empty");
    assert!(problems("model = 'a'\nmodel = 'b'").starts_with("mynah.toml, line 2: not TOML: duplicate key"));
    assert_eq!(problems("token = 'x'"), "mynah.toml, line 1: token: unknown key (did you mean token_file?)");
    assert_eq!(problems("config = 'x'"), "mynah.toml, line 1: config: unknown key");
}

#[test]
fn bad_command_lines_are_refused_by_name() {
    let problems = |flags: &[&str]| Fixture::new().flags(flags).problems().join("|");
    assert_eq!(problems(&["--parrot", "-x"]), "flag -x: unknown (mynah --help lists the flags)");
    assert_eq!(problems(&["--parrot", "talk"]), "\"talk\": not a flag (mynah --help lists the flags)");
    assert_eq!(problems(&["--parrot", "--model"]), "flag --model: needs a value");
    assert_eq!(
        problems(&["--parrot=perhaps"]),
        "flag --parrot: \"perhaps\": not true or false|".to_owned() + NEITHER
    );
    assert_eq!(problems(&["--parrot", "--token", "x"]).split(':').next(), Some("flag --token"));
    assert_eq!(
        problems(&["--parrot", "--speech", "gone.wav"]),
        "flag --speech: \"gone.wav\": cannot be read: No such file or directory (os error 2)"
    );
}

#[test]
fn a_switch_set_in_a_file_can_be_unset_by_a_flag() {
    let fixture =
        Fixture::new().file("mynah.toml", "parrot = true\nverbose = true").flags(&["--verbose=false"]);
    assert!(!fixture.run().log.verbose);
    assert!(!Fixture::new().file("mynah.toml", "parrot = true\nsounds = false").run().talk.sounds);
}

#[test]
fn log_is_short_for_a_folder_called_logs() {
    let fixture = Fixture::new().flags(&["--parrot", "--log"]);
    assert_eq!(fixture.run().log.dir, Some(fixture.dir.path().join("logs")));
    let fixture = Fixture::new().flags(&["--parrot", "--log", "--log-dir", "elsewhere"]);
    assert_eq!(fixture.run().log.dir, Some(fixture.dir.path().join("elsewhere")));
}

#[test]
fn help_lists_every_flag_and_comes_even_when_all_else_is_wrong() {
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
fn without_endpoint_and_credential_both_are_asked_for_at_once() {
    assert_eq!(Fixture::new().problems().join("|"), NEITHER);
}

#[test]
fn an_empty_variable_is_no_variable() {
    let fixture =
        Fixture::new().env("AZURE_VOICELIVE_API_KEY", "").file(".env", "AZURE_VOICELIVE_ENDPOINT=\n");
    assert_eq!(fixture.problems().join("|"), NEITHER);
}

#[test]
fn a_key_on_the_command_line_works_but_is_warned_of() {
    let config = Fixture::new().flags(&["--endpoint", HOST, "--api-key", KEY]).run();
    assert!(matches!(&azure(&config).credential, Credential::Key(key) if key.reveal() == KEY));
    assert_eq!(config.warnings.len(), 1);
    assert!(config.warnings[0].contains("use --api-key-file, AZURE_VOICELIVE_API_KEY or .env"));
}

#[test]
fn a_key_file_is_read_without_its_line_end_and_warned_of_when_others_can_read_it() {
    let fixture = Fixture::new().file("key", &format!("{KEY}\n")).file("mynah.toml", "api_key_file = 'key'");
    let fixture = fixture.env("AZURE_VOICELIVE_ENDPOINT", HOST);
    let config = fixture.run();
    assert!(matches!(&azure(&config).credential, Credential::Key(key) if key.reveal() == KEY));
    assert!(config.warnings[0].contains("chmod 600"), "{:?}", config.warnings);
    fs::set_permissions(fixture.dir.path().join("key"), fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(fixture.run().warnings, [""; 0]);
}

#[test]
fn a_config_file_or_dotenv_with_a_key_that_others_can_read_is_warned_of() {
    let fixture = Fixture::new().env("AZURE_VOICELIVE_ENDPOINT", HOST);
    let fixture = fixture.file("mynah.toml", "api_key = 'abc'").file(".env", "AZURE_VOICELIVE_API_KEY=def");
    assert_eq!(fixture.run().warnings.len(), 2);
}

#[test]
fn a_token_comes_from_the_environment_or_from_a_file_that_is_read_again_each_time() {
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
    assert_eq!(Credential::read_token(path).unwrap().reveal(), "ey.2");
    fs::write(path, "Bearer ey.2").unwrap();
    assert!(Credential::read_token(path).unwrap_err().contains("holds a space"));
}

#[test]
fn credentials_that_contradict_each_other_are_refused_naming_both() {
    let problems = |flags: &[&str], env: &[(&str, &str)]| {
        let fixture = Fixture::new().flags(&[&["--endpoint", HOST], flags].concat()).file("k", KEY);
        env.iter().fold(fixture, |fixture, (name, value)| fixture.env(name, value)).problems().join("|")
    };
    let (key, token) = (("AZURE_VOICELIVE_API_KEY", KEY), ("AZURE_VOICELIVE_TOKEN", "ey.J"));
    assert_eq!(
        problems(&[], &[key, token]),
        "both a key (environment AZURE_VOICELIVE_API_KEY) and a token (environment AZURE_VOICELIVE_TOKEN) are asked for: take one of them away"
    );
    assert_eq!(
        problems(&["--use-token-credential"], &[key]),
        "both a key (environment AZURE_VOICELIVE_API_KEY) and a token (flag --use-token-credential) are asked for: take one of them away"
    );
    assert_eq!(
        problems(&["--api-key", KEY, "--api-key-file", "k"], &[]),
        "flag --api-key and flag --api-key-file both give a secret: take one of them away"
    );
    assert_eq!(
        problems(&[], &[token]),
        "environment AZURE_VOICELIVE_TOKEN: is not used unless --use-token-credential is set"
    );
    assert_eq!(
        problems(&["--use-token-credential"], &[]),
        "flag --use-token-credential: there is no token: set AZURE_VOICELIVE_TOKEN or token_file"
    );
}

#[test]
fn a_key_file_named_by_a_flag_overrides_a_key_in_the_environment() {
    let fixture = Fixture::new().flags(&["--endpoint", HOST, "--api-key-file", "k"]).file("k", "flagged");
    let config = fixture.env("AZURE_VOICELIVE_API_KEY", KEY).run();
    assert!(matches!(&azure(&config).credential, Credential::Key(key) if key.reveal() == "flagged"));
}

#[test]
fn no_secret_is_ever_shown() {
    let fixture =
        Fixture::new().file("mynah.toml", "api_key = 'hunter2 x'\nendpoint = 'wss://x?api-key=hunter2'");
    let shown = format!("{:?}", fixture.problems());
    assert!(shown.contains("mynah.toml, line 1: api_key: holds a space"), "{shown}");
    assert!(shown.contains("mynah.toml, line 2: endpoint: has api-key in its query"), "{shown}");
    let unfinished =
        Fixture::new().file("mynah.toml", "api_key = 'hunter2").file(".env", "hunter2\nA=\"hunter2");
    let config = Fixture::new().flags(&["--api-key", "hunter2", "--endpoint", HOST]).run();
    let shown = format!("{shown}{:?}{config:?}{:?}", unfinished.problems(), Secret::new("hunter2"));
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("***"));
}

#[test]
fn a_dotenv_has_exports_quotes_and_comments_and_nothing_else() {
    let dotenv = "\u{feff}# comment\r\n\r\nexport AZURE_VOICELIVE_MODEL = \"a \\\"b\\\" # c\" # d\r\n\
                  AZURE_VOICELIVE_VOICE='x-y'\n  AZURE_VOICELIVE_INSTRUCTIONS=be kind # comment\nEXPORT=x\n";
    let service = Fixture::new().flags(&["--parrot"]).file(".env", dotenv).run().service;
    assert_eq!(service.model, "a \"b\" # c");
    assert_eq!(service.voice, Voice::AzureStandard("x-y".to_owned()));
    assert_eq!(service.instructions, "be kind");
    assert_eq!(
        Fixture::new().flags(&["--parrot"]).file(".env", "A=1\njust words\n1A=2\nB='x\nC='x'y\n").problems(),
        [
            ".env, line 2: not NAME=VALUE; a comment begins with #",
            ".env, line 3: not NAME=VALUE; a name has only letters, digits and _, and no digit first",
            ".env, line 4: the quotes are not closed on the same line",
            ".env, line 5: text after the closing quote",
        ]
    );
}

proptest! {
    #[test]
    fn no_file_makes_it_panic(config in "\\PC{0,60}|[a-z_=\"'\\[\\]\n#0-9. ]{0,80}", dotenv in "[A-Z_='\"\\\\# \nx]{0,60}") {
        let _ = Fixture::new().flags(&["--parrot"]).file("mynah.toml", &config).file(".env", &dotenv).read();
    }
}

#[test]
fn a_model_in_the_endpoint_that_differs_from_the_one_asked_for_is_warned_of() {
    let fixture = Fixture::new()
        .env("AZURE_VOICELIVE_API_KEY", KEY)
        .env("AZURE_VOICELIVE_ENDPOINT", "a.example?model=mine");
    assert_eq!(fixture.run().warnings, [""; 0]);
    let warnings = fixture.flags(&["--model", "other"]).run().warnings;
    assert!(warnings[0].contains("counts instead of other"), "{warnings:?}");
}

#[test]
fn combinations_that_the_service_does_not_know_are_warned_of() {
    let warnings =
        |flags: &[&str]| Fixture::new().flags(&[&["--parrot"], flags].concat()).run().warnings.join("|");
    assert!(
        warnings(&["--model=gpt-4o", "--turn-detection=semantic_vad"]).contains("is for gpt-realtime models")
    );
    assert!(
        warnings(&["--model=gpt-4o", "--noise-reduction=far_field"]).contains("is for gpt-realtime models")
    );
    assert!(warnings(&["--voice", "allloy"]).contains("(did you mean alloy?)"));
    assert_eq!(
        warnings(&["--turn-detection=semantic_vad", "--noise-reduction=near_field", "--voice=marin"]),
        ""
    );
    assert_eq!(warnings(&["--model=azure-realtime", "--voice=ava"]), "");
}

#[test]
fn a_ca_file_must_be_there_whichever_way_it_is_named() {
    let fixture = Fixture::new().env("AZURE_VOICELIVE_API_KEY", KEY).env("AZURE_VOICELIVE_ENDPOINT", HOST);
    let fixture = fixture.env("SSL_CERT_FILE", "ca.pem");
    assert!(fixture.problems()[0].starts_with("environment SSL_CERT_FILE: \"ca.pem\": cannot be read"));
    let fixture = fixture.file("ca.pem", "");
    assert_eq!(azure(&fixture.run()).ca_file, Some(fixture.dir.path().join("ca.pem")));
}

#[test]
fn a_board_file_of_ones_own_names_the_devices_and_the_owner_overrides_them() {
    let board = "[board]\nname = 'mine'\nabout = 'x'\n[speaker]\ndevice = 'hw:1'\n";
    let fixture = Fixture::new().file("mine.toml", board);
    let audio = fixture.clone_with(&["--parrot", "--board", "mine.toml"]).run().audio;
    assert_eq!((&*audio.microphone.device, &*audio.speaker.device), ("default", "hw:1"));
    let audio = fixture.clone_with(&["--parrot", "--board", "mine.toml", "--speaker", "plug:x"]).run().audio;
    assert_eq!(&*audio.speaker.device, "plug:x");
}

#[test]
fn a_board_file_with_mistakes_is_refused_with_file_line_and_nearest_name() {
    let board = "[board]\nname = 'mine'\n[speaker]\ndevise = 'hw:1'\n[microfone]\n";
    let fixture = Fixture::new().file("mine.toml", board).flags(&["--parrot", "--board", "mine.toml"]);
    assert_eq!(
        fixture.problems(),
        [
            "mine.toml, line 5: microfone: unknown key (did you mean microphone?)",
            "mine.toml: [board] about: is missing",
            "mine.toml, line 4: [speaker] devise: unknown key (did you mean device?)",
        ]
    );
    let problems = Fixture::new().flags(&["--parrot", "--board=gone.toml"]).problems();
    assert!(problems[0].starts_with("flag --board: \"gone.toml\": cannot be read"), "{problems:?}");
}

const NEITHER: &str = "no endpoint: set AZURE_VOICELIVE_ENDPOINT, --endpoint or endpoint in mynah.toml \
    (an endpoint looks like https://NAME.services.ai.azure.com), or try --parrot, which needs none|\
    no credential: set AZURE_VOICELIVE_API_KEY or api_key_file to your resource's key, \
    or use_token_credential with a token, or try --parrot, which needs none";

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
        ServiceTarget::Parrot => panic!("the parrot"),
    }
}

fn _a_profile_is_found_relative_to_any_directory(dir: &Path) {
    let _ = config::read([], [], dir, Path::new(config::SYSTEM_FILE), &HostInfo::default());
}
