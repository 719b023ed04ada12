//! Reads how replies are made (protocol §8.1, §8.8). It does not read the voice.

use super::{Answerer, EFFORTS, INTERIM_KINDS, Key, MODALITIES, Values, refuse_each};
use crate::config::model_family::ModelFamily;
use crate::model::{InterimKind, InterimResponse, ReplyOptions, TokenCap, Voice};

/// The range of both ranges that the service's documents give.
const TEMPERATURE_MAX: f64 = 1.2;
const TOKENS_MAX: u32 = 4096;
/// How many pairs of metadata the service stores.
const METADATA_MAX: usize = 16;
const WAIT_MS_MAX: u32 = 60_000;

/// What starts an interim response.
const TRIGGERS: [&str; 2] = ["latency", "tool"];

const OF_LLM: [Key; 3] = [Key::InterimModel, Key::InterimInstructions, Key::InterimMaxTokens];
const OF_BOTH: [Key; 2] = [Key::InterimTriggers, Key::InterimAfterMs];

/// Reads how replies are made; `voice` is the one that is requested.
pub(in crate::config) fn read(
    values: &mut Values,
    answerer: Answerer<'_>,
    voice: Option<&Voice>,
) -> ReplyOptions {
    let text_only = values.one_of(Key::ReplyModalities, MODALITIES) == Some("text");
    if text_only {
        let place = values.place(Key::ReplyModalities).to_owned();
        values.warn(format!("{place}: replies are not spoken, only printed"));
    }
    let metadata = values.pairs(Key::Metadata).unwrap_or_default();
    if metadata.len() > METADATA_MAX {
        let reason = format!("has {} pairs; the service stores {METADATA_MAX} at most", metadata.len());
        values.refuse(Key::Metadata, &reason);
    }
    ReplyOptions {
        text_only,
        temperature: values.decimal(Key::ReplyTemperature, 0.0, TEMPERATURE_MAX),
        max_tokens: max_tokens(values),
        reasoning_effort: values.one_of(Key::ReasoningEffort, EFFORTS),
        interim: interim(values, answerer, voice),
        word_timestamps: values.switch(Key::ReplyTimestamps),
        metadata,
    }
}

fn max_tokens(values: &mut Values) -> Option<TokenCap> {
    let text = values.text(Key::ReplyMaxTokens)?;
    if text == "inf" {
        return Some(TokenCap::Unlimited);
    }
    let tokens = text.parse().ok().filter(|tokens| (1..=TOKENS_MAX).contains(tokens));
    if tokens.is_none() {
        let reason = format!("must be a whole number from 1 to {TOKENS_MAX}, or inf");
        values.refuse_value(Key::ReplyMaxTokens, &reason);
    }
    tokens.map(TokenCap::Tokens)
}

fn interim(values: &mut Values, answerer: Answerer<'_>, voice: Option<&Voice>) -> Option<InterimResponse> {
    let kind = values.one_of(Key::InterimResponse, INTERIM_KINDS);
    let texts =
        values.list(Key::InterimTexts, "texts with commas between them, or a list").unwrap_or_default();
    let llm = InterimKind::Llm {
        model: values.text(Key::InterimModel),
        instructions: values.text(Key::InterimInstructions),
        max_tokens: values.whole(Key::InterimMaxTokens, 1, TOKENS_MAX),
    };
    let triggers = triggers(values);
    let after_ms = values.whole(Key::InterimAfterMs, 0, WAIT_MS_MAX);
    let kind = match kind {
        Some("static") => {
            refuse_each(values, &OF_LLM, "is for interim_response = \"llm\"");
            InterimKind::Static { texts }
        }
        Some(_) => {
            refuse_each(values, &[Key::InterimTexts], "is for interim_response = \"static\"");
            llm
        }
        None => {
            if !values.is_refused(&[Key::InterimResponse]) {
                let reason = "needs interim_response too, which is static or llm";
                refuse_each(values, &OF_LLM, reason);
                refuse_each(values, &OF_BOTH, reason);
                refuse_each(values, &[Key::InterimTexts], reason);
            }
            return None;
        }
    };
    if let Answerer::Model(name, ModelFamily::OpenAiRealtime | ModelFamily::OtherRealtime) = answerer {
        let reason =
            format!("{name} does not take it: it is for models without audio of their own, such as gpt-4o");
        values.refuse(Key::InterimResponse, &reason);
    }
    if voice.is_some_and(|voice| !voice.takes_options()) {
        values.refuse(Key::InterimResponse, "needs an Azure voice, such as en-US-Ava:DragonHDLatestNeural");
    }
    Some(InterimResponse { kind, triggers, after_ms })
}

fn triggers(values: &mut Values) -> Vec<String> {
    let triggers = values.list(Key::InterimTriggers, "latency, tool, or both").unwrap_or_default();
    if triggers.iter().any(|trigger| !TRIGGERS.contains(&trigger.as_str())) {
        values.refuse_value(Key::InterimTriggers, &format!("must be {}, or both", TRIGGERS.join(", ")));
    }
    triggers
}
