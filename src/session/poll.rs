//! The one poll(2) that the session sleeps in.

use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::time::Timespec;

use super::Session;

/// As many as [`Ready`] has fields, a further kind of signal, and a second link.
const SOURCES: usize = 7;

/// Who has something to say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadySources {
    /// A sound thread.
    pub audio: bool,
    /// Somebody who wants the program to end, or a recording.
    pub signals: bool,
    pub board: bool,
    pub background: bool,
    pub link: bool,
}

impl Session {
    /// Sleeps until somebody whom the kernel knows has something to say, or for so long; `None` is for ever.
    #[must_use]
    pub fn wait(&self, timeout: Option<Duration>) -> ReadySources {
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        let mut fds = heapless::Vec::<PollFd<'_>, SOURCES>::new();
        let mut setters = heapless::Vec::<fn(&mut ReadySources), SOURCES>::new();
        let mut add = |fd, set| {
            let _ = fds.push(fd);
            let _ = setters.push(set);
        };
        add(PollFd::new(&self.audio, PollFlags::IN), |ready: &mut ReadySources| ready.audio = true);
        add(PollFd::new(&self.signals, PollFlags::IN), |ready: &mut ReadySources| ready.signals = true);
        if let Some(requests) = self.recorder.requests() {
            add(PollFd::new(requests, PollFlags::IN), |ready: &mut ReadySources| ready.signals = true);
        }
        if let Some(fd) = self.board.fd() {
            add(PollFd::from_borrowed_fd(fd, PollFlags::IN), |ready: &mut ReadySources| ready.board = true);
        }
        let wake_fd = self.background.wake_fd();
        add(PollFd::from_borrowed_fd(wake_fd, PollFlags::IN), |ready: &mut ReadySources| {
            ready.background = true
        });
        for (fd, interest) in self.links.fds() {
            add(PollFd::from_borrowed_fd(fd, interest), |ready: &mut ReadySources| ready.link = true);
        }
        // Interrupted by a signal is as good as a time-out: everything is looked at again.
        let _ = poll(&mut fds, timeout.as_ref());
        let mut ready = ReadySources::default();
        for (fd, set) in fds.iter().zip(setters) {
            if !fd.revents().is_empty() {
                set(&mut ready);
            }
        }
        ready
    }
}
