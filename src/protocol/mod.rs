//! The service's JSON and the domain, into each other: the only place that knows how Voice Live spells things.
//!
//! Reading accepts every dialect of protocol §12 at all times, wants almost no field, and never panics
//! on any text. No tree is built for audio: a delta's base64 is borrowed from the text and decoded into
//! samples where they are wanted. It owns no socket and logs nothing.

mod client_event;
mod close_reason;
mod pcm16;
mod server_event;
mod session_config;

pub use client_event::{ClientEvent, SESSION_EVENT_ID, append, appended};
pub use close_reason::{close_reason_of_code, close_reason_of_status};
pub use pcm16::{BadAudio, Pcm16Decoder, encode};
pub use server_event::{AudioDelta, Malformed, Role, ServerEvent, ServiceError, parse};
pub use session_config::{ConfigMismatch, SessionConfig, mismatches, session_update};

/// The rate of all audio on the wire: PCM16 mono, both ways (protocol §8.1, §8.6).
pub const RATE_HZ: u32 = 24_000;
