//! The reference: what the speaker played at the instant at which each frame was captured.
//!
//! The playback step publishes what it wrote to the device, with its positions, and the timestamps of the device in a
//! ring ([`ring`]). The capture step observes the timestamps of its own device, maps a captured frame to the position
//! that was played at the same instant ([`clock_map`], [`delay_locked_loop`]), and reads the samples there, between two
//! of them if need be ([`interpolator`], [`aligned`]). Only the reference follows the other clock: neither the
//! microphone nor the speaker is resampled for it.
//!
//! It knows no device and reads no clock; it neither waits, blocks nor allocates after construction.

pub(in crate::audio) mod aligned;
pub(in crate::audio) mod clock_map;
pub(in crate::audio) mod delay_locked_loop;
pub(in crate::audio) mod interpolator;
pub(in crate::audio) mod ring;
