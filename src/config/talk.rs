//! When the microphone is live, and that a live one is seen.
//!
//! It opens no device: whether there is a light or a button is an argument.

use std::time::Duration;

use super::schema::Key;
use super::values::Values;
use crate::model::Mode;

/// When the microphone is live.
#[derive(Debug)]
pub struct TalkConfig {
    /// The mode that is set; [`mode_for`](Self::mode_for) returns the one to use.
    pub mode: Mode,
    /// Whether to play an earcon when the service disconnects and when it reconnects.
    pub earcons: bool,
    /// Whether a reply goes on after a noise that the service took for speech.
    pub resumes_replies: bool,
    /// Whether a reply is turned down as soon as the device's own echo canceller hears somebody talk over it.
    pub ducks_replies: bool,
    /// Whether the microphone may be live without a light that shows it.
    no_light: bool,
    /// The quiet time of [`Mode::Tap`], in every mode.
    tap_quiet: Duration,
}

/// What shows and controls the microphone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MicrophoneView {
    /// Whether it hears a room; a WAV file does not.
    pub is_real: bool,
    /// Whether a light or a status line shows when it is live.
    pub is_shown: bool,
    /// Whether a talk button or a key can be pressed.
    pub has_button: bool,
}

/// Why the microphone stays closed.
const UNSEEN: &str = "in the mode open the microphone is live all the time, and this board has no light that shows it; add \
    a [[light]] to a copy of its board file (`mynah boards show NAME` prints it), set mode = \"tap\" with a [[button]], \
    start mynah in a terminal, or, if everyone who can be heard knows, set --no-light, or no_light = true in your \
    settings";

pub(super) fn read(values: &mut Values) -> TalkConfig {
    let mode = values.choice(Key::Mode);
    // Read in every mode, so that an invalid value is reported in every mode.
    let tap_quiet = values.seconds(Key::TapQuietS, 1.0, 600.0);
    TalkConfig {
        mode: match mode {
            Mode::Tap { .. } => Mode::Tap { quiet: tap_quiet },
            Mode::Open | Mode::Hold => mode,
        },
        earcons: values.switch(Key::Sounds),
        resumes_replies: values.switch(Key::ResumeAfterNoise),
        ducks_replies: values.switch(Key::EarlyDuck),
        no_light: values.switch(Key::NoLight),
        tap_quiet,
    }
}

impl TalkConfig {
    /// Returns the mode to use: a real microphone that nothing shows is live only after a press.
    ///
    /// # Errors
    /// Returns why the microphone cannot be live, and what to do.
    pub fn mode_for(&self, view: MicrophoneView) -> Result<Mode, &'static str> {
        let MicrophoneView { is_real, is_shown, has_button } = view;
        match self.mode {
            Mode::Tap { .. } | Mode::Hold => Ok(self.mode),
            Mode::Open if !is_real || is_shown || self.no_light => Ok(self.mode),
            Mode::Open if has_button => Ok(Mode::Tap { quiet: self.tap_quiet }),
            Mode::Open => Err(UNSEEN),
        }
    }
}
