//! Transcription, end of utterance and turn detection follow the model and the language, unless the user chooses.

use mynah::model::{Choice, TurnDetection};

use super::{Fixture, HOST, KEY, assert_problems};

#[test]
fn defaults_follow_the_family_of_the_model() {
    for (model, transcription, end_of_utterance) in [
        ("gpt-realtime", "whisper-1", false),
        ("gpt-realtime-mini", "whisper-1", false),
        ("gpt-realtime-2.1-datazone", "whisper-1", false),
        ("gpt-4o-realtime-preview", "whisper-1", false),
        ("GPT-Realtime", "whisper-1", false),
        ("phi4-mm-realtime", "azure-speech", false),
        ("azure-realtime", "azure-speech", false),
        ("gpt-4o", "azure-speech", true),
        ("gpt-4.1-mini", "azure-speech", true),
        ("gpt-5.6-terra", "azure-speech", true),
        ("my-own-deployment", "azure-speech", true),
    ] {
        let config = Fixture::new().flags(&["--parrot", "--model", model, "--voice", "en-US-Ava"]).run();
        let found = (config.service.transcription, config.service.turn.end_of_utterance.is_some());
        assert_eq!(found, (Choice::On(transcription), end_of_utterance), "{model}");
        assert_eq!(config.warnings, [""; 0], "{model}");
    }
}

#[test]
fn model_and_profile_of_the_endpoint_decide_the_family() {
    for (query, transcription) in [
        ("?model=gpt-4.1", "azure-speech"),
        ("?model=mine&profile=byom-azure-openai-realtime", "whisper-1"),
        ("?profile=byom-azure-openai-chat-completion", "azure-speech"),
    ] {
        let fixture = Fixture::new().env("AZURE_VOICELIVE_API_KEY", KEY);
        let config = fixture.flags(&["--endpoint", &format!("{HOST}{query}")]).run();
        assert_eq!(config.service.transcription, Choice::On(transcription), "{query}");
    }
}

#[test]
fn a_choice_that_does_not_fit_is_kept_with_a_warning() {
    for (flags, expected) in [
        (
            &["--model=gpt-realtime", "--transcription=azure-speech"][..],
            &["option --transcription: azure-speech | whisper-1 | gpt-realtime may reject"][..],
        ),
        (
            &["--model=gpt-4.1", "--transcription=gpt-4o-transcribe"],
            &["option --transcription: gpt-4o-transcribe | azure-speech fits"],
        ),
        (
            &["--model=gpt-realtime-mini", "--end-of-utterance=on"],
            &["option --end-of-utterance: | gpt-realtime-mini"],
        ),
        (&["--model=gpt-4o", "--transcription=azure-speech", "--end-of-utterance=off"], &[]),
        (&["--model=gpt-realtime", "--transcription=mai-transcribe-1"], &[]),
    ] {
        let config = Fixture::new().flags(&[&["--parrot"], flags].concat()).run();
        assert_problems(&config.warnings, expected);
        let is_kept = |on: bool| {
            flags.iter().any(|flag| *flag == format!("--end-of-utterance={}", if on { "on" } else { "off" }))
        };
        assert!(!is_kept(true) || config.service.turn.end_of_utterance.is_some());
        assert!(!is_kept(false) || config.service.turn.end_of_utterance.is_none());
        let chosen = flags.iter().find_map(|flag| flag.strip_prefix("--transcription="));
        assert!(chosen.is_none() || config.service.transcription.on() == chosen, "{flags:?}");
    }
}

#[test]
fn turn_detection_follows_the_language_unless_it_is_set() {
    use TurnDetection::{AzureSemanticVad, AzureSemanticVadMultilingual};
    for (flags, kind, expected) in [
        (&[][..], AzureSemanticVad, &[][..]),
        (&["--language=en-GB"], AzureSemanticVad, &[]),
        (&["--language=de-DE"], AzureSemanticVadMultilingual, &[]),
        (&["--language=en,FR"], AzureSemanticVadMultilingual, &[]),
        (
            &["--language=pl"],
            AzureSemanticVadMultilingual,
            &["option --language: azure_semantic_vad_multilingual | server_vad"],
        ),
        (
            &["--language=de", "--turn-detection=azure_semantic_vad"],
            AzureSemanticVad,
            &["option --turn-detection: azure_semantic_vad is for English only | multilingual"],
        ),
        (&["--language=ja", "--turn-detection=server_vad"], TurnDetection::ServerVad, &[]),
    ] {
        let config = Fixture::new().flags(&[&["--parrot"], flags].concat()).run();
        assert_eq!(config.service.turn_detection, Some(kind), "{flags:?}");
        assert_problems(&config.warnings, expected);
    }
}

#[test]
fn gpt_live_models_are_refused_by_name() {
    let fixture = Fixture::new().env("AZURE_VOICELIVE_API_KEY", KEY);
    for model in ["gpt-live-1", "gpt-live-1-mini", "GPT-Live"] {
        let problems = fixture.flags(&["--endpoint", HOST, "--model", model]).problems();
        assert_problems(&problems, &[&format!("option --model: {model}: | another protocol | gpt-realtime")]);
    }
    let query = fixture.flags(&["--endpoint", &format!("{HOST}?model=gpt-live-1")]).problems();
    assert_problems(&query, &["option --endpoint: gpt-live-1: | another protocol"]);
    let dotenv = Fixture::new().flags(&["--parrot"]).file(".env", "AZURE_VOICELIVE_MODEL=gpt-live-1");
    assert_eq!(dotenv.run().warnings, [""; 0]);
}
