//! Tests of the path resolver on small crates: every way to write a path resolves as in the compiler.

use super::sources::Sources;
use super::table::{absolute, table};

/// Returns a crate with the rooms `lane` and `wire`, and `room` with this body.
fn crate_with_room(body: &str) -> Sources {
    let text = format!(
        "mod lane {{ pub struct Lane; pub mod deep {{ pub fn f() {{}} }} }}
         mod wire {{ pub fn read() {{}} pub enum Kind {{ Audio, Text }} }}
         mod room {{ {body} }}"
    );
    Sources::of_text(&["alsa", "log"], &text)
}

/// Returns what the paths in `crate::room` and below resolve to, except items of the room itself.
fn targets(sources: &Sources) -> Vec<String> {
    let mut found: Vec<_> = sources
        .uses_in("room")
        .map(|found| found.chain.last().unwrap().join("::"))
        .filter(|path| !path.starts_with("crate::room"))
        .collect();
    found.sort();
    found.dedup();
    found
}

#[track_caller]
fn assert_targets(body: &str, expected: &[&str]) {
    assert_eq!(targets(&crate_with_room(body)), expected, "{body}");
}

#[test]
fn a_nested_use_is_split() {
    assert_targets(
        "use crate::{lane::{self, deep::f, Lane as L}, wire::{Kind::*}};",
        &["crate::lane", "crate::lane::Lane", "crate::lane::deep::f", "crate::wire::Kind"],
    );
}

#[test]
fn a_rename_leads_to_its_origin() {
    assert_targets("use crate::wire as w; fn f() { w::read() }", &["crate::wire", "crate::wire::read"]);
}

#[test]
fn super_chains_are_counted() {
    assert_targets(
        "mod a { mod b { fn f() { super::super::super::wire::read() } } }",
        &["crate::wire::read"],
    );
    assert_targets("mod a { fn f() { self::super::super::lane::deep::f() } }", &["crate::lane::deep::f"]);
}

#[test]
fn a_glob_imports_the_names_of_its_module() {
    assert_targets("use crate::wire::*; fn f() { read() }", &["crate::wire", "crate::wire::read"]);
    assert_targets(
        "use crate::wire::Kind::*; fn f() { g(Audio) }",
        &["crate::wire::Kind", "crate::wire::Kind::Audio"],
    );
    let through_parent = "use crate::lane::Lane; mod a { use super::*; struct S(Lane); }";
    assert_eq!(crate_with_room(through_parent).paths_to("room::a", "lane").len(), 1);
}

#[test]
fn types_patterns_and_qualified_paths_are_read() {
    assert_targets("struct S(Vec<Option<crate::lane::Lane>>);", &["crate::lane::Lane"]);
    assert_targets(
        "fn f(k: K) { match k { crate::wire::Kind::Audio => {} } }",
        &["crate::wire::Kind::Audio"],
    );
    assert_targets("fn f() { <crate::lane::Lane>::new() }", &["crate::lane::Lane", "crate::lane::Lane::new"]);
    assert_targets("impl From<crate::lane::Lane> for S {}", &["crate::lane::Lane"]);
}

#[test]
fn a_use_in_a_block_ends_with_the_block() {
    assert_targets("fn f() { use crate::wire as log; log::read() }", &["crate::wire", "crate::wire::read"]);
    assert_targets("fn f() { { use crate::wire as log; } log::warn!() }", &["crate::wire", "log::warn"]);
}

#[test]
fn visibility_names_a_parent_and_uses_no_room() {
    let sources = crate_with_room("mod a { pub(in crate::room) fn f() {} pub(super) fn g() {} }");
    assert_eq!(sources.uses_in("room::a").count(), 1);
    assert!(sources.rooms_used_in("room::a").is_empty());
}

#[test]
fn macros_are_parsed_as_code_or_scanned_by_token() {
    assert_targets("fn f() { assert!(crate::wire::read() == 1, \"crate::lane\") }", &["crate::wire::read"]);
    assert_targets("fn f() { select! { x = crate::wire::read() => ok } }", &["crate::wire::read"]);
    assert_targets(
        "fn f() { odd!(a => { use crate::lane::Lane as L; L::new() }) }",
        &["crate::lane::Lane", "crate::lane::Lane::new"],
    );
    assert_targets(
        "macro_rules! m { ($a:expr) => { $crate::wire::read($a, ::alsa::open) } }",
        &["alsa::open", "crate::wire::read"],
    );
    assert_targets(
        "fn f() { odd!(a => crate::wire::read, b -> ::log::warn, L::<u8>::alsa::c) }",
        &["crate::wire::read", "log::warn"],
    );
    assert_targets(
        "fn f() { odd!(a => use crate::{lane::Lane, wire::{read}}) }",
        &["crate::lane::Lane", "crate::wire", "crate::wire::read"],
    );
}

