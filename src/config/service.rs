//! Reads which service to use, with which credential, and the settings of its session.
//!
//! It rejects what cannot work. It only warns of combinations that the service's documentation excludes, because the
//! service may support them by now.

use super::endpoint::EXAMPLE;
use super::model_family::{self, ModelFamily};
use super::schema::{CREDENTIAL_KEYS, Key, suggest, word};
use super::sources::Layer;
use super::values::{Keyword, Values};
use super::{
    AzureConfig, Credential, Endpoint, Secret, ServiceConfig, ServiceTarget, audience, proxy, secret,
    working_folder,
};
use crate::model::{NoiseReduction, TurnDetection, Voice};

/// The OpenAI voices in the documentation of Voice Live.
const OPENAI_VOICES: &[&str] =
    &["alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar"];

/// The model with native voices.
const NATIVE_MODEL: &str = "azure-realtime";

/// Reads all settings of the service.
pub(super) fn read(values: &mut Values) -> ServiceConfig {
    let model = values.text_or_default(Key::Model);
    let voice = voice(values, &model);
    let instructions = values.text_or_default(Key::Instructions);
    let turn_detection = chosen(values, Key::TurnDetection);
    let noise_reduction = values.choice(Key::NoiseReduction);
    let echo_cancellation = values.choice(Key::EchoCancellation);
    let transcription: Option<Option<&str>> = chosen(values, Key::Transcription);
    let end_of_utterance: Option<bool> = values.choice(Key::EndOfUtterance);
    let language = language(values);
    let target = if values.switch(Key::Parrot) { ServiceTarget::Parrot } else { azure(values, &model) };
    let family = family(&model, &target);
    let service = ServiceConfig {
        voice,
        instructions,
        turn_detection: turn_detection
            .unwrap_or_else(|| model_family::turn_detection_for(language.as_deref())),
        noise_reduction,
        echo_cancellation,
        transcription: transcription.unwrap_or_else(|| Some(family.transcription())),
        end_of_utterance: end_of_utterance.unwrap_or_else(|| family.takes_end_of_utterance()),
        language,
        target,
        model,
    };
    warn_of_mismatch(values, &service);
    warn_of_family(values, &service, family);
    service
}

/// Reads one of the words of `C`, if it is set.
fn chosen<C: Keyword>(values: &mut Values, key: Key) -> Option<C> {
    values.layer(key).map(|_| values.choice(key))
}

/// Returns the family of the model that the endpoint requests.
fn family(model: &str, target: &ServiceTarget) -> ModelFamily {
    match target {
        ServiceTarget::Parrot => ModelFamily::of(model, None),
        ServiceTarget::Azure(azure) => {
            let endpoint = &azure.endpoint;
            ModelFamily::of(endpoint.query("model").unwrap_or(model), endpoint.query("profile"))
        }
    }
}

/// Reads how to reach Azure. After an error it returns the parrot as a placeholder, which is never used.
fn azure(values: &mut Values, model: &str) -> ServiceTarget {
    let endpoint = endpoint(values, model);
    let credential = credential(values, endpoint.as_ref().map(|endpoint| endpoint.host.as_str()));
    let ca_file = values.file(Key::CaFile);
    let proxy = endpoint.as_ref().and_then(|endpoint| proxy::read(values, endpoint));
    match (endpoint, credential) {
        (Some(endpoint), Some((key, credential))) => {
            let led_by = proxy.as_ref().map(|(proxy, layer)| (*layer, proxy.place.as_str()));
            working_folder::check_destination(values, key, led_by);
            let proxy = proxy.map(|(proxy, _)| proxy);
            let credential_origin = values.origin(key);
            ServiceTarget::Azure(AzureConfig { endpoint, credential, credential_origin, ca_file, proxy })
        }
        (None, _) | (_, None) => ServiceTarget::Parrot,
    }
}

fn endpoint(values: &mut Values, model: &str) -> Option<Endpoint> {
    let api_version = values.text_or_default(Key::ApiVersion);
    if !api_version.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.')) {
        values.refuse_value(Key::ApiVersion, "must be a version such as 2026-07-15");
    }
    if values.layer(Key::Endpoint).is_none() {
        if values.is_refused(&[Key::Endpoint, Key::Parrot]) {
            return None;
        }
        values.problem(format!(
            "no endpoint: set AZURE_VOICELIVE_ENDPOINT, --endpoint or endpoint in mynah.toml ({EXAMPLE}), \
             or try --parrot, which needs no account"
        ));
        return None;
    }
    let written = values.text(Key::Endpoint)?;
    match Endpoint::new(&written, model, &api_version) {
        Ok(endpoint) => {
            let requested = endpoint.query("model").unwrap_or(model);
            if let Some(reason) = model_family::refusal(requested) {
                let key = if requested == model { Key::Model } else { Key::Endpoint };
                values.refuse(key, &format!("{requested}: {reason}"));
            }
            let warning =
                endpoint.host_warning().map(|warning| format!("{}: {warning}", values.place(Key::Endpoint)));
            warning.into_iter().for_each(|warning| values.warn(warning));
            Some(endpoint)
        }
        Err(reason) => {
            values.refuse(Key::Endpoint, &reason);
            None
        }
    }
}

