//! The few types that several rooms share, each defined once: when the microphone is live, and what the service's
//! session is asked to be.
//!
//! It holds plain values. It reads no clock, knows no device and decides nothing.

mod echo_cancellation;
mod id;
mod mode;
pub(crate) mod nanos;
mod noise_reduction;
mod turn_detection;
mod voice;

pub use echo_cancellation::EchoCancellation;
pub use id::Id;
pub use mode::Mode;
pub use noise_reduction::NoiseReduction;
pub use turn_detection::TurnDetection;
pub use voice::Voice;
