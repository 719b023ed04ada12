//! The dialects of the realtime protocol: how a service is addressed, and what its session object looks like (protocol
//! §12). It writes and reads none.

/// A dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Azure Voice Live.
    VoiceLive,
    /// OpenAI, and the many servers that follow it.
    OpenAi,
    /// OpenAI's models at a resource of Azure.
    AzureOpenAi,
}

impl Dialect {
    pub const ALL: [Self; 3] = [Self::VoiceLive, Self::OpenAi, Self::AzureOpenAi];

    /// Returns the word for it in the settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::VoiceLive => "voice-live",
            Self::OpenAi => "openai",
            Self::AzureOpenAi => "azure-openai",
        }
    }

    /// Returns whether it is OpenAI's, so that what only Azure Voice Live offers does not exist.
    #[must_use]
    pub fn is_openai(self) -> bool {
        matches!(self, Self::OpenAi | Self::AzureOpenAi)
    }

    /// Returns whether a key is sent as a bearer token, and not as `api-key`.
    #[must_use]
    pub fn sends_key_as_bearer(self) -> bool {
        self == Self::OpenAi
    }
}
