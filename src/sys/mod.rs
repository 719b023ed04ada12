//! Linux interfaces that several modules share: eventfd, timerfd, the boot clock, text files below `/proc`, and files
//! that only their owner may read.
//!
//! It opens no device, decides nothing and knows none of the modules that use it.

pub mod alsa_proc;
mod boot_clock;
mod eventfd;
mod private_file;
pub mod proc;
mod timerfd;

pub use boot_clock::since_boot;
pub use eventfd::EventFd;
pub use private_file::{create_private_file, replace_private_file};
pub use timerfd::TimerFd;
