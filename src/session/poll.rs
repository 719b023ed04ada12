//! The one poll(2) that the session waits in.
//!
//! It reports which sources are ready and reads none of them.

use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::time::Timespec;

use super::Session;

/// The fields of [`ReadySources`], the requests for a recording, and the standby link.
const SOURCES: usize = 7;

/// The sources that have something to handle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadySources {
    /// An audio thread has notified the session.
    pub audio: bool,
    /// A signal asks for an exit or for a recording, or a thread has panicked.
    pub signals: bool,
    /// An input device or the terminal is readable.
    pub board: bool,
    pub background: bool,
    /// The active or the standby link is readable, or writable with data waiting.
    pub link: bool,
}

impl Session {
    /// Waits until a source is ready or `timeout` has passed (`None`: no time limit), and returns the ready
    /// ones.
    #[must_use]
    pub fn wait(&self, timeout: Option<Duration>) -> ReadySources {
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        let mut fds = heapless::Vec::<PollFd<'_>, SOURCES>::new();
        let mut setters = heapless::Vec::<fn(&mut ReadySources), SOURCES>::new();
        let mut add = |fd, set| {
            let _ = fds.push(fd);
            let _ = setters.push(set);
        };
        add(PollFd::new(&self.shell.player, PollFlags::IN), |ready: &mut ReadySources| ready.audio = true);
        add(PollFd::new(&self.shell.signals, PollFlags::IN), |ready: &mut ReadySources| ready.signals = true);
        if let Some(requests) = self.shell.report.recorder.requests() {
            add(PollFd::new(requests, PollFlags::IN), |ready: &mut ReadySources| ready.signals = true);
        }
        if let Some(fd) = self.shell.ui.fd() {
            add(PollFd::from_borrowed_fd(fd, PollFlags::IN), |ready: &mut ReadySources| ready.board = true);
        }
        let wake_fd = self.shell.background.wake_fd();
        add(PollFd::from_borrowed_fd(wake_fd, PollFlags::IN), |ready: &mut ReadySources| {
            ready.background = true
        });
        for (fd, interest) in self.shell.links.fds() {
            add(PollFd::from_borrowed_fd(fd, interest), |ready: &mut ReadySources| ready.link = true);
        }
        // An interruption by a signal counts as a timeout: the next turn checks everything.
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
