//! `mynah doctor`, as the user runs it.

use super::*;
use crate::service::Step;

#[test]
fn a_good_service_is_reached_step_by_step_and_the_report_has_the_same_lines() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start([Behaviour::script(events::opening())]);
    let (code, printed) = examine(&folder, &service, &["--report", "report.txt"]);
    // Its clock is wrong, so that this is seen too.
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("WRONG service  clock: the service's says 2099-12-31"), "{printed}");
    for what in ["connection: localhost:", "key: certificate and key are accepted", "session: it is open"] {
        assert!(
            printed.lines().any(|line| line.starts_with("good  service") && line.contains(what)),
            "{printed}"
        );
    }
    assert!(printed.contains("one thing is wrong"), "{printed}");
    let report = fs::read_to_string(folder.path().join("report.txt")).unwrap();
    for line in report.lines().skip(1) {
        assert!(printed.contains(line), "only in the report: {line}");
    }
    assert!(!printed.contains(KEY) && !report.contains(KEY), "{printed}{report}");
}

#[test]
fn a_step_that_fails_is_named_and_no_later_one_is_tried() {
    for (behaviour, expected) in [
        (Behaviour::refuse(401, &format!("bad key {KEY}")), "WRONG service  key: failed; "),
        (Behaviour::script([Step::HangUp]), "WRONG service  session: failed; "),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let service = Service::start([behaviour]);
        let (code, printed) = examine(&folder, &service, &[]);
        assert_eq!(code, Some(1), "{printed}");
        assert!(printed.contains(expected) && printed.contains(" wrong\n"), "{printed}");
        assert!(!printed.contains("session: it is open") && !printed.contains(KEY), "{printed}");
    }
}

#[test]
fn wrong_settings_are_findings_and_a_wrong_topic_is_a_wrong_command() {
    let folder = tempfile::tempdir().unwrap();
    for (args, code, expected) in [
        (
            &["doctor", "settings", "--parrot", "--mode", "opne"][..],
            1,
            "WRONG settings setting: option --mode",
        ),
        (&["doctor", "sond"], 2, "\"sond\" is no topic; the topics are settings, system, sound"),
        (&["doctor", "--fix", "--undo"], 2, "exclude each other"),
        (&["doctor", "--report"], 2, "--report needs a FILE"),
        (
            &["doctor", "settings", "--parrot", "--report", "no/such/folder"],
            2,
            "no/such/folder: cannot be written",
        ),
        (&["doctor", "--help"], 0, "Usage: mynah doctor"),
    ] {
        let output = run(mynah(folder.path()).args(args));
        let printed = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {printed}");
        assert!(printed.contains(expected), "{args:?}: {printed}");
    }
}

#[test]
fn an_echo_is_not_measured_over_files_and_what_was_kept_of_one_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let examine = |args: &[&str]| {
        let mut command = mynah(folder.path());
        command.args(["doctor", "echo", "--parrot", "--config=/dev/null", "--state-file=s.toml"]).args(args);
        let output = run(command.args(["--speech", DIALOGUE, "--report", "report.txt"]));
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, printed) = examine(&["--fix"]);
    assert_eq!(code, Some(0), "{printed}");
    assert!(printed.contains("-     echo     echo: not measured: a WAV file stands for"), "{printed}");
    // Nothing was measured, so nothing is kept and there is no picture.
    let names = |folder: &Path| {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(names(folder.path()), ["report.txt"]);
    for name in ["measured.toml", "learned-echo"] {
        fs::write(folder.path().join(name), "[hearing]\necho_cancellation = \"device\"").unwrap();
    }
    let (code, printed) = examine(&["--undo"]);
    assert_eq!(code, Some(0), "{printed}");
    assert!(
        printed.contains("measured.toml is removed") && printed.contains("learned-echo is removed"),
        "{printed}"
    );
    assert_eq!(names(folder.path()), ["report.txt"]);
    let (_, printed) = examine(&["--undo"]);
    assert!(printed.contains("good  echo     setting: nothing that was measured is kept"), "{printed}");
}

/// Checks settings, sound and `service`, with WAV files instead of a card.
fn examine(folder: &tempfile::TempDir, service: &Service, args: &[&str]) -> (Option<i32>, String) {
    let mut command = mynah(folder.path());
    command.args(["doctor", "settings", "sound", "service"]).args(args);
    command.args(["--endpoint", &service.url(), "--ca-file", service.ca_file().to_str().unwrap()]);
    command.args(["--speech", DIALOGUE, "--speaker-file", "out.wav"]).env("AZURE_VOICELIVE_API_KEY", KEY);
    let output = run(&mut command);
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}
