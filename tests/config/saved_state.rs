//! The state file: where it is, how it is read, and that an invalid one mutes the microphone.

use mynah::config::SavedState;

use super::{Fixture, assert_problems};

#[test]
fn state_file_is_found_in_the_documented_order() {
    let fixture = Fixture::new().flags(&["--parrot"]);
    let source = |fixture: &Fixture| fixture.run().saved_state.file.map(|file| file.display().to_string());
    assert_eq!(source(&fixture), None);
    let fixture = fixture.env("HOME", "/h");
    assert_eq!(source(&fixture).as_deref(), Some("/h/.local/state/mynah/state.toml"));
    let relative = fixture.env("XDG_STATE_HOME", "x");
    assert_eq!(source(&relative).as_deref(), Some("/h/.local/state/mynah/state.toml"));
    let fixture = fixture.env("XDG_STATE_HOME", "/x");
    assert_eq!(source(&fixture).as_deref(), Some("/x/mynah/state.toml"));
    let fixture = fixture.env("STATE_DIRECTORY", "/var/lib/mynah:/var/lib/other");
    assert_eq!(source(&fixture).as_deref(), Some("/var/lib/mynah/state.toml"));
    let fixture = fixture.system("state_file = 'kept'");
    assert!(fixture.run().saved_state.file.unwrap().ends_with("kept"));
}

#[test]
fn saved_state_is_read_back() {
    let fixture = Fixture::new()
        .flags(&["--parrot", "--state-file", "kept"])
        .file("kept", &SavedState::text(true, 70, None, None));
    let saved_state = fixture.run().saved_state;
    assert_eq!((saved_state.muted, saved_state.volume), (true, 70));
    let saved_state = fixture.file("kept", &SavedState::text(false, 0, None, None)).run().saved_state;
    assert_eq!((saved_state.muted, saved_state.volume), (false, 0));
}

#[test]
fn a_remembered_silence_names_its_file_and_its_end() {
    let fixture = Fixture::new().flags(&["--parrot", "--state-file", "kept"]);
    let file = fixture.dir.path().join("kept").display().to_string();
    let muted = format!("the microphone is muted | {file} | m or the button | delete");
    let silent = format!("the volume is 0 % | {file} | + or the button | delete");
    for (muted_before, volume, expected) in [
        (true, 70, &[muted.as_str()][..]),
        (false, 0, &[silent.as_str()]),
        (true, 0, &[&muted, &silent]),
        (false, 10, &[]),
    ] {
        let fixture = fixture.clone().file("kept", &SavedState::text(muted_before, volume, None, None));
        assert_problems(&fixture.run().warnings, expected);
    }
    let louder = fixture.clone_with(&["--parrot", "--state-file", "kept", "--volume", "50"]);
    let warnings = louder.file("kept", &SavedState::text(false, 0, None, None)).run().warnings;
    assert_eq!(warnings, [""; 0], "the option overrides it");
}

#[test]
fn without_a_state_file_the_settings_apply_unmuted() {
    let fixture = Fixture::new().flags(&["--parrot", "--state-file", "kept"]);
    let state = |fixture: &Fixture| (fixture.run().saved_state.muted, fixture.run().saved_state.volume);
    assert_eq!(state(&fixture), (false, 100));
    assert_eq!(state(&fixture.clone().file("mynah.toml", "volume = 40")), (false, 40));
    assert_eq!(fixture.run().warnings, [""; 0]);
}

#[test]
fn volume_option_overrides_saved_volume_overrides_config_file() {
    let fixture = Fixture::new().system("volume = 40\nparrot = true\nstate_file = 'kept'");
    let fixture = fixture.file("system/kept", &SavedState::text(false, 70, None, None));
    assert_eq!(fixture.run().saved_state.volume, 70);
    assert_eq!(fixture.flags(&["--volume", "10"]).run().saved_state.volume, 10);
}

#[test]
fn invalid_state_file_mutes_with_a_warning() {
    let invalid = [
        ("", "kept: muted: | required"),
        ("muted = ", "kept, line 1: | TOML"),
        ("muted = 'no'\n", "kept, line 1: muted: | true or false"),
        ("volume = 50\n", "kept: muted: | required"),
        ("muted = false\nvolume = 500\n", "kept, line 2: volume = 500: | 0 | 100"),
        ("muted = false\nloud = 1\n", "kept, line 2: loud: | unknown key"),
    ];
    for (text, expected) in invalid {
        let fixture = Fixture::new().flags(&["--parrot", "--state-file", "kept"]).file("kept", text);
        let config = fixture.run();
        assert_eq!((config.saved_state.muted, config.saved_state.volume), (true, 100), "{text}");
        let dir = fixture.dir.path().display();
        assert_problems(&config.warnings, &[&format!("{dir}/{expected} | starts muted")]);
    }
}

#[test]
fn unreadable_state_file_mutes_with_a_warning() {
    let config = Fixture::new().flags(&["--parrot", "--state-file", "."]).run();
    assert!(config.saved_state.muted);
    assert!(config.warnings[0].contains("Is a directory"), "{:?}", config.warnings);
}

#[test]
fn endless_files_are_rejected() {
    const ENDLESS: &str = "/dev/zero";
    let reasons = [
        Fixture::new().flags(&["--parrot", "--config", ENDLESS]).problems(),
        Fixture::new().flags(&["--parrot", "--board", ENDLESS]).problems(),
        Fixture::new().flags(&["boards", "check", ENDLESS]).problems(),
        Fixture::new().flags(&["--parrot", "--state-file", ENDLESS]).run().warnings,
    ];
    for reason in reasons {
        assert!(reason[0].contains("1 MiB"), "{reason:?}");
    }
}
