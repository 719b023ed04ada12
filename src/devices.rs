//! `mynah devices`: lists the microphones and speakers, which ones mynah uses and why, and whether each can be opened now.
//!
//! It opens each device for a moment, and chooses none: the settings do.

use std::path::Path;
use std::process::ExitCode;

use mynah::audio::{self, AudioError, DeviceSection, Direction, GrantedParams, list_devices, probe_device};
use mynah::config::DevicesRequest;
use mynah::printable::Printable;

use crate::cli::{MISCONFIGURED, Output, print_error};

/// Prints both directions. The exit code is 0, also without a sound card, or 2 if the settings are wrong.
pub(crate) fn list(request: DevicesRequest) -> ExitCode {
    let DevicesRequest { audio, reasons: [microphone_reason, speaker_reason], problems } = request;
    let mut out = Output::default();
    let microphone =
        section(Direction::Capture, &audio.microphone.device, microphone_reason, || match &audio.speech {
            Some(file) => Ok(format!("the file {} is read instead of it", file.display())),
            None => outcome(audio::try_microphone(&audio.microphone), Direction::Capture),
        });
    let speaker =
        section(Direction::Playback, &audio.speaker.device, speaker_reason, || match &audio.speaker_file {
            Some(file) => Ok(format!("the file {} is written instead of it", file.display())),
            None => outcome(audio::try_speaker(&audio.speaker), Direction::Playback),
        });
    for line in format!("{microphone}\n{speaker}").lines() {
        out.write(format_args!("{}\n", Printable(line)));
    }
    print_error(&problems.join("\n"));
    out.finish(if problems.is_empty() { 0 } else { MISCONFIGURED })
}

fn section(
    direction: Direction,
    used: &str,
    reason: String,
    outcome: impl FnOnce() -> Result<String, String>,
) -> DeviceSection {
    let devices = list_devices(Path::new("/"), direction, |name| probe_device(name, direction));
    DeviceSection { direction, devices, used: used.to_owned(), reason, outcome: outcome() }
}

fn outcome(tried: Result<GrantedParams, AudioError>, direction: Direction) -> Result<String, String> {
    let granted = tried.map_err(|error| error.to_string())?;
    match audio::warn_of_silence(&granted.device, direction) {
        None => Ok(granted.to_string()),
        Some(warning) => Err(warning),
    }
}
