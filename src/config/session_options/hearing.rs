//! Reads how the service hears: the sample rate, and the transcription of the user's words (protocol §8.5).
//!
//! Noise reduction and echo cancellation have words of their own in the table and need no more than that.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Answerer, Key, Values, language, refuse_each};
use crate::config::model_family::ModelFamily;
use crate::model::{Choice, EchoCancellation, NoiseReduction, TranscriptionOptions};

/// What is requested of the service's hearing.
pub(in crate::config) struct Hearing {
    pub(in crate::config) noise_reduction: Choice<NoiseReduction>,
    pub(in crate::config) echo_cancellation: Option<EchoCancellation>,
    pub(in crate::config) transcription: Choice<&'static str>,
    pub(in crate::config) options: TranscriptionOptions,
    /// The languages of the user's words, which turn detection needs too.
    pub(in crate::config) languages: Vec<String>,
    pub(in crate::config) input_rate_hz: u32,
    /// How long the microphone is held back after the speaker was heard, in half duplex.
    pub(in crate::config) half_duplex_tail: Duration,
}

/// The rates at which the sound of the microphone can be sent, in Hz.
const INPUT_RATES: [u32; 2] = [24_000, 16_000];

/// The longest time for which half duplex waits for a room to be quiet, in milliseconds: a church needs as much.
pub(in crate::config) const HALF_DUPLEX_TAIL_MAX_MS: u32 = 2_000;

/// The service takes fewer phrases than this.
const PHRASES_MAX: usize = 500;

/// What is about the transcription.
const OF_TRANSCRIPTION: [Key; 3] = [Key::PhraseList, Key::CustomSpeech, Key::TranscriptionPrompt];

pub(in crate::config) fn read(values: &mut Values, answerer: Answerer<'_>) -> Hearing {
    // An agent gets only what the user has set.
    let is_requested = |values: &Values, key| !answerer.is_agent() || values.is_set(key);
    let noise: Option<NoiseReduction> = values.choice(Key::NoiseReduction);
    let noise_reduction =
        if is_requested(values, Key::NoiseReduction) { noise.into() } else { Choice::Unset };
    let echo: EchoCancellation = values.choice(Key::EchoCancellation);
    let echo_cancellation = is_requested(values, Key::EchoCancellation).then_some(echo);
    let languages = language::tags(values, Key::Language).unwrap_or_default();
    let options = TranscriptionOptions {
        language: (!languages.is_empty()).then(|| languages.join(",")),
        phrases: phrases(values),
        custom_speech: custom_speech(values),
        prompt: values.text(Key::TranscriptionPrompt),
    };
    let transcription = transcription(values, answerer);
    check(values, answerer, transcription);
    let input_rate_hz = input_rate(values);
    if echo == EchoCancellation::Device && input_rate_hz != INPUT_RATES[0] {
        values.refuse(
            Key::InputRate,
            "must be 24000 with echo_cancellation = \"device\", whose filter has that rate; remove one of the two",
        );
    }
    if echo != EchoCancellation::Device && values.is_set(Key::EarlyDuck) && values.switch(Key::EarlyDuck) {
        let place = values.place(Key::EarlyDuck).to_owned();
        values.warn(format!("{place}: has no effect without echo_cancellation = \"device\""));
    }
    let half_duplex_tail = half_duplex_tail(values, echo);
    Hearing {
        noise_reduction,
        echo_cancellation,
        transcription,
        options,
        languages,
        input_rate_hz,
        half_duplex_tail,
    }
}

fn half_duplex_tail(values: &mut Values, echo: EchoCancellation) -> Duration {
    if echo != EchoCancellation::HalfDuplex {
        refuse_each(
            values,
            &[Key::HalfDuplexTailMs],
            "has no effect without echo_cancellation = \"half_duplex\"",
        );
    }
    let ms = values.whole(Key::HalfDuplexTailMs, 0, HALF_DUPLEX_TAIL_MAX_MS).unwrap_or_default();
    Duration::from_millis(ms.into())
}

fn transcription(values: &mut Values, answerer: Answerer<'_>) -> Choice<&'static str> {
    if values.is_set(Key::Transcription) {
        return values.choice::<Option<&'static str>>(Key::Transcription).into();
    }
    match answerer {
        Answerer::Model(_, family) => Choice::On(family.transcription()),
        // What belongs to the transcription cannot be sent without its model.
        Answerer::Agent if OF_TRANSCRIPTION.iter().chain([&Key::Language]).any(|key| values.is_set(*key)) => {
            Choice::On(ModelFamily::Cascaded.transcription())
        }
        Answerer::Agent => Choice::Unset,
    }
}

/// Refuses what the transcription does not have.
fn check(values: &mut Values, answerer: Answerer<'_>, transcription: Choice<&'static str>) {
    let model = match transcription {
        Choice::On(model) => model,
        Choice::Off | Choice::Unset => {
            return refuse_each(values, &OF_TRANSCRIPTION, "has no effect without transcription");
        }
    };
    if let Answerer::Model(name, ModelFamily::OpenAiRealtime) = answerer {
        let reason =
            format!("{name} does not take it: it is for models without audio of their own, such as gpt-4o");
        refuse_each(values, &[Key::PhraseList], &reason);
    } else if !(model == "azure-speech" || model.starts_with("mai-")) {
        let reason = format!("{model} does not take it; azure-speech and mai-transcribe do");
        refuse_each(values, &[Key::PhraseList], &reason);
    }
    if model != "azure-speech" {
        refuse_each(values, &[Key::CustomSpeech], &format!("{model} does not take it; azure-speech does"));
    }
    if !(model.starts_with("whisper") || model.starts_with("gpt-")) {
        let reason = format!("{model} does not take it; whisper-1 and the gpt-4o-transcribe models do");
        refuse_each(values, &[Key::TranscriptionPrompt], &reason);
    }
}

fn phrases(values: &mut Values) -> Vec<String> {
    let phrases =
        values.list(Key::PhraseList, "phrases with commas between them, or a list").unwrap_or_default();
    if phrases.len() >= PHRASES_MAX {
        let reason = format!("has {} phrases; the service takes {} at most", phrases.len(), PHRASES_MAX - 1);
        values.refuse(Key::PhraseList, &reason);
    }
    phrases
}

fn custom_speech(values: &mut Values) -> BTreeMap<String, String> {
    let models = values.pairs(Key::CustomSpeech).unwrap_or_default();
    if let Some(reason) = models.keys().find_map(|tag| language::check(tag).err()) {
        let reason = format!("{reason}; must be languages with the id of an endpoint each, such as en-US=ID");
        values.refuse(Key::CustomSpeech, &reason);
    }
    models
}

fn input_rate(values: &mut Values) -> u32 {
    let [first, _] = INPUT_RATES;
    let rate = values.raw(Key::InputRate).and_then(|raw| raw.trim().parse().ok());
    rate.filter(|rate| INPUT_RATES.contains(rate)).unwrap_or_else(|| {
        values.refuse_value(Key::InputRate, "must be 24000 or 16000");
        first
    })
}
