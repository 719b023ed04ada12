//! Detectors of audio faults: a stalled stream, a dead microphone, an echo that remains, xrun bursts, and a thread hung in
//! its driver.
//!
//! Each is a function of frames, counters and time. None opens a device or acts on its verdict.

pub(in crate::audio) mod dead_input;
pub(in crate::audio) mod hung_thread;
pub(in crate::audio) mod stall;
pub(in crate::audio) mod weak_cancellation;
pub(in crate::audio) mod xrun_burst;
