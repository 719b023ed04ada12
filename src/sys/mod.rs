//! What the Linux kernel gives every room alike: descriptors that wake a poll, and its text files below `/proc`.
//!
//! It opens no device, decides nothing and knows none of the rooms that use it.

pub mod alsa_proc;
mod eventfd;
pub mod proc;
mod timerfd;

pub use eventfd::EventFd;
pub use timerfd::TimerFd;
