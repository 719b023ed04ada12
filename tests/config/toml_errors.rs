//! A file of settings works, or all its errors are told at once, and nothing that is not true.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Fixture, HOST, KEY, NO_CREDENTIAL, NO_ENDPOINT, assert_problems, azure};

const WORK: [&str; 3] = ["cr-only", "crlfbom", "utf16"];

const REFUSED: [(&str, &[&str]); 12] = [
    ("colon", &["mynah.toml, line 1: | TOML | write endpoint =", NO_CREDENTIAL]),
    ("curly", &["mynah.toml, line 1: | TOML | straight | endpoint = \"", NO_CREDENTIAL]),
    (
        "dash",
        &[
            "mynah.toml, line 1: api-key: | called api_key",
            "mynah.toml, line 2: tap-quiet-s: | called tap_quiet_s",
        ],
    ),
    ("dupe", &["mynah.toml, line 3: | TOML | duplicate key | line 1 | endpoint"]),
    ("envname", &["mynah.toml, line 1: AZURE_VOICELIVE_ENDPOINT: | called endpoint", NO_CREDENTIAL]),
    (
        "gainstr",
        &[
            "mynah.toml, line 3: gain_db: | number | without quotes | gain_db = 6",
            "mynah.toml, line 5: board = \"respeaker\": | mean respeaker-",
            "mynah.toml, line 4: mode = \"ptt\": | open, tap, hold | mean hold?",
        ],
    ),
    ("latin1", &["mynah.toml, line 3 | not UTF-8 | Latin-1 | save the file as UTF-8"]),
    (
        "many",
        &[
            "mynah.toml, line 1: | TOML | write endpoint =",
            "mynah.toml, line 2: | TOML | quote \" is not closed",
            "mynah.toml, line 3: | TOML | parrot = true",
            "mynah.toml, line 4: | TOML | number has no unit",
            "mynah.toml, line 5: | TOML | not KEY = VALUE | #",
            "mynah.toml, line 9: | TOML | needs quotes | mode = \"",
            "mynah.toml, line 11: | TOML",
            "mynah.toml, line 10: Verbose: | called verbose",
            "mynah.toml, line 12: tap_quiet_s = \"1000\": | 600",
        ],
    ),
    (
        "noquotes",
        &["mynah.toml, line 1: | quotes | endpoint = \"", "mynah.toml, line 2: | quotes | api_key_file = \""],
    ),
    ("section", &["mynah.toml, line 1: azure: unknown section | voice, turn | remove"]),
    ("vol150", &["mynah.toml, line 3: volume = \"120\": | 0 to 100"]),
    ("volstr", &["mynah.toml, line 3: volume: | number | without quotes | volume = 65"]),
];

#[test]
fn all_errors_of_a_file_of_settings_are_told_at_once() {
    for (name, expected) in REFUSED {
        println!("{name}");
        let error = with(name).read().unwrap_err();
        assert_problems(error.problems(), expected);
        assert!(!error.to_string().contains("k7f3a9"), "{error}");
    }
}

#[test]
fn files_of_settings_in_other_encodings_work() {
    for name in WORK {
        let config = with(name).run();
        assert_eq!(azure(&config).endpoint.host, "bird.services.ai.azure.com", "{name}");
        let warnings: Vec<_> =
            config.warnings.iter().filter(|warning| !warning.contains("chmod")).cloned().collect();
        let expected: &[&str] = if name == "utf16" { &["mynah.toml is UTF-16 | UTF-8"] } else { &[] };
        assert_problems(&warnings, expected);
    }
}

#[test]
fn what_was_refused_is_not_missing_too() {
    let flags = |flags: &[&str]| Fixture::new().flags(flags);
    for (fixture, expected) in [
        (flags(&["--config", "gone.toml"]), &["gone.toml: | No such file"][..]),
        (flags(&["--endpoint"]), &["option --endpoint: needs a value", NO_CREDENTIAL]),
        (flags(&["--endpont", HOST, "--api-key", KEY]), &["unknown option --endpont | mean --endpoint?"]),
        (flags(&["--parrot=perhaps"]), &["option --parrot: | true or false"]),
        (
            Fixture::new().file("mynah.toml", "endpoint = 5"),
            &["mynah.toml, line 1: endpoint: | string", NO_CREDENTIAL],
        ),
        (
            Fixture::new().file("mynah.toml", "endpont = 'x'"),
            &["mynah.toml, line 1: endpont: | mean endpoint?", NO_CREDENTIAL],
        ),
        (Fixture::new().file("mynah.toml", "nonsense"), &["mynah.toml, line 1: | KEY = VALUE"]),
        (Fixture::new().file("mynah.toml", "model = 'x'"), &[NO_ENDPOINT, NO_CREDENTIAL]),
    ] {
        assert_problems(&fixture.problems(), expected);
    }
    let board = "[board]\nname = mine\nabout: x\n[speaker]\ndevice = 'hw:1'\n";
    let fixture = flags(&["--parrot", "--board", "b.toml"]).file("b.toml", board);
    assert_problems(
        &fixture.problems(),
        &["b.toml, line 2: | needs quotes", "b.toml, line 3: | write about ="],
    );
}

#[test]
fn words_of_other_programs_lead_somewhere() {
    for (flags, expected) in [
        (&["--parrot", "--mic", "hw:1"][..], "unknown option --mic | mean --microphone?"),
        (&["--parrot", "--list-devices"], "unknown option --list-devices: | mynah devices"),
        (&["--parrot", "--list_devices"], "unknown option --list_devices: | mynah devices"),
        (&["--parrot", "--prompt", "x"], "unknown option --prompt: | --instructions"),
        (&["--parrot", "-e"], "unknown option -e | --endpoint"),
        (&["--parrot", "list"], "unexpected argument \"list\" | mynah devices"),
        (&["--parrot", "start"], "unexpected argument \"start\" | mynah --help"),
        (&["--parrot", "https://x.example"], "unexpected argument | --endpoint"),
    ] {
        assert_problems(&Fixture::new().flags(flags).problems(), &[expected]);
    }
}

#[test]
fn every_fixture_of_a_file_of_settings_has_an_expectation() {
    let mut known: Vec<_> = WORK.into_iter().chain(REFUSED.iter().map(|(name, _)| *name)).collect();
    known.sort_unstable();
    let mut files: Vec<_> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    files.sort_unstable();
    assert_eq!(files, known);
}

fn with(name: &str) -> Fixture {
    Fixture::new().bytes("mynah.toml", &fs::read(folder().join(format!("{name}.toml"))).unwrap())
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config/fixtures/toml")
}