/// Returns the credential for `host`, if that is known, and the setting that gives it.
fn credential(values: &mut Values, host: Option<&str>) -> Option<(Key, Credential)> {
    let key = pick_source(values, Key::ApiKey, Key::ApiKeyFile)?;
    let token = pick_source(values, Key::Token, Key::TokenFile)?;
    let use_token = values.switch(Key::UseTokenCredential);
    match (key, token) {
        (Some(key), token) if use_token || token.is_some() => {
            let token = token.unwrap_or(Key::UseTokenCredential);
            values.problem(format!(
                "both a key ({}) and a token ({}) are set; remove one",
                values.place(key),
                values.place(token)
            ));
            None
        }
        (Some(Key::ApiKeyFile), _) => {
            let (_, secret) = from_file(values, Key::ApiKeyFile, host)?;
            Some((Key::ApiKeyFile, Credential::Key(secret)))
        }
        (Some(key), _) => Some((key, Credential::Key(inline_secret(values, key)?))),
        (None, Some(token)) if !use_token => {
            let place = values.place(token).to_owned();
            values.problem(format!(
                "{place}: not used without --use-token-credential; set it, or remove the token"
            ));
            None
        }
        (None, Some(Key::TokenFile)) => {
            let (path, token) = from_file(values, Key::TokenFile, host)?;
            check_audience(values, Key::TokenFile, &token, host);
            Some((Key::TokenFile, Credential::TokenFile(path)))
        }
        (None, Some(key)) => {
            let token = inline_secret(values, key)?;
            check_audience(values, key, &token, host);
            Some((key, Credential::Token(token)))
        }
        (None, None) if values.is_refused(&CREDENTIAL_KEYS) || values.is_refused(&[Key::Parrot]) => None,
        (None, None) => {
            values.problem(if use_token {
                let place = values.place(Key::UseTokenCredential);
                format!("{place}: no token; set AZURE_VOICELIVE_TOKEN or token_file")
            } else {
                "no credential: set AZURE_VOICELIVE_API_KEY or api_key_file to your resource's key, or \
                 use_token_credential with a token, or try --parrot, which needs no account"
                    .to_owned()
            });
            None
        }
    }
}

/// Returns which of two keys for one secret is set by the stronger layer, or `Some(None)` if neither is set. Two in
/// the same layer are a problem.
fn pick_source(values: &mut Values, written: Key, file: Key) -> Option<Option<Key>> {
    match (values.layer(written), values.layer(file)) {
        (None, None) => Some(None),
        (Some(first), Some(second)) if first == second => {
            values.problem(format!(
                "{} and {} set the same secret; remove one",
                values.place(written),
                values.place(file)
            ));
            None
        }
        (first, second) => Some(Some(if first > second { written } else { file })),
    }
}

fn inline_secret(values: &mut Values, key: Key) -> Option<Secret> {
    let text = zeroize::Zeroizing::new(values.text(key)?);
    Secret::new(&text).map_err(|reason| values.refuse(key, &reason)).ok()
}

fn check_audience(values: &mut Values, key: Key, token: &Secret, host: Option<&str>) {
    if let Some(Err(reason)) = host.map(|host| audience::check(token, host)) {
        values.refuse(key, &reason);
    }
}

fn from_file(values: &mut Values, key: Key, host: Option<&str>) -> Option<(std::path::PathBuf, Secret)> {
    let path = values.path(key)?;
    if !working_folder::may_read(values, key, &path) {
        return None;
    }
    match secret::from_file(&path, host) {
        Ok(found) => {
            secret::permission_warning(&path).into_iter().for_each(|warning| values.warn(warning));
            Some((path, found))
        }
        Err(reason) => {
            values.refuse(key, &reason);
            None
        }
    }
}

