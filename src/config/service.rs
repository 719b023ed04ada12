//! Reads which service to use, with which credential, and the settings of its session.
//!
//! It rejects what cannot work. It only warns of combinations that the service's documentation excludes, because the
//! service may support them by now.

use std::path::Path;

use super::endpoint::EXAMPLE;
use super::model_family::{self, ModelFamily};
use super::schema::{CREDENTIAL_KEYS, Key, word};
use super::session_options::{self, Answerer, Hearing, TurnRequest};
use super::sign_in::{self, ReadSignIn};
use super::values::Values;
use super::{
    AgentConfig, AzureConfig, Credential, Endpoint, EndpointRequest, Secret, ServiceConfig, ServiceTarget,
    agent, audience, dialect, proxy, secret, working_folder,
};
use crate::model::{Choice, NoiseReduction, TurnDetection};

/// Reads all settings of the service.
pub(super) fn read(values: &mut Values) -> ServiceConfig {
    let model = values.text_or_default(Key::Model);
    let profile = values.one_of(Key::Profile, session_options::PROFILES);
    let agent = agent::read(values);
    let target = if values.switch(Key::Parrot) {
        ServiceTarget::Parrot
    } else {
        azure(values, &model, agent.as_ref(), profile)
    };
    let family = family(&model, profile, &target);
    let answerer = match agent {
        Some(_) => Answerer::Agent,
        None => Answerer::Model(&model, family),
    };
    let (voice, voice_options) = session_options::voice(values, answerer);
    let Hearing {
        noise_reduction,
        echo_cancellation,
        transcription,
        options,
        languages,
        input_rate_hz,
        half_duplex_tail,
    } = session_options::hearing(values, answerer);
    let TurnRequest { detection, options: turn } = session_options::turn(values, answerer, &languages);
    let reply = session_options::reply(values, answerer, voice.as_ref());
    let is_hold = values.raw(Key::Mode) == Some("hold");
    let instructions = values.text(Key::Instructions).filter(|_| agent.is_none());
    let endpoint = match &target {
        ServiceTarget::Parrot => None,
        ServiceTarget::Azure(azure) => Some(azure.endpoint.clone()),
    };
    let mut service = ServiceConfig {
        voice,
        voice_options,
        instructions,
        turn_detection: detection,
        turn,
        noise_reduction,
        echo_cancellation,
        transcription,
        transcription_options: options,
        reply,
        input_rate_hz,
        half_duplex_tail,
        extra: session_options::extra(values, !is_hold, echo_cancellation),
        agent,
        target,
        model,
    };
    if let Some(endpoint) = endpoint {
        dialect::fit(values, &endpoint, &mut service);
    }
    warn_of_mismatch(values, &service);
    if service.agent.is_none() {
        warn_of_family(values, &service, family);
    }
    service
}

/// Returns the family of the model that the endpoint requests.
fn family(model: &str, profile: Option<&str>, target: &ServiceTarget) -> ModelFamily {
    match target {
        ServiceTarget::Parrot => ModelFamily::of(model, profile),
        ServiceTarget::Azure(azure) => {
            let endpoint = &azure.endpoint;
            if endpoint.dialect.is_openai() {
                return ModelFamily::OpenAiRealtime;
            }
            ModelFamily::of(endpoint.query("model").unwrap_or(model), endpoint.query("profile"))
        }
    }
}

/// Reads how to reach Azure. After an error it returns the parrot as a placeholder, which is never used.
fn azure(
    values: &mut Values,
    model: &str,
    agent: Option<&AgentConfig>,
    profile: Option<&str>,
) -> ServiceTarget {
    let endpoint = endpoint(values, model, agent, profile);
    let ca_file = values.file(Key::CaFile);
    let credential = credential(values, endpoint.as_ref(), ca_file.as_deref());
    let proxy = endpoint.as_ref().and_then(|endpoint| proxy::read(values, endpoint));
    match (endpoint, credential) {
        (Some(endpoint), Some((key, credential, is_folders))) => {
            if agent.is_some() {
                agent::check_credential(values, key, &credential);
            }
            let led_by = proxy.as_ref().map(|(proxy, layer)| (*layer, proxy.place.as_str()));
            match &credential {
                Credential::SignIn(_) if is_folders => {}
                Credential::SignIn(_) => working_folder::check_users_own(values, "your sign-in", led_by),
                Credential::Key(_) | Credential::Token(_) | Credential::TokenFile(_) => {
                    working_folder::check_destination(values, key, led_by);
                }
            }
            dialect::check_plain(values, key, &endpoint);
            let proxy = proxy.map(|(proxy, _)| proxy);
            let credential_origin = values.origin(key);
            ServiceTarget::Azure(AzureConfig { endpoint, credential, credential_origin, ca_file, proxy })
        }
        (None, _) | (_, None) => ServiceTarget::Parrot,
    }
}

