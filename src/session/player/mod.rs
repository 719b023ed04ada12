//! Moves audio between lanes and link: microphone frames to the service, reply audio and earcons to the
//! speaker. Reports what was played.
//!
//! It decides nothing: the conversation decides what is sent and what is played.

pub(super) mod downlink;
pub(super) mod earcon;
pub(super) mod receipts;
pub(super) mod reply_queue;
pub(super) mod uplink;
