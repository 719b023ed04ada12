//! `PROTOCOL.md` has a heading for every section that the sources cite, and the parser knows every event it
//! lists.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use mynah::protocol::{self, ServerEvent};
use serde_json::json;

const FILE_NAME: &str = "PROTOCOL.md";
const CITATION: &str = "protocol §";

#[test]
fn every_cited_section_is_a_heading() {
    let headings = headings(&protocol_md());
    let mut citations = 0;
    for file in files("src").into_iter().chain(files("tests")).filter(|file| is_rust(file)) {
        let text = fs::read_to_string(&file).unwrap();
        for section in text.lines().flat_map(cited_sections) {
            assert!(headings.contains(&section), "{}: {FILE_NAME} has no section {section}", file.display());
            citations += 1;
        }
    }
    assert!(citations > 20, "found only {citations} citations");
}

#[test]
fn citations_are_found_in_lists_and_at_the_end_of_sentences() {
    let line = format!("({CITATION}4.1, §4.3, §11), and {CITATION}5. Not RFC 9110 §5.6.7.");
    assert_eq!(cited_sections(&line), ["4.1", "4.3", "11", "5"]);
    assert_eq!(cited_sections(&format!("as {CITATION}7 to §11 order them")), ["7", "11"]);
}

#[test]
fn the_parser_knows_every_listed_server_event() {
    let protocol_md = protocol_md();
    let (_, list) = protocol_md.split_once("## 17.").unwrap();
    let events: Vec<&str> = list.split('`').skip(1).step_by(2).collect();
    assert!(events.len() > 70, "{events:?}");
    for event in events {
        let text = json!({"type": event}).to_string();
        assert!(
            !matches!(protocol::parse(&text), Ok(ServerEvent::Unknown(_))),
            "the parser does not know {event}"
        );
    }
}

/// Returns the sections that a line cites, including the further ones of a list or a range.
fn cited_sections(line: &str) -> Vec<String> {
    let mut sections = Vec::new();
    for citation in line.split(CITATION).skip(1) {
        let mut rest = citation;
        loop {
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            let section = rest[..end].trim_end_matches('.');
            if section.is_empty() {
                break;
            }
            sections.push(section.to_owned());
            let next =
                [", §", " and §", " to §"].iter().find_map(|separator| rest[end..].strip_prefix(separator));
            let Some(next) = next else { break };
            rest = next;
        }
    }
    sections
}

fn headings(protocol_md: &str) -> BTreeSet<String> {
    protocol_md
        .lines()
        .filter(|line| line.starts_with("## ") || line.starts_with("### "))
        .filter_map(|line| line.split(' ').nth(1))
        .map(|number| number.trim_end_matches('.').to_owned())
        .collect()
}

fn protocol_md() -> String {
    let pages: Vec<PathBuf> = files("src")
        .into_iter()
        .filter(|file| file.file_name().is_some_and(|name| name == FILE_NAME))
        .collect();
    let [protocol_md] = &pages[..] else { panic!("one {FILE_NAME} below src: {pages:?}") };
    fs::read_to_string(protocol_md).unwrap()
}

fn is_rust(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "rs")
}

fn files(folder: &str) -> Vec<PathBuf> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files
}
