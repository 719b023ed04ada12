//! The microphones and speakers that exist, for `mynah devices`: their names, and whether each can be opened now.
//!
//! A device is opened for a moment and never started. It chooses none.

use std::ffi::CString;
use std::fmt;
use std::path::Path;

use super::definition::null_warning;
use super::hw_params::{GrantedParams, HwRequest};
use super::open_error::{PcmAddress, diagnose};
use super::output::AlsaOutput;
use super::pcm::Pcm;
use super::raw_pcm::{Errno, RawPcm};
use crate::audio::error::{AudioError, Direction};
use crate::audio::{CaptureConfig, PlaybackConfig, StreamFormat};
use crate::sys::alsa_proc::{CardInfo, read_cards};

/// The devices of one direction, and the one that mynah uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceSection {
    pub direction: Direction,
    pub devices: Vec<ListedDevice>,
    /// The ALSA name of the device that mynah uses, or the file in place of it.
    pub used: String,
    /// Why it is that one, as the end of a sentence.
    pub reason: String,
    /// The parameters that it grants, or why it cannot be used now.
    pub outcome: Result<String, String>,
}

/// A device of a sound card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedDevice {
    /// The ALSA name, to give to `--microphone` or `--speaker`.
    pub name: String,
    /// The number of its card.
    pub card: u32,
    /// The card's name.
    pub about: String,
    /// Why it cannot be opened now.
    pub problem: Option<AudioError>,
}

impl ListedDevice {
    /// Returns whether the ALSA name `used` stands for this device.
    fn is_used(&self, used: &str) -> bool {
        let (Some(own), Some(used)) = (PcmAddress::parse(&self.name), PcmAddress::parse(used)) else {
            return false;
        };
        let is_card = used.card == own.card || used.card.parse() == Ok(self.card);
        is_card && used.device.unwrap_or(0) == own.device.unwrap_or(0)
    }
}

impl fmt::Display for DeviceSection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DeviceSection { direction, devices, used, reason, outcome } = self;
        writeln!(f, "{}", if *direction == Direction::Capture { "Microphones" } else { "Speakers" })?;
        for device in devices {
            let mark = if device.is_used(used) { '*' } else { ' ' };
            let ListedDevice { name, about, problem, .. } = device;
            match problem {
                None => writeln!(f, "{mark} {name:<28} {about}: can be opened")?,
                Some(problem) => writeln!(f, "{mark} {name:<28} {about}: {problem}")?,
            }
        }
        if devices.is_empty() {
            let what = match direction {
                Direction::Capture => "a USB microphone, headset or speakerphone",
                Direction::Playback => "a USB speaker, headset or speakerphone",
            };
            writeln!(
                f,
                "  none: no sound card of this system has a {direction}; plug in {what}, or add the overlay of a HAT to \
                 config.txt and restart, then run `mynah devices` again"
            )?;
        }
        writeln!(f, "  mynah uses {used:?}: {reason}")?;
        match outcome {
            Ok(granted) => writeln!(f, "  It works now: {granted}"),
            Err(problem) => writeln!(f, "  It cannot be used now: {problem}"),
        }
    }
}

/// Lists the devices of the cards below `root`, in the kernel's order; `probe` returns why one cannot be opened.
pub fn list_devices(
    root: &Path,
    direction: Direction,
    probe: impl Fn(&str) -> Option<AudioError>,
) -> Vec<ListedDevice> {
    let names = |card: &CardInfo| -> Vec<String> {
        match direction {
            Direction::Capture => card.capture_names().collect(),
            Direction::Playback => card.playback_names().collect(),
        }
    };
    let cards = read_cards(root);
    let devices = cards.iter().flat_map(|card| names(card).into_iter().map(move |name| (name, card)));
    devices
        .map(|(name, card)| ListedDevice {
            problem: probe(&name),
            name,
            card: card.number,
            about: card.names[0].clone(),
        })
        .collect()
}

/// Opens a device without asking for parameters; returns why that fails.
#[must_use]
pub fn probe_device(name: &str, direction: Direction) -> Option<AudioError> {
    let alsa_output = AlsaOutput::capture();
    let opened =
        CString::new(name).map_err(|_| Errno(libc::EINVAL)).and_then(|name| RawPcm::open(&name, direction));
    let Errno(errno) = opened.err()?;
    let device = name.to_owned();
    let error = AudioError::Open { direction, device, errno, alsa_message: alsa_output.text() };
    Some(diagnose(error, Path::new("/")))
}

/// Returns a warning if the name opens a device without sound.
#[must_use]
pub fn warn_of_silence(device: &str, direction: Direction) -> Option<String> {
    null_warning(device, direction, Path::new("/"))
}

/// Opens the microphone as a start would, and closes it; returns the granted parameters.
///
/// # Errors
/// Returns why it cannot be used now.
pub fn try_microphone(config: &CaptureConfig) -> Result<GrantedParams, AudioError> {
    try_request(&HwRequest::capture(config, StreamFormat::default()))
}

/// Opens the speaker as a start would, and closes it; returns the granted parameters.
///
/// # Errors
/// Returns why it cannot be used now.
pub fn try_speaker(config: &PlaybackConfig) -> Result<GrantedParams, AudioError> {
    try_request(&HwRequest::playback(config, StreamFormat::default()))
}

fn try_request(request: &HwRequest) -> Result<GrantedParams, AudioError> {
    let pcm = Pcm::open(request).map_err(|error| diagnose(error, Path::new("/")))?;
    Ok(pcm.params().clone())
}
