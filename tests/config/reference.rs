//! `board/README.md` lists every board, and every key and word that board files may contain.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const README: &str = include_str!("../../board/README.md");

/// The modules of `src/config/boards` that read keys.
const READERS: [&str; 6] = ["audio", "buttons", "detect", "lights", "lines", "parse"];

#[test]
fn readme_has_a_heading_for_every_board() {
    let files: BTreeSet<String> = fs::read_dir(root().join("board"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".toml").map(str::to_owned))
        .collect();
    let headings: BTreeSet<String> =
        README.lines().filter_map(|line| line.strip_prefix("### ")).map(str::to_owned).collect();
    assert_eq!(files, headings);
    let source = fs::read_to_string(root().join("src/config/boards/mod.rs")).unwrap();
    for name in &files {
        assert!(source.contains(&format!("board/{name}.toml\")")), "{name} is not built in");
    }
}

#[test]
fn reference_lists_every_key_and_word_that_is_read() {
    let read = words_read();
    let documented = documented_words();
    let missing: Vec<_> = read.difference(&documented).collect();
    assert!(missing.is_empty(), "not in board/README.md: {missing:?}");
}

#[test]
fn every_key_of_the_reference_is_read() {
    let read = words_read();
    let keys = documented_keys();
    assert!(keys.len() > 30, "{keys:?}");
    let unread: Vec<_> = keys.difference(&read).collect();
    assert!(unread.is_empty(), "in board/README.md, but not read: {unread:?}");
}

/// Returns the string literals of the readers that are one word: keys, tables and values.
fn words_read() -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for reader in READERS {
        let source = fs::read_to_string(root().join(format!("src/config/boards/{reader}.rs"))).unwrap();
        for line in source.lines().filter(|line| !line.trim_start().starts_with("//")) {
            words.extend(line.split('"').skip(1).step_by(2).filter(|text| is_word(text)).map(str::to_owned));
        }
    }
    words
}

/// Returns the words in backticks of the reference.
fn documented_words() -> BTreeSet<String> {
    let documented = reference().flat_map(|line| line.split('`').skip(1).step_by(2));
    documented
        .flat_map(|text| text.split(|c: char| !is_word_character(c)))
        .filter(|text| is_word(text))
        .map(str::to_owned)
        .collect()
}

/// Returns the words in backticks of the first column of the reference's tables.
fn documented_keys() -> BTreeSet<String> {
    let cells = reference().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    cells
        .flat_map(|cell| cell.split('`').step_by(2))
        .filter(|text| is_word(text))
        .map(str::to_owned)
        .collect()
}

fn reference() -> impl Iterator<Item = &'static str> {
    README.lines().skip_while(|line| *line != "## The file")
}

fn is_word(text: &str) -> bool {
    text.len() > 1
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(is_word_character)
}

fn is_word_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
