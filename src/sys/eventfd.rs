//! An eventfd (eventfd(2)): one thread notifies, another polls for it together with its other descriptors.
//!
//! It carries no data; the woken thread reads the shared state itself.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

/// Wakes a thread that polls it. A notification is one system call that never blocks.
#[derive(Debug)]
pub struct EventFd {
    fd: OwnedFd,
}

impl EventFd {
    /// Creates an eventfd without a pending notification.
    ///
    /// # Errors
    /// Returns the system's error, such as that no file descriptor is left.
    pub fn new() -> io::Result<Self> {
        Ok(Self { fd: eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)? })
    }

    /// Makes the descriptor readable until it is drained.
    pub fn notify(&self) {
        // It fails only when the counter is full, and then the descriptor is readable already.
        let _ = rustix::io::write(&self.fd, &1u64.to_ne_bytes());
    }

    /// Clears all pending notifications and returns whether there was one.
    pub fn drain(&self) -> bool {
        rustix::io::read(&self.fd, &mut [0u8; 8]).is_ok()
    }

    /// Waits for a notification, drains it and returns true; returns false if `timeout_ms` pass first. `None`
    /// waits without limit.
    pub fn wait(&self, timeout_ms: Option<u32>) -> bool {
        let timeout = timeout_ms
            .map(|ms| Timespec { tv_sec: i64::from(ms / 1000), tv_nsec: i64::from(ms % 1000) * 1_000_000 });
        let mut fds = [PollFd::new(&self.fd, PollFlags::IN)];
        let notified = poll(&mut fds, timeout.as_ref()).is_ok_and(|ready| ready > 0);
        self.drain();
        notified
    }
}

impl AsFd for EventFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
