//! Reads how the service detects turns (protocol §8.3).
//!
//! It has no setting for what the conversation counts on: that the service creates replies, lets speech interrupt
//! them, and does not truncate them by itself.

use super::{
    Answerer, EAGERNESS, Key, UTTERANCE_LEVELS, UTTERANCE_MODELS, Values, language, option, refuse_each,
};
use crate::config::model_family;
use crate::config::schema::word;
use crate::model::{EndOfUtterance, TurnDetection, TurnOptions};

/// The longest duration that can be set, in milliseconds.
const DURATION_MS_MAX: u32 = 60_000;

/// What is requested of the turn detection.
pub(in crate::config) struct TurnRequest {
    /// `None` leaves it to the agent.
    pub(in crate::config) detection: Option<TurnDetection>,
    pub(in crate::config) options: TurnOptions,
}

/// The kinds that have a setting: the test, and their names for messages.
type Kinds = (fn(TurnDetection) -> bool, &'static str);

const NOT_OPENAI: Kinds = (
    |kind| kind != TurnDetection::SemanticVad,
    "server_vad, azure_semantic_vad, azure_semantic_vad_multilingual and azure_semantic_vad_en",
);
const AZURE: Kinds = (
    TurnDetection::is_azure,
    "azure_semantic_vad, azure_semantic_vad_multilingual and azure_semantic_vad_en",
);
const WITH_LANGUAGES: Kinds =
    (TurnDetection::takes_languages, "azure_semantic_vad and azure_semantic_vad_multilingual");
const SERVER: Kinds = (|kind| kind == TurnDetection::ServerVad, "server_vad");
const OPENAI: Kinds = (|kind| kind == TurnDetection::SemanticVad, "semantic_vad");

/// The settings, and the kinds of turn detection that have them.
const OF_KINDS: [(Key, Kinds); 12] = [
    (Key::TurnThreshold, NOT_OPENAI),
    (Key::TurnPrefixMs, NOT_OPENAI),
    (Key::TurnSilenceMs, NOT_OPENAI),
    (Key::TurnSpeechMs, NOT_OPENAI),
    (Key::TurnInterruptMs, WITH_LANGUAGES),
    (Key::TurnIdleTimeoutMs, SERVER),
    (Key::TurnRemoveFillerWords, AZURE),
    (Key::TurnLanguages, WITH_LANGUAGES),
    (Key::TurnEagerness, OPENAI),
    (Key::EndOfUtteranceModel, AZURE),
    (Key::EndOfUtteranceThreshold, AZURE),
    (Key::EndOfUtteranceTimeoutMs, AZURE),
];

/// Reads the turn detection. `languages` are those of the user's words.
pub(in crate::config) fn read(
    values: &mut Values,
    answerer: Answerer<'_>,
    languages: &[String],
) -> TurnRequest {
    let chosen: Option<TurnDetection> =
        values.layer(Key::TurnDetection).map(|_| values.choice(Key::TurnDetection));
    let own_languages = language::tags(values, Key::TurnLanguages);
    let languages = own_languages.unwrap_or_else(|| languages.to_vec());
    let is_left_to_agent = answerer.is_agent() && chosen.is_none();
    let detection = chosen.unwrap_or_else(|| {
        model_family::turn_detection_for((!languages.is_empty()).then(|| languages.join(",")).as_deref())
    });
    let options = TurnOptions {
        threshold: values.decimal(Key::TurnThreshold, 0.0, 1.0),
        prefix_ms: duration(values, Key::TurnPrefixMs),
        silence_ms: duration(values, Key::TurnSilenceMs),
        speech_ms: duration(values, Key::TurnSpeechMs),
        interrupt_ms: duration(values, Key::TurnInterruptMs),
        idle_timeout_ms: duration(values, Key::TurnIdleTimeoutMs),
        remove_filler_words: values
            .layer(Key::TurnRemoveFillerWords)
            .map(|_| values.switch(Key::TurnRemoveFillerWords)),
        languages,
        eagerness: values.one_of(Key::TurnEagerness, EAGERNESS),
        end_of_utterance: end_of_utterance(values, answerer, detection),
    };
    if is_left_to_agent {
        let keys = OF_KINDS.map(|(key, _)| key);
        let reason =
            "needs turn_detection too: the service replaces the turn detection of an agent as a whole";
        refuse_each(values, &keys, reason);
        refuse_each(values, &[Key::EndOfUtterance], reason);
        return TurnRequest { detection: None, options };
    }
    for (key, (has_it, kinds)) in OF_KINDS {
        if !has_it(detection) {
            refuse_each(values, &[key], &format!("{} does not have it; {kinds} can", word(detection)));
        }
    }
    TurnRequest { detection: Some(detection), options }
}

fn duration(values: &mut Values, key: Key) -> Option<u32> {
    values.whole(key, 0, DURATION_MS_MAX)
}

/// Reads the detection of the end of an utterance. Automatic is on if it fits the model, or if something about it is
/// set.
fn end_of_utterance(
    values: &mut Values,
    answerer: Answerer<'_>,
    detection: TurnDetection,
) -> Option<EndOfUtterance> {
    let details = [Key::EndOfUtteranceModel, Key::EndOfUtteranceThreshold, Key::EndOfUtteranceTimeoutMs];
    let options = EndOfUtterance {
        model: values.one_of(Key::EndOfUtteranceModel, UTTERANCE_MODELS),
        threshold: values.one_of(Key::EndOfUtteranceThreshold, UTTERANCE_LEVELS),
        timeout_ms: duration(values, Key::EndOfUtteranceTimeoutMs),
    };
    let has_details = details.iter().any(|key| values.is_set(*key));
    let fits = match answerer {
        Answerer::Model(_, family) => family.takes_end_of_utterance(),
        Answerer::Agent => false,
    };
    let is_on = match values.choice::<Option<bool>>(Key::EndOfUtterance) {
        Some(false) => {
            let reason = format!("has no effect while {} is off", option(Key::EndOfUtterance));
            refuse_each(values, &details, &reason);
            false
        }
        Some(true)
            if !detection.is_azure() && (!answerer.is_agent() || values.is_set(Key::TurnDetection)) =>
        {
            let (_, kinds) = AZURE;
            let reason = format!("{} does not have it; {kinds} can", word(detection));
            values.refuse(Key::EndOfUtterance, &reason);
            false
        }
        Some(true) => true,
        None => fits || has_details,
    };
    is_on.then_some(options)
}
