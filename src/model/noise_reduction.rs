//! Noise reduction on the service's side. Whether it suits the model is checked by `profile`.

/// The kind of noise reduction; where none is wanted there is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoiseReduction {
    AzureDeepNoiseSuppression,
    /// OpenAI's for a headset; only with gpt-realtime models.
    NearField,
    /// OpenAI's for a room; only with gpt-realtime models.
    FarField,
}
