//! Where text leaves the program for a person: few places, each of which makes it printable and hides secrets.

use std::collections::BTreeSet;

use super::*;

/// What writes to standard output, standard error or the service manager. `print!` is left to clippy's lint.
const OUTPUTS: [&str; 10] = [
    "stdout",
    "stderr",
    "Stdout",
    "Stderr",
    "println",
    "eprintln",
    "eprint",
    "ConsoleLog",
    "NonBlockingWriter",
    "NotifyState",
];
/// The files with any of these, and whether foreign text passes through it, which they then make printable.
const PLACES: [(&str, bool); 10] = [
    // It reads what another program writes there.
    ("/src/background/azure_cli.rs", false),
    ("/src/board.rs", false),
    ("/src/cli.rs", true),
    ("/src/inputs/mod.rs", false),
    ("/src/inputs/terminal/mod.rs", false),
    ("/src/inputs/terminal/screen.rs", true),
    ("/src/inputs/terminal/tty.rs", false),
    ("/src/logging.rs", true),
    ("/src/session/report/watchdog.rs", false),
    ("/src/session/wait_for_device.rs", true),
];
/// What starts a log or passes a record on.
const LOGGERS: [&str; 4] = ["env_logger", "set_logger", "set_boxed_logger", "logger"];

#[test]
fn text_leaves_the_program_only_where_it_is_made_printable() {
    let writers = files_with(&OUTPUTS);
    let known: BTreeSet<String> = PLACES.iter().map(|(file, _)| (*file).to_owned()).collect();
    assert_eq!(writers, known, "files that write to a person, and those that may");
    for (file, _) in PLACES.iter().filter(|(_, is_foreign)| *is_foreign) {
        assert!(contains(tokens_of(file), "Printable"), "{file} writes foreign text as it is");
    }
}

#[test]
fn every_log_record_and_every_panic_is_made_printable_in_one_place() {
    let loggers = files_with(&LOGGERS);
    assert_eq!(loggers, BTreeSet::from(["/src/logging.rs".to_owned()]), "the log is started in one place");
    assert!(contains(tokens_of("/src/logging.rs"), "LineRate"), "lines of the log have no maximum rate");
    // The text of a record is taken once, into what is then made printable.
    assert_eq!(count(tokens_of("/src/logging.rs"), "args"), 1);
    let hooks = files_with(&["set_hook"]);
    let known = ["/src/inputs/terminal/tty.rs", "/src/session/panic.rs"].map(str::to_owned);
    assert_eq!(
        hooks,
        BTreeSet::from(known),
        "a panic is told in one place; the terminal only restores its mode"
    );
    for file in ["/src/logging.rs", "/src/session/panic.rs"] {
        assert!(contains(tokens_of(file), "Printable"), "{file}");
    }
}

#[test]
fn words_reach_a_person_in_one_place_after_one_decision() {
    let decides = files_with(&["WordRequest"]);
    let known = ["/src/config/mod.rs", "/src/config/word_gate.rs", "/src/main.rs"].map(str::to_owned);
    assert_eq!(decides, BTreeSet::from(known), "where words go is decided once");
    // The lines of a history hold words.
    let takes: BTreeSet<_> =
        ["/src/history/mod.rs", "/src/session/shell/history.rs"].map(str::to_owned).into();
    assert_eq!(files_with(&["poll_line"]), takes, "words are taken out of the history in one place");
    let place = tokens_of("/src/session/shell/history.rs");
    assert!(!contains(place, "log"), "words are not logged");
    assert!(contains(tokens_of("/src/session/ui/mod.rs"), "LineRate"), "lines of words have no maximum rate");
}

/// Returns the files of the program that contain one of the words outside of comments, below the root.
fn files_with(words: &[&str]) -> BTreeSet<String> {
    let root = env!("CARGO_MANIFEST_DIR");
    let mut found = BTreeSet::new();
    let mut folders = vec![Path::new(root).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let file = path.to_str().unwrap().strip_prefix(root).unwrap().to_owned();
            let is_source = file.ends_with(".rs");
            if is_source && words.iter().any(|word| contains(tokens_of(&file), word)) {
                found.insert(file);
            }
        }
    }
    found
}

fn tokens_of(file: &str) -> TokenStream {
    fs::read_to_string(format!("{}{file}", env!("CARGO_MANIFEST_DIR"))).unwrap().parse().unwrap()
}

fn count(tokens: TokenStream, word: &str) -> usize {
    tokens
        .into_iter()
        .map(|tree| match tree {
            TokenTree::Ident(ident) => usize::from(ident == word),
            TokenTree::Group(group) => count(group.stream(), word),
            TokenTree::Punct(_) | TokenTree::Literal(_) => 0,
        })
        .sum()
}
