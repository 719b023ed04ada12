//! The manual page, the shell completions and the packaged config file match the options of the program.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Output, Stdio};

/// The pages, and the arguments that print them.
const PAGES: [(&str, &[&str]); 4] = [
    ("mynah.1", &["--man"]),
    ("mynah.bash", &["--completions", "bash"]),
    ("_mynah", &["--completions", "zsh"]),
    ("mynah.fish", &["--completions", "fish"]),
];

#[test]
fn every_page_lists_exactly_the_options() {
    let help = help();
    let known = flags(&help);
    assert!(known.len() > 20, "{known:?}");
    for (page, text) in pages() {
        let text = text.replace("\\-", "-");
        // fish lists an option without its dashes.
        let text = if page == "mynah.fish" { text.replace(" -l ", " --") } else { text };
        let mut found = flags(&text);
        // `--name` is an option of systemd-creds, and `--log` is in the help of `--log-dir`.
        for other in ["log", "name"] {
            found.remove(other);
        }
        let known: BTreeSet<String> = known.iter().filter(|flag| *flag != "log").cloned().collect();
        assert_eq!(found, known, "{page}");
    }
}

#[test]
fn manual_page_contains_the_help_of_every_option() {
    let help = help();
    let page = &pages()[0].1;
    let page = page.replace("\\-", "-").replace("\\(aq", "'").replace("\\e", "\\");
    let words: BTreeSet<&str> = page.split_whitespace().collect();
    let about_flags =
        help.lines().filter(|line| line.starts_with("  ")).filter(|line| !line.contains("--help"));
    for word in about_flags.flat_map(str::split_whitespace).filter(|word| !word.starts_with("--")) {
        assert!(words.contains(word), "the manual page lacks {word}");
    }
}

#[test]
fn every_shell_completes_the_words_of_an_option() {
    let pages = pages();
    for words in ["open tap hold", "server client device half_duplex off"] {
        for (page, text) in pages.iter().skip(1) {
            assert!(text.contains(words), "{page} lacks {words}");
        }
    }
}

#[test]
fn completions_of_unknown_shells_are_rejected() {
    for words in [&["--completions"][..], &["--completions", "tcsh"], &["--completions", "bash", "zsh"]] {
        let out = mynah(words);
        assert_eq!((out.status.code(), out.stdout.len()), (Some(2), 0), "{words:?}");
    }
}

#[test]
fn every_placeholder_of_a_page_is_replaced() {
    for (page, text) in pages() {
        assert!(!text.contains('@'), "{page}");
    }
}

#[test]
fn every_setting_of_the_packaged_config_file_is_valid() {
    let mut section = "";
    let mut settings = Vec::new();
    for line in include_str!("../cross/debian/mynah.toml").lines() {
        match setting(line) {
            _ if line.starts_with('[') => section = line,
            Some(setting) => settings.push(format!("{section}\n{setting}")),
            None => {}
        }
    }
    assert!(settings.len() >= 5, "{settings:?}");
    for setting in settings {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("mynah.toml");
        fs::write(&file, &setting).unwrap();
        // The invalid option, which is reported last, keeps the program from starting.
        let out = mynah(&["--config", file.to_str().unwrap(), "--tap-quiet-s", "0"]);
        let printed = String::from_utf8(out.stderr).unwrap();
        assert_eq!(out.status.code(), Some(2), "{printed}");
        assert!(printed.contains("--tap-quiet-s"), "{printed}");
        let about = printed.lines().filter(|line| line.starts_with(file.to_str().unwrap()));
        assert_eq!(about.collect::<Vec<_>>(), Vec::<&str>::new(), "{setting}");
    }
}

#[test]
fn the_unit_shows_the_service_every_spi_bus_of_a_shipped_board() {
    let shown: BTreeSet<&str> = unit_values("BindPaths").collect();
    let mut buses = 0;
    for (board, text) in boards() {
        for bus in text.lines().filter_map(|line| line.strip_prefix("spi = ")) {
            buses += 1;
            assert!(shown.contains(format!("-{}", bus.trim_matches('"')).as_str()), "{board}: {bus}");
        }
    }
    assert!(buses >= 3, "{buses}");
}

#[test]
fn the_unit_sets_the_boards_controls_after_those_of_the_last_shutdown() {
    assert!(unit_values("After").any(|unit| unit == "alsa-restore.service"));
}

