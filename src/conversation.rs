//! `conversation`: see the crate docs.

/// What the device is doing, as its owner sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// The link is being made or set up.
    Connecting,
    /// At rest, microphone closed.
    Idle,
    /// The microphone is live and it is the owner's turn.
    Listening,
    /// The turn is over and no reply is heard yet.
    Thinking,
    /// A reply is being heard.
    Speaking,
    /// No link; the next try is scheduled.
    Offline,
    /// At rest with the microphone cut off by its owner.
    Muted,
}
