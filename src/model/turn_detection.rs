//! How the service detects turns (protocol §8.3). The parameters of each kind belong to `wire`.

/// The service's voice activity detection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnDetection {
    /// By energy alone.
    ServerVad,
    /// Azure's, by meaning, for English.
    AzureSemanticVad,
    /// Azure's, by meaning, for ten languages.
    AzureSemanticVadMultilingual,
    /// OpenAI's, by meaning; only with gpt-realtime models.
    SemanticVad,
}
