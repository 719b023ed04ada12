//! Reads `[microphone]`, `[speaker]`, `[[control]]` and `[unplugged]` of a board file.
//!
//! It checks ranges and channel numbers, and opens no device.

use std::time::Duration;

use super::{CARD, alsa_name, names};
use crate::config::sources::strict_toml::{Scalar, StrictTable};
use crate::config::values::Keyword;
use crate::config::{
    ControlValue, CutMode, KeepAwake, KeepOpen, MixerControl, PcmRequest, SampleFormat, UnplugPolicy,
};

/// The range of a period, in milliseconds.
pub(super) const PERIOD_MS: (f64, f64) = (2.0, 100.0);
/// The range of a microphone's gain, in decibels.
pub(in crate::config) const GAIN_DB: (f64, f64) = (-20.0, 60.0);
/// The word for an unlimited wait.
pub(in crate::config) const FOREVER: &str = "forever";
/// The longest limited wait, in seconds: a day.
pub(in crate::config) const WAIT_MOST_S: f64 = 86_400.0;
/// The maximum number of channels.
const CHANNELS: u32 = 32;

impl Keyword for SampleFormat {
    const ALL: &'static [(&'static str, Self)] =
        &[("S16", Self::S16), ("S24", Self::S24), ("S24_3", Self::S24In3), ("S32", Self::S32)];
    const ALIASES: &'static [(&'static str, &'static str)] = names::FORMATS;

    fn hint(word: &str) -> Option<&'static str> {
        names::format_hint(word)
    }
}

impl Keyword for KeepOpen {
    const ALL: &'static [(&'static str, Self)] =
        &[("never", Self::Never), ("unless-muted", Self::UnlessMuted), ("always", Self::Always)];
}

impl Keyword for CutMode {
    const ALL: &'static [(&'static str, Self)] =
        &[("rewrite", Self::Rewrite), ("run-out", Self::RunOut), ("drop", Self::Drop)];
}

/// The table of a microphone or a speaker; `device` may contain `{card}`.
#[derive(Clone, Debug, Default)]
pub(super) struct DeviceTable {
    pub(super) device: Option<String>,
    pub(super) form: PcmRequest,
    pub(super) channels: Vec<u16>,
    pub(super) gain_db: f32,
    pub(super) keep_open: Option<KeepOpen>,
    pub(super) cut: Option<CutMode>,
    pub(super) keep_awake: Option<KeepAwake>,
}

/// Reads `[microphone]`.
pub(super) fn microphone(table: &mut StrictTable<'_>) -> DeviceTable {
    let device_table = device_table(table, "hear");
    let gain_db = table.number("gain_db", GAIN_DB.0, GAIN_DB.1).unwrap_or_default();
    #[expect(clippy::cast_possible_truncation, reason = "the rounding error is inaudible")]
    DeviceTable { gain_db: gain_db as f32, keep_open: table.keyword("keep_open"), ..device_table }
}

/// Reads `[speaker]`.
pub(super) fn speaker(table: &mut StrictTable<'_>) -> DeviceTable {
    let device_table = device_table(table, "play_on");
    let keep_awake = duration_or_forever(table, "keep_awake_s").map(|wait| match wait {
        UnplugPolicy::Wait => KeepAwake::Forever,
        UnplugPolicy::End(duration) => KeepAwake::For(duration),
    });
    DeviceTable { cut: table.keyword("cut"), keep_awake, ..device_table }
}

fn device_table(table: &mut StrictTable<'_>, channels_key: &'static str) -> DeviceTable {
    let device = alsa_name(table, "device");
    let form = PcmRequest {
        rate_hz: table.integer("rate_hz", 8_000, 192_000),
        format: table.keyword("format"),
        channels: table.integer("channels", 1, CHANNELS).map(to_u16),
        period: table
            .number("period_ms", PERIOD_MS.0, PERIOD_MS.1)
            .map(|period_ms| Duration::from_secs_f64(period_ms / 1000.0)),
    };
    let line = table.line_at(channels_key);
    let channels: Vec<u16> =
        table.integers(channels_key, CHANNELS - 1).unwrap_or_default().into_iter().map(to_u16).collect();
    if let (Some(all), Some(max)) = (form.channels, channels.iter().max())
        && *max >= all
    {
        let reason = format!("there is no channel {max}: with channels = {all}, they are 0 to {}", all - 1);
        table.refuse(channels_key, line, &reason);
    }
    DeviceTable { device, form, channels, ..DeviceTable::default() }
}

/// Reads the ALSA name of a device or card.
fn alsa_name(table: &mut StrictTable<'_>, key: &'static str) -> Option<String> {
    let line = table.line_at(key);
    let name = table.text(key)?;
    let refusal = || (!alsa_name::is_device(&name)).then(|| alsa_name::REFUSAL.to_owned());
    match names::alsa_name_problem(&name).or_else(refusal) {
        None => Some(name),
        Some(problem) => {
            table.refuse_value(key, line, &format!("{name:?}"), &problem);
            None
        }
    }
}

/// Reads one `[[control]]`.
pub(super) fn control(table: &mut StrictTable<'_>) -> Option<MixerControl> {
    let card = alsa_name(table, "card").unwrap_or_else(|| format!("hw:CARD={CARD}"));
    let name = table.required_text("name");
    let before = table.problem_count();
    let percent = table.integer("percent", 0, 100).and_then(|percent| u8::try_from(percent).ok());
    let (on, choice) = (table.switch("on"), table.text("choice"));
    let setting = match (percent, on, choice) {
        (Some(percent), None, None) => Some(ControlValue::Percent(percent)),
        (None, Some(on), None) => Some(ControlValue::Switch(on)),
        (None, None, Some(choice)) => Some(ControlValue::Choice(choice)),
        _ => {
            if table.problem_count() == before {
                table.refuse_table(
                    "needs exactly one of percent, on and choice; write one [[control]] for each setting",
                );
            }
            None
        }
    };
    let optional = table.switch("optional").unwrap_or_default();
    Some(MixerControl { card, name: name?, setting: setting?, optional })
}

/// Reads `[unplugged]`.
pub(super) fn unplugged(table: &mut StrictTable<'_>) -> Option<UnplugPolicy> {
    duration_or_forever(table, "wait_s")
}

fn duration_or_forever(table: &mut StrictTable<'_>, key: &'static str) -> Option<UnplugPolicy> {
    let entry = table.take(key)?;
    let (raw, found) = match entry.value {
        Scalar::Text(raw) => (format!("{raw:?}"), (raw == FOREVER).then_some(UnplugPolicy::Wait)),
        Scalar::Number(raw) => (raw.clone(), wait(&raw)),
        Scalar::Switch(raw) => (raw.to_string(), None),
    };
    if found.is_none() {
        table.refuse_value(key, entry.line, &raw, &wait_error());
    }
    found
}

/// Parses how long to wait for a disconnected card: seconds, or `forever`.
pub(in crate::config) fn wait(raw: &str) -> Option<UnplugPolicy> {
    if raw == FOREVER {
        return Some(UnplugPolicy::Wait);
    }
    let seconds = raw.parse::<f64>().ok().filter(|seconds| (0.0..=WAIT_MOST_S).contains(seconds))?;
    Some(UnplugPolicy::End(Duration::from_secs_f64(seconds)))
}

/// Returns the error for a value that `wait` rejects.
pub(in crate::config) fn wait_error() -> String {
    format!("must be a number of seconds from 0 to {WAIT_MOST_S}, or \"{FOREVER}\"")
}

/// Converts a number that `integer` or `integers` has checked against a limit below `u16::MAX`.
fn to_u16(number: u32) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}
