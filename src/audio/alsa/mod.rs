//! Sound cards through ALSA: opening by name, hw_params, poll descriptors, reads and writes, xrun recovery,
//! hot-plug and mixer controls.
//!
//! Only this module calls alsa-lib. It decides nothing about what is captured or played.

pub(in crate::audio) mod asoundrc;
pub(in crate::audio) mod cut_mode;
mod definition;
pub(in crate::audio) mod device;
pub(in crate::audio) mod hotplug;
pub(in crate::audio) mod hw_params;
pub(in crate::audio) mod late_controls;
pub(in crate::audio) mod listing;
pub(in crate::audio) mod mixer;
pub(in crate::audio) mod mixer_state;
pub(in crate::audio) mod open_error;
mod output;
mod pair;
pub(in crate::audio) mod pcm;
pub(in crate::audio) mod poll;
mod raw_pcm;
mod timestamp;
