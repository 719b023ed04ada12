//! Where sound comes from and goes to, in which form, and what is done when a card goes away.
//!
//! These are values; nothing here opens a device.

use std::path::PathBuf;
use std::time::Duration;

pub use crate::dsp::SampleFormat;

/// Where sound comes from and goes to.
#[derive(Clone, Debug, PartialEq)]
pub struct AudioConfig {
    pub microphone: CaptureConfig,
    pub speaker: PlaybackConfig,
    /// The cards' own controls, set once at start.
    pub controls: Vec<MixerControl>,
    /// What happens when a card goes away while the program runs.
    pub unplugged: UnplugPolicy,
    /// A WAV file to hear instead of the microphone.
    pub speech: Option<PathBuf>,
    /// A WAV file to write instead of playing to the speaker.
    pub speaker_file: Option<PathBuf>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct CaptureConfig {
    /// Its ALSA name.
    pub device: String,
    /// What to ask of it.
    pub form: PcmRequest,
    /// Which of its channels to hear, counted from 0, and mixed in equal parts; none means all of them.
    pub channels: Vec<u16>,
    /// How much louder to make it, decibels; what would clip is limited.
    pub gain_db: f32,
}

#[derive(Clone, Debug, PartialEq)]
pub struct PlaybackConfig {
    /// Its ALSA name.
    pub device: String,
    /// What to ask of it.
    pub form: PcmRequest,
    /// Which of its channels to play on, counted from 0; none means all of them.
    pub channels: Vec<u16>,
}

impl Default for CaptureConfig {
    /// Returns ALSA's default device as it comes.
    fn default() -> Self {
        Self { device: "default".to_owned(), form: PcmRequest::default(), channels: Vec::new(), gain_db: 0.0 }
    }
}

impl Default for PlaybackConfig {
    /// Returns ALSA's default device.
    fn default() -> Self {
        Self { device: "default".to_owned(), form: PcmRequest::default(), channels: Vec::new() }
    }
}

/// What to ask of a device; what is not said is chosen from what the device can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PcmRequest {
    pub rate_hz: Option<u32>,
    pub format: Option<SampleFormat>,
    pub channels: Option<u16>,
    pub period: Option<Duration>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct MixerControl {
    /// The card, e.g. `hw:CARD=wm8960soundcard`.
    pub card: String,
    /// The simple control's name, as `amixer scontrols` lists it, with its index after a comma where that is not 0.
    pub name: String,
    pub setting: ControlValue,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ControlValue {
    /// A share of its range, percent.
    Percent(u8),
    /// On or off.
    Switch(bool),
    /// One of its words.
    Choice(String),
}

/// What happens when a card goes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnplugPolicy {
    /// It is waited for, for ever.
    Wait,
    /// It is waited for, for so long; then the program ends.
    End(Duration),
}

impl Default for UnplugPolicy {
    /// Returns 5 s, which a USB card that was knocked loose takes to be put back.
    fn default() -> Self {
        Self::End(Duration::from_secs(5))
    }
}
