//! `language`: one tag, or a list.

use super::{Fixture, assert_problems};

#[test]
fn a_list_of_languages_is_read_without_blanks_and_repetitions() {
    for (written, expected) in [
        ("en", "en"),
        ("en,fr", "en,fr"),
        (" en , fr ", "en,fr"),
        ("de-DE,\tpt-BR,zh-Hant-TW", "de-DE,pt-BR,zh-Hant-TW"),
        ("en-US,fr,EN-us", "en-US,fr"),
    ] {
        let config = Fixture::new().flags(&["--parrot", "--language", written]).run();
        assert_eq!(config.service.transcription_options.language.as_deref(), Some(expected), "{written:?}");
        assert_eq!(config.warnings, [""; 0], "{written:?}");
    }
}

#[test]
fn an_empty_part_of_the_languages_is_rejected() {
    for written in ["en,,fr", ",en", "en,", ",", "en, ,fr"] {
        let problems = Fixture::new().flags(&["--parrot", "--language", written]).problems();
        assert_problems(&problems, &["option --language: | part is empty | de-DE"]);
    }
    let file = Fixture::new().file("mynah.toml", "language = 'en,,fr'").flags(&["--parrot"]);
    assert_problems(&file.problems(), &["mynah.toml, line 1: language = \"en,,fr\": | empty"]);
}

#[test]
fn the_part_that_is_no_language_tag_is_named() {
    for (written, part) in [
        ("en,english please", "\"english please\""),
        ("english", "\"english\""),
        ("en;fr", "\"en;fr\""),
        ("de,12", "\"12\""),
        ("en-", "\"en-\""),
        ("fr,en_US", "\"en_US\""),
    ] {
        let problems = Fixture::new().flags(&["--parrot", "--language", written]).problems();
        assert_problems(&problems, &[&format!("option --language: | {part} is not a language tag")]);
    }
}

#[test]
fn a_language_that_nothing_uses_is_a_warning() {
    let flags = ["--parrot", "--language=fr", "--transcription=off", "--turn-detection=server_vad"];
    let warnings = Fixture::new().flags(&flags).run().warnings;
    assert_problems(&warnings, &["option --language: | no effect | transcription | turn detection"]);
    assert_eq!(Fixture::new().flags(&flags[..3]).run().warnings, [""; 0]);
}
