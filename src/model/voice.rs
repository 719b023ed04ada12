//! The voice of the replies and how it speaks (protocol §8.2). `protocol` knows how each family is spelled.

/// The name of a voice with its family; the service needs both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Voice {
    /// An OpenAI voice, e.g. `alloy`.
    OpenAi(String),
    /// An Azure voice, e.g. `en-US-Ava:DragonHDLatestNeural`.
    AzureStandard(String),
    /// A voice that the user has had trained.
    AzureCustom {
        name: String,
        /// The id of the endpoint to which it is deployed.
        endpoint_id: String,
    },
    /// The voice of a person who has consented.
    AzurePersonal {
        /// The id of the speaker's profile.
        name: String,
        /// The model that speaks with it, e.g. `DragonLatestNeural`.
        model: &'static str,
    },
    /// A voice built into the model `azure-realtime`.
    AzureRealtimeNative(String),
}

impl Voice {
    /// Returns whether Azure synthesizes it from text, so that it takes [`VoiceOptions`].
    #[must_use]
    pub fn takes_options(&self) -> bool {
        match self {
            Self::AzureStandard(_) | Self::AzureCustom { .. } | Self::AzurePersonal { .. } => true,
            Self::OpenAi(_) | Self::AzureRealtimeNative(_) => false,
        }
    }
}

/// How an Azure voice speaks. What is `None` or empty is left to the service.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VoiceOptions {
    /// 0 to 1; high-definition voices only.
    pub temperature: Option<f64>,
    /// As in SSML, e.g. `1.1` or `+10%`; so are pitch and volume.
    pub rate: Option<String>,
    pub pitch: Option<String>,
    pub volume: Option<String>,
    /// A style that the voice has, e.g. `cheerful`.
    pub style: Option<String>,
    /// The language to speak, as a BCP-47 tag; text in another one is silent.
    pub locale: Option<String>,
    /// The accents to prefer for each language, as BCP-47 tags.
    pub prefer_locales: Vec<String>,
    /// The address of a lexicon of pronunciations.
    pub lexicon_url: Option<String>,
    /// The address of rules that rewrite the text before it is spoken.
    pub text_normalization_url: Option<String>,
}
