//! Which dialect the service speaks, which settings exist in it, and when it may be reached without TLS.
//!
//! A setting that the user has chosen and that the dialect lacks is refused; a default that it lacks is replaced. It
//! writes no session.

use super::endpoint::{dialect_refusal, is_loopback, is_own_network};
use super::schema::Key;
use super::session_options::{OPENAI_VOICES, VOICE_OPTIONS};
use super::sources::Layer;
use super::values::Values;
use super::{Endpoint, ServiceConfig};
use crate::model::{Choice, Dialect, EchoCancellation, NoiseReduction, TurnDetection, Voice};

/// Reads the dialect, if the user has set one.
pub(super) fn read(values: &mut Values) -> Option<Dialect> {
    values.layer(Key::Dialect).map(|_| values.choice(Key::Dialect))
}

/// Reads the host that may be reached without TLS, if there is one.
pub(super) fn plain_host(values: &mut Values) -> Option<String> {
    let host = values.text(Key::AllowPlain)?.trim().trim_matches(['[', ']']).to_ascii_lowercase();
    if is_loopback(&host) || is_own_network(&host) {
        return Some(host);
    }
    values.refuse_value(
        Key::AllowPlain,
        "must be a host of your own network: a private address such as 192.168.1.20, a name without a dot, or one that \
         ends with .local; without its port",
    );
    None
}

/// Checks that the host of `endpoint` speaks the dialect that the user has set.
pub(super) fn check_host(values: &mut Values, endpoint: &Endpoint) {
    let is_chosen = endpoint.is_dialect_set && !values.is_refused(&[Key::Dialect]);
    if let Some(reason) = dialect_refusal(endpoint.dialect, &endpoint.host).filter(|_| is_chosen) {
        values.refuse_value(Key::Dialect, reason);
    }
}

/// Checks that the secret of `key` may go without TLS: only as strong a setting as the one that gives it may say so. Warns
/// if it does.
pub(super) fn check_plain(values: &mut Values, key: Key, endpoint: &Endpoint) {
    if endpoint.tls || endpoint.is_loopback() {
        return;
    }
    if values.layer(Key::AllowPlain) < values.layer(key) {
        let reason = format!(
            "the key or token ({}) is from a stronger place, and may not be sent unencrypted from here; set --allow-plain, \
             or the environment variable AZURE_VOICELIVE_ALLOW_PLAIN",
            values.place(key)
        );
        values.refuse(Key::AllowPlain, &reason);
    }
    let place = values.place(Key::AllowPlain).to_owned();
    values.warn(format!(
        "{place}: voice, words and the key or token go unencrypted to {}; whoever is on that network can read and change them",
        endpoint.host
    ));
}

/// Replaces the defaults that do not exist in the dialect of `endpoint`, and refuses what the user has set and does not.
pub(super) fn fit(values: &mut Values, endpoint: &Endpoint, service: &mut ServiceConfig) {
    let dialect = endpoint.dialect;
    if !dialect.is_openai() {
        return;
    }
    if values.layer(Key::ApiVersion).is_some_and(|layer| layer > Layer::Default) {
        let place = values.place(Key::ApiVersion).to_owned();
        values.warn(format!("{place}: has no effect in the dialect {}", dialect.name()));
    }
    let mut fit = Fit { values, dialect };
    AZURES_OWN.iter().chain(&VOICE_OPTIONS).for_each(|key| {
        fit.refuse(*key, "it is Azure's own; remove it");
    });
    fit.voice(service);
    if service.turn_detection.is_some_and(TurnDetection::is_azure) {
        fit.refuse(Key::TurnDetection, "it has server_vad and semantic_vad");
        service.turn_detection = Some(TurnDetection::ServerVad);
    }
    if service.noise_reduction == Choice::On(NoiseReduction::AzureDeepNoiseSuppression) {
        fit.refuse(Key::NoiseReduction, "it has near_field, far_field and off");
        service.noise_reduction = Choice::Off;
    }
    if matches!(service.echo_cancellation, Some(EchoCancellation::Server | EchoCancellation::Client)) {
        fit.refuse(Key::EchoCancellation, "it has device, half_duplex and off");
        service.echo_cancellation = Some(EchoCancellation::Off);
    }
    if service.turn.end_of_utterance.is_some() {
        fit.refuse(Key::EndOfUtterance, "it is off");
        service.turn.end_of_utterance = None;
    }
    if let Some(model) = service.transcription.on() {
        service.transcription = fit.transcription(model);
    }
}

