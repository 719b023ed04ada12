//! Where the configured languages go in `session.update` (protocol §8.3, §8.5).

use mynah::model::{Choice, TranscriptionOptions, TurnDetection, TurnOptions};
use mynah::protocol::{self, SessionConfig};
use serde_json::{Value, json};

use super::{config, write_json};

#[test]
fn several_languages_are_an_array_in_turn_detection() {
    for kind in [TurnDetection::AzureSemanticVad, TurnDetection::AzureSemanticVadMultilingual] {
        assert_eq!(session(kind, "en,fr")["turn_detection"]["languages"], json!(["en", "fr"]), "{kind:?}");
        assert_eq!(session(kind, "de-DE")["turn_detection"]["languages"], json!(["de-DE"]), "{kind:?}");
        let three = session(kind, "de-DE,pt-BR,zh-Hant-TW");
        assert_eq!(three["turn_detection"]["languages"], json!(["de-DE", "pt-BR", "zh-Hant-TW"]), "{kind:?}");
    }
}

#[test]
fn transcription_gets_several_languages_as_one_string() {
    for kind in [TurnDetection::AzureSemanticVad, TurnDetection::ServerVad, TurnDetection::SemanticVad] {
        let session = session(kind, "en,fr");
        assert_eq!(session["input_audio_transcription"]["language"], json!("en,fr"), "{kind:?}");
    }
}

#[test]
fn turn_detection_without_that_parameter_gets_no_languages() {
    for kind in [TurnDetection::ServerVad, TurnDetection::SemanticVad] {
        let session = session(kind, "en,fr");
        assert_eq!(session["turn_detection"].get("languages"), None, "{kind:?}");
    }
}

#[test]
fn languages_in_another_order_are_no_mismatch() {
    let config = with("en,fr,de-DE", TurnDetection::AzureSemanticVadMultilingual);
    let mut effective = write_json(|text| protocol::session_update(&config, text))["session"].clone();
    effective["turn_detection"]["languages"] = json!(["de-DE", "en", "fr"]);
    assert_eq!(protocol::mismatches(&config, &effective.to_string()), []);
}

fn session(kind: TurnDetection, language: &str) -> Value {
    write_json(|text| protocol::session_update(&with(language, kind), text))["session"].clone()
}

fn with(language: &str, kind: TurnDetection) -> SessionConfig {
    let languages = language.split(',').map(str::to_owned).collect();
    SessionConfig {
        transcription_options: TranscriptionOptions {
            language: Some(language.to_owned()),
            ..TranscriptionOptions::default()
        },
        turn: TurnOptions { languages, ..TurnOptions::default() },
        turn_detection: Choice::On(kind),
        ..config()
    }
}
