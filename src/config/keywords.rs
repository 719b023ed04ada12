//! The words that settings take, and the values they stand for.
//!
//! A word that is sent as it is written has no value of its own; those words are in `session_options`.

use std::time::Duration;

use super::values::Keyword;
use crate::model::{Dialect, EchoCancellation, Mode, NoiseReduction, TurnDetection};

/// The quiet time of tap mode is a setting of its own, which is filled in later.
impl Keyword for Mode {
    const ALL: &'static [(&'static str, Self)] =
        &[("open", Self::Open), ("tap", Self::Tap { quiet: Duration::ZERO }), ("hold", Self::Hold)];
}

impl Keyword for Dialect {
    const ALL: &'static [(&'static str, Self)] =
        &[("voice-live", Self::VoiceLive), ("openai", Self::OpenAi), ("azure-openai", Self::AzureOpenAi)];
}

impl Keyword for TurnDetection {
    const ALL: &'static [(&'static str, Self)] = &[
        ("server_vad", Self::ServerVad),
        ("azure_semantic_vad", Self::AzureSemanticVad),
        ("azure_semantic_vad_multilingual", Self::AzureSemanticVadMultilingual),
        ("azure_semantic_vad_en", Self::AzureSemanticVadEn),
        ("semantic_vad", Self::SemanticVad),
    ];
}

impl Keyword for Option<NoiseReduction> {
    const ALL: &'static [(&'static str, Self)] = &[
        ("azure_deep_noise_suppression", Some(NoiseReduction::AzureDeepNoiseSuppression)),
        ("near_field", Some(NoiseReduction::NearField)),
        ("far_field", Some(NoiseReduction::FarField)),
        ("off", None),
    ];
}

/// `None` is automatic.
impl Keyword for Option<bool> {
    const ALL: &'static [(&'static str, Self)] = &[("auto", None), ("on", Some(true)), ("off", Some(false))];
}

impl Keyword for EchoCancellation {
    const ALL: &'static [(&'static str, Self)] = &[
        ("server", Self::Server),
        ("client", Self::Client),
        ("device", Self::Device),
        ("half_duplex", Self::HalfDuplex),
        ("off", Self::Off),
    ];
}

/// Transcription models, under the names that the service uses.
impl Keyword for Option<&'static str> {
    const ALL: &'static [(&'static str, Self)] = &[
        ("azure-speech", Some("azure-speech")),
        ("whisper-1", Some("whisper-1")),
        ("gpt-4o-transcribe", Some("gpt-4o-transcribe")),
        ("gpt-4o-mini-transcribe", Some("gpt-4o-mini-transcribe")),
        ("gpt-4o-transcribe-diarize", Some("gpt-4o-transcribe-diarize")),
        ("mai-transcribe", Some("mai-transcribe")),
        ("mai-transcribe-1", Some("mai-transcribe-1")),
        ("mai-transcribe-2", Some("mai-transcribe-2")),
        ("off", None),
    ];
}
