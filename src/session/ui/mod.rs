//! What the user does and sees: button events into the conversation, and the light that follows from it.

pub(super) mod inputs;
pub(super) mod light;
