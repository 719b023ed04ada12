//! Linux interfaces that several modules share: eventfd, timerfd and text files below `/proc`.
//!
//! It opens no device, decides nothing and knows none of the modules that use it.

pub mod alsa_proc;
mod eventfd;
pub mod proc;
mod timerfd;

pub use eventfd::EventFd;
pub use timerfd::TimerFd;
