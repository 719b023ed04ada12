//! The one poll(2) that the session sleeps in.

use std::time::Instant;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::time::Timespec;

use super::Session;

/// As many as [`Ready`] has fields.
const SOURCES: usize = 5;

/// Who has something to say.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ready {
    pub(super) sound: bool,
    pub(super) signals: bool,
    pub(super) board: bool,
    pub(super) errands: bool,
    pub(super) link: bool,
}

impl Session {
    /// Sleeps until somebody has something to say, or until the next deadline.
    pub(super) fn wait(&self, now: Instant) -> Ready {
        let timeout = self
            .deadline(now)
            .map(|deadline| deadline.saturating_duration_since(now))
            .and_then(|timeout| Timespec::try_from(timeout).ok());
        let mut fds = heapless::Vec::<PollFd<'_>, SOURCES>::new();
        let mut marks = heapless::Vec::<fn(&mut Ready), SOURCES>::new();
        let mut add = |fd, mark| {
            let _ = fds.push(fd);
            let _ = marks.push(mark);
        };
        add(PollFd::new(&self.sound, PollFlags::IN), |ready: &mut Ready| ready.sound = true);
        add(PollFd::new(&self.signals, PollFlags::IN), |ready: &mut Ready| ready.signals = true);
        if let Some(fd) = self.board.fd() {
            add(PollFd::from_borrowed_fd(fd, PollFlags::IN), |ready: &mut Ready| ready.board = true);
        }
        let bell = self.errands.bell();
        add(PollFd::from_borrowed_fd(bell, PollFlags::IN), |ready: &mut Ready| ready.errands = true);
        if let Some((fd, interest)) = self.line.fd() {
            add(PollFd::from_borrowed_fd(fd, interest), |ready: &mut Ready| ready.link = true);
        }
        // Interrupted by a signal is as good as a time-out: everything is looked at again.
        let _ = poll(&mut fds, timeout.as_ref());
        let mut ready = Ready::default();
        for (fd, mark) in fds.iter().zip(marks) {
            if !fd.revents().is_empty() {
                mark(&mut ready);
            }
        }
        ready
    }
}
