//! Which voice speaks the replies (protocol §8.2). `wire` knows how a family is spelled.

/// A voice by its family, which the service must be told with the name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Voice {
    /// One of OpenAI's, such as `alloy`.
    OpenAi(String),
    /// One of Azure's, such as `en-US-Ava:DragonHDLatestNeural`.
    AzureStandard(String),
    /// One that is part of the model `azure-realtime`.
    AzureRealtimeNative(String),
}
