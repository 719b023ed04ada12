//! Settings of the sound devices: names, PCM parameters, mixer controls, and what to do when a card is disconnected.
//!
//! These are plain values; nothing here opens a device.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

pub use crate::dsp::SampleFormat;

/// The audio settings.
#[derive(Clone, Debug, PartialEq)]
pub struct AudioConfig {
    pub microphone: CaptureConfig,
    pub speaker: PlaybackConfig,
    /// Mixer controls, set in this order, at the start and when a card is reconnected.
    pub controls: Vec<MixerControl>,
    /// What to do when a card is disconnected.
    pub unplugged: UnplugPolicy,
    /// A WAV file to use instead of the microphone.
    pub speech: Option<PathBuf>,
    /// A WAV file to write instead of playing.
    pub speaker_file: Option<PathBuf>,
}

impl AudioConfig {
    /// Returns whether a microphone hears a room; instead of one, a WAV file or silence may be heard.
    #[must_use]
    pub fn has_microphone(&self) -> bool {
        self.speech.is_none() && self.speaker_file.is_none()
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct CaptureConfig {
    /// The ALSA name.
    pub device: String,
    /// The PCM parameters to request.
    pub form: PcmRequest,
    /// The channels to capture, counted from 0 and mixed in equal parts; empty for all.
    pub channels: Vec<u16>,
    /// The gain, in decibels; a limiter prevents clipping.
    pub gain_db: f32,
    /// Whether the device stays open while nothing is captured; `None` lets the kind of the device decide.
    pub keep_open: Option<KeepOpen>,
}

/// When the microphone's device stays open, and its samples are discarded, while nothing is captured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeepOpen {
    /// It is open only while it captures.
    #[default]
    Never,
    /// It is closed while it is muted.
    UnlessMuted,
    /// It is open while muted too.
    Always,
}

#[derive(Clone, Debug, PartialEq)]
pub struct PlaybackConfig {
    /// The ALSA name.
    pub device: String,
    /// The PCM parameters to request.
    pub form: PcmRequest,
    /// The channels to play on, counted from 0; empty for all.
    pub channels: Vec<u16>,
    /// How a cut reaches what the device holds; `None` lets the kind of the device decide.
    pub cut: Option<CutMode>,
    /// How long the device runs on while nothing is heard; `None` lets the kind of the device decide.
    pub keep_awake: Option<KeepAwake>,
}

/// How a cut reaches what a speaker's buffer holds.
///
/// The best way is not possible everywhere, and stopping a stream is not harmless: on cards it may switch the
/// amplifier off and on, and preparing it again may take a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutMode {
    /// The device takes back what it holds, except a margin, and reads what is written instead: the fade follows the
    /// margin. For cards whose driver is known to read its buffer late.
    Rewrite,
    /// The device plays what it holds; the fade follows. For cards that may have copied their buffer already: their
    /// queue is short while a reply may be heard.
    RunOut,
    /// The device drops what it holds and starts again with the fade. For plugins and sound servers, where stopping
    /// switches no hardware.
    Drop,
}

/// How long a speaker runs on while nothing is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepAwake {
    Forever,
    For(Duration),
}

impl Default for CaptureConfig {
    /// Returns ALSA's default device, with its default parameters.
    fn default() -> Self {
        Self {
            device: "default".to_owned(),
            form: PcmRequest::default(),
            channels: Vec::new(),
            gain_db: 0.0,
            keep_open: None,
        }
    }
}

impl Default for PlaybackConfig {
    /// Returns ALSA's default device, with its default parameters.
    fn default() -> Self {
        Self {
            device: "default".to_owned(),
            form: PcmRequest::default(),
            channels: Vec::new(),
            cut: None,
            keep_awake: None,
        }
    }
}

/// PCM parameters to request of a device. A parameter that is not set is chosen from those that the device supports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PcmRequest {
    pub rate_hz: Option<u32>,
    pub format: Option<SampleFormat>,
    pub channels: Option<u16>,
    pub period: Option<Duration>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct MixerControl {
    /// The card, such as `hw:CARD=wm8960soundcard`.
    pub card: String,
    /// The name of the simple control as in `amixer scontrols`, with `,` and its index if that is not 0.
    pub name: String,
    pub setting: ControlValue,
    /// Whether the card may be without it, as some models of a kind are: then it is skipped silently.
    pub optional: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ControlValue {
    /// A volume, in percent of its range.
    Percent(u8),
    Switch(bool),
    /// An item of an enumerated control.
    Choice(String),
}

impl fmt::Display for ControlValue {
    /// Writes the value as `amixer` takes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percent(percent) => write!(f, "{percent} %"),
            Self::Switch(on) => f.write_str(if *on { "on" } else { "off" }),
            Self::Choice(word) => f.write_str(word),
        }
    }
}

/// What to do when a card is disconnected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnplugPolicy {
    /// Wait for it without limit.
    Wait,
    /// Wait for it for this duration, then exit.
    End(Duration),
}

impl Default for UnplugPolicy {
    /// Returns 5 s, which is enough to put back the plug of a USB card.
    fn default() -> Self {
        Self::End(Duration::from_secs(5))
    }
}
