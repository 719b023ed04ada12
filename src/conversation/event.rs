//! What can happen to a conversation, by where it comes from.
//!
//! It decides nothing.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{CloseReason, Id};
use crate::model::nanos;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// Somebody used a button, a switch or a key.
    Input(UserInput),
    /// Microphone or speaker did something.
    Device(DeviceEvent),
    /// The link in use, or the session over it, changed.
    Link(LinkChange),
    /// The standby link, or the session over it, changed.
    Standby(StandbyChange),
    /// The service said something over the link in use.
    Service(ServiceEvent),
    /// The deadline has passed.
    Tick,
}

/// What somebody wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum UserInput {
    /// The button went down.
    Press,
    /// The button came up, with this much sound captured since it went down.
    Release {
        /// The duration of the frames that the microphone delivered meanwhile.
        #[serde(with = "nanos")]
        heard: Duration,
    },
    /// Toggle the microphone's mute.
    Mute,
    /// A switch that stays where it is put now cuts the microphone off, or no longer.
    MuteSwitch(bool),
    /// Restore the device to the state it was in when new.
    Reset,
    /// End the program.
    Leave,
}

/// What microphone and speaker did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DeviceEvent {
    /// The speaker went away, or is back.
    Speaker {
        /// Whether it is there.
        there: bool,
    },
    /// A recorded voice that stands in for the microphone ended.
    InputEnded,
    /// Everything queued has been played.
    Drained,
}

/// What became of the link in use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LinkChange {
    /// The upgrade succeeded; nothing is configured yet.
    Up,
    /// The link, or the attempt at one, is over.
    Down(CloseReason),
    /// The session will be ended by the service after so long.
    Expires(#[serde(with = "nanos")] Duration),
    /// The service accepted the session as asked.
    Configured,
    /// The service rejected the session or set up another than was asked.
    Misconfigured,
}

/// What became of the standby link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum StandbyChange {
    /// The upgrade succeeded; nothing is configured yet.
    Up,
    /// The service accepted the session as asked, and will end it after so long.
    Configured(#[serde(with = "nanos")] Duration),
    /// The service rejected the session or set up another than was asked.
    Refused,
    /// The link, or the attempt at one, is over.
    Down(CloseReason),
}

/// What the service said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ServiceEvent {
    /// It heard speech begin.
    SpeechStarted,
    /// It heard speech end.
    SpeechStopped,
    /// It took the turn's audio as an item.
    Committed,
    /// It began a reply.
    ReplyCreated(Id),
    /// It sent audio of an admitted reply, which was queued.
    Audio(Id),
    /// It finished a reply, in this manner.
    ReplyDone(Id, ResponseStatus),
    /// It refused something, for this reason.
    Refused(ServerError),
}

/// How a reply ended at the service (`response.status`, protocol §7.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseStatus {
    /// It was said in full.
    Completed,
    /// It was cut short by the owner's voice or by `response.cancel`.
    Cancelled,
    /// It was cut short by a limit or a filter.
    Incomplete,
    /// The service could not make it.
    Failed,
}

/// Why the service refused something, as far as it matters to what happens next (protocol §11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerError {
    /// `response.cancel` came when nothing was being generated: harmless.
    NothingToCancel,
    /// `response.create` came while another reply was being generated: to be repeated after it.
    ReplyInProgress,
    /// `input_audio_buffer.commit` came with too little audio.
    NothingToCommit,
    /// The session has reached its longest duration; a close frame follows.
    SessionExpired,
    /// The account cannot pay for more.
    QuotaExceeded,
    /// Too much was asked for; whatever comes next has to wait.
    RateLimited,
    /// Something of the service's own went wrong that no source names.
    Internal,
    /// Anything else; the session goes on.
    Other,
}
