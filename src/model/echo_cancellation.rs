//! Where the echo of the speaker is removed from the captured audio. It cancels nothing itself.

/// The place of the echo cancellation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EchoCancellation {
    Off,
    /// This device removes it before anything is sent.
    Device,
    /// The service removes the echo of its replies, with its own sound as the reference.
    Server,
    /// The service removes it, with what this device says that its speaker plays.
    Client,
}
