//! An eventfd that wakes the poll of another thread.
//!
//! It carries no news; whoever is woken looks. Ringing is one system call that never waits.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

use super::trouble::AudioError;

/// What wakes a thread that waits.
pub struct Doorbell {
    fd: OwnedFd,
}

impl Doorbell {
    pub(super) fn new() -> Result<Doorbell, AudioError> {
        let fd = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)
            .map_err(|errno| AudioError::System { what: "an eventfd", errno: errno.raw_os_error() })?;
        Ok(Doorbell { fd })
    }

    pub(super) fn ring(&self) {
        // The only failure is a counter that is full, and then the bell is rung already.
        let _ = rustix::io::write(&self.fd, &1u64.to_ne_bytes());
    }

    /// Silences the bell and tells whether it was rung.
    pub fn take(&self) -> bool {
        rustix::io::read(&self.fd, &mut [0u8; 8]).is_ok()
    }

    pub(super) fn clear(&self) {
        self.take();
    }

    /// Waits until the bell is rung, clears it and returns true; false when `timeout_ms` pass without.
    pub(super) fn wait(&self, timeout_ms: Option<u32>) -> bool {
        let timeout = timeout_ms
            .map(|ms| Timespec { tv_sec: i64::from(ms / 1000), tv_nsec: i64::from(ms % 1000) * 1_000_000 });
        let mut fds = [PollFd::new(&self.fd, PollFlags::IN)];
        let rung = poll(&mut fds, timeout.as_ref()).is_ok_and(|ready| ready > 0);
        self.clear();
        rung
    }
}

impl AsFd for Doorbell {
    /// Returns the descriptor that is readable once the bell is rung.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
