//! How the service detects turns (protocol §8.3). The names of the fields are in `protocol`.

/// The service's voice activity detection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnDetection {
    /// By signal energy.
    ServerVad,
    /// Azure, semantic, English only.
    AzureSemanticVad,
    /// The same under its newer name.
    AzureSemanticVadEn,
    /// Azure, semantic, ten languages.
    AzureSemanticVadMultilingual,
    /// OpenAI, semantic; gpt-realtime models only.
    SemanticVad,
}

impl TurnDetection {
    /// Returns whether this kind has the parameter `languages`.
    #[must_use]
    pub fn takes_languages(self) -> bool {
        match self {
            Self::AzureSemanticVad | Self::AzureSemanticVadMultilingual => true,
            Self::AzureSemanticVadEn | Self::ServerVad | Self::SemanticVad => false,
        }
    }

    /// Returns whether Azure detects the turns from the words.
    #[must_use]
    pub fn is_azure(self) -> bool {
        match self {
            Self::AzureSemanticVad | Self::AzureSemanticVadEn | Self::AzureSemanticVadMultilingual => true,
            Self::ServerVad | Self::SemanticVad => false,
        }
    }
}

/// The parameters of a turn detection. What is `None` or empty is left to the service.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TurnOptions {
    /// How sure the service must be that it is speech, 0 to 1.
    pub threshold: Option<f64>,
    /// Milliseconds of sound before the speech that belong to it.
    pub prefix_ms: Option<u32>,
    /// Milliseconds of silence that end a turn.
    pub silence_ms: Option<u32>,
    /// Milliseconds of speech that start a turn.
    pub speech_ms: Option<u32>,
    /// Milliseconds of speech that interrupt a reply.
    pub interrupt_ms: Option<u32>,
    /// Milliseconds without speech after which the service speaks unasked.
    pub idle_timeout_ms: Option<u32>,
    /// Whether words such as "hmm" do not interrupt a reply.
    pub remove_filler_words: Option<bool>,
    /// BCP-47 tags.
    pub languages: Vec<String>,
    /// How soon a turn ends: `low`, `medium`, `high` or `auto`.
    pub eagerness: Option<&'static str>,
    /// `None` does not detect the end of an utterance from the words.
    pub end_of_utterance: Option<EndOfUtterance>,
}

/// The detection of the end of an utterance from the words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EndOfUtterance {
    /// The detector's model; `None` for the one of the turn detection.
    pub model: Option<&'static str>,
    /// `low`, `medium`, `high` or `default`.
    pub threshold: Option<&'static str>,
    /// Milliseconds to wait for more words.
    pub timeout_ms: Option<u32>,
}
