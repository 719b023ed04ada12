//! How the service makes replies (protocol §8.1, §8.8). What is spoken with which voice is in `voice`.

use std::collections::BTreeMap;

/// How replies are made. What is `None` or empty is left to the service.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReplyOptions {
    /// Whether replies have words only, without sound.
    pub text_only: bool,
    /// The temperature of the model.
    pub temperature: Option<f64>,
    pub max_tokens: Option<TokenCap>,
    /// How long the model thinks: `none` to `xhigh`.
    pub reasoning_effort: Option<&'static str>,
    pub interim: Option<InterimResponse>,
    /// Whether the service sends when each word is spoken.
    pub word_timestamps: bool,
    /// What the service stores with the session, in pairs.
    pub metadata: BTreeMap<String, String>,
}

/// The maximum length of a reply, in tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenCap {
    Tokens(u32),
    Unlimited,
}

/// What the service says while a reply takes long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterimResponse {
    pub kind: InterimKind,
    /// What starts it: `latency`, `tool`.
    pub triggers: Vec<String>,
    /// Milliseconds without a reply that start it.
    pub after_ms: Option<u32>,
}

/// Where an interim response comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InterimKind {
    /// One of these texts, or of the service's own.
    Static { texts: Vec<String> },
    /// A model writes it.
    Llm { model: Option<String>, instructions: Option<String>, max_tokens: Option<u32> },
}
