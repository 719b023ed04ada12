//! `.env` is written by people, editors and other programs: each file works, or one sentence says what to change.

use std::fs;
use std::path::Path;

use mynah::config::Credential;

use super::{Fixture, HOST, NO_CREDENTIAL, NO_ENDPOINT, assert_problems, azure};

const KEY: &str = "k7f3a9";

/// The files that work, with the starts of their warnings.
const WORK: [(&str, &[&str]); 28] = [
    (
        "agent",
        &[
            ".env, line 2: AZURE_VOICELIVE_PROJECT_NAME: | AZURE_VOICELIVE_AGENT_PROJECT_NAME",
            ".env, line 3: AZURE_VOICELIVE_AGENT_ID: | AZURE_VOICELIVE_AGENT_NAME",
            ".env, line 6: AZURE_VOICELIVE_MUTE_MIC_WHILE_SPEAKING: | does not read",
        ],
    ),
    ("bash", &[]),
    ("bom", &[]),
    ("cmd", &[]),
    ("compose", &[]),
    ("cr-only", &[]),
    ("crlf", &[]),
    ("curly", &[]),
    ("dockerfile", &[]),
    ("export", &[]),
    ("hash-in-key", &[]),
    ("interp", &[]),
    ("json", &[]),
    ("latin1-comment", &[]),
    ("lowercase", &[]),
    ("multiline", &[]),
    ("nbsp-key", &[]),
    ("open-text", &[]),
    ("othertools", &[]),
    ("pwsh", &[]),
    ("semicolon-comment", &[]),
    ("set", &[]),
    ("spaces", &[]),
    ("twice", &[]),
    ("utf16", &[".env is UTF-16 | UTF-8"]),
    ("utf16-be", &[".env is UTF-16 | UTF-8"]),
    ("utf16-no-mark", &[".env is UTF-16 | UTF-8"]),
    ("yaml", &[]),
];

/// The files that do not, and the only sentence about each.
const REFUSED: [(&str, &str); 7] = [
    ("command", ".env, line 2: AZURE_VOICELIVE_API_KEY: | shell command | write its result"),
    ("latin1", ".env, line 4: AZURE_VOICELIVE_INSTRUCTIONS: | not UTF-8 | Latin-1 | save the file as UTF-8"),
    ("no-sign", ".env, line 1: AZURE_VOICELIVE_ENDPOINT: | write AZURE_VOICELIVE_ENDPOINT=VALUE"),
    ("python", ".env, line 2: AZURE_VOICELIVE_ENDPOINT: | write AZURE_VOICELIVE_ENDPOINT=VALUE"),
    ("text-after", ".env, line 1: AZURE_VOICELIVE_ENDPOINT: | after the closing quote"),
    ("undefined", ".env, line 1: AZURE_VOICELIVE_ENDPOINT: | ${NO_SUCH_NAME}"),
    ("unterminated", ".env, line 1: AZURE_VOICELIVE_ENDPOINT: | quote \" is not closed | add \""),
];

#[test]
fn env_files_in_the_spellings_of_other_programs_work() {
    for (name, warnings) in WORK {
        println!("{name}");
        let config = with(name).run();
        let azure = azure(&config);
        assert_eq!(azure.endpoint.host, "bird.services.ai.azure.com", "{name}");
        let expected = if name == "hash-in-key" { "k7#f3a9" } else { KEY };
        assert!(
            matches!(&azure.credential, Credential::Key(key) if key.reveal() == expected),
            "{name}: {:?}",
            azure.credential
        );
        let found: Vec<_> =
            config.warnings.into_iter().filter(|warning| !warning.contains("chmod 600")).collect();
        assert_problems(&found, warnings);
    }
}

#[test]
fn env_files_that_cannot_be_read_get_one_sentence() {
    for (name, expected) in REFUSED {
        println!("{name}");
        let error = with(name).read().unwrap_err();
        assert_problems(error.problems(), &[expected]);
        assert!(!format!("{error}").contains(KEY), "{error}");
    }
}

#[test]
fn no_env_file_stops_the_built_in_service() {
    let names = WORK.iter().map(|(name, _)| name).chain(REFUSED.iter().map(|(name, _)| name));
    for name in names {
        let config = with(name).flags(&["--parrot"]).run();
        let refused = REFUSED.iter().any(|(refused, _)| refused == name);
        assert_eq!(config.warnings.iter().any(|warning| warning.ends_with("ignored")), refused, "{name}");
    }
    let large = Fixture::new().flags(&["--parrot"]).file(".env", &"#".repeat(2 << 20));
    assert_problems(&large.run().warnings, &[".env: cannot be read: | 1 MiB | ignored"]);
    let folder = Fixture::new().flags(&["--parrot"]).file(".env/bin/python", "");
    assert_eq!(folder.run().warnings, [""; 0]);
}

