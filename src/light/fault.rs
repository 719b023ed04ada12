//! The faults that the light can show, and which of several it shows.
//!
//! It neither detects a fault nor draws one: `render` blinks the code of the fault that is chosen here.

use std::time::Duration;

use super::LightState;
use crate::conversation::{Exit, Notice, ServerError};
use crate::model::Time;

/// How long a device with lights shows why it exits: one blink code and its pause, twice.
pub const EXIT_DISPLAY: Duration = Duration::from_secs(10);

/// A fault. Each kind has its own number of blinks ([`Fault::blinks`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The service rejects the key, the model or the address.
    Misconfigured,
    /// The quota of the account is used up.
    Quota,
    /// A turn received no reply or an incomplete one.
    NoReply,
    /// The microphone cannot be opened, is disconnected, or delivers no usable audio.
    NoMicrophone,
    /// The speaker cannot be opened, is disconnected, or does not play correctly.
    NoSpeaker,
    /// A button is stuck or bounces.
    Button,
    /// The service reported an error.
    Service,
}

/// What impairs the device until it is fixed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Impairments {
    /// The speaker is disconnected.
    pub speaker_missing: bool,
    /// The microphone is disconnected or delivers no usable audio.
    pub microphone_missing: bool,
    /// The speaker underruns repeatedly, or its thread hangs.
    pub speaker_unreliable: bool,
    /// The microphone overruns repeatedly, or its thread hangs.
    pub microphone_unreliable: bool,
    /// A faulty button is being ignored.
    pub button_ignored: bool,
    /// The service refuses a key or an address that it has accepted before.
    pub access_refused: bool,
}

impl Impairments {
    /// Returns the worst one as a fault. Without the service nothing works; a missing device is worse than an unreliable one, and a reply that is not
    /// heard worse than speech that is not captured: the user would wait for it.
    #[must_use]
    pub fn worst(self) -> Option<Fault> {
        [
            (self.access_refused, Fault::Misconfigured),
            (self.speaker_missing, Fault::NoSpeaker),
            (self.microphone_missing, Fault::NoMicrophone),
            (self.speaker_unreliable, Fault::NoSpeaker),
            (self.microphone_unreliable, Fault::NoMicrophone),
            (self.button_ignored, Fault::Button),
        ]
        .into_iter()
        .find_map(|(impaired, fault)| impaired.then_some(fault))
    }
}

impl LightState {
    /// Shows the worst impairment, or no fault if there is none.
    pub fn set_impairments(&mut self, impairments: Impairments, now: Time) {
        self.fault = impairments.worst().map(|fault| (fault, now));
    }

    /// Shows the fault behind a notice to the user, if there is one.
    pub fn set_notice(&mut self, notice: Notice, now: Time) {
        match notice {
            Notice::NoReply | Notice::ReplyStalled | Notice::ReplyFailed | Notice::NoSession => {
                self.set_passing(Fault::NoReply, now);
            }
            // The error behind it was shown.
            Notice::ReplyRefused => {}
            // The light shows that the microphone is closed.
            Notice::TapTooLong | Notice::NothingHeard => {}
            // A missing speaker is an impairment, a missing link a state; the others answer a press.
            Notice::NoSpeaker | Notice::TooShort | Notice::Muted | Notice::MuteSwitched | Notice::Unsent => {}
        }
    }

    /// Shows an error of the service, unless the device recovers from it unnoticed.
    pub fn set_server_error(&mut self, error: ServerError, now: Time) {
        match error {
            ServerError::QuotaExceeded => self.fault = Some((Fault::Quota, now)),
            ServerError::Other
            | ServerError::RateLimited
            | ServerError::Internal
            | ServerError::Unauthorized
            | ServerError::Rejected => {
                self.set_passing(Fault::Service, now);
            }
            ServerError::Withheld => self.set_passing(Fault::NoReply, now),
            // These recover, or end the link, which the light shows anyway.
            ServerError::NothingToCancel
            | ServerError::ReplyInProgress
            | ServerError::NothingToCommit
            | ServerError::SessionExpired => {}
        }
    }

    /// Shows why the program exits, and returns for how long.
    pub fn set_exit(&mut self, exit: Exit, now: Time) -> Duration {
        match exit {
            Exit::Requested => Duration::ZERO,
            Exit::Misconfigured => {
                if self.fault.is_none_or(|(fault, _)| fault != Fault::Quota) {
                    self.fault = Some((Fault::Misconfigured, now));
                }
                EXIT_DISPLAY
            }
        }
    }

    /// Shows a fault that passes by itself, unless a lasting one is shown.
    fn set_passing(&mut self, fault: Fault, now: Time) {
        if self.fault.is_none_or(|(shown, _)| !shown.is_persistent()) {
            self.fault = Some((fault, now));
        }
    }
}

impl Fault {
    /// Returns the number of blinks between two pauses.
    #[must_use]
    pub fn blinks(self) -> u8 {
        match self {
            Self::Misconfigured => 1,
            Self::Quota => 2,
            Self::NoReply => 3,
            Self::NoMicrophone => 4,
            Self::NoSpeaker => 5,
            Self::Button => 6,
            Self::Service => 7,
        }
    }

    /// Returns whether the fault is shown until it is cleared; the others are shown for a limited time.
    #[must_use]
    pub fn is_persistent(self) -> bool {
        match self {
            Self::Misconfigured | Self::Quota | Self::NoMicrophone | Self::NoSpeaker | Self::Button => true,
            Self::NoReply | Self::Service => false,
        }
    }
}
