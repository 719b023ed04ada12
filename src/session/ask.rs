//! What the profile wants, in the words of the other rooms. A translation and nothing else.

use crate::conversation::Mode;
use crate::profile::{self, EchoCancellation, NoiseReduction, Profile};
use crate::wire::{SessionConfig, TurnDetection, Voice};

/// Returns when the microphone is to be live.
#[must_use]
pub fn mode(profile: &Profile) -> Mode {
    match profile.talk.mode {
        profile::Mode::Open => Mode::Open,
        profile::Mode::Tap => Mode::Tap { quiet: profile.talk.tap_quiet },
        profile::Mode::Hold => Mode::Hold,
    }
}

/// Returns what the session is to be.
#[must_use]
pub fn session(profile: &Profile) -> SessionConfig {
    let service = &profile.service;
    SessionConfig {
        instructions: service.instructions.clone(),
        voice: voice(&service.voice),
        turn_detection: (profile.talk.mode != profile::Mode::Hold)
            .then(|| turn_detection(service.turn_detection)),
        noise_reduction: noise_reduction(service.noise_reduction),
        echo_cancellation: service.echo_cancellation == EchoCancellation::Server,
        transcription: service.transcription,
        language: service.language.clone(),
    }
}

fn voice(voice: &profile::Voice) -> Voice {
    let (family, name) = match voice {
        profile::Voice::OpenAi(name) => ("openai", name),
        profile::Voice::AzureStandard(name) => ("azure-standard", name),
        profile::Voice::AzureRealtimeNative(name) => ("azure-realtime-native", name),
    };
    Voice { family, name: name.clone() }
}

fn turn_detection(kind: profile::TurnDetection) -> TurnDetection {
    match kind {
        profile::TurnDetection::ServerVad => TurnDetection::Server,
        profile::TurnDetection::AzureSemanticVad => TurnDetection::AzureSemantic,
        profile::TurnDetection::AzureSemanticVadMultilingual => TurnDetection::AzureSemanticMultilingual,
        profile::TurnDetection::SemanticVad => TurnDetection::Semantic,
    }
}

fn noise_reduction(kind: NoiseReduction) -> Option<&'static str> {
    match kind {
        NoiseReduction::Off => None,
        NoiseReduction::AzureDeepNoiseSuppression => Some("azure_deep_noise_suppression"),
        NoiseReduction::NearField => Some("near_field"),
        NoiseReduction::FarField => Some("far_field"),
    }
}