#[test]
fn the_package_has_the_sources_of_the_overlays_that_boards_need() {
    let manifest = include_str!("../Cargo.toml");
    assert!(manifest.contains("[\"board/overlays/*.dts\", \"usr/share/mynah/overlays/\", \"644\"]"));
    let listed = include_str!("system/package-files");
    let overlays = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/board/overlays")).unwrap();
    let names: Vec<_> = overlays.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(!names.is_empty());
    for name in names {
        assert!(listed.contains(&format!("-rw-r--r-- /usr/share/mynah/overlays/{name}\n")), "{name}");
    }
}

#[test]
fn the_service_belongs_to_no_group_that_reads_keyboards() {
    let groups: Vec<&str> = include_str!("../cross/debian/mynah.sysusers")
        .lines()
        .filter_map(|line| line.strip_prefix("m mynah "))
        .collect();
    assert_eq!(groups, ["audio", "gpio", "spi"]);
}

#[test]
fn the_udev_rules_give_the_leds_of_shipped_boards_and_no_other_to_the_services_own_group() {
    let rules = include_str!("../cross/debian/mynah.udev");
    let rules: Vec<&str> = rules.lines().filter(|line| line.starts_with("SUBSYSTEM==\"leds\"")).collect();
    let [rule] = rules.as_slice() else { panic!("{rules:?}") };
    assert!(rule.contains("chgrp mynah ") && !rule.contains("gpio"), "{rule}");
    let pattern = rule.split("KERNEL==\"").nth(1).unwrap().split('"').next().unwrap();
    let ours = ["ktd202x:led1", "ktd202x:led2", "ktd202x:led3"];
    // The Pi's own LED, by its names in old and new kernels, serves a board that has none.
    assert_eq!(pattern, "ktd202x:led[123]|ACT|led0");
    for (board, text) in boards() {
        let leds = text.lines().filter_map(|line| line.strip_prefix("leds = "));
        for led in leds.flat_map(|list| list.split('"').skip(1).step_by(2)) {
            assert!(ours.contains(&led), "{board}: {led}");
        }
    }
}

/// Returns the words of every line of the unit that sets `key`.
fn unit_values(key: &str) -> impl Iterator<Item = &'static str> {
    let unit = include_str!("../cross/debian/mynah.service");
    let values = unit.lines().filter_map(move |line| line.strip_prefix(key)?.strip_prefix('='));
    values.flat_map(str::split_whitespace)
}

/// Returns the shipped board files, by name.
fn boards() -> Vec<(String, String)> {
    let files = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/board"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|it| it == "toml"));
    files.map(|path| (path.display().to_string(), fs::read_to_string(&path).unwrap())).collect()
}

/// Returns the setting in a line, without the `#` that disables it; `None` if the line is prose.
fn setting(line: &str) -> Option<&str> {
    let line = line.strip_prefix('#').unwrap_or(line);
    (line.starts_with(|first: char| first.is_ascii_lowercase()) && line.contains(" = ")).then_some(line)
}

fn flags(text: &str) -> BTreeSet<String> {
    let after = text.split("--").skip(1);
    after
        .map(|rest| rest.chars().take_while(|at| at.is_ascii_lowercase() || *at == '-').collect::<String>())
        .filter(|flag| !flag.is_empty())
        .collect()
}

fn pages() -> Vec<(&'static str, String)> {
    let print = |(page, words): (&'static str, &[&str])| {
        let out = mynah(words);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        (page, String::from_utf8(out.stdout).unwrap())
    };
    PAGES.map(print).into()
}

/// Returns the help of all options: those of `mynah --help`, and those that `mynah help session` lists.
fn help() -> String {
    let print = |words: &[&str]| String::from_utf8(mynah(words).stdout).unwrap();
    let session = print(&["help", "session"]);
    print(&["--help"]) + session.split_once("\nAgent\n").unwrap().1
}

fn mynah(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mynah"));
    for (key, _) in std::env::vars_os() {
        if key.to_string_lossy().starts_with("AZURE_VOICELIVE_") || key == "SSL_CERT_FILE" {
            command.env_remove(key);
        }
    }
    command.args(arguments).current_dir(std::env::temp_dir()).stdin(Stdio::null()).output().unwrap()
}
