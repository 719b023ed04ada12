//! What fits a model: its transcription and its detection of the end of an utterance (protocol §2.4, §8.5).
//!
//! It decides defaults and warnings. What the user has set is sent all the same: the service may support it by now.

use crate::model::TurnDetection;

/// The kinds of models, which differ in what fits them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ModelFamily {
    /// Hears and speaks itself, and OpenAI's models transcribe beside it.
    OpenAiRealtime,
    /// Hears and speaks itself, and `azure-speech` transcribes beside it.
    OtherRealtime,
    /// Reads what `azure-speech` recognizes.
    Cascaded,
}

/// OpenAI's model that transcribes by default, as in the tests of Azure's SDK.
const OPENAI_TRANSCRIPTION: &str = "whisper-1";
const AZURE_TRANSCRIPTION: &str = "azure-speech";

/// The languages of `azure_semantic_vad_multilingual` (protocol §8.3).
const MULTILINGUAL: [&str; 10] = ["en", "es", "fr", "it", "de", "ja", "pt", "zh", "ko", "hi"];

impl ModelFamily {
    /// Returns the family of `model`; `profile` is that of the endpoint's query, if it has one, for the user's own
    /// deployment, whose name says nothing.
    pub(super) fn of(model: &str, profile: Option<&str>) -> Self {
        let model = model.to_ascii_lowercase();
        match profile {
            Some("byom-azure-openai-realtime") => Self::OpenAiRealtime,
            Some("byom-azure-openai-chat-completion" | "byom-foundry-anthropic-messages") => Self::Cascaded,
            Some(_) | None if model.starts_with("phi") && model.contains("realtime") => Self::OtherRealtime,
            Some(_) | None if model.starts_with("azure-realtime") => Self::OtherRealtime,
            Some(_) | None if model.contains("realtime") => Self::OpenAiRealtime,
            Some(_) | None => Self::Cascaded,
        }
    }

    pub(super) fn transcription(self) -> &'static str {
        match self {
            Self::OpenAiRealtime => OPENAI_TRANSCRIPTION,
            Self::OtherRealtime | Self::Cascaded => AZURE_TRANSCRIPTION,
        }
    }

    /// Returns why `transcription` does not fit, to follow "is".
    pub(super) fn transcription_mismatch(self, transcription: &str) -> Option<&'static str> {
        let is_openai = transcription.starts_with("whisper") || transcription.starts_with("gpt-");
        match self {
            Self::OpenAiRealtime if transcription == AZURE_TRANSCRIPTION => {
                Some("for models without audio of their own; whisper-1 and gpt-4o-transcribe fit")
            }
            Self::Cascaded if is_openai => Some("for gpt-realtime models; azure-speech fits"),
            Self::OpenAiRealtime | Self::OtherRealtime | Self::Cascaded => None,
        }
    }

    /// Returns whether the service detects the end of an utterance from the words it recognizes.
    pub(super) fn takes_end_of_utterance(self) -> bool {
        self == Self::Cascaded
    }
}

/// Returns why no session can be held with `model`.
pub(super) fn refusal(model: &str) -> Option<&'static str> {
    let name = model.to_ascii_lowercase();
    (name == "gpt-live" || name.starts_with("gpt-live-")).then_some(
        "GPT-Live models have another protocol (/v1/live/sessions), which mynah does not speak; use gpt-realtime",
    )
}

/// Returns the turn detection for `languages`, which are separated by commas, if the user has not chosen one:
/// `azure_semantic_vad` understands English only.
pub(super) fn turn_detection_for(languages: Option<&str>) -> TurnDetection {
    match languages {
        Some(languages) if !is_english(languages) => TurnDetection::AzureSemanticVadMultilingual,
        Some(_) | None => TurnDetection::AzureSemanticVad,
    }
}

/// Returns why `kind` does not fit the languages, to follow "is".
pub(super) fn language_mismatch(kind: TurnDetection, languages: &str) -> Option<&'static str> {
    match kind {
        TurnDetection::AzureSemanticVad | TurnDetection::AzureSemanticVadEn if !is_english(languages) => {
            Some("for English only; azure_semantic_vad_multilingual knows nine other languages")
        }
        TurnDetection::AzureSemanticVadMultilingual
            if !primaries(languages).all(|one| MULTILINGUAL.contains(&&*one)) =>
        {
            Some("for en, es, fr, it, de, ja, pt, zh, ko and hi only; server_vad needs no language")
        }
        TurnDetection::AzureSemanticVad
        | TurnDetection::AzureSemanticVadEn
        | TurnDetection::AzureSemanticVadMultilingual
        | TurnDetection::ServerVad
        | TurnDetection::SemanticVad => None,
    }
}

fn is_english(languages: &str) -> bool {
    primaries(languages).all(|language| language == "en")
}

/// Returns the languages without their regions, in small letters.
fn primaries(languages: &str) -> impl Iterator<Item = String> {
    languages.split(',').map(|tag| tag.split('-').next().unwrap_or_default().trim().to_ascii_lowercase())
}
