//! Checks the sources against the crate docs: the table of rooms, what must not be there, and the four passages.

mod outputs;
mod snippets;
mod sources;
mod table;
mod uses;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use proc_macro2::{TokenStream, TokenTree};

use sources::{Module, Sources};
use table::{absolute, quoted, table};
use uses::Use;

const LIB: &str = include_str!("../src/lib.rs");
/// Rooms without I/O: no device, socket, thread or clock, and no `unsafe` or logging either.
const CORE: [&str; 15] = [
    "model",
    "credentials",
    "conversation",
    "light",
    "protocol",
    "lane",
    "dsp",
    "echo",
    "ledger",
    "history",
    "config",
    "parrot",
    "printable",
    "recorder",
    "fnv",
];
/// Paths that the core must not reach.
const IO_PATHS: [&str; 6] = [
    "log",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::UdpSocket",
    "std::os::unix::net",
    "std::thread",
];
/// Names of the items that accept connections or datagrams.
const LISTENERS: [&str; 5] = ["TcpListener", "UdpSocket", "UnixDatagram", "UnixListener", "listen"];
/// Type names that every room may define.
const SHARED_NAMES: [&str; 2] = ["Config", "Error"];
/// Type names that are defined once per processor architecture.
const PER_PROCESSOR: &[&str] = &["Base64"];
const MAX_LINES: usize = 520;

static SOURCES: LazyLock<Sources> = LazyLock::new(|| Sources::read(Path::new(env!("CARGO_MANIFEST_DIR"))));

#[test]
fn a_room_uses_exactly_the_rooms_of_its_row() {
    let mut errors = String::new();
    for (room, row) in table(LIB) {
        let used = SOURCES.rooms_used_in(&room);
        let undeclared: Vec<_> = used.iter().filter(|(name, _)| !row.uses.contains(*name)).collect();
        let unused: Vec<_> = row.uses.iter().filter(|name| !used.contains_key(*name)).collect();
        if !undeclared.is_empty() || !unused.is_empty() {
            let actual = cell(used.keys());
            errors += &format!(
                "{room} uses {actual}\n  not in its row: {undeclared:#?}\n  not in the room: {unused:?}\n"
            );
        }
    }
    assert!(errors.is_empty(), "rows that differ from the sources:\n{errors}");
}

#[test]
fn every_room_and_every_folder_has_a_row() {
    let rows: BTreeSet<String> = table(LIB).into_keys().collect();
    let is_room = |path: &[String], module: &Module| {
        path.len() == 2 || (path.len() == 3 && module.file.ends_with("/mod.rs"))
    };
    let mut missing = String::new();
    for (path, module) in &SOURCES.modules {
        let room = path[1..].join("::");
        if is_room(path, module) && !rows.contains(&room) {
            missing += &format!("//! | `{room}` | {} | | |\n", cell(SOURCES.rooms_used_in(&room).keys()));
        }
    }
    assert!(missing.is_empty(), "rows missing in the table:\n{missing}");
    for room in rows {
        assert!(
            SOURCES.modules.contains_key(&absolute(&room)),
            "the table has a row for {room}, which does not exist"
        );
    }
}

#[test]
fn an_exclusive_crate_is_used_by_one_room() {
    for (room, row) in table(LIB) {
        let inside = |place: &Use| place.module.starts_with(&absolute(&room));
        for krate in &row.exclusive_crates {
            let (own, others): (Vec<_>, Vec<_>) =
                SOURCES.uses_of_crate(krate).partition(|place| inside(place));
            assert!(!own.is_empty(), "{room} does not use {krate}");
            let others: Vec<_> = others.into_iter().map(|place| SOURCES.place(place)).collect();
            assert!(others.is_empty(), "only {room} may use {krate}: {others:#?}");
        }
    }
}

#[test]
fn no_path_of_a_room_leads_to_a_forbidden_one() {
    for (room, row) in table(LIB) {
        for forbidden in &row.forbidden {
            let paths = SOURCES.paths_to(&room, forbidden);
            assert!(paths.is_empty(), "{room} must never reach {forbidden}: {paths:#?}");
        }
    }
}