fn endpoint(
    values: &mut Values,
    model: &str,
    agent: Option<&AgentConfig>,
    profile: Option<&str>,
) -> Option<Endpoint> {
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
    let resource = resource(values, agent.is_some() || profile.is_some());
    let mut query = vec![("api-version", api_version.as_str())];
    match agent {
        Some(agent) => query.extend(agent::query(agent, resource.as_deref())),
        None => {
            query.push(("model", model));
            query.extend(profile.map(|profile| ("profile", profile)));
            query.extend(resource.as_deref().map(|resource| ("foundry-resource-override", resource)));
        }
    }
    let (dialect, plain_host) = (dialect::read(values), dialect::plain_host(values));
    let request = EndpointRequest { query: &query, dialect, plain_host: plain_host.as_deref() };
    match Endpoint::with(&written, &request) {
        Ok(endpoint) => {
            dialect::check_host(values, &endpoint);
            let requested = endpoint.query("model").unwrap_or(model);
            if agent.is_none()
                && let Some(reason) = model_family::refusal(requested)
            {
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

/// Reads the resource that has the agent or the deployment, if it is another one.
fn resource(values: &mut Values, is_used: bool) -> Option<String> {
    let resource = values.text(Key::FoundryResource)?;
    if !is_used {
        let reason =
            "is for an agent or a deployment of your own; set agent_name or profile too, or remove it";
        values.refuse(Key::FoundryResource, reason);
    } else if !resource.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        values.refuse_value(Key::FoundryResource, "must be the name of a resource, without an address");
    }
    Some(resource)
}

/// Returns the credential for `endpoint`, if that is known, the setting that gives it, and for a sign-in whether all of
/// it is of the working folder.
fn credential(
    values: &mut Values,
    endpoint: Option<&Endpoint>,
    ca_file: Option<&Path>,
) -> Option<(Key, Credential, bool)> {
    let host = endpoint.map(|endpoint| endpoint.host.as_str());
    let is_wanted = values.switch(Key::UseTokenCredential) || values.layer(Key::Credential).is_some();
    if is_wanted && WRITTEN.into_iter().all(|key| values.layer(key).is_none()) {
        let ReadSignIn { mut sign_in, is_folders } = sign_in::read(values, endpoint)?;
        sign_in.ca_file = ca_file.map(Path::to_owned);
        return Some((sign_in::chosen_by(values), Credential::SignIn(Box::new(sign_in)), is_folders));
    }
    let (key, credential) = written_credential(values, host)?;
    Some((key, credential, false))
}

/// The settings of a key or a token, which come before a sign-in.
const WRITTEN: [Key; 4] = [Key::ApiKey, Key::ApiKeyFile, Key::Token, Key::TokenFile];

/// Returns the key or token for `host`, if that is known, and the setting that gives it.
fn written_credential(values: &mut Values, host: Option<&str>) -> Option<(Key, Credential)> {
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
            values.problem(
                "no credential: set AZURE_VOICELIVE_API_KEY or api_key_file to your resource's key, or \
                 use_token_credential to sign in to Azure, or try --parrot, which needs no account"
                    .to_owned(),
            );
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

pub(super) fn inline_secret(values: &mut Values, key: Key) -> Option<Secret> {
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

fn warn_of_mismatch(values: &mut Values, service: &ServiceConfig) {
    let model = &service.model;
    let only_realtime = [
        (Key::TurnDetection, service.turn_detection == Some(TurnDetection::SemanticVad)),
        (
            Key::NoiseReduction,
            matches!(
                service.noise_reduction,
                Choice::On(NoiseReduction::NearField | NoiseReduction::FarField)
            ),
        ),
    ];
    for (key, is_set) in only_realtime {
        if is_set && service.agent.is_none() && !model.starts_with("gpt-realtime") {
            let place = values.place(key).to_owned();
            values.warn(format!("{place}: is for gpt-realtime models; {model} may reject it"));
        }
    }
    let takes_languages = service.turn_detection.is_some_and(TurnDetection::takes_languages);
    if values.is_set(Key::Language) && service.transcription == Choice::Off && !takes_languages {
        let place = values.place(Key::Language).to_owned();
        values.warn(format!("{place}: has no effect without transcription and with this turn detection"));
    }
    if let ServiceTarget::Azure(azure) = &service.target
        && values.is_set(Key::Model)
        && service.agent.is_none()
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
        if values.is_set(key) {
            let place = values.place(key).to_owned();
            values.warn(format!("{place}: {text}"));
        }
    };
    if let Choice::On(transcription) = service.transcription
        && let Some(reason) = family.transcription_mismatch(transcription)
    {
        warn(Key::Transcription, format!("{transcription} is {reason}; {model} may reject it"));
    }
    if service.turn.end_of_utterance.is_some() && !family.takes_end_of_utterance() {
        warn(Key::EndOfUtterance, format!("is for models without audio of their own; {model} may reject it"));
    }
    if let (Some(detection), Some(languages)) = (
        service.turn_detection,
        (!service.turn.languages.is_empty()).then(|| service.turn.languages.join(",")),
    ) && let Some(reason) = model_family::language_mismatch(detection, &languages)
    {
        let name = word(detection);
        let text = format!("{name} is {reason}; it may end turns of {languages} at the wrong time");
        let key = [Key::TurnDetection, Key::TurnLanguages, Key::Language]
            .into_iter()
            .find(|key| values.is_set(*key));
        let place = values.place(key.unwrap_or(Key::Language)).to_owned();
        values.warn(format!("{place}: {text}"));
    }
}
