//! Types that several rooms share: the microphone mode, settings of the service's session, the session's
//! time, and the counters of the audio threads.
//!
//! It holds plain values. It reads no clock, knows no device and decides nothing.

mod choice;
mod counter_snapshot;
mod dialect;
mod echo_cancellation;
mod id;
mod mode;
pub(crate) mod nanos;
mod noise_reduction;
mod reply_options;
mod talk_evidence;
mod time;
mod transcription;
mod turn_detection;
mod voice;

pub use choice::Choice;
pub use counter_snapshot::CounterSnapshot;
pub use dialect::Dialect;
pub use echo_cancellation::EchoCancellation;
pub use id::Id;
pub use mode::Mode;
pub use noise_reduction::NoiseReduction;
pub use reply_options::{InterimKind, InterimResponse, ReplyOptions, TokenCap};
pub use talk_evidence::TalkEvidence;
pub use time::Time;
pub use transcription::TranscriptionOptions;
pub use turn_detection::{EndOfUtterance, TurnDetection, TurnOptions};
pub use voice::{Voice, VoiceOptions};
