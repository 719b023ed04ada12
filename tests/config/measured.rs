//! What `mynah doctor echo --fix` has measured: it is stronger than a default, and weaker than any setting of the user.

use std::time::Duration;

use mynah::config::{MeasuredEcho, Request};
use mynah::model::EchoCancellation::{self, Client, Device, HalfDuplex, Off, Server};

use super::{Fixture, HOST, KEY, assert_problems};

#[test]
fn what_was_measured_is_used_unless_the_user_has_set_something_else() {
    let kept = |cancellation| fixture(&measured(cancellation).text());
    for cancellation in [Server, Client, Device, HalfDuplex, Off] {
        let config = kept(cancellation).run();
        assert_eq!(config.service.echo_cancellation, Some(cancellation));
        assert_eq!(config.warnings, [""; 0]);
        let tail = if cancellation == HalfDuplex { 450 } else { 300 };
        assert_eq!(config.service.half_duplex_tail, Duration::from_millis(tail), "{cancellation:?}");
        let origin = config.origin_of("echo_cancellation").unwrap();
        assert!(!origin.is_users() && !origin.is_default(), "{origin}");
        assert!(
            origin.to_string().ends_with("state/measured.toml, line 4: [hearing] echo_cancellation"),
            "{origin}"
        );
    }
    for stronger in [
        kept(Device).system("[hearing]\necho_cancellation = \"off\""),
        kept(Device).env("AZURE_VOICELIVE_ECHO_CANCELLATION", "off"),
        kept(Device).with("--echo-cancellation=off"),
        kept(HalfDuplex).with("--echo-cancellation=off"),
    ] {
        let config = stronger.run();
        assert_eq!(config.service.echo_cancellation, Some(Off));
        assert!(config.origin_of("echo_cancellation").unwrap().is_users());
        assert_eq!(config.warnings, [""; 0]);
    }
    // The tail of the room is of use with a choice of the user's.
    let by_hand = kept(Client).with("--echo-cancellation=half_duplex").run().service.half_duplex_tail;
    assert_eq!(by_hand, Duration::from_millis(450));
    assert_eq!(Fixture::new().flags(&["--parrot"]).run().service.echo_cancellation, Some(Server));
}

#[test]
fn mynah_config_prints_where_it_was_measured() {
    let fixture = fixture(&measured(Device).text()).with_command("config");
    let Ok(Request::Settings(report)) = fixture.read() else { panic!("{:?}", fixture.read()) };
    let line = report.text.lines().find(|line| line.trim_start().starts_with("echo_cancellation")).unwrap();
    assert!(line.contains("device") && line.contains("measured.toml, line 4"), "{line}");
}

#[test]
fn a_file_that_cannot_be_understood_is_told_and_not_used() {
    for (text, expected) in [
        ("[hearing]\necho_cancellation = \"parrot\"", "measured.toml, line 2: [hearing] echo_cancellation"),
        ("[hearing]\necho_cancellation = ", "measured.toml, line 2"),
        ("[hearing]\nhalf_duplex_tail_ms = 100", "echo_cancellation is not set"),
        ("[hearing]\necho_cancellation = \"device\"\nhalf_duplex_tail_ms = 9000", "line 3"),
        ("api_key = \"0123456789abcdef\"\n[hearing]\necho_cancellation = \"device\"", "unknown key"),
        ("", "echo_cancellation is not set"),
    ] {
        let config = fixture(text).run();
        assert_eq!(config.service.echo_cancellation, Some(Server), "{text}");
        let [warning] = &config.warnings[..] else { panic!("{:?}", config.warnings) };
        assert!(warning.contains(expected), "{warning}");
        assert!(
            warning.contains("; what was measured is not used: run mynah doctor echo --fix"),
            "{warning}"
        );
    }
}

#[test]
fn a_choice_that_other_settings_exclude_is_told_and_not_used() {
    let device = fixture(&measured(Device).text());
    let config = device.with("--input-rate=16000").run();
    assert_eq!(config.service.echo_cancellation, Some(Server));
    assert_problems(
        &config.warnings,
        &[
            "/ | echo_cancellation: device does not work with the input_rate that option --input-rate sets | not used",
        ],
    );
    let openai = |cancellation| {
        let service = Fixture::new().env("AZURE_VOICELIVE_API_KEY", KEY);
        let endpoint = format!("--endpoint={HOST}/openai/v1/realtime");
        let service = service.flags(&[&endpoint, "--state-file=state/s.toml"]);
        service.file("state/measured.toml", &measured(cancellation).text()).run()
    };
    let config = openai(Client);
    assert_eq!(config.service.echo_cancellation, Some(Off));
    assert_problems(
        &config.warnings,
        &[
            "/ | echo_cancellation: does not exist in the dialect azure-openai and is not used | doctor echo --fix",
        ],
    );
    assert_eq!(openai(Device).service.echo_cancellation, Some(Device));
}

#[test]
fn the_reason_is_a_comment_of_one_line_whatever_it_says() {
    let hostile = MeasuredEcho {
        reason: "a\n[hearing]\necho_cancellation = \"off\"\u{1b}".to_owned(),
        ..measured(Device)
    };
    assert_eq!(fixture(&hostile.text()).run().service.echo_cancellation, Some(Device));
}

fn measured(cancellation: EchoCancellation) -> MeasuredEcho {
    let half_duplex_tail = Duration::from_millis(450);
    MeasuredEcho { cancellation, half_duplex_tail, reason: "the echo is loud".to_owned() }
}

/// Returns settings with this text in the file of what was measured.
fn fixture(text: &str) -> Fixture {
    Fixture::new().flags(&["--parrot", "--state-file=state/s.toml"]).file("state/measured.toml", text)
}

impl Fixture {
    fn with(&self, flag: &str) -> Self {
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).chain([flag]).collect();
        self.flags(&flags)
    }

    fn with_command(&self, word: &str) -> Self {
        let flags: Vec<&str> = [word].into_iter().chain(self.flags.iter().map(String::as_str)).collect();
        self.flags(&flags)
    }
}
