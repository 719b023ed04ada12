//! Mixer controls of the sound cards: volumes, switches and enumerations, set as the board file says.
//!
//! It sets what it is given; it saves, restores or guesses nothing.

use std::ffi::CString;
use std::path::Path;

use alsa::mixer::{Mixer, Selem, SelemChannelId, SelemId};

use super::definition::malformed_file;
use super::output::AlsaOutput;
use crate::audio::error::AudioError;
use crate::audio::{ControlValue, MixerControl};

/// Sets the controls in order and returns an error for each that could not be set, with what its card has
/// instead.
///
/// A failed control does not stop the others: the card may work without it. An optional control that the card does not
/// have is no failure.
#[must_use]
pub fn set_controls(controls: &[MixerControl]) -> Vec<AudioError> {
    let refused = controls.iter().filter_map(|control| {
        let (card, name) = (control.card.clone(), control.name.clone());
        let failure = set(control).err().filter(|failure| failure.is_reported(control))?;
        Some(AudioError::Mixer { card, control: name, reason: failure.into_reason() })
    });
    refused.collect()
}

/// Why a control was not set, as the end of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlFailure {
    /// The card has no control of this name, or one of another kind.
    Absent(String),
    /// The control, or the card, could not be used.
    Refused(String),
}

impl ControlFailure {
    /// Returns whether the user is told: not of an optional control that the card does not have.
    #[must_use]
    pub fn is_reported(&self, control: &MixerControl) -> bool {
        !(control.optional && matches!(self, Self::Absent(_)))
    }

    /// Returns the reason, and what to do.
    #[must_use]
    pub fn into_reason(self) -> String {
        match self {
            Self::Absent(reason) | Self::Refused(reason) => reason,
        }
    }
}

fn set(control: &MixerControl) -> Result<(), ControlFailure> {
    with_control(&control.card, &control.name, |selem| match &control.setting {
        ControlValue::Percent(percent) => set_volume(selem, *percent),
        ControlValue::Switch(on) => set_switch(selem, *on),
        ControlValue::Choice(word) => set_choice(selem, word),
    })
}

