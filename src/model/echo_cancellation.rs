//! Where the speaker's sound is removed from the microphone's. The removal itself is done elsewhere.

/// What removes the echo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EchoCancellation {
    Off,
    /// The service removes its own voice from what it hears.
    Server,
}
