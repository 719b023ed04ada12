//! `mynah config` and `mynah help`: every setting with its origin, all that is wrong, and a page for every topic.

use mynah::config::{Request, SettingsReport};

use super::{Fixture, HOST, assert_problems};

const KEY: &str = "0123456789abcdef";

#[test]
fn config_prints_every_setting_its_value_and_its_origin() {
    let fixture = Fixture::new()
        .flags(&["config", "--mode", "tap"])
        .env("AZURE_VOICELIVE_VOICE", "alloy")
        .file(
            ".env",
            &format!("AZURE_VOICELIVE_ENDPOINT={HOST}/api/projects/p\nAZURE_VOICELIVE_API_KEY='{KEY}'"),
        )
        .file("mynah.toml", "\ntap_quiet_s = 9\nlanguage = 'de'\n");
    let SettingsReport { text, is_wrong } = report(&fixture);
    assert!(!is_wrong, "{text}");
    for (name, parts) in [
        ("endpoint", &["wss://bird.services.ai.azure.com/voice-live/realtime?", ".env, line 1"][..]),
        ("api_key", &["\u{2026}cdef", ".env, line 2: AZURE_VOICELIVE_API_KEY"]),
        ("voice", &["\"alloy\"", "environment variable AZURE_VOICELIVE_VOICE"]),
        ("mode", &["\"tap\"", "option --mode"]),
        ("tap_quiet_s", &["9", "mynah.toml, line 2"]),
        ("model", &["\"gpt-realtime\"", "default"]),
        ("transcription", &["\"whisper-1\"", "fits gpt-realtime"]),
        ("turn_detection", &["\"azure_semantic_vad_multilingual\"", "fits the language"]),
        ("microphone", &["\"default\"", "the board"]),
        ("volume", &["100"]),
        ("speech", &["-", "not set"]),
    ] {
        let line = line(&text, name);
        assert!(parts.iter().all(|part| line.contains(part)), "{line}");
    }
    assert!(text.contains("Nothing is wrong.") && text.contains("board desktop"), "{text}");
    assert!(!text.contains("0123"), "{text}");
    let Ok(Request::Help(help)) = Fixture::new().flags(&["--help"]).read() else { panic!("no help") };
    let options =
        help.lines().filter_map(|line| line.trim_start().strip_prefix("--")?.split([' ', ',']).next());
    for option in options.filter(|option| !matches!(*option, "help" | "version")) {
        line(&text, &option.replace('-', "_"));
    }
}

#[test]
fn config_prints_all_that_is_wrong_and_no_secret() {
    let fixture = Fixture::new()
        .flags(&["config"])
        .env("AZURE_VOICELIVE_ENDPONT", HOST)
        .env("AZURE_VOICELIVE_ENDPOINT", KEY)
        .file("key", &format!("{KEY} {KEY}"))
        .file("mynah.toml", "mode = 'ptt'\napi_key_file = 'key'\n");
    let SettingsReport { text, is_wrong } = report(&fixture);
    assert!(is_wrong, "{text}");
    for part in [
        "is only a name",
        "mean hold?",
        "contains a space",
        "mean AZURE_VOICELIVE_ENDPOINT?",
        "does not start",
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert!(!text.contains(KEY) && !text.contains("cdef"), "{text}");
    let proxied = Fixture::new().flags(&[
        "config",
        "--endpoint",
        HOST,
        "--proxy",
        "http://me:pa55word@gate.example:3128",
    ]);
    let text = report(&proxied).text;
    assert!(line(&text, "proxy").contains("\"gate.example:3128\"") && !text.contains("pa55word"), "{text}");
    let shared = Fixture::new().flags(&["config", "--endpoint", HOST, "--api-key", KEY]);
    let text = report(&shared.env("HTTPS_PROXY", "http://me:pa55word@gate.example")).text;
    assert!(
        line(&text, "proxy").ends_with("environment variable HTTPS_PROXY") && !text.contains("pa55word"),
        "{text}"
    );
    let hostile = Fixture::new().flags(&["config", "--parrot", "--instructions", "a\u{1b}[31mb\u{202e}"]);
    let text = report(&hostile).text;
    assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text}");
}

