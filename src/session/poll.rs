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
    pub sound: bool,
    /// Somebody who wants the program to end, or a recording.
    pub signals: bool,
    pub board: bool,
    pub errands: bool,
    pub link: bool,
}

impl Session {
    /// Sleeps until somebody whom the kernel knows has something to say, or for so long; `None` is for ever.
    #[must_use]
    pub fn wait(&self, timeout: Option<Duration>) -> ReadySources {
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        let mut fds = heapless::Vec::<PollFd<'_>, SOURCES>::new();
        let mut marks = heapless::Vec::<fn(&mut ReadySources), SOURCES>::new();
        let mut add = |fd, mark| {
            let _ = fds.push(fd);
            let _ = marks.push(mark);
        };
        add(PollFd::new(&self.audio, PollFlags::IN), |ready: &mut ReadySources| ready.sound = true);
        add(PollFd::new(&self.signals, PollFlags::IN), |ready: &mut ReadySources| ready.signals = true);
        if let Some(asked) = self.recorder.asked() {
            add(PollFd::new(asked, PollFlags::IN), |ready: &mut ReadySources| ready.signals = true);
        }
        if let Some(fd) = self.board.fd() {
            add(PollFd::from_borrowed_fd(fd, PollFlags::IN), |ready: &mut ReadySources| ready.board = true);
        }
        let bell = self.background.wake_fd();
        add(PollFd::from_borrowed_fd(bell, PollFlags::IN), |ready: &mut ReadySources| ready.errands = true);
        for (fd, interest) in self.links.fds() {
            add(PollFd::from_borrowed_fd(fd, interest), |ready: &mut ReadySources| ready.link = true);
        }
        // Interrupted by a signal is as good as a time-out: everything is looked at again.
        let _ = poll(&mut fds, timeout.as_ref());
        let mut ready = ReadySources::default();
        for (fd, mark) in fds.iter().zip(marks) {
            if !fd.revents().is_empty() {
                mark(&mut ready);
            }
        }
        ready
    }
}
