//! Noise reduction by the service (protocol §8.4). `config` checks whether it suits the model.

/// The kind of noise reduction; `None` in an `Option` of it means off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoiseReduction {
    AzureDeepNoiseSuppression,
    /// OpenAI, for headsets; gpt-realtime models only.
    NearField,
    /// OpenAI, for rooms; gpt-realtime models only.
    FarField,
}
