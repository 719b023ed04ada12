//! Every option of a session can be set as an option, a variable and in a section of the config file; what the service
//! does not have is refused before a connection, with the reason.

use mynah::config::{Config, Request};
use mynah::model::{Choice, EchoCancellation, InterimKind, TokenCap, Voice};
use serde_json::json;

use super::{Fixture, assert_problems};

/// A config file that sets an option of every section.
const FILE: &str = r#"
parrot = true
model = "gpt-4o"
[voice]
name = "en-US-Ava:DragonHDLatestNeural"
temperature = 0.8
rate = 1.1
pitch = "-2st"
volume = "+10%"
style = "cheerful"
locale = "en-GB"
prefer_locales = ["en-GB", "pt-BR"]
lexicon_url = "https://bird.blob.core.windows.net/lexicon.xml"
text_normalization_url = "https://bird.blob.core.windows.net/rules.xml"
[turn]
detection = "azure_semantic_vad_multilingual"
threshold = 0.4
prefix_ms = 250
silence_ms = 700
speech_ms = 90
interrupt_ms = 300
remove_filler_words = true
languages = ["en", "fr"]
end_of_utterance = "on"
end_of_utterance_model = "semantic_detection_v1"
end_of_utterance_threshold = "low"
end_of_utterance_timeout_ms = 800
[hearing]
noise_reduction = "off"
echo_cancellation = "off"
early_duck = false
transcription = "azure-speech"
language = ["en", "de-DE"]
phrase_list = ["mynah, the bird", "hill"]
custom_speech = { "en-US" = "e1", "de-DE" = "e2" }
input_rate = 16000
[reply]
instructions = "Be brief."
modalities = "text,audio"
temperature = 0.7
max_tokens = 400
reasoning_effort = "low"
timestamps = true
interim_response = "static"
interim_texts = ["One moment."]
interim_triggers = ["latency", "tool"]
interim_after_ms = 1500
[session]
metadata = { room = "kitchen" }
[session.extra]
include = ["item.input_audio_transcription.logprobs"]
avatar = { weight = 1.5, on = false }
"#;

#[test]
fn every_option_can_be_set_in_its_section() {
    let config = Fixture::new().file("mynah.toml", FILE).run();
    assert_problems(&config.warnings, &[]);
    check(&config);
}

#[test]
fn every_option_can_be_set_on_the_command_line() {
    check(&Fixture::new().flags(&FLAGS).run());
}

#[test]
fn every_option_can_be_set_in_the_environment() {
    let mut fixture = Fixture::new();
    for flag in FLAGS {
        let (name, value) = flag.trim_start_matches("--").split_once('=').unwrap_or((flag, "true"));
        if name == "parrot" || flag == "--parrot" {
            continue;
        }
        fixture = fixture.env(&format!("AZURE_VOICELIVE_{}", name.replace('-', "_").to_uppercase()), value);
    }
    check(&fixture.flags(&["--parrot"]).run());
}

/// The options that set what [`FILE`] sets.
const FLAGS: [&str; 44] = [
    "--parrot",
    "--model=gpt-4o",
    "--voice=en-US-Ava:DragonHDLatestNeural",
    "--voice-temperature=0.8",
    "--voice-rate=1.1",
    "--voice-pitch=-2st",
    "--voice-volume=+10%",
    "--voice-style=cheerful",
    "--voice-locale=en-GB",
    "--voice-prefer-locales=en-GB, pt-BR",
    "--voice-lexicon-url=https://bird.blob.core.windows.net/lexicon.xml",
    "--voice-text-normalization-url=https://bird.blob.core.windows.net/rules.xml",
    "--turn-detection=azure_semantic_vad_multilingual",
    "--turn-threshold=0.4",
    "--turn-prefix-ms=250",
    "--turn-silence-ms=700",
    "--turn-speech-ms=90",
    "--turn-interrupt-ms=300",
    "--turn-remove-filler-words=true",
    "--turn-languages=en,fr",
    "--end-of-utterance=on",
    "--end-of-utterance-model=semantic_detection_v1",
    "--end-of-utterance-threshold=low",
    "--end-of-utterance-timeout-ms=800",
    "--noise-reduction=off",
    "--echo-cancellation=off",
    "--early-duck=false",
    "--transcription=azure-speech",
    "--language=en,de-DE",
    "--phrase-list=[\"mynah, the bird\", \"hill\"]",
    "--custom-speech=en-US=e1,de-DE=e2",
    "--input-rate=16000",
    "--instructions=Be brief.",
    "--reply-modalities=text,audio",
    "--reply-temperature=0.7",
    "--reply-max-tokens=400",
    "--reasoning-effort=low",
    "--reply-timestamps=true",
    "--interim-response=static",
    "--interim-texts=One moment.",
    "--interim-triggers=latency,tool",
    "--interim-after-ms=1500",
    "--metadata=room=kitchen",
    "--session-extra={\"include\": [\"item.input_audio_transcription.logprobs\"], \
     \"avatar\": {\"weight\": 1.5, \"on\": false}}",
];

