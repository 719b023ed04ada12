//! What is done about the echo of the speaker in the captured audio. It cancels nothing itself.

/// The place of the echo cancellation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EchoCancellation {
    Off,
    /// This device removes it before anything is sent.
    Device,
    /// Nobody removes it: the microphone is held back while the speaker is heard.
    HalfDuplex,
    /// The service removes the echo of its replies, with its own sound as the reference.
    Server,
    /// The service removes it, with what this device says that its speaker plays.
    Client,
}
