//! What a mixer control is now: read, compared with a setting, kept, and set back exactly.
//!
//! It decides no setting.

use std::fmt;

use alsa::mixer::{Selem, SelemChannelId};
use serde::{Deserialize, Serialize};

use super::mixer::{ControlFailure, choices, percent_of_range, refused, with_control};
use crate::audio::{ControlValue, MixerControl};

/// What one simple control of a card is, in the card's own units, by channel: playback first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlState {
    card: String,
    name: String,
    volumes: [Vec<Option<i64>>; 2],
    switches: [Vec<Option<i32>>; 2],
    /// The item of an enumeration, by channel.
    choices: Vec<Option<u32>>,
    /// The words of the items that are chosen, for a message.
    words: Vec<String>,
}

impl ControlState {
    /// Returns the name of the control.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for ControlState {
    /// Writes the values of the channels, without repetitions.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers = self.volumes.iter().flatten().flatten().map(i64::to_string);
        let switches = self.switches.iter().flatten().flatten();
        let switches = switches.map(|on| if *on == 0 { "off".to_owned() } else { "on".to_owned() });
        let mut parts: Vec<String> = Vec::new();
        for part in numbers.chain(switches).chain(self.words.iter().cloned()) {
            if !parts.contains(&part) {
                parts.push(part);
            }
        }
        f.write_str(&parts.join(" and "))
    }
}

/// Reads the control that `control` names. Returns what it is, and whether that is the setting.
///
/// # Errors
/// Returns why it cannot be read: what the card has instead, or what to do.
pub fn read_control(control: &MixerControl) -> Result<(ControlState, bool), ControlFailure> {
    with_control(&control.card, &control.name, |selem| {
        let state = read(selem, control)?;
        let is_set = matches_setting(selem, &state, &control.setting);
        Ok((state, is_set))
    })
}

/// Sets a control to what it was.
///
/// # Errors
/// Returns why it cannot be set.
pub fn set_control_state(state: &ControlState) -> Result<(), ControlFailure> {
    with_control(&state.card, &state.name, |selem| {
        for (index, channel) in channels().enumerate() {
            let [playback, capture] = &state.volumes;
            if let Some(Some(value)) = playback.get(index) {
                selem.set_playback_volume(channel, *value).map_err(refused)?;
            }
            if let Some(Some(value)) = capture.get(index) {
                selem.set_capture_volume(channel, *value).map_err(refused)?;
            }
            let [playback, capture] = &state.switches;
            if let Some(Some(value)) = playback.get(index) {
                selem.set_playback_switch(channel, *value).map_err(refused)?;
            }
            if let Some(Some(value)) = capture.get(index) {
                selem.set_capture_switch(channel, *value).map_err(refused)?;
            }
            if let Some(Some(item)) = state.choices.get(index) {
                selem.set_enum_item(channel, *item).map_err(refused)?;
            }
        }
        Ok(())
    })
}

fn read(selem: &Selem<'_>, control: &MixerControl) -> Result<ControlState, ControlFailure> {
    let by_channel = |exists: bool, has: &dyn Fn(SelemChannelId) -> bool| -> Vec<SelemChannelId> {
        channels().map_while(|channel| (exists && has(channel)).then_some(channel)).collect()
    };
    let plays = |channel| selem.has_playback_channel(channel);
    let records = |channel| selem.has_capture_channel(channel);
    let volumes = [
        by_channel(selem.has_playback_volume(), &plays)
            .into_iter()
            .map(|channel| selem.get_playback_volume(channel).ok())
            .collect(),
        by_channel(selem.has_capture_volume(), &records)
            .into_iter()
            .map(|channel| selem.get_capture_volume(channel).ok())
            .collect(),
    ];
    let switches = [
        by_channel(selem.has_playback_switch(), &plays)
            .into_iter()
            .map(|channel| selem.get_playback_switch(channel).ok())
            .collect(),
        by_channel(selem.has_capture_switch(), &records)
            .into_iter()
            .map(|channel| selem.get_capture_switch(channel).ok())
            .collect(),
    ];
    let mut state = ControlState {
        card: control.card.clone(),
        name: control.name.clone(),
        volumes,
        switches,
        ..ControlState::default()
    };
    if selem.is_enumerated() {
        let all = choices(selem)?;
        state.choices = channels().map_while(|channel| selem.get_enum_item(channel).ok()).map(Some).collect();
        let word = |item: &Option<u32>| all.get(item.as_ref().copied()? as usize).cloned();
        state.words = state.choices.iter().filter_map(word).collect();
        state.words.dedup();
    }
    Ok(state)
}

fn matches_setting(selem: &Selem<'_>, state: &ControlState, setting: &ControlValue) -> bool {
    match setting {
        ControlValue::Percent(percent) => {
            let ranges = [selem.get_playback_volume_range(), selem.get_capture_volume_range()];
            state.volumes.iter().zip(ranges).all(|(values, range)| {
                let wanted = percent_of_range(*percent, range);
                values.iter().flatten().all(|value| *value == wanted)
            })
        }
        ControlValue::Switch(on) => {
            state.switches.iter().flatten().flatten().all(|value| (*value != 0) == *on)
        }
        ControlValue::Choice(word) => state.words.iter().all(|found| found == word),
    }
}

/// The channels of a control, in order; a control has the first few of them.
fn channels() -> impl Iterator<Item = SelemChannelId> {
    SelemChannelId::all().iter().copied().filter(|channel| *channel as i32 >= 0)
}
