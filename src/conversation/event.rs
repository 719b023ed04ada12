//! The events that a conversation handles, grouped by source.
//!
//! It holds plain data and makes no decision.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{CloseReason, Id};
use crate::model::{TalkEvidence, nanos};

/// An input of the conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// The user pressed or released a button, a switch or a key.
    Input(UserInput),
    /// The state of the microphone or the speaker changed.
    Device(DeviceEvent),
    /// The state of the active link, or of its session, changed.
    Link(LinkChange),
    /// The state of the standby link, or of its session, changed.
    Standby(StandbyChange),
    /// The service sent a message over the active link.
    Service(ServiceEvent),
    /// The deadline passed.
    Tick,
}

/// An action of the user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum UserInput {
    /// The talk button was pressed.
    Press,
    /// The talk button was released.
    Release {
        /// Duration of the audio captured while the button was pressed.
        #[serde(with = "nanos")]
        heard: Duration,
    },
    /// Toggle the microphone's mute.
    Mute,
    /// A latching switch now mutes the microphone (`true`) or no longer does (`false`).
    MuteSwitch(bool),
    /// Reset the device to its initial state.
    Reset,
    /// Exit the program.
    Leave,
}

/// A change of an audio device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DeviceEvent {
    /// The speaker was disconnected or reconnected.
    Speaker {
        /// Whether the speaker is connected.
        there: bool,
    },
    /// The WAV file that replaces the microphone ended.
    InputEnded,
    /// All queued audio was played.
    Drained,
    /// The microphone hears more than the noise of its room, or no longer does.
    Room {
        /// Whether it hears more.
        loud: bool,
    },
    /// The device hears somebody talk over the speaker, or no longer does.
    Talk(TalkEvidence),
}

/// A change of the active link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LinkChange {
    /// The upgrade succeeded; nothing is configured yet.
    Up,
    /// The link was lost, or the attempt to establish it failed.
    Down(CloseReason),
    /// The service will end the session after this duration.
    Expires(#[serde(with = "nanos")] Duration),
    /// The service accepted the session configuration.
    Configured,
    /// The service rejected the session configuration or applied a different one.
    Misconfigured,
}

/// A change of the standby link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum StandbyChange {
    /// The upgrade succeeded; nothing is configured yet.
    Up,
    /// The service accepted the session configuration, and will end the session after this duration.
    Configured(#[serde(with = "nanos")] Duration),
    /// The service rejected the session configuration or applied a different one.
    Refused,
    /// The service reported an error over the link.
    Error(ServerError),
    /// The link was lost, or the attempt to establish it failed.
    Down(CloseReason),
}

/// A message of the service (protocol §7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ServiceEvent {
    /// Voice activity detection found the start of speech.
    SpeechStarted,
    /// Voice activity detection found the end of speech.
    SpeechStopped,
    /// The audio of the turn became an item; its id, if the service sends one.
    Committed(Option<Id>),
    /// The transcription of a turn ended, with words or without, or it failed.
    Transcribed {
        /// The item, if the service names it.
        item: Option<Id>,
        /// Whether there are any words.
        words: bool,
    },
    /// The service found that nothing was said for a while.
    IdleTimeout,
    /// The service started a reply.
    ReplyCreated(Id),
    /// Audio of an accepted reply arrived and was queued.
    Audio(Id),
    /// The service works on a reply, which it may not name: text, a call of a tool, or anything else but audio.
    ReplyProgress(Option<Id>),
    /// The service ended a reply with this status.
    ReplyDone(Id, ResponseStatus),
    /// The service reported an error.
    Refused(ServerError),
}

/// The final status of a reply (`response.status`, protocol §7.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseStatus {
    /// The reply is complete.
    Completed,
    /// Speech of the user or `response.cancel` ended the reply early.
    Cancelled,
    /// A limit or a filter ended the reply early.
    Incomplete,
    /// The service failed to generate the reply.
    Failed,
    /// As failed or incomplete, for this reason.
    Refused(ServerError),
}

/// An error of the service, by its consequence for the conversation (protocol §11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerError {
    /// `response.cancel` arrived while no reply was generated. Harmless.
    NothingToCancel,
    /// `response.create` arrived while another reply was generated. It is repeated after that reply.
    ReplyInProgress,
    /// `input_audio_buffer.commit` arrived with too little audio in the buffer.
    NothingToCommit,
    /// The session reached its maximum duration. A close frame follows.
    SessionExpired,
    /// The quota of the account is used up.
    QuotaExceeded,
    /// A rate limit was exceeded. The next dial has to wait.
    RateLimited,
    /// An internal error of the service without a documented code.
    Internal,
    /// The key or the token was not accepted.
    Unauthorized,
    /// A request was not accepted. While the session is being configured, that is the configuration.
    Rejected,
    /// A filter or a limit ended the reply.
    Withheld,
    /// Any other error. The session continues.
    Other,
}
