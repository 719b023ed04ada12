//! `board/README.md` is true: it has every board, and every key and word that the reader of board files knows.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const README: &str = include_str!("../../board/README.md");

/// The sources in which board files are read, key by key.
const READERS: [&str; 6] = ["audio", "buttons", "detect", "lights", "lines", "parse"];

#[test]
fn every_board_has_its_heading_and_every_heading_its_board() {
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
        assert!(source.contains(&format!("board/{name}.toml\")")), "{name} is not part of the program");
    }
}

#[test]
fn every_key_and_word_that_is_read_is_in_the_reference() {
    let read = words_read();
    let told = words_told();
    let missing: Vec<_> = read.difference(&told).collect();
    assert!(missing.is_empty(), "read, but not in board/README.md: {missing:?}");
}

#[test]
fn every_key_of_the_reference_is_read() {
    let read = words_read();
    let keys = keys_told();
    assert!(keys.len() > 30, "{keys:?}");
    let invented: Vec<_> = keys.difference(&read).collect();
    assert!(invented.is_empty(), "in board/README.md, but not read: {invented:?}");
}

/// The texts in quotes of the readers' code that are one word: keys, tables, and words that are values.
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

/// The words in backticks of the reference.
fn words_told() -> BTreeSet<String> {
    let told = reference().flat_map(|line| line.split('`').skip(1).step_by(2));
    told.flat_map(|text| text.split(|c: char| !is_word_character(c)))
        .filter(|text| is_word(text))
        .map(str::to_owned)
        .collect()
}

/// The words in backticks of the first column of the reference's tables.
fn keys_told() -> BTreeSet<String> {
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
