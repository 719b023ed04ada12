//! How the service transcribes the user's words (protocol §8.5). It chooses no model.

use std::collections::BTreeMap;

/// What helps a transcription model. What is `None` or empty is left to the service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TranscriptionOptions {
    /// The user's language as a BCP-47 tag, or several with commas between them.
    pub language: Option<String>,
    /// Phrases to expect; `azure-speech` and `mai-transcribe` only.
    pub phrases: Vec<String>,
    /// The endpoint of a trained model for each language; `azure-speech` only.
    pub custom_speech: BTreeMap<String, String>,
    /// What the words are about; OpenAI's models only.
    pub prompt: Option<String>,
}
