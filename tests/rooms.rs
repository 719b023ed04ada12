//! The table of rooms in the crate docs is true of the sources.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

const LIB: &str = include_str!("../src/lib.rs");
/// Rooms without hands: no device, socket, thread or clock, so no `unsafe` and no log either.
const CORE: [&str; 9] =
    ["conversation", "light", "wire", "lane", "convert", "ledger", "profile", "parrot", "recorder"];

#[test]
fn every_room_uses_the_rooms_it_says_and_no_others() {
    for (name, row) in table() {
        let mut used: BTreeSet<String> =
            sources(&name).iter().flat_map(|(_, text)| rooms_named_in(text)).collect();
        used.remove(&name);
        assert_eq!(used, row.uses, "what {name} uses, and what the table says");
    }
}

#[test]
fn every_room_stands_in_the_table() {
    let declared: BTreeSet<String> = LIB
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .map(str::to_owned)
        .collect();
    assert_eq!(table().into_keys().collect::<BTreeSet<_>>(), declared);
}

#[test]
fn a_crate_that_belongs_to_one_room_is_used_by_no_other() {
    let rooms = table();
    for (owner, row) in &rooms {
        for krate in &row.alone_uses {
            let users: BTreeSet<_> = rooms
                .keys()
                .filter(|name| sources(name).iter().any(|(_, text)| mentions(text, krate)))
                .collect();
            assert_eq!(users.into_iter().collect::<Vec<_>>(), [owner], "users of {krate}");
        }
    }
}

#[test]
fn the_core_has_no_hands() {
    for name in CORE {
        for (file, text) in sources(name) {
            for forbidden in
                ["unsafe ", "log::", "std::thread", "TcpStream", "TcpListener", "UdpSocket", "UnixStream"]
            {
                let mut lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
                assert!(lines.all(|line| !line.contains(forbidden)), "{file} mentions {forbidden}");
            }
        }
    }
}

#[test]
fn the_clock_is_read_in_one_place_and_no_port_is_ever_opened() {
    let code: Vec<String> = table().keys().flat_map(|room| sources(room)).map(|(_, text)| text).collect();
    let count =
        |what: &str| code.iter().flat_map(|text| text.lines()).filter(|line| line.contains(what)).count();
    assert_eq!(count("Instant::now()"), 1);
    for door in ["TcpListener", "UnixListener", "UdpSocket", "net::listen"] {
        assert_eq!(count(door), 0, "{door}");
    }
}

#[test]
fn every_file_says_first_what_it_is_for_and_stays_a_size_that_can_be_read() {
    for name in table().keys() {
        for (file, text) in sources(name) {
            assert!(text.starts_with("//! "), "{file} begins without a word");
            let lines = text.lines().count();
            assert!(lines <= 520, "{file} has {lines} lines: a room that wants to become a folder");
        }
    }
}

struct Row {
    uses: BTreeSet<String>,
    alone_uses: BTreeSet<String>,
}

fn table() -> BTreeMap<String, Row> {
    let rows = LIB.lines().filter_map(|line| line.strip_prefix("//! | `"));
    let names = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    rows.map(|row| {
        let cells: Vec<_> = row.split('|').collect();
        let name = cells[0].trim().trim_end_matches('`').to_owned();
        (name, Row { uses: names(cells[1]), alone_uses: names(cells[2]) })
    })
    .collect()
}

/// The files of a room, by name and text.
fn sources(room: &str) -> Vec<(String, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut open = vec![src.join(room), src.join(format!("{room}.rs"))];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") && path.exists() {
            found.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
        }
    }
    assert!(!found.is_empty(), "{room} has no file");
    found
}

/// The rooms that a source names, one by one or in braces, in code and not in comments.
fn rooms_named_in(text: &str) -> BTreeSet<String> {
    let code: String =
        text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut found = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            Some(group) => {
                let group = &group[..group.find("};").unwrap_or(group.len())];
                found.extend(group.split(',').map(first_word));
            }
            None => {
                found.insert(first_word(rest));
            }
        }
    }
    found.retain(|name| !name.is_empty());
    found
}

fn first_word(text: &str) -> String {
    text.trim().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

fn mentions(text: &str, krate: &str) -> bool {
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .any(|line| line.contains(&format!("{krate}::")) || line.contains(&format!("use {krate};")))
}