/// Opens the mixer of `card` and calls `act` with its control `name`.
pub(super) fn with_control<T>(
    card: &str,
    name: &str,
    act: impl FnOnce(&Selem<'_>) -> Result<T, ControlFailure>,
) -> Result<T, ControlFailure> {
    let alsa_output = AlsaOutput::capture();
    let mixer =
        open(card).map_err(|error| ControlFailure::Refused(not_opened(error, &alsa_output.text())))?;
    let absent = || ControlFailure::Absent(not_found(&mixer, card, name));
    let (simple, index) = split_index(name);
    let simple = CString::new(simple).map_err(|_| absent())?;
    let mut id = SelemId::empty();
    id.set_name(&simple);
    id.set_index(index);
    let selem = mixer.find_selem(&id).ok_or_else(absent)?;
    act(&selem)
}

/// Returns the items of an enumerated control.
pub(super) fn choices(selem: &Selem<'_>) -> Result<Vec<String>, ControlFailure> {
    Ok(selem.iter_enum().map_err(refused)?.filter_map(Result::ok).collect())
}

/// Returns the value at `percent` of a range, rounded up as `amixer` does; more than 100 counts as 100.
#[must_use]
pub fn percent_of_range(percent: u8, (min, max): (i64, i64)) -> i64 {
    let range = i128::from(max.max(min)) - i128::from(min);
    let offset = (range * i128::from(percent.min(100)) + 99) / 100;
    // Cannot fail: the value is within the range.
    i64::try_from(i128::from(min) + offset).unwrap_or(max)
}

fn open(card: &str) -> alsa::Result<Mixer> {
    let name = CString::new(card).map_err(|_| alsa::Error::new("attach", libc::EINVAL))?;
    let mut mixer = Mixer::open(true)?;
    mixer.attach(&name)?;
    Selem::register(&mut mixer)?;
    mixer.load()?;
    Ok(mixer)
}

fn set_volume(selem: &Selem<'_>, percent: u8) -> Result<(), ControlFailure> {
    let (plays, records) = (selem.has_playback_volume(), selem.has_capture_volume());
    if plays {
        let value = percent_of_range(percent, selem.get_playback_volume_range());
        selem.set_playback_volume_all(value).map_err(refused)?;
    }
    if records {
        let value = percent_of_range(percent, selem.get_capture_volume_range());
        selem.set_capture_volume_all(value).map_err(refused)?;
    }
    if plays || records { Ok(()) } else { Err(wrong_kind(selem, "a volume")) }
}

fn set_switch(selem: &Selem<'_>, on: bool) -> Result<(), ControlFailure> {
    let (plays, records) = (selem.has_playback_switch(), selem.has_capture_switch());
    if plays {
        selem.set_playback_switch_all(on.into()).map_err(refused)?;
    }
    if records {
        selem.set_capture_switch_all(on.into()).map_err(refused)?;
    }
    if plays || records { Ok(()) } else { Err(wrong_kind(selem, "a switch")) }
}

fn set_choice(selem: &Selem<'_>, word: &str) -> Result<(), ControlFailure> {
    if !selem.is_enumerated() {
        return Err(wrong_kind(selem, "a list of choices"));
    }
    let words = choices(selem)?;
    let Some(index) = words.iter().position(|one| one == word) else {
        let words = nearest_first(word, words);
        let reason = format!("has no choice {word:?}; choose one of {}", quoted(&words));
        return Err(ControlFailure::Refused(reason));
    };
    let index = index as u32;
    // The number of channels is unknown; those that do not exist return an error.
    for channel in SelemChannelId::all().iter().filter(|channel| **channel as i32 > 0) {
        let _ = selem.set_enum_item(*channel, index);
    }
    selem.set_enum_item(SelemChannelId::FrontLeft, index).map_err(refused)
}

pub(super) fn refused(error: alsa::Error) -> ControlFailure {
    let remedy = match error.errno().abs() {
        libc::EACCES | libc::EPERM => NO_PERMISSION,
        libc::ENODEV | libc::ENOENT => "the card was unplugged: plug it in again",
        libc::EBUSY => "another program has locked it: stop that program",
        _ => "see `dmesg` for the driver's messages",
    };
    ControlFailure::Refused(format!("cannot be set: {}; {remedy}", system(error)))
}

const NO_PERMISSION: &str =
    "add the user that runs mynah to the group audio (`sudo usermod -aG audio USER`, then log in again)";

/// Returns why the card's mixer cannot be opened, from what alsa-lib said.
fn not_opened(error: alsa::Error, messages: &str) -> String {
    if let Some(reason) = malformed_file(messages, Path::new("/")) {
        return format!("cannot be set: {reason}");
    }
    let said = messages.lines().next().map(|line| format!(" [{line}]")).unwrap_or_default();
    let remedy = match error.errno().abs() {
        libc::EACCES | libc::EPERM => NO_PERMISSION,
        libc::EMFILE | libc::ENFILE | libc::ENOMEM => "close other programs",
        _ => "use one that `cat /proc/asound/cards` lists, as \"hw:CARD=…\"",
    };
    format!("cannot be set: opening the card failed ({}){said}; {remedy}", system(error))
}

fn system(error: alsa::Error) -> std::io::Error {
    std::io::Error::from_raw_os_error(error.errno().abs())
}

/// Returns the message for a control of another kind, with the kinds that it has.
fn wrong_kind(selem: &Selem<'_>, wanted: &str) -> ControlFailure {
    let kinds = [
        (selem.has_volume(), "a volume (a percentage)"),
        (selem.has_playback_switch() || selem.has_capture_switch(), "a switch (on or off)"),
        (selem.is_enumerated(), "a list of choices"),
    ];
    let has: Vec<_> = kinds.iter().filter(|(has, _)| *has).map(|(_, kind)| *kind).collect();
    let has = if has.is_empty() { "nothing that can be set".to_owned() } else { has.join(" and ") };
    ControlFailure::Absent(format!("does not have {wanted}; set what it has instead: {has}"))
}

/// Control names listed in one message; a codec may have 60.
const NAMES_SHOWN: usize = 12;

fn not_found(mixer: &Mixer, card: &str, control: &str) -> String {
    let name = |selem: Selem<'_>| {
        let id = selem.get_id();
        let name = id.get_name().ok()?.to_owned();
        Some(if id.get_index() == 0 { name } else { format!("{name},{}", id.get_index()) })
    };
    let names: Vec<String> = mixer.iter().filter_map(Selem::new).filter_map(name).collect();
    let names = nearest_first(control, names);
    if names.is_empty() {
        return "does not exist: the card has no controls; remove it from the settings".to_owned();
    }
    let shown = quoted(&names[..names.len().min(NAMES_SHOWN)]);
    let more = match names.len().saturating_sub(NAMES_SHOWN) {
        0 => String::new(),
        more => format!(" or one of {more} more that `amixer -D {card} scontrols` lists"),
    };
    format!("does not exist; use one that the card has: {shown}{more}")
}

fn quoted(words: &[String]) -> String {
    let words: Vec<_> = words.iter().map(|word| format!("{word:?}")).collect();
    words.join(", ")
}

/// Sorts words by edit distance to `wanted`; equal distances keep their order.
fn nearest_first(wanted: &str, mut words: Vec<String>) -> Vec<String> {
    let wanted = wanted.to_lowercase();
    words.sort_by_cached_key(|word| strsim::levenshtein(&wanted, &word.to_lowercase()));
    words
}

/// Splits `Name,1` into name and index; a comma without a number after it belongs to the name.
fn split_index(name: &str) -> (&str, u32) {
    let indexed = name.rsplit_once(',').and_then(|(name, index)| Some((name, index.trim().parse().ok()?)));
    indexed.unwrap_or((name, 0))
}