fn check(config: &Config) {
    let service = &config.service;
    assert!(!config.talk.ducks_replies);
    assert_eq!(service.voice, Some(Voice::AzureStandard("en-US-Ava:DragonHDLatestNeural".to_owned())));
    assert_eq!(
        format!("{:?}", service.voice_options),
        "VoiceOptions { temperature: Some(0.8), rate: Some(\"1.1\"), pitch: Some(\"-2st\"), \
         volume: Some(\"+10%\"), style: Some(\"cheerful\"), locale: Some(\"en-GB\"), \
         prefer_locales: [\"en-GB\", \"pt-BR\"], \
         lexicon_url: Some(\"https://bird.blob.core.windows.net/lexicon.xml\"), \
         text_normalization_url: Some(\"https://bird.blob.core.windows.net/rules.xml\") }"
    );
    assert_eq!(
        format!("{:?}", service.turn),
        "TurnOptions { threshold: Some(0.4), prefix_ms: Some(250), silence_ms: Some(700), \
         speech_ms: Some(90), interrupt_ms: Some(300), idle_timeout_ms: None, \
         remove_filler_words: Some(true), languages: [\"en\", \"fr\"], eagerness: None, \
         end_of_utterance: Some(EndOfUtterance { model: Some(\"semantic_detection_v1\"), \
         threshold: Some(\"low\"), timeout_ms: Some(800) }) }"
    );
    assert_eq!((service.noise_reduction, service.transcription), (Choice::Off, Choice::On("azure-speech")));
    assert_eq!(
        format!("{:?}", service.transcription_options),
        "TranscriptionOptions { language: Some(\"en,de-DE\"), phrases: [\"mynah, the bird\", \"hill\"], \
         custom_speech: {\"de-DE\": \"e2\", \"en-US\": \"e1\"}, prompt: None }"
    );
    assert_eq!((service.input_rate_hz, service.instructions.as_deref()), (16_000, Some("Be brief.")));
    let reply = &service.reply;
    assert_eq!((reply.text_only, reply.temperature), (false, Some(0.7)));
    assert_eq!((reply.max_tokens, reply.reasoning_effort), (Some(TokenCap::Tokens(400)), Some("low")));
    assert!(reply.word_timestamps);
    let interim = reply.interim.as_ref().unwrap();
    assert_eq!(interim.kind, InterimKind::Static { texts: vec!["One moment.".to_owned()] });
    assert_eq!((interim.triggers.join(" "), interim.after_ms), ("latency tool".to_owned(), Some(1500)));
    assert_eq!(format!("{:?}", reply.metadata), "{\"room\": \"kitchen\"}");
    assert_eq!(
        json!(service.extra),
        json!({"include": ["item.input_audio_transcription.logprobs"], "avatar": {"weight": 1.5, "on": false}})
    );
}

#[test]
fn what_is_not_set_is_left_to_the_service() {
    let service = Fixture::new().flags(&["--parrot"]).run().service;
    assert_eq!(service.voice_options, Default::default());
    assert_eq!(service.turn, Default::default());
    assert_eq!(service.transcription_options, Default::default());
    assert_eq!(service.reply, Default::default());
    assert_eq!((service.input_rate_hz, service.extra.len()), (24_000, 0));
}