/// Reads the voice. A name with a `-` is an Azure voice, as in the quickstart.
fn voice(values: &mut Values, model: &str) -> Voice {
    let name = values.text_or_default(Key::Voice);
    if name.contains('-') {
        return Voice::AzureStandard(name);
    }
    if model == NATIVE_MODEL {
        return Voice::AzureRealtimeNative(name);
    }
    if !OPENAI_VOICES.contains(&name.as_str()) && !name.is_empty() {
        let suggestion = suggest(&name, OPENAI_VOICES.iter().copied());
        let place = values.place(Key::Voice).to_owned();
        values.warn(format!(
            "{place}: {name:?} is not a known OpenAI voice{suggestion}; the names of Azure voices contain a -"
        ));
    }
    Voice::OpenAi(name)
}

/// Reads the languages, without blanks and repetitions: the service takes them as `en,fr`.
fn language(values: &mut Values) -> Option<String> {
    let text = values.text(Key::Language)?;
    let mut languages: Vec<&str> = Vec::new();
    for language in text.split(',').map(str::trim) {
        if let Err(reason) = check_language(language) {
            values.refuse_value(
                Key::Language,
                &format!(
                    "{reason}; must be a language tag such as en or de-DE, or several with commas between them"
                ),
            );
            return None;
        }
        if !languages.iter().any(|known| known.eq_ignore_ascii_case(language)) {
            languages.push(language);
        }
    }
    Some(languages.join(","))
}

/// Checks the form of a BCP-47 tag: a language of two or three letters, then parts of letters and digits.
fn check_language(tag: &str) -> Result<(), String> {
    if tag.is_empty() {
        return Err("a part is empty".to_owned());
    }
    let mut parts = tag.split('-');
    let is_language = parts.next().is_some_and(|language| {
        matches!(language.len(), 2 | 3) && language.bytes().all(|byte| byte.is_ascii_alphabetic())
    });
    let is_part =
        |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_language && parts.all(is_part) { Ok(()) } else { Err(format!("{tag:?} is not a language tag")) }
}

fn warn_of_mismatch(values: &mut Values, service: &ServiceConfig) {
    let model = &service.model;
    let only_realtime = [
        (Key::TurnDetection, service.turn_detection == TurnDetection::SemanticVad),
        (
            Key::NoiseReduction,
            matches!(service.noise_reduction, Some(NoiseReduction::NearField | NoiseReduction::FarField)),
        ),
    ];
    for (key, is_set) in only_realtime {
        if is_set && !model.starts_with("gpt-realtime") {
            let place = values.place(key).to_owned();
            values.warn(format!("{place}: is for gpt-realtime models; {model} may reject it"));
        }
    }
    if service.language.is_some()
        && service.transcription.is_none()
        && !service.turn_detection.takes_languages()
    {
        let place = values.place(Key::Language).to_owned();
        values.warn(format!("{place}: has no effect without transcription and with this turn detection"));
    }
    if let ServiceTarget::Azure(azure) = &service.target
        && values.layer(Key::Model).is_some_and(|layer| layer > Layer::Default)
        && !azure.endpoint.requests_model(model)
    {
        let place = values.place(Key::Endpoint).to_owned();
        values.warn(format!("{place}: its query sets a model, which is used instead of {model}"));
    }
}

/// Warns of what the user has set and does not fit the model or the language. It is sent all the same.
fn warn_of_family(values: &mut Values, service: &ServiceConfig, family: ModelFamily) {
    let model = &service.model;
    let mut warn = |key: Key, text: String| {
        if values.layer(key).is_some_and(|layer| layer > Layer::Default) {
            let place = values.place(key).to_owned();
            values.warn(format!("{place}: {text}"));
        }
    };
    if let Some(transcription) = service.transcription
        && let Some(reason) = family.transcription_mismatch(transcription)
    {
        warn(Key::Transcription, format!("{transcription} is {reason}; {model} may reject it"));
    }
    if service.end_of_utterance && !service.turn_detection.takes_languages() {
        warn(
            Key::EndOfUtterance,
            "has no effect with this turn detection; azure_semantic_vad has it".to_owned(),
        );
    } else if service.end_of_utterance && !family.takes_end_of_utterance() {
        warn(Key::EndOfUtterance, format!("is for models without audio of their own; {model} may reject it"));
    }
    if let Some(languages) = &service.language
        && let Some(reason) = model_family::language_mismatch(service.turn_detection, languages)
    {
        let name = word(service.turn_detection);
        let text = format!("{name} is {reason}; it may end turns of {languages} at the wrong time");
        let is_chosen = values.layer(Key::TurnDetection).is_some();
        let key = if is_chosen { Key::TurnDetection } else { Key::Language };
        let place = values.place(key).to_owned();
        values.warn(format!("{place}: {text}"));
    }
}
