//! Reads what is requested of the service for a session: voice, turns, hearing, replies (protocol §8).
//!
//! What the user has not set has no value here, so that the service, or the agent, decides. A combination that the
//! service does not have is refused, with the allowed values and the reason.

mod extra;
mod hearing;
mod language;
mod prosody;
mod reply;
mod turn;
mod voice;

use super::model_family::ModelFamily;
use super::schema::{Key, ROWS};
use super::values::Values;

pub(super) use extra::{read as extra, shown as shown_extra};
pub(super) use hearing::{HALF_DUPLEX_TAIL_MAX_MS, Hearing, read as hearing};
pub(super) use reply::read as reply;
pub(super) use turn::{TurnRequest, read as turn};
pub(super) use voice::{OPENAI_VOICES, VOICE_OPTIONS, read as voice, shown_url};

pub(super) const PROFILES: &[&str] =
    &["byom-azure-openai-realtime", "byom-azure-openai-chat-completion", "byom-foundry-anthropic-messages"];
pub(super) const VOICE_TYPES: &[&str] =
    &["openai", "azure-standard", "azure-custom", "azure-personal", "azure-realtime-native"];
pub(super) const PERSONAL_MODELS: &[&str] = &[
    "DragonLatestNeural",
    "PhoenixLatestNeural",
    "PhoenixV2Neural",
    "DragonHDOmniLatestNeural",
    "MAI-Voice-1",
];
pub(super) const EAGERNESS: &[&str] = &["auto", "low", "medium", "high"];
pub(super) const UTTERANCE_MODELS: &[&str] =
    &["semantic_detection_v1", "semantic_detection_v1_en", "semantic_detection_v1_multilingual"];
pub(super) const UTTERANCE_LEVELS: &[&str] = &["default", "low", "medium", "high"];
pub(super) const MODALITIES: &[&str] = &["text,audio", "text"];
pub(super) const EFFORTS: &[&str] = &["none", "minimal", "low", "medium", "high", "xhigh"];
pub(super) const INTERIM_KINDS: &[&str] = &["static", "llm"];

/// Who answers.
#[derive(Clone, Copy)]
pub(super) enum Answerer<'a> {
    /// A model, by the name in the query.
    Model(&'a str, ModelFamily),
    /// An agent, whose model is not known.
    Agent,
}

impl Answerer<'_> {
    fn is_agent(self) -> bool {
        matches!(self, Self::Agent)
    }
}

/// Refuses each of `keys` that the user has set, for `reason`, which follows the place and a colon.
fn refuse_each(values: &mut Values, keys: &[Key], reason: &str) {
    for key in keys {
        if values.is_set(*key) {
            values.refuse(*key, reason);
        }
    }
}

/// Returns the option of `key`, for messages.
fn option(key: Key) -> String {
    ROWS.iter().find(|row| row.key == key).map_or_else(String::new, |row| format!("--{}", row.option()))
}
