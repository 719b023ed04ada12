//! Every `mynah.toml` that was ever shipped still works, and so does each setting in it that only has to be uncommented:
//! those of the package, and those that the card makes of `mynah.txt`.

use std::fs;
use std::path::Path;

use super::{Fixture, KEY};

#[test]
fn every_file_of_settings_that_was_shipped_is_read() {
    let mut count = 0;
    for (name, text) in shipped() {
        let config = with(&text).run();
        for warning in &config.warnings {
            assert!(warning.contains("its new name is"), "{name}: {warning}");
        }
        let told = config.warnings.len();
        let old_names = text.lines().filter(|line| {
            ["voice = ", "instructions = ", "language = "].iter().any(|old| line.starts_with(old))
        });
        let has_sections = text.lines().any(|line| line.starts_with('['));
        assert_eq!(told, if has_sections { 0 } else { old_names.count() }, "{name}: {:?}", config.warnings);
        count += 1;
    }
    assert_eq!(count, 10, "five of the package, five of the card");
}

#[test]
fn every_setting_in_a_shipped_file_works_when_it_is_uncommented() {
    for (name, text) in shipped() {
        for (at, line) in text.lines().enumerate() {
            // A key file is where only the service finds it.
            if !line.starts_with('#') || line.starts_with("# ") || line.starts_with("#api_key_file") {
                continue;
            }
            let lines =
                text.lines().enumerate().map(|(other, text)| if other == at { &line[1..] } else { text });
            let text = lines.collect::<Vec<_>>().join("\n");
            let config = with(&text).run();
            // The example of an address is still one.
            for warning in config.warnings.iter().filter(|warning| !warning.contains("the word NAME")) {
                assert!(warning.contains("its new name is"), "{name}, {line}: {warning}");
            }
        }
    }
}

#[test]
fn the_newest_shipped_file_is_the_one_of_the_package() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let packaged = fs::read_to_string(root.join("cross/debian/mynah.toml")).unwrap();
    let (name, newest) = shipped().into_iter().rfind(|(name, _)| name.starts_with("package")).unwrap();
    assert!(
        packaged == newest,
        "copy cross/debian/mynah.toml to a new tests/config/fixtures/shipped/package-N.toml; {name} was shipped"
    );
}

/// Returns each file that was shipped, with its name.
fn shipped() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config/fixtures/shipped");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap()))
        .collect();
    files.sort();
    files
}

/// Returns a machine with the file in its place, and what the file expects to be elsewhere: a key, and a terminal.
fn with(text: &str) -> Fixture {
    let board = "[board]\nname = 'mine'\nabout = 'any'\n";
    let text = ["respeaker-2mic-v2", "desktop"].iter().fold(text.to_owned(), |text, name| {
        text.replace(&format!("board = \"{name}\""), "board = \"board.toml\"")
    });
    let is_complete = text.lines().any(|line| line.starts_with("endpoint") || line.starts_with("parrot"));
    let fixture =
        Fixture::new().file("system/board.toml", board).system(&text).env("AZURE_VOICELIVE_API_KEY", KEY);
    if is_complete { fixture } else { fixture.env("AZURE_VOICELIVE_ENDPOINT", super::HOST) }
}
