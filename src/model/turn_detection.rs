//! How the service detects turns (protocol §8.3). The parameters of each kind are in `protocol`.

/// The service's voice activity detection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnDetection {
    /// By signal energy.
    ServerVad,
    /// Azure, semantic, English only.
    AzureSemanticVad,
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
            Self::ServerVad | Self::SemanticVad => false,
        }
    }
}
