//! The two real-time threads: the steps that move frames between a device and a lane, the loops that run the
//! steps, and how a thread starts, gets its priority and ends.
//!
//! Everything here uses the device traits of [`capture`], [`playback`] and [`device`], so that a sound card,
//! a WAV file or a simulation can implement them. It knows no ALSA, no policy and no clock, and the steps
//! allocate nothing.

pub(in crate::audio) mod capture;
pub(in crate::audio) mod counters;
pub(in crate::audio) mod device;
pub(in crate::audio) mod loops;
pub(in crate::audio) mod output_gain;
pub(in crate::audio) mod playback;
pub(in crate::audio) mod playback_device;
pub(in crate::audio) mod privileges;
pub(in crate::audio) mod reconnect;
pub(in crate::audio) mod reference;
pub(in crate::audio) mod threads;
