//! The processing between a device and a lane: conversion, level, fades and the playback position.
//!
//! It handles samples and frame counts only: it knows no device, no thread and no ALSA, and allocates nothing
//! after construction.

pub(in crate::audio) mod capture_chain;
pub(in crate::audio) mod device_queue;
pub(in crate::audio) mod fades;
pub(in crate::audio) mod loudness;
pub(in crate::audio) mod playback_chain;
pub(in crate::audio) mod position;
