//! Which names ALSA may be given, and by whom.
//!
//! A name of ALSA is an expression: `tee:null,'|sh',raw` runs a program, and `file:x,raw` writes a file. A board file
//! may come from a stranger, so it names devices only. It opens none.

use super::CARD;

/// The devices that a board file may name: a card as it is, with conversions, or as the machine's configuration has it.
const DEVICES: [&str; 4] = ["hw", "plughw", "sysdefault", "default"];
/// The names of what follows; a value may be without its name.
const PARTS: [&str; 3] = ["CARD", "DEV", "SUBDEV"];

/// What is wrong with a name in a file that may be a stranger's.
pub(in crate::config) const REFUSAL: &str = "names no device: a board file, and a file of the working folder, may name \
     hw, plughw, sysdefault or default only, with CARD=, DEV= and SUBDEV= or their values, since other names of ALSA can \
     run programs and write files; if you trust this one, set it with --microphone and --speaker";

/// What a name of the user's can do, for a warning.
pub(in crate::config) const WARNING: &str = "is an expression of ALSA, which can run programs and write files as \
     mynah's user; make sure that you know what it does";

/// Returns whether `name` is a device of a card, and can do no more than open it. It may contain `{card}`.
pub(in crate::config) fn is_device(name: &str) -> bool {
    let name = name.replace(CARD, "card");
    let (device, parts) =
        name.split_once(':').map_or((&*name, None), |(device, parts)| (device, Some(parts)));
    DEVICES.contains(&device)
        && parts.is_none_or(|parts| parts.split(',').count() <= PARTS.len() && parts.split(',').all(is_part))
}

/// Returns whether `name` is a device, or a bare name that only the machine's own configuration can give a meaning.
pub(in crate::config) fn is_harmless(name: &str) -> bool {
    is_device(name) || is_word(name)
}

/// Returns whether `part` is the id or number of a card, device or subdevice, with its name or without.
fn is_part(part: &str) -> bool {
    let value =
        part.split_once('=').map_or(Some(part), |(name, value)| PARTS.contains(&name).then_some(value));
    value.is_some_and(is_word)
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}