#[test]
fn the_core_performs_no_io() {
    for room in CORE {
        for io in IO_PATHS {
            let paths = SOURCES.paths_to(room, io);
            assert!(paths.is_empty(), "{room} reaches {io}: {paths:#?}");
        }
        for file in files(room) {
            let tokens: TokenStream = fs::read_to_string(&file).unwrap().parse().unwrap();
            assert!(!contains(tokens, "unsafe"), "{file} contains unsafe code");
        }
    }
}

#[test]
fn the_clock_is_read_in_one_place() {
    let reads: Vec<_> = SOURCES.places(|path| path.ends_with(&["Instant".to_owned(), "now".to_owned()]));
    assert_eq!(reads.len(), 1, "{reads:#?}");
    assert!(reads[0].contains("/src/session/clock.rs:"), "{reads:#?}");
}

#[test]
fn the_session_calls_the_conversations_handler_in_one_place() {
    let calls: Vec<_> = files("session")
        .into_iter()
        .filter(|file| calls_method(fs::read_to_string(file).unwrap().parse().unwrap(), "handle"))
        .collect();
    assert!(matches!(&calls[..], [file] if file.ends_with("/src/session/core.rs")), "{calls:#?}");
}

#[test]
fn nothing_listens_on_a_socket() {
    let listeners = SOURCES
        .places(|path| path[0] != "crate" && path.iter().any(|name| LISTENERS.contains(&name.as_str())));
    assert_eq!(listeners, Vec::<String>::new());
}

#[test]
fn a_file_starts_with_its_purpose_and_stays_short() {
    for file in SOURCES.modules.values().map(|module| &module.file).collect::<BTreeSet<_>>() {
        let text = fs::read_to_string(file).unwrap();
        assert!(text.starts_with("//! "), "{file} does not start with `//! `");
        let lines = text.lines().count();
        assert!(lines <= MAX_LINES, "{file} has {lines} lines, more than {MAX_LINES}: split it");
    }
}

#[test]
fn no_type_name_is_defined_twice() {
    let duplicates: BTreeMap<_, _> = SOURCES
        .types
        .iter()
        .filter(|(name, places)| places.len() > 1 && !SHARED_NAMES.contains(&name.as_str()))
        .collect();
    let names: Vec<_> = duplicates.keys().map(|name| name.as_str()).collect();
    assert_eq!(names, PER_PROCESSOR, "names defined twice, and those that may be: {duplicates:#?}");
}

#[test]
fn every_name_in_the_four_passages_exists() {
    let passages = section(LIB, "Four passages");
    let names = quoted(&passages);
    assert!(names.len() > 40, "the passages name too little: {names:?}");
    let missing: Vec<_> = names.iter().filter(|name| !SOURCES.defines(name)).collect();
    assert!(missing.is_empty(), "named in the passages but not defined in the sources: {missing:?}");
}

/// Returns the crate docs below `# heading`, up to the next heading of that level.
fn section(docs: &str, heading: &str) -> String {
    let lines = docs.lines().filter_map(|line| line.strip_prefix("//!")).map(str::trim);
    let below = lines.skip_while(|line| line.strip_prefix("# ") != Some(heading)).skip(1);
    let text: Vec<_> = below.take_while(|line| !line.starts_with("# ")).collect();
    assert!(!text.is_empty(), "the crate docs have no section {heading}");
    text.join("\n")
}

/// Returns the names formatted as a cell of the table.
fn cell<'a>(names: impl Iterator<Item = &'a String>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" ")
}

fn files(room: &str) -> BTreeSet<String> {
    let room = absolute(room);
    let modules = SOURCES.modules.iter().filter(|(path, _)| path.starts_with(&room));
    modules.map(|(_, module)| module.file.clone()).collect()
}

/// Returns whether `.method` or `::method` occurs, in macros too.
fn calls_method(tokens: TokenStream, method: &str) -> bool {
    let mut is_path = false;
    tokens.into_iter().any(|tree| {
        let follows = std::mem::replace(&mut is_path, false);
        match tree {
            TokenTree::Ident(ident) => follows && ident == method,
            TokenTree::Group(group) => calls_method(group.stream(), method),
            TokenTree::Punct(punct) => {
                is_path = matches!(punct.as_char(), '.' | ':');
                false
            }
            TokenTree::Literal(_) => false,
        }
    })
}

fn contains(tokens: TokenStream, word: &str) -> bool {
    tokens.into_iter().any(|tree| match tree {
        TokenTree::Ident(ident) => ident == word,
        TokenTree::Group(group) => contains(group.stream(), word),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}
