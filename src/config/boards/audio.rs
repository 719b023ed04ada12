//! `[microphone]`, `[speaker]`, `[[control]]` and `[unplugged]`.

use std::time::Duration;

use super::CARD;
use crate::config::strict_toml::{Scalar, StrictTable};
use crate::config::values::Keyword;
use crate::config::{ControlValue, MixerControl, PcmRequest, SampleFormat, UnplugPolicy};

/// From where to where a period may be set, milliseconds.
pub(super) const PERIOD_MS: (f64, f64) = (2.0, 100.0);
/// From where to where a microphone's gain may be set, decibels.
pub(in crate::config) const GAIN_DB: (f64, f64) = (-20.0, 60.0);
/// The word for a wait without end.
pub(in crate::config) const FOREVER: &str = "forever";
/// The longest wait that is worth a number, seconds: a day.
pub(in crate::config) const WAIT_MOST_S: f64 = 86_400.0;
/// The most channels that a card is believed to have.
const CHANNELS: u32 = 32;

impl Keyword for SampleFormat {
    const ALL: &'static [(&'static str, Self)] =
        &[("S16", Self::S16), ("S24", Self::S24), ("S24_3", Self::S24In3), ("S32", Self::S32)];
}

/// What a file says of a microphone or a speaker; its device may hold `{card}`.
#[derive(Clone, Debug, Default)]
pub(super) struct DeviceTable {
    pub(super) device: Option<String>,
    pub(super) form: PcmRequest,
    pub(super) channels: Vec<u16>,
    pub(super) gain_db: f32,
}

/// Reads `[microphone]`.
pub(super) fn microphone(section: &mut StrictTable<'_>) -> DeviceTable {
    let end = end(section, "hear");
    let gain_db = section.number("gain_db", GAIN_DB.0, GAIN_DB.1).unwrap_or_default();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "decibels within a hundred lose nothing that is heard"
    )]
    DeviceTable { gain_db: gain_db as f32, ..end }
}

/// Reads `[speaker]`.
pub(super) fn speaker(section: &mut StrictTable<'_>) -> DeviceTable {
    end(section, "play_on")
}

fn end(section: &mut StrictTable<'_>, chosen: &'static str) -> DeviceTable {
    let device = section.text("device");
    let form = PcmRequest {
        rate_hz: section.whole("rate_hz", 8_000, 192_000),
        format: section.word("format"),
        channels: section.whole("channels", 1, CHANNELS).map(narrow),
        period: section
            .number("period_ms", PERIOD_MS.0, PERIOD_MS.1)
            .map(|period_ms| Duration::from_secs_f64(period_ms / 1000.0)),
    };
    let line = section.line_at(chosen);
    let channels: Vec<u16> =
        section.wholes(chosen, CHANNELS - 1).unwrap_or_default().into_iter().map(narrow).collect();
    if let (Some(all), Some(most)) = (form.channels, channels.iter().max())
        && *most >= all
    {
        let why = format!("there is no channel {most}: with channels = {all} they are 0 to {}", all - 1);
        section.refuse(chosen, line, &why);
    }
    DeviceTable { device, form, channels, gain_db: 0.0 }
}

/// Reads one `[[control]]`.
pub(super) fn control(section: &mut StrictTable<'_>) -> Option<MixerControl> {
    let card = section.text("card").unwrap_or_else(|| format!("hw:CARD={CARD}"));
    let name = section.required_text("name");
    let before = section.refused();
    let percent = section.whole("percent", 0, 100).and_then(|percent| u8::try_from(percent).ok());
    let (on, choice) = (section.switch("on"), section.text("choice"));
    let setting = match (percent, on, choice) {
        (Some(percent), None, None) => Some(ControlValue::Percent(percent)),
        (None, Some(on), None) => Some(ControlValue::Switch(on)),
        (None, None, Some(choice)) => Some(ControlValue::Choice(choice)),
        _ => {
            if section.refused() == before {
                section.object(
                    "needs one of percent, on and choice, and only one: two settings are two [[control]]",
                );
            }
            None
        }
    };
    Some(MixerControl { card, name: name?, setting: setting? })
}

/// Reads `[unplugged]`.
pub(super) fn unplugged(section: &mut StrictTable<'_>) -> Option<UnplugPolicy> {
    let entry = section.take("wait_s")?;
    let (written, found) = match entry.value {
        Scalar::Text(written) => (format!("{written:?}"), (written == FOREVER).then_some(UnplugPolicy::Wait)),
        Scalar::Number(written) => (written.clone(), wait(&written)),
        Scalar::Switch(written) => (written.to_string(), None),
    };
    if found.is_none() {
        section.refuse_value("wait_s", entry.line, &written, &wait_wanted());
    }
    found
}

/// Reads how long a card is waited for: seconds, or for ever.
pub(in crate::config) fn wait(written: &str) -> Option<UnplugPolicy> {
    if written == FOREVER {
        return Some(UnplugPolicy::Wait);
    }
    let seconds = written.parse::<f64>().ok().filter(|seconds| (0.0..=WAIT_MOST_S).contains(seconds))?;
    Some(UnplugPolicy::End(Duration::from_secs_f64(seconds)))
}

/// Says what `wait` reads.
pub(in crate::config) fn wait_wanted() -> String {
    format!("not a number of seconds from 0 to {WAIT_MOST_S}, nor \"{FOREVER}\"")
}

/// What came through `whole` and `wholes` is small.
fn narrow(number: u32) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}
