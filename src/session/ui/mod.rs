//! The user interface: passes input events to the conversation and sets the light from its state.
//!
//! It decides neither what a press means nor what a state looks like.

pub(super) mod inputs;
pub(super) mod light;
