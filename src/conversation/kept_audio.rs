//! What happens to captured audio that is kept, so that another session can receive it.
//!
//! It holds no audio: the session's uplink does, and follows what is decided here.

use super::{Conversation, DeviceEvent, Event, LinkChange, ServiceEvent, State, UserInput};

/// What an event means for the audio captured before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeptAudio {
    /// It is kept as before.
    Keep,
    /// What was sent is not needed by another session.
    ReleaseSent,
    /// All of it is unsent again, for the next session.
    SendAgain,
    /// It belongs to no turn.
    Discard,
}

impl Conversation {
    /// Returns what to do with the audio captured before `event`. To be called before the event is handled.
    #[must_use]
    pub fn kept_audio(&self, event: &Event) -> KeptAudio {
        match event {
            // A press opens the microphone for a new turn.
            Event::Input(UserInput::Press) if !self.microphone_open() => KeptAudio::Discard,
            // The service has completed a turn with it.
            Event::Service(ServiceEvent::SpeechStopped) => KeptAudio::ReleaseSent,
            // Audio captured during the reply is at most its echo.
            Event::Device(DeviceEvent::Drained) => KeptAudio::ReleaseSent,
            // The service has forgotten it with its session.
            Event::Link(LinkChange::Down(_)) => KeptAudio::SendAgain,
            Event::Input(_)
            | Event::Device(_)
            | Event::Link(_)
            | Event::Standby(_)
            | Event::Service(_)
            | Event::Tick => KeptAudio::Keep,
        }
    }

    /// Returns whether unsent audio is kept. With the microphone closed, only a complete turn waits for a session.
    #[must_use]
    pub fn keeps_unsent_audio(&self) -> bool {
        self.microphone_open() || self.state() == State::Thinking
    }
}
