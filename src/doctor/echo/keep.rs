//! Writes what follows from an examination beside the saved state, where the next start of mynah finds it, and removes it.
//!
//! It writes no other file: what the user has set stays, and goes before.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::{EchoResult, TOPIC};
use crate::config::{ECHO_FILE, MEASURED_FILE, MeasuredEcho, Origin};
use crate::doctor::{Findings, Verdict};
use crate::model::EchoCancellation;
use crate::sys::replace_private_file;

/// The files; `None` where no state is kept.
pub(super) struct Place(Option<Files>);

struct Files {
    measured: PathBuf,
    learned: PathBuf,
}

impl Place {
    /// Returns the files beside the saved state.
    pub(super) fn new(state_file: Option<&Path>) -> Self {
        Self(state_file.map(|state| Files {
            measured: state.with_file_name(MEASURED_FILE),
            learned: state.with_file_name(ECHO_FILE),
        }))
    }
}

/// Writes the choice, and what was learned with devices of this identity if the device itself removes the echo.
pub(super) fn fix(findings: &mut Findings<'_>, place: &Place, result: &EchoResult, identity: &str) {
    let Place(Some(files)) = place else {
        let remedy = "name a file with --state-file, where mynah can write".to_owned();
        return findings.add(TOPIC, "setting", "not written: no state is kept", Verdict::Wrong(remedy));
    };
    let choice = &result.choice;
    let measured = MeasuredEcho {
        cancellation: choice.cancellation,
        half_duplex_tail: choice.half_duplex_tail,
        reason: choice.reason.clone(),
    };
    let mut write = |what: &str, file: &Path, bytes: &[u8], meaning: &str| {
        let shown = file.display();
        match replace_private_file(file, bytes) {
            Ok(()) => {
                findings.add(TOPIC, what, format!("{meaning} in {shown}"), Verdict::Good);
                true
            }
            Err(error) => {
                let remedy = "run it as the user of mynah, or with sudo, or make room there".to_owned();
                findings.add(
                    TOPIC,
                    what,
                    format!("{shown} cannot be written: {error}"),
                    Verdict::Wrong(remedy),
                );
                false
            }
        }
    };
    let word = word(choice.cancellation);
    let meaning = format!("{word} is kept (a mynah with the same state_file reads it; --undo removes it)");
    if write("setting", &files.measured, measured.text().as_bytes(), &meaning)
        && choice.cancellation == EchoCancellation::Device
        && let Some(learned) = &result.learned
    {
        write("filter", &files.learned, &learned.encode(identity), "what the canceller has learned is kept");
    }
}

/// Reports a setting that overrides the choice, if there is one.
pub(super) fn tell_override(findings: &mut Findings<'_>, origin: Option<&Origin>, chosen: EchoCancellation) {
    if let Some(origin) = origin.filter(|origin| origin.is_users()) {
        let remedy = format!("it goes before what was measured: set it to {:?}, or remove it", word(chosen));
        findings.add(TOPIC, "setting", format!("also set by {origin}"), Verdict::Advice(remedy));
    }
}

/// Removes what [`fix`] has written.
pub(super) fn undo(findings: &mut Findings<'_>, place: &Place) {
    let files = place.0.as_ref().map(|Files { measured, learned }| [measured, learned]);
    let mut is_anything = false;
    for file in files.into_iter().flatten() {
        let shown = file.display();
        match std::fs::remove_file(file) {
            Ok(()) => {
                is_anything = true;
                findings.add(TOPIC, "setting", format!("{shown} is removed"), Verdict::Good);
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                is_anything = true;
                let remedy = "run it as the user of mynah, or with sudo".to_owned();
                findings.add(
                    TOPIC,
                    "setting",
                    format!("{shown} cannot be removed: {error}"),
                    Verdict::Wrong(remedy),
                );
            }
        }
    }
    if !is_anything {
        findings.add(TOPIC, "setting", "nothing that was measured is kept", Verdict::Good);
    }
}

/// Returns the word in the settings.
pub(super) fn word(cancellation: EchoCancellation) -> &'static str {
    MeasuredEcho::word(cancellation)
}