#[test]
fn config_check_judges_a_file_as_what_it_is() {
    let fixture = Fixture::new()
        .file("a.toml", "model = 'gpt-4.1'\nvolume = 50\n")
        .file("bad.toml", "modle = 'x'\nvolume = 500\n")
        .file("board.toml", "[board]\nname = 'mine'\nabout = 'x'\n")
        .file("bad-board.toml", "[board]\nname = 'mine'\n[[button]]\nx = 1\n")
        .file(".env.local", "AZURE_VOICELIVE_MODEL=mine\nAZURE_VOICELIVE_AGENT_ID=x\n")
        .file("variables", "# mine\nexport AZURE_VOICELIVE_API_KEY='two words'\n");
    for (file, is_wrong, parts) in [
        (
            "a.toml",
            false,
            &["a file of settings", "\"gpt-4.1\"", "a.toml, line 2: volume", "Nothing is wrong"][..],
        ),
        ("bad.toml", true, &["a file of settings", "mean model?", "0 to 100"]),
        ("board.toml", false, &["a board file", "valid board file"]),
        ("bad-board.toml", true, &["a board file", "about: is required", "line 4: [[button]] x"]),
        (
            ".env.local",
            false,
            &["a .env file", "\"mine\"", ".env.local, line 1", "AZURE_VOICELIVE_AGENT_NAME"],
        ),
        ("variables", true, &["a .env file", "variables, line 2: AZURE_VOICELIVE_API_KEY: contains a space"]),
    ] {
        let found = report(&fixture.flags(&["config", "check", file]));
        assert_eq!(found.is_wrong, is_wrong, "{file}: {}", found.text);
        assert!(parts.iter().all(|part| found.text.contains(part)), "{file}: {}", found.text);
        assert!(!found.text.contains("no endpoint") && !found.text.contains("two words"), "{}", found.text);
    }
    assert_problems(
        &fixture.flags(&["config", "check", "gone"]).problems(),
        &["gone: cannot be read: No such file"],
    );
    assert_problems(&fixture.flags(&["config", "check"]).problems(), &["mynah config check: needs one FILE"]);
    assert_problems(
        &fixture.flags(&["config", "chekc"]).problems(),
        &["mynah config chekc: unknown command"],
    );
}

#[test]
fn help_explains_every_topic_and_leads_to_the_others() {
    let help = |words: &[&str]| match Fixture::new().flags(&[&["help"], words].concat()).read() {
        Ok(Request::Help(text)) => text,
        other => panic!("{other:?}"),
    };
    let overview = help(&[]);
    for (topic, part) in [
        ("settings", "--tap-quiet-s S"),
        ("azure", "AZURE_VOICELIVE_ENDPOINT"),
        ("modes", "tap_quiet_s"),
        ("buttons", "during a reply"),
        ("session", "--voice-rate RATE"),
        ("lights", "breathing"),
        ("devices", "--microphone PCM"),
        ("files", "mynah config check FILE"),
        ("exit", "75"),
    ] {
        assert!(overview.contains(&format!("  {topic} ")), "{overview}");
        assert!(help(&[topic]).contains(part), "{topic}");
        assert!(help(&[topic]).lines().all(|line| line.chars().count() <= 116), "{topic}");
    }
    assert_eq!(help(&["exit", "codes"]), help(&["exit"]));
    assert_eq!(help(&["LED"]), help(&["lights"]));
    assert_eq!(help(&["audio"]), help(&["devices"]));
    let problems = Fixture::new().flags(&["help", "lihgts"]).problems();
    assert_problems(
        &problems,
        &["mynah help lihgts: unknown topic (did you mean lights?) | settings session azure"],
    );
}

#[test]
fn help_agrees_with_the_readme() {
    let readme = include_str!("../../README.md");
    let Ok(Request::Help(lights)) = Fixture::new().flags(&["help", "lights"]).read() else {
        panic!("no help")
    };
    let rows = readme.lines().skip_while(|line| !line.starts_with("| blinks ")).skip(2);
    let rows: Vec<_> = rows.take_while(|line| line.starts_with('|')).collect();
    assert!(rows.len() >= 7, "{rows:?}");
    for row in rows {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        assert!(lights.contains(&format!("  {}   {}\n", cells[1], cells[2])), "{row}\n{lights}");
    }
}

fn report(fixture: &Fixture) -> SettingsReport {
    match fixture.read() {
        Ok(Request::Settings(report)) => report,
        other => panic!("{other:?}"),
    }
}

/// Returns the line of the setting `name`.
fn line<'t>(text: &'t str, name: &str) -> &'t str {
    let mut lines = text.lines();
    lines
        .find(|line| line.split_whitespace().next() == Some(name))
        .unwrap_or_else(|| panic!("{name} is not in:\n{text}"))
}