/// Settings that only Azure has, besides how a voice speaks, and those with values that OpenAI has too.
const AZURES_OWN: [Key; 20] = [
    Key::Profile,
    Key::AgentName,
    Key::VoiceEndpointId,
    Key::VoiceModel,
    Key::TurnSpeechMs,
    Key::TurnInterruptMs,
    Key::TurnRemoveFillerWords,
    Key::TurnLanguages,
    Key::EndOfUtteranceModel,
    Key::EndOfUtteranceThreshold,
    Key::EndOfUtteranceTimeoutMs,
    Key::PhraseList,
    Key::CustomSpeech,
    Key::InputRate,
    Key::ReplyTemperature,
    Key::ReasoningEffort,
    Key::ReplyTimestamps,
    Key::InterimResponse,
    Key::Metadata,
    Key::FoundryResource,
];

/// Fits settings to a dialect of OpenAI.
struct Fit<'a> {
    values: &'a mut Values,
    dialect: Dialect,
}

impl Fit<'_> {
    /// Refuses a setting that the user has chosen; returns whether it is one. What was measured is told instead.
    fn refuse(&mut self, key: Key, what: &str) -> bool {
        let is_set = self.is_set(key);
        if self.values.layer(key) == Some(Layer::Measured) {
            let (place, name) = (self.values.place(key).to_owned(), self.dialect.name());
            self.values.warn(format!(
                "{place}: does not exist in the dialect {name} and is not used; {what}; run mynah doctor echo --fix again"
            ));
        }
        if is_set {
            let name = self.dialect.name();
            self.values.refuse_value(key, &format!("does not exist in the dialect {name}; {what}"));
        }
        is_set
    }

    fn is_set(&self, key: Key) -> bool {
        self.values.layer(key).is_some_and(|layer| layer > Layer::Measured)
    }

    fn voice(&mut self, service: &mut ServiceConfig) {
        let voice = match &service.voice {
            None | Some(Voice::OpenAi(_)) => return,
            Some(Voice::AzureStandard(name) | Voice::AzureRealtimeNative(name)) => Some(name.clone()),
            Some(Voice::AzureCustom { .. } | Voice::AzurePersonal { .. }) => None,
        };
        // A server of one's own has voices of its own.
        let own = voice.filter(|name| {
            self.dialect == Dialect::OpenAi && !name.contains(':') && !name.ends_with("Neural")
        });
        match own {
            Some(name) => service.voice = Some(Voice::OpenAi(name)),
            None => {
                self.refuse(Key::Voice, &format!("its voices are {}", OPENAI_VOICES.join(", ")));
            }
        }
    }

    /// Returns the transcription to ask for, where `model` would be asked for.
    fn transcription(&mut self, model: &'static str) -> Choice<&'static str> {
        let is_azures = model.starts_with("azure-") || model.starts_with("mai-");
        if is_azures {
            self.refuse(Key::Transcription, "it has whisper-1, gpt-4o-transcribe and the like, and off");
        }
        // At a resource of Azure a transcription model is a deployment of the user's, which need not exist.
        if self.dialect == Dialect::AzureOpenAi && !self.is_set(Key::Transcription) {
            Choice::Off
        } else if is_azures {
            Choice::On("whisper-1")
        } else {
            Choice::On(model)
        }
    }
}
