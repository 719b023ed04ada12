//! The service's JSON and the domain, into each other: the only place that knows how Voice Live spells things.
//!
//! Reading accepts every dialect of protocol §12 at all times, wants almost no field, and never panics
//! on any text. No tree is built for audio: a delta's base64 is borrowed from the text and decoded into
//! samples where they are wanted. It owns no socket and logs nothing.

mod incoming;
mod loss;
mod outgoing;
mod pcm;
mod session;

pub use incoming::{AudioDelta, Incoming, Malformed, ServiceError, Who, read};
pub use loss::{loss_of_close, loss_of_status};
pub use outgoing::{Command, SESSION_EVENT_ID, append, appended};
pub use pcm::{BadAudio, Samples, encode};
pub use session::{Difference, SessionConfig, differences, session_update};

/// The rate of all audio on the wire: PCM16 mono, both ways (protocol §8.1, §8.6).
pub const RATE_HZ: u32 = 24_000;
