//! Service events: equivalent JSON parses to equal events, and a parsed event is no longer than its text.

use bytes::BytesMut;
use mynah::history::History;
use mynah::model::{Choice, Dialect, EchoCancellation, Id, NoiseReduction, TurnDetection, Voice};
use mynah::protocol::{
    self, ItemEvent, ItemWords, Malformed, Pcm16Decoder, ServerEvent, SessionConfig, SessionForm,
};

/// The length that a message may add to what it quotes.
const MESSAGE_CHARS: usize = 120;

pub(super) fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let read = protocol::parse(text);
    let other = respell(text);
    let reread = protocol::parse(&other);
    match (&read, &reread) {
        (Ok(ServerEvent::SessionUpdated(one)), Ok(ServerEvent::SessionUpdated(two))) => {
            let forms = [SessionForm::of(Dialect::VoiceLive), SessionForm::of(Dialect::OpenAi)];
            let differ = |effective| {
                forms.each_ref().map(|form| format!("{:?}", form.mismatches(&requested(), effective)))
            };
            assert_eq!(differ(one), differ(two));
        }
        (Err(Malformed::NotJson(why)), Err(Malformed::NotJson(_))) => {
            assert!(why.chars().count() <= MESSAGE_CHARS, "{why}")
        }
        _ => assert_eq!(format!("{read:?}"), format!("{reread:?}")),
    }
    match read {
        Ok(incoming) => assert_bounded(&incoming, text.len()),
        Err(malformed) => assert!(malformed.to_string().len() <= text.len() + 4 * MESSAGE_CHARS),
    }
    check_items(text, &other);
}

/// Checks that the items of an event are the same however it is spelled, and that the history keeps them once.
fn check_items(text: &str, other: &str) {
    let (read, reread) = (protocol::item_event(text), protocol::item_event(other));
    assert_eq!(read, reread);
    let Some(event) = read else { return };
    let mut history = History::default();
    history.apply(&event);
    history.end_session();
    let once = history.replay();
    let characters: usize = once.iter().map(|item| format!("{item:?}").chars().count()).sum();
    assert!(characters <= 4 * text.len() + 1000, "{characters} characters of {}", text.len());
    // Only its `event_id` tells that a delta is repeated, and only the item's id that words are.
    let may_repeat = |words: &ItemWords<'_>| {
        words.next.is_some() || Id::try_from(&*words.item).map_or(true, |item| item.is_empty())
    };
    if !matches!(&event, ItemEvent::Words(words) if may_repeat(words)) {
        let mut history = History::default();
        history.apply(&event);
        history.apply(&event);
        history.end_session();
        assert_eq!(history.replay(), once);
    }
}

fn assert_bounded(incoming: &ServerEvent<'_>, limit: usize) {
    let held = match incoming {
        ServerEvent::Audio(delta) => {
            assert_round_trip(&delta.base64);
            delta.reply.len() + delta.item.len() + delta.base64.len()
        }
        ServerEvent::AudioDone { item, .. } => item.len(),
        ServerEvent::SessionCreated { id: text, .. } | ServerEvent::Unknown(text) => text.len(),
        ServerEvent::SessionUpdated(text) => text.len(),
        ServerEvent::Error(error) => error.code.len() + error.message.len() + error.param.len(),
        ServerEvent::Warning(sentence) => sentence.len().saturating_sub(MESSAGE_CHARS),
        ServerEvent::Service(_) | ServerEvent::Ignored(_) => 0,
    };
    assert!(held <= limit, "{held} bytes of {limit}");
}

/// Checks that whole samples without padding encode to the same base64.
fn assert_round_trip(base64: &str) {
    let mut samples = Vec::new();
    let decoded = Pcm16Decoder::default().decode(base64, |piece| samples.extend_from_slice(piece));
    assert!(samples.len() * 2 <= base64.len() / 4 * 3 + 3);
    if decoded.is_ok() && base64.len().is_multiple_of(8) && !base64.contains('=') {
        let mut text = BytesMut::new();
        protocol::encode(&samples, &mut text);
        assert_eq!(text, base64);
    }
}

/// Returns the same JSON with extra white space and every letter and digit of its strings escaped.
fn respell(text: &str) -> String {
    let mut other = String::with_capacity(text.len() * 6);
    let (mut inside, mut escaped) = (false, 0);
    for c in text.chars() {
        match c {
            '"' if escaped == 0 => {
                inside = !inside;
                other.push(c);
            }
            '\\' if inside && escaped == 0 => {
                escaped = 1;
                other.push(c);
                continue;
            }
            // The four digits after \u must stay.
            'u' if escaped == 1 => {
                escaped = 5;
                other.push(c);
            }
            c if inside && escaped == 0 && c.is_ascii_alphanumeric() => {
                other.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            '{' | '}' | '[' | ']' | ':' | ',' if !inside => other.extend([' ', c, '\n']),
            c => other.push(c),
        }
        escaped = usize::saturating_sub(escaped, 1);
    }
    other
}

fn requested() -> SessionConfig {
    SessionConfig {
        instructions: Some("Be brief.".to_owned()),
        voice: Some(Voice::OpenAi("alloy".to_owned())),
        turn_detection: Choice::On(TurnDetection::ServerVad),
        noise_reduction: Choice::On(NoiseReduction::AzureDeepNoiseSuppression),
        echo_cancellation: Some(EchoCancellation::Server),
        transcription: Choice::On("whisper-1"),
        ..SessionConfig::default()
    }
}