#[test]
fn every_fixture_has_an_expectation() {
    let mut known: Vec<_> =
        WORK.iter().map(|(name, _)| *name).chain(REFUSED.iter().map(|(name, _)| *name)).collect();
    known.sort_unstable();
    let mut files: Vec<_> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort_unstable();
    assert_eq!(files, known);
}

#[test]
fn quoted_values_may_have_several_lines() {
    assert_eq!(with("multiline").run().service.instructions.as_deref(), Some("Be kind.\nBe brief."));
    for (text, expected) in [
        ("'Be kind.\nA=1\n# Be brief.'", "Be kind.\nA=1\n# Be brief."),
        ("\u{201c}Be\nkind.\u{201d} # both", "Be\nkind."),
        ("\"Say \\\"hi\\\",\\n\\twait.\"", "Say \"hi\",\n\twait."),
        ("\"It costs \\$5 or $5, C:\\data\"", "It costs $5 or $5, C:\\data"),
    ] {
        let dotenv = format!("AZURE_VOICELIVE_INSTRUCTIONS={text}\nAZURE_VOICELIVE_MODEL=mine\n");
        let service = Fixture::new().flags(&["--parrot"]).file(".env", &dotenv).run().service;
        assert_eq!(
            (service.instructions.as_deref().unwrap(), service.model.as_str()),
            (expected, "mine"),
            "{text}"
        );
    }
}

#[test]
fn references_are_to_earlier_lines() {
    let model = |dotenv: &str| {
        let fixture = Fixture::new().flags(&["--parrot"]).env("OUTER", "outer").env("BOTH", "environment");
        fixture.file(".env", dotenv).run().service.model
    };
    for (dotenv, expected) in [
        ("A=x\nAZURE_VOICELIVE_MODEL=${A}-$A", "x-x"),
        ("BOTH=file\nAZURE_VOICELIVE_MODEL=${BOTH}", "file"),
        ("AZURE_VOICELIVE_MODEL=${OUTER:-other}", "other"),
        ("AZURE_VOICELIVE_MODEL='${OUTER}'", "${OUTER}"),
        ("AZURE_VOICELIVE_MODEL=a$OUTER", "a$OUTER"),
    ] {
        assert_eq!(model(dotenv), expected, "{dotenv}");
    }
}

#[test]
fn a_reference_does_not_show_a_key_in_another_setting() {
    let text = format!(
        "AZURE_VOICELIVE_API_KEY={KEY}\nA=${{AZURE_VOICELIVE_API_KEY}}\nAZURE_VOICELIVE_MODEL=${{AZURE_VOICELIVE_API_KEY}}\n"
    );
    let fixture = Fixture::new().flags(&["--endpoint", HOST]).file(".env", &text);
    let error = fixture.read().unwrap_err();
    assert_problems(
        error.problems(),
        &[".env, line 3: AZURE_VOICELIVE_MODEL: | refers to ${AZURE_VOICELIVE_API_KEY}"],
    );
    let key = format!("SECRET_OF_ALL={KEY}\nAZURE_VOICELIVE_API_KEY=${{SECRET_OF_ALL}}\n");
    let config = Fixture::new().flags(&["--endpoint", HOST]).file(".env", &key).run();
    assert!(matches!(&azure(&config).credential, Credential::Key(key) if key.reveal() == KEY));
}

#[test]
fn a_wrong_line_is_only_a_warning_if_a_stronger_layer_sets_the_same() {
    let unterminated = with("unterminated").flags(&["--endpoint", HOST]);
    let config = unterminated.run();
    let warnings: Vec<_> = config.warnings.into_iter().filter(|one| one.ends_with("ignored")).collect();
    assert_problems(&warnings, &[".env, line 1: AZURE_VOICELIVE_ENDPOINT: | not closed"]);
    let command = with("command").flags(&["--endpoint", HOST, "--api-key-file", "k"]).file("k", KEY);
    assert!(command.read().is_ok());
    let weaker = with("unterminated").file("mynah.toml", &format!("endpoint = '{HOST}'"));
    assert_problems(&weaker.problems(), &[REFUSED[6].1]);
}

#[test]
fn an_unreadable_env_file_has_no_false_follow_up() {
    let large = Fixture::new().file(".env", &"#".repeat(2 << 20));
    assert_problems(&large.problems(), &[".env: cannot be read: | 1 MiB"]);
    let comments = Fixture::new().file(".env", "# AZURE_VOICELIVE_ENDPOINT=x\n; AZURE_VOICELIVE_API_KEY=x\n");
    assert_problems(&comments.problems(), &[NO_ENDPOINT, NO_CREDENTIAL]);
}

fn with(name: &str) -> Fixture {
    let bytes = fs::read(folder().join(name)).unwrap();
    Fixture::new().bytes(".env", &bytes)
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config/fixtures/env")
}
