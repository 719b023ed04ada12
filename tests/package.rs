//! What is packaged with the program is true of the program: the pages made of its help, and the settings.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const PAGES: [&str; 4] = ["mynah.1", "mynah.bash", "_mynah", "mynah.fish"];

#[test]
fn every_page_knows_every_flag_and_no_other() {
    let help = help();
    let known = flags(&help);
    assert!(known.len() > 20, "{known:?}");
    for (page, text) in pages(&help) {
        let text = text.replace("\\-", "-");
        // The shells name a flag in ways of their own.
        let text = if page == "mynah.fish" { text.replace(" -l ", " --") } else { text };
        let mut found = flags(&text);
        // It is other programs' or stands in the text of a flag.
        for stranger in ["log", "name"] {
            found.remove(stranger);
        }
        let known: BTreeSet<String> = known.iter().filter(|flag| *flag != "log").cloned().collect();
        assert_eq!(found, known, "{page}");
    }
}

#[test]
fn the_manual_page_says_every_word_of_the_help_on_flags() {
    let help = help();
    let page = &pages(&help)[0].1;
    let page = page.replace("\\-", "-").replace("\\(aq", "'").replace("\\e", "\\");
    let words: BTreeSet<&str> = page.split_whitespace().collect();
    let about_flags =
        help.lines().filter(|line| line.starts_with("  ")).filter(|line| !line.contains("--help"));
    for word in about_flags.flat_map(str::split_whitespace).filter(|word| !word.starts_with("--")) {
        assert!(words.contains(word), "the manual page lacks: {word}");
    }
}

#[test]
fn a_word_that_a_flag_takes_is_offered_by_every_shell() {
    let pages = pages(&help());
    for words in ["open tap hold", "server off"] {
        for (page, text) in pages.iter().skip(1) {
            assert!(text.contains(words), "{page} lacks: {words}");
        }
    }
}

#[test]
fn what_is_not_the_help_makes_no_page() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("help");
    for text in ["", "not the help\n", "Usage: mynah\n"] {
        fs::write(&file, text).unwrap();
        assert!(!run_pages(&file, dir.path()).status.success(), "{text:?}");
    }
}

#[test]
fn every_setting_in_the_packaged_file_is_one_and_has_a_value_it_may_have() {
    let settings: Vec<&str> =
        include_str!("../cross/debian/mynah.toml").lines().filter_map(setting).collect();
    assert!(settings.len() >= 5, "{settings:?}");
    for setting in settings {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("mynah.toml");
        fs::write(&file, setting).unwrap();
        // The flag is refused last and keeps it from starting.
        let out = mynah(&["--config", file.to_str().unwrap(), "--tap-quiet-s", "0"]);
        let said = String::from_utf8(out.stderr).unwrap();
        assert_eq!(out.status.code(), Some(2), "{said}");
        assert!(said.contains("--tap-quiet-s"), "{said}");
        let about = said.lines().filter(|line| line.starts_with(file.to_str().unwrap()));
        assert_eq!(about.collect::<Vec<_>>(), Vec::<&str>::new(), "{setting}");
    }
}

/// Returns a line of settings without the `#` that turns it off; words are no setting.
fn setting(line: &str) -> Option<&str> {
    let line = line.strip_prefix('#').unwrap_or(line);
    (line.starts_with(|first: char| first.is_ascii_lowercase()) && line.contains(" = ")).then_some(line)
}

fn flags(text: &str) -> BTreeSet<String> {
    let after = text.split("--").skip(1);
    after
        .map(|rest| rest.chars().take_while(|at| at.is_ascii_lowercase() || *at == '-').collect::<String>())
        .filter(|flag| !flag.is_empty())
        .collect()
}

fn pages(help: &str) -> Vec<(&'static str, String)> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("help");
    fs::write(&file, help).unwrap();
    let out = run_pages(&file, dir.path());
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    PAGES.map(|page| (page, fs::read_to_string(dir.path().join(page)).unwrap())).into()
}

fn run_pages(help: &Path, into: &Path) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("cross/debian/pages");
    Command::new(script).args([help, into]).output().expect("bash and awk are everywhere")
}

fn help() -> String {
    String::from_utf8(mynah(&["--help"]).stdout).unwrap()
}

fn mynah(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mynah"));
    for (key, _) in std::env::vars_os() {
        if key.to_string_lossy().starts_with("AZURE_VOICELIVE_") || key == "SSL_CERT_FILE" {
            command.env_remove(key);
        }
    }
    command.args(arguments).current_dir(std::env::temp_dir()).stdin(Stdio::null()).output().unwrap()
}
