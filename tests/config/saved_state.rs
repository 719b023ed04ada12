//! What is remembered: where the file is, what it says, and what is believed when it says nothing clear.

use mynah::config::SavedState;

use super::Fixture;

#[test]
fn the_files_place_is_the_owners_then_systemds_then_the_xdgs_then_the_home_folders() {
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
    let fixture = fixture.file("mynah.toml", "state_file = 'kept'");
    assert!(fixture.run().saved_state.file.unwrap().ends_with("kept"));
}

#[test]
fn what_was_written_is_read_again() {
    let fixture =
        Fixture::new().flags(&["--parrot", "--state-file", "kept"]).file("kept", &SavedState::text(true, 70));
    let saved_state = fixture.run().saved_state;
    assert_eq!((saved_state.muted, saved_state.volume), (true, 70));
    let saved_state = fixture.file("kept", &SavedState::text(false, 0)).run().saved_state;
    assert_eq!((saved_state.muted, saved_state.volume), (false, 0));
}

#[test]
fn without_a_file_nothing_is_muted_and_the_volume_is_the_settings() {
    let fixture = Fixture::new().flags(&["--parrot", "--state-file", "kept"]);
    let heard = |fixture: &Fixture| (fixture.run().saved_state.muted, fixture.run().saved_state.volume);
    assert_eq!(heard(&fixture), (false, 100));
    assert_eq!(heard(&fixture.clone().file("mynah.toml", "volume = 40")), (false, 40));
    assert_eq!(fixture.run().warnings, [""; 0]);
}

#[test]
fn a_remembered_volume_comes_before_the_settings_and_a_flag_before_both() {
    let fixture = Fixture::new().file("mynah.toml", "volume = 40\nparrot = true\nstate_file = 'kept'");
    let fixture = fixture.file("kept", &SavedState::text(false, 70));
    assert_eq!(fixture.run().saved_state.volume, 70);
    assert_eq!(fixture.flags(&["--volume", "10"]).run().saved_state.volume, 10);
}

#[test]
fn a_file_that_says_nothing_clear_means_muted_and_is_warned_of_by_name() {
    let torn = [
        ("", "kept: muted: is missing"),
        ("muted = ", "kept, line 1: not TOML: "),
        ("muted = 'no'\n", "kept, line 1: muted: must be true or false, without quotes"),
        ("volume = 50\n", "kept: muted: is missing"),
        ("muted = false\nvolume = 500\n", "kept, line 2: volume = 500: not a whole number from 0 to 100"),
        ("muted = false\nloud = 1\n", "kept, line 2: loud: unknown key"),
    ];
    for (text, expected) in torn {
        let fixture = Fixture::new().flags(&["--parrot", "--state-file", "kept"]).file("kept", text);
        let config = fixture.run();
        assert_eq!((config.saved_state.muted, config.saved_state.volume), (true, 100), "{text}");
        assert_eq!(config.warnings.len(), 1, "{:?}", config.warnings);
        let warning = config.warnings[0].split_once(fixture.dir.path().to_str().unwrap()).unwrap().1;
        assert!(warning[1..].starts_with(expected), "{text}: {warning}");
        assert!(warning.contains("starts muted"));
    }
}

#[test]
fn a_file_that_cannot_be_read_means_muted_too() {
    let config = Fixture::new().flags(&["--parrot", "--state-file", "."]).run();
    assert!(config.saved_state.muted);
    assert!(config.warnings[0].contains("cannot be read: "), "{:?}", config.warnings);
}

#[test]
fn a_file_without_an_end_is_refused_instead_of_filling_the_memory() {
    const ENDLESS: &str = "/dev/zero";
    let reasons = [
        Fixture::new().flags(&["--parrot", "--config", ENDLESS]).problems(),
        Fixture::new().flags(&["--parrot", "--board", ENDLESS]).problems(),
        Fixture::new().flags(&["boards", "check", ENDLESS]).problems(),
        Fixture::new().flags(&["--parrot", "--state-file", ENDLESS]).run().warnings,
    ];
    for reason in reasons {
        assert!(reason[0].contains("cannot be read: it is longer than 1 MiB"), "{reason:?}");
    }
}
