//! Compares the mixer controls of the cards with those of the board, sets them if that is asked for, and sets them back.
//!
//! What they were is kept in a file until it is asked for. It sets no control that the board does not have.

use std::path::Path;

use super::{Findings, Verdict};
use crate::audio::{ControlState, MixerControl, read_control, set_control_state, set_controls};
use crate::config::{DoctorControls, DoctorTopic};
use crate::sys::create_private_file;

const TOPIC: DoctorTopic = DoctorTopic::Sound;
/// The file of what the controls were, beside the saved state, or else in the working folder.
const UNDO_FILE: &str = "mynah-controls-before.json";

/// Reads the controls, and does with those that differ what `mode` says.
pub(super) fn check(
    findings: &mut Findings<'_>,
    controls: &[MixerControl],
    mode: DoctorControls,
    state_file: Option<&Path>,
) {
    let folder = state_file.and_then(Path::parent).map(Path::to_path_buf).unwrap_or_default();
    let file = folder.join(UNDO_FILE);
    if mode == DoctorControls::Undo {
        return undo(findings, &file);
    }
    let mut differing = Vec::new();
    for control in controls {
        match read_control(control) {
            Err(failure) if failure.is_reported(control) => {
                findings.add(TOPIC, "control", &control.name, Verdict::Wrong(failure.into_reason()));
            }
            Err(_) => {
                let value = format!("{} is not on this card, which need not have it", control.name);
                findings.add(TOPIC, "control", value, Verdict::Good);
            }
            Ok((state, true)) => {
                findings.add(TOPIC, "control", format!("{} is {state}", control.name), Verdict::Good);
            }
            Ok((state, false)) => {
                let value =
                    format!("{} is {state}, and the board's file says {}", control.name, control.setting);
                let remedy = if mode == DoctorControls::Fix {
                    "it is set now"
                } else {
                    "mynah sets it when it starts; --fix sets it now"
                };
                findings.add(TOPIC, "control", value, Verdict::Advice(remedy.to_owned()));
                differing.push((control.clone(), state));
            }
        }
    }
    if mode == DoctorControls::Fix && !differing.is_empty() {
        fix(findings, differing, &file);
    }
}

/// Sets the controls, after it has kept what they were: without that, nothing is set.
fn fix(findings: &mut Findings<'_>, differing: Vec<(MixerControl, ControlState)>, file: &Path) {
    let (controls, states): (Vec<_>, Vec<_>) = differing.into_iter().unzip();
    let shown = file.display();
    // What was kept first is the state before any fix.
    if !file.exists() {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        let kept = folder
            .map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| create_private_file(file))
            .map_err(|error| error.to_string())
            .and_then(|file| serde_json::to_writer_pretty(file, &states).map_err(|error| error.to_string()));
        if let Err(error) = kept {
            let remedy =
                "nothing is set, since it could not be set back; make room there, or run it as another user";
            let value = format!("{shown} cannot be written: {error}");
            return findings.add(TOPIC, "controls", value, Verdict::Wrong(remedy.to_owned()));
        }
    }
    let refused = set_controls(&controls);
    for error in &refused {
        findings.add(TOPIC, "control", error.to_string(), Verdict::Wrong("see alsamixer".to_owned()));
    }
    let set =
        format!("{} set; mynah doctor --undo sets them back from {shown}", controls.len() - refused.len());
    findings.add(TOPIC, "controls", set, Verdict::Good);
}

fn undo(findings: &mut Findings<'_>, file: &Path) {
    let shown = file.display();
    let kept = std::fs::read(file).map_err(|error| error.to_string()).and_then(|bytes| {
        serde_json::from_slice::<Vec<ControlState>>(&bytes).map_err(|error| error.to_string())
    });
    let states = match kept {
        Ok(states) => states,
        Err(error) => {
            let value = format!("{shown} cannot be read: {error}");
            let remedy = "only what --fix has set in this folder can be set back";
            return findings.add(TOPIC, "controls", value, Verdict::Wrong(remedy.to_owned()));
        }
    };
    let mut is_complete = true;
    for state in &states {
        match set_control_state(state) {
            Ok(()) => {
                findings.add(TOPIC, "control", format!("{} is {state} again", state.name()), Verdict::Good)
            }
            Err(failure) => {
                is_complete = false;
                findings.add(TOPIC, "control", state.name(), Verdict::Wrong(failure.into_reason()));
            }
        }
    }
    if is_complete && let Err(error) = std::fs::remove_file(file) {
        let value = format!("{shown} cannot be removed: {error}");
        findings.add(TOPIC, "controls", value, Verdict::Advice("remove it".to_owned()));
    }
}