#[test]
fn attributes_are_read_and_comments_and_strings_are_not() {
    assert_targets(
        "#[derive(crate::wire::Read)] #[serde(with = \"crate::lane::deep\")] struct S;",
        &["crate::lane::deep", "crate::wire::Read"],
    );
    assert_targets("/// crate::lane::Lane\n fn f() { /* crate::lane */ g(\"crate::lane::Lane\") }", &[]);
}

#[test]
fn a_module_hides_the_crate_of_its_name_only_where_it_is_declared() {
    let sources = crate_with_room(
        "mod alsa { use alsa::Pcm; } fn f() { alsa::open(); ::alsa::close() } mod b { fn f() { alsa::open() } }",
    );
    let places = |room: &str| sources.paths_to(room, "alsa").len();
    assert_eq!((places("room"), places("room::alsa"), places("room::b")), (3, 1, 1));
    let sources = crate_with_room(
        "pub mod alsa { pub struct Pcm; } mod b { use crate::room::alsa; fn f() { alsa::Pcm } }",
    );
    assert_eq!(sources.paths_to("room", "alsa"), Vec::<String>::new());
    assert_eq!(sources.paths_to("room::b", "room::alsa").len(), 2);
}

#[test]
fn a_reexport_is_a_use_and_does_not_hide_what_it_passes_on() {
    let sources =
        crate_with_room("pub use crate::lane::Lane; pub use ::alsa::Pcm; mod a { use super::{Lane, Pcm}; }");
    assert_eq!(sources.rooms_used_in("room").into_keys().collect::<Vec<_>>(), ["lane"]);
    assert_eq!(sources.rooms_used_in("room::a").into_keys().collect::<Vec<_>>(), ["lane"]);
    assert_eq!(sources.paths_to("room::a", "alsa").len(), 1);
    assert_eq!(sources.uses_of_crate("alsa").count(), 1, "only the room itself names the crate");
}

#[test]
fn an_alias_leads_to_its_type() {
    let sources = crate_with_room("type Clock = std::time::Instant; fn f() { Clock::now() }");
    assert_eq!(sources.places(|path| path.join("::") == "std::time::Instant::now").len(), 1);
}

#[test]
fn a_sub_room_uses_siblings_parents_and_rooms() {
    let sources = crate_with_room(
        "pub struct Shape; pub mod a { pub struct A; pub mod inner { use super::A; } }
         mod b { use super::a::inner; use super::super::wire::read; struct B(super::Shape); }",
    );
    assert_eq!(sources.rooms_used_in("room::b").into_keys().collect::<Vec<_>>(), ["room", "room::a", "wire"]);
    assert!(sources.rooms_used_in("room::a").is_empty());
}

#[test]
fn names_of_items_and_methods_are_found_where_they_are_defined() {
    let sources = crate_with_room(
        "pub use self::a::S; mod a { pub struct S { field: u8 } } mod b { impl super::S { fn go() {} } }",
    );
    for name in
        ["room::a::S", "room::a::S::go", "room::S::go", "room::b::go", "wire::Kind::Audio", "lane::deep"]
    {
        assert!(sources.defines(name), "{name}");
    }
    for name in
        ["room::a::T", "room::a::S::stop", "room::a::go", "gone", "wire::Kind::Video", "room::S::stop"]
    {
        assert!(!sources.defines(name), "{name}");
    }
}

#[test]
fn a_row_is_read_by_its_columns() {
    let rows = table("//! | `a::b` | `c` `a` | `alsa` | know `std::fs::File`; sleep |");
    let row = &rows["a::b"];
    assert!(row.uses.iter().eq(["a", "c"]));
    assert!(row.exclusive_crates.iter().eq(["alsa"]));
    assert!(row.forbidden.iter().eq(["std::fs::File"]));
    assert_eq!(absolute("a::b"), ["crate", "a", "b"]);
}