#[test]
fn the_kind_of_a_voice_follows_from_what_is_set() {
    let voice =
        |flags: &[&str]| Fixture::new().flags(&[&["--parrot"], flags].concat()).run().service.voice.unwrap();
    assert_eq!(
        voice(&["--voice=Mine", "--voice-endpoint-id=e1"]),
        Voice::AzureCustom { name: "Mine".to_owned(), endpoint_id: "e1".to_owned() }
    );
    assert_eq!(
        voice(&["--voice=1234", "--voice-model=DragonLatestNeural"]),
        Voice::AzurePersonal { name: "1234".to_owned(), model: "DragonLatestNeural" }
    );
    assert_eq!(
        voice(&["--voice=plain", "--voice-type=azure-standard", "--voice-rate=fast"]),
        Voice::AzureStandard("plain".to_owned())
    );
}

#[test]
fn a_wrong_combination_is_refused_with_what_is_allowed_and_why() {
    for (flags, problems) in [
        (
            &["--voice=alloy", "--voice-rate=1.1"][..],
            &["option --voice-rate: is for Azure voices | alloy is an OpenAI voice"][..],
        ),
        (
            &["--voice-rate=9"],
            &["option --voice-rate: \"9\": must be a number from 0.5 to 1.5 | +10% | slow"],
        ),
        (&["--voice-pitch=loud"], &["option --voice-pitch: \"loud\": | -2st | x-low"]),
        (&["--voice-volume=nan"], &["option --voice-volume: \"nan\": | 0 to 100 | silent"]),
        (&["--voice-temperature=1.5"], &["option --voice-temperature: \"1.5\": | from 0 to 1"]),
        (
            &["--voice=x", "--voice-type=azure-custom"],
            &["option --voice-type: azure-custom needs voice_endpoint_id"],
        ),
        (
            &["--voice=x", "--voice-type=azure-personal"],
            &["option --voice-type: | voice_model, one of DragonLatestNeural"],
        ),
        (
            &["--voice=alloy", "--voice-type=openai", "--voice-endpoint-id=e"],
            &["option --voice-endpoint-id: is for azure-custom"],
        ),
        (
            &["--voice-model=MAI-Voice-1"],
            &["option --voice-model: needs voice too: the name of the azure-personal"],
        ),
        (&["--voice-locale=english"], &["option --voice-locale: \"english\": | not a language tag | de-DE"]),
        (&["--voice-lexicon-url=http://x/y"], &["option --voice-lexicon-url: | https://"]),
        (
            &["--turn-detection=server_vad", "--end-of-utterance=on"],
            &["option --end-of-utterance: server_vad does not have it; azure_semantic_vad, | can"],
        ),
        (
            &["--turn-eagerness=high"],
            &["option --turn-eagerness: azure_semantic_vad does not have it; semantic_vad can"],
        ),
        (
            &["--turn-detection=semantic_vad", "--turn-threshold=0.4"],
            &["option --turn-threshold: semantic_vad does not have it; server_vad, azure_semantic_vad"],
        ),
        (&["--turn-idle-timeout-ms=5000"], &["option --turn-idle-timeout-ms: | server_vad can"]),
        (
            &["--turn-detection=azure_semantic_vad_en", "--turn-languages=en"],
            &["option --turn-languages: azure_semantic_vad_en does not have it"],
        ),
        (
            &["--turn-detection=server_vad", "--turn-remove-filler-words"],
            &["option --turn-remove-filler-words: server_vad"],
        ),
        (&["--turn-silence-ms=1.5"], &["option --turn-silence-ms: \"1.5\": | whole number from 0 to 60000"]),
        (
            &["--model=gpt-4o", "--end-of-utterance=off", "--end-of-utterance-threshold=low"],
            &["option --end-of-utterance-threshold: has no effect while --end-of-utterance is off"],
        ),
        (&["--phrase-list=hill"], &["option --phrase-list: gpt-realtime does not take it | gpt-4o"]),
        (
            &["--model=gpt-4o", "--phrase-list=a", "--transcription=off"],
            &["option --phrase-list: has no effect without transcription"],
        ),
        (
            &["--model=gpt-4o", "--transcription-prompt=birds"],
            &["option --transcription-prompt: azure-speech does not take it; whisper-1"],
        ),
        (
            &["--model=gpt-4o", "--custom-speech=english=e1"],
            &["option --custom-speech: | \"english\" is not a language tag"],
        ),
        (&["--model=gpt-4o", "--custom-speech=e1"], &["option --custom-speech: must be pairs | NAME=TEXT"]),
        (
            &["--input-rate=16000", "--echo-cancellation=device"],
            &["option --input-rate: must be 24000 with echo_cancellation = \"device\" | remove one"],
        ),
        (
            &["--half-duplex-tail-ms=200"],
            &["option --half-duplex-tail-ms: has no effect without echo_cancellation = \"half_duplex\""],
        ),
        (
            &["--echo-cancellation=half_duplex", "--half-duplex-tail-ms=9000"],
            &["option --half-duplex-tail-ms: \"9000\": must be a whole number from 0 to 2000"],
        ),
        (&["--input-rate=8000"], &["option --input-rate: \"8000\": must be 24000 or 16000"]),
        (&["--reply-temperature=2"], &["option --reply-temperature: \"2\": | from 0 to 1.2"]),
        (&["--reply-max-tokens=5000"], &["option --reply-max-tokens: \"5000\": | 1 to 4096, or inf"]),
        (
            &["--reply-modalities=audio"],
            &["option --reply-modalities: \"audio\": must be one of text,audio, text"],
        ),
        (
            &["--interim-response=static"],
            &["option --interim-response: gpt-realtime does not take it | gpt-4o"],
        ),
        (
            &["--model=gpt-4o", "--voice=alloy", "--interim-response=llm"],
            &["option --interim-response: needs an Azure voice"],
        ),
        (
            &["--model=gpt-4o", "--interim-response=llm", "--interim-texts=x"],
            &["option --interim-texts: | \"static\""],
        ),
        (&["--interim-after-ms=5"], &["option --interim-after-ms: needs interim_response"]),
        (
            &["--model=gpt-4o", "--interim-response=static", "--interim-triggers=noise"],
            &["option --interim-triggers: \"noise\": must be latency, tool, or both"],
        ),
        (&["--agent-version=3"], &["option --agent-version: is for an agent | agent_name"]),
    ] {
        let found = Fixture::new().flags(&[&["--parrot"], flags].concat()).problems_of(flags);
        assert_problems(&found, problems);
    }
}

