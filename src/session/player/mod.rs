//! Sound between the lanes and the link: microphone frames to the service, reply audio to the speaker, earcons,
//! and the receipts that say what was heard.
//!
//! It decides nothing: what may be sent or heard is the conversation's to say.

pub(super) mod downlink;
pub(super) mod earcon;
pub(super) mod receipts;
pub(super) mod reply_queue;
pub(super) mod uplink;
