//! The voice of the replies (protocol §8.2). `protocol` knows how each family is spelled.

/// The name of a voice with its family; the service needs both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Voice {
    /// An OpenAI voice, e.g. `alloy`.
    OpenAi(String),
    /// An Azure voice, e.g. `en-US-Ava:DragonHDLatestNeural`.
    AzureStandard(String),
    /// A voice built into the model `azure-realtime`.
    AzureRealtimeNative(String),
}