#[test]
fn the_devices_reference_may_be_sent_at_either_rate() {
    for rate in ["24000", "16000"] {
        let rate = format!("--input-rate={rate}");
        let service = Fixture::new().flags(&["--parrot", "--echo-cancellation=client", &rate]).run().service;
        assert_eq!(service.echo_cancellation, Some(EchoCancellation::Client), "{rate}");
    }
}

#[test]
fn raw_fields_cannot_change_the_sound_or_the_turns() {
    for (raw, part) in [
        (
            r#"{"input_audio_sampling_rate": 8000}"#,
            "input_audio_sampling_rate cannot be set here: set input_rate",
        ),
        (r#"{"output_audio_format": "g711_ulaw"}"#, "output_audio_format cannot be set here"),
        (r#"{"model": "x"}"#, "model cannot be set here: set model"),
        (r#"{"modalities": ["audio"]}"#, "set reply_modalities"),
        (
            r#"{"turn_detection": {"create_response": false}}"#,
            "turn_detection.create_response | counts on true",
        ),
        (r#"{"turn_detection": {"auto_truncate": true}}"#, "turn_detection.auto_truncate"),
        (
            r#"{"input_audio_echo_cancellation": {"type": "server_echo_cancellation", "channels": 2}}"#,
            "input_audio_echo_cancellation.channels cannot be set here: set echo_cancellation",
        ),
        (r#"{"turn_detection": null}"#, "must be an object | mode = \"hold\""),
        ("[1]", "must be a JSON object"),
        ("{\"a\": }", "is not JSON: column 7 of line 1"),
    ] {
        let problems = Fixture::new().flags(&["--parrot", "--session-extra", raw]).problems();
        assert_problems(&problems, &[&format!("option --session-extra: | {part}")]);
    }
    let second = r#"--session-extra={"input_audio_echo_cancellation": {"type": "server_echo_cancellation"}}"#;
    for (echo, told) in [("device", &["option --session-extra: | two cancellers in a row"][..]), ("off", &[])]
    {
        let flags = ["--parrot", &format!("--echo-cancellation={echo}"), second];
        let fixture = Fixture::new().flags(&flags);
        match told {
            [] => drop(fixture.run()),
            told => assert_problems(&fixture.problems(), told),
        }
    }
    let hold = ["--parrot", "--mode=hold", "--session-extra={\"turn_detection\": {\"x\": 1}}"];
    assert_problems(&Fixture::new().flags(&hold).problems(), &["option --session-extra: | mode hold"]);
    let new =
        ["--parrot", "--session-extra={\"turn_detection\": {\"type\": \"smart_end_of_turn_detection\"}}"];
    assert_eq!(Fixture::new().flags(&new).run().service.extra.len(), 1);
}

#[test]
fn a_setting_in_a_wrong_section_is_refused_with_the_right_one() {
    let fixture = Fixture::new().file(
        "mynah.toml",
        "[voice]\nrate = 1.1\nmode = 'tap'\nsilence_ms = 500\nvoice_style = 'sad'\nratee = 1\n[voices]\nx = 1\n",
    );
    assert_problems(
        &fixture.flags(&["--parrot"]).problems(),
        &[
            "mynah.toml, line 3: [voice] mode: belongs above the first line in brackets",
            "mynah.toml, line 4: [voice] silence_ms: belongs under [turn], as silence_ms",
            "mynah.toml, line 5: [voice] voice_style: belongs under [voice], as style",
            "mynah.toml, line 6: [voice] ratee: unknown key (did you mean rate?)",
            "mynah.toml, line 7: voices: unknown section (did you mean voice?) | [voices]",
            "mynah.toml, line 8: x: unknown key",
        ],
    );
    let twice = Fixture::new()
        .file("mynah.toml", "turn_detection = 'server_vad'\n[turn]\ndetection = 'server_vad'\n");
    assert_problems(
        &twice.flags(&["--parrot"]).problems(),
        &[
            "mynah.toml, line 3: [turn] detection: is set twice | mynah.toml, line 1: turn_detection | remove one",
        ],
    );
}

#[test]
fn a_setting_of_a_section_works_by_its_old_name_with_the_new_one_told() {
    let file = "voice = 'alloy'\nlanguage = 'en,de-DE'\nturn_detection = 'server_vad'\n";
    let config = Fixture::new().file("mynah.toml", file).flags(&["--parrot"]).run();
    assert_eq!(config.service.voice, Some(Voice::OpenAi("alloy".to_owned())));
    assert_problems(
        &config.warnings,
        &[
            "mynah.toml, line 1: voice: is understood; its new name is name under [voice]",
            "mynah.toml, line 3: turn_detection: is understood; its new name is detection under [turn]",
            "mynah.toml, line 2: language: is understood; its new name is language under [hearing]",
        ],
    );
}

#[test]
fn the_address_of_a_lexicon_is_shown_without_its_signature() {
    let flags = [
        "config",
        "--parrot",
        "--voice-lexicon-url=https://bird.blob.core.windows.net/l.xml?sig=k7f3a9k7f3a9",
        "--session-extra={\"tools\": [{\"authorization\": \"k7f3a9k7f3a9\"}]}",
    ];
    let Ok(Request::Settings(report)) = Fixture::new().flags(&flags).read() else { panic!("no report") };
    assert!(report.text.contains("https://bird.blob.core.windows.net/l.xml?..."), "{}", report.text);
    assert!(!report.text.contains("k7f3a9"), "{}", report.text);
}

impl Fixture {
    /// Returns the problems, of which there must be some; `flags` are for the message.
    fn problems_of(&self, flags: &[&str]) -> Vec<String> {
        match self.read() {
            Err(error) => error.problems().to_vec(),
            Ok(_) => panic!("{flags:?} are taken"),
        }
    }
}
