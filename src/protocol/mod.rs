//! Translates between the JSON of Voice Live and the types of the conversation; no other module knows the
//! JSON names.
//!
//! The parser accepts every dialect of protocol §12 at all times, requires almost no field, and never panics. A bad
//! value affects its own field only.
//! Audio is not copied into a JSON tree: the base64 of a delta is borrowed from the text. This module owns no
//! socket and logs nothing.

mod agent_conversation;
mod capabilities;
mod client_event;
mod client_reference;
mod item_event;
mod json;
mod nested_session;
mod pcm16;
mod recognize;
mod refusal;
mod server_event;
mod service_error;
mod session_config;
mod session_form;
mod session_object;

pub use agent_conversation::agent_conversation;
pub use capabilities::{Capabilities, Lesson};
pub use client_event::{APPEND, ClientEvent, SESSION_EVENT_ID, append};
pub use client_reference::{names_reference, takes_reference};
pub use item_event::{ItemBody, ItemEvent, ItemWords, Role, ServerItem, item_event};
pub use pcm16::{BadAudio, Pcm16Decoder, encode};
pub use recognize::{codes_of, refusal_of_close};
pub use refusal::{Culprit, RETRY_AFTER_MAX, Refusal};
pub use server_event::{AudioDelta, Malformed, ServerEvent, parse, sign_of_life};
pub use service_error::{ServiceError, refusal_of_upgrade};
pub use session_config::{
    ConfigMismatch, SESSION_UPDATE, SessionConfig, mismatches, session_settings, session_update, setting_of,
};
pub use session_form::{SessionForm, SessionShape};

/// Sample rate of replies, of PCM16 mono, and the highest of what is sent (protocol §8.1, §8.6).
pub const RATE_HZ: u32 = 24_000;
