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
