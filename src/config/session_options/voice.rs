//! Reads the voice and how it speaks (protocol §8.2).
//!
//! An unknown name of a voice is only a warning: the service has new ones every month.

use super::prosody::{PITCH, Prosody, RATE, VOLUME};
use super::{Answerer, Key, PERSONAL_MODELS, VOICE_TYPES, Values, language, refuse_each};
use crate::config::schema::suggest;
use crate::model::{Voice, VoiceOptions};
use crate::printable::redact;

/// The OpenAI voices in the documentation of Voice Live.
pub(in crate::config) const OPENAI_VOICES: &[&str] =
    &["alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar"];

/// The model with native voices.
const NATIVE_MODEL: &str = "azure-realtime";

/// How a voice speaks, which only Azure voices let be chosen.
pub(in crate::config) const VOICE_OPTIONS: [Key; 9] = [
    Key::VoiceTemperature,
    Key::VoiceRate,
    Key::VoicePitch,
    Key::VoiceVolume,
    Key::VoiceStyle,
    Key::VoiceLocale,
    Key::VoicePreferLocales,
    Key::VoiceLexiconUrl,
    Key::VoiceTextNormalizationUrl,
];

/// Reads the voice, unless it is left to the agent, and how it speaks.
pub(in crate::config) fn read(values: &mut Values, answerer: Answerer<'_>) -> (Option<Voice>, VoiceOptions) {
    let options = options(values);
    if answerer.is_agent() && !values.is_set(Key::Voice) {
        const REASON: &str = "needs voice too: the service replaces the voice of an agent as a whole";
        refuse_each(values, &VOICE_OPTIONS, REASON);
        refuse_each(values, &[Key::VoiceType, Key::VoiceEndpointId, Key::VoiceModel], REASON);
        return (None, options);
    }
    let voice = voice(values, answerer);
    if !voice.takes_options() {
        let kind = match voice {
            Voice::AzureRealtimeNative(_) => "native",
            Voice::OpenAi(_)
            | Voice::AzureStandard(_)
            | Voice::AzureCustom { .. }
            | Voice::AzurePersonal { .. } => "OpenAI",
        };
        let name = values.raw(Key::Voice).unwrap_or_default().to_owned();
        refuse_each(
            values,
            &VOICE_OPTIONS,
            &format!(
                "is for Azure voices, such as en-US-Ava:DragonHDLatestNeural; {name} is an {kind} voice"
            )
            .replace("an native", "a native"),
        );
    }
    (Some(voice), options)
}

/// Reads the voice. A name with a `-` is an Azure voice, as in the quickstart, unless the type is set.
fn voice(values: &mut Values, answerer: Answerer<'_>) -> Voice {
    let name = values.text_or_default(Key::Voice);
    let endpoint_id = values.text(Key::VoiceEndpointId);
    let model = values.one_of(Key::VoiceModel, PERSONAL_MODELS);
    let kind = values.one_of(Key::VoiceType, VOICE_TYPES).unwrap_or_else(|| {
        let is_native = matches!(answerer, Answerer::Model(NATIVE_MODEL, _));
        match (&endpoint_id, model) {
            (Some(_), _) => "azure-custom",
            (None, Some(_)) => "azure-personal",
            (None, None) if name.contains('-') => "azure-standard",
            (None, None) if is_native => "azure-realtime-native",
            (None, None) => "openai",
        }
    });
    if kind != "azure-standard" && !values.is_set(Key::Voice) {
        let reason = format!("needs voice too: the name of the {kind} voice");
        refuse_each(values, &[Key::VoiceType, Key::VoiceEndpointId, Key::VoiceModel], &reason);
    }
    if kind != "azure-custom" {
        refuse_each(values, &[Key::VoiceEndpointId], &format!("is for azure-custom voices, not for {kind}"));
    }
    if kind != "azure-personal" {
        refuse_each(values, &[Key::VoiceModel], &format!("is for azure-personal voices, not for {kind}"));
    }
    match kind {
        "azure-standard" => Voice::AzureStandard(name),
        "azure-realtime-native" => Voice::AzureRealtimeNative(name),
        "azure-custom" => {
            let endpoint_id = endpoint_id.unwrap_or_else(|| {
                let reason =
                    "azure-custom needs voice_endpoint_id, the id of the endpoint to which the voice is deployed";
                refuse_type(values, &[Key::VoiceEndpointId], reason);
                String::new()
            });
            Voice::AzureCustom { name, endpoint_id }
        }
        "azure-personal" => {
            let model = model.unwrap_or_else(|| {
                let reason =
                    format!("azure-personal needs voice_model, one of {}", PERSONAL_MODELS.join(", "));
                refuse_type(values, &[Key::VoiceModel], &reason);
                ""
            });
            Voice::AzurePersonal { name, model }
        }
        _ => {
            warn_of_unknown(values, &name);
            Voice::OpenAi(name)
        }
    }
}

/// Refuses the type of the voice, unless what it lacks was refused itself.
fn refuse_type(values: &mut Values, lacking: &[Key], reason: &str) {
    if !values.is_refused(lacking) {
        values.refuse(Key::VoiceType, reason);
    }
}

fn warn_of_unknown(values: &mut Values, name: &str) {
    if !OPENAI_VOICES.contains(&name) && !name.is_empty() {
        let suggestion = suggest(name, OPENAI_VOICES.iter().copied());
        let place = values.place(Key::Voice).to_owned();
        values.warn(format!(
            "{place}: {name:?} is not a known OpenAI voice{suggestion}; the names of Azure voices contain a -"
        ));
    }
}

fn options(values: &mut Values) -> VoiceOptions {
    VoiceOptions {
        temperature: values.decimal(Key::VoiceTemperature, 0.0, 1.0),
        rate: prosody(values, Key::VoiceRate, &RATE),
        pitch: prosody(values, Key::VoicePitch, &PITCH),
        volume: prosody(values, Key::VoiceVolume, &VOLUME),
        style: values.text(Key::VoiceStyle),
        locale: locale(values),
        prefer_locales: language::tags(values, Key::VoicePreferLocales).unwrap_or_default(),
        lexicon_url: url(values, Key::VoiceLexiconUrl),
        text_normalization_url: url(values, Key::VoiceTextNormalizationUrl),
    }
}

fn prosody(values: &mut Values, key: Key, allowed: &Prosody) -> Option<String> {
    let text = values.text(key)?;
    allowed.check(&text).map_err(|reason| values.refuse_value(key, &reason)).ok()
}

fn locale(values: &mut Values) -> Option<String> {
    let tag = values.text(Key::VoiceLocale)?;
    match language::check(&tag) {
        Ok(()) => Some(tag),
        Err(reason) => {
            values.refuse_value(Key::VoiceLocale, &format!("{reason}; must be one such as en-US or de-DE"));
            None
        }
    }
}

/// Reads the address of a file that the service fetches. Its query may be a signature, which is kept out of all output.
fn url(values: &mut Values, key: Key) -> Option<String> {
    let url = values.text(key)?;
    if let Some((_, query)) = url.split_once('?') {
        redact(query);
    }
    let is_usable = url.parse::<http::Uri>().is_ok_and(|uri| {
        uri.scheme_str() == Some("https") && uri.host().is_some_and(|host| !host.is_empty())
    });
    if is_usable {
        return Some(url);
    }
    values.refuse(key, "must be an address that starts with https://, which the service can reach");
    None
}

/// Returns an address without its query.
pub(in crate::config) fn shown_url(url: &str) -> String {
    url.split_once('?').map_or_else(|| url.to_owned(), |(address, _)| format!("{address}?..."))
}
