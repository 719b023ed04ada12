//! The one poll(2) that the session sleeps in.

use std::time::Instant;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::time::Timespec;

use super::Session;

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
        let mut fds = heapless::Vec::<(PollFd<'_>, fn(&mut Ready)), 5>::new();
        let mut add = |fd, each| {
            // Five places for five kinds of news.
            let _ = fds.push((fd, each));
        };
        add(PollFd::new(&self.sound, PollFlags::IN), |ready: &mut Ready| ready.sound = true);
        add(PollFd::new(&self.signals, PollFlags::IN), |ready: &mut Ready| ready.signals = true);
        if let Some(fd) = self.board.fd() {
            add(PollFd::from_borrowed_fd(fd, PollFlags::IN), |ready: &mut Ready| ready.board = true);
        }
        if let Some(fd) = self.line.bell() {
            add(PollFd::from_borrowed_fd(fd, PollFlags::IN), |ready: &mut Ready| ready.errands = true);
        }
        if let Some((fd, interest)) = self.line.fd() {
            add(PollFd::from_borrowed_fd(fd, interest), |ready: &mut Ready| ready.link = true);
        }
        let (mut polled, marks): (heapless::Vec<_, 5>, heapless::Vec<_, 5>) = split(fds);
        // Interrupted by a signal is as good as a time-out: everything is looked at again.
        let _ = poll(&mut polled, timeout.as_ref());
        let mut ready = Ready::default();
        for (fd, mark) in polled.iter().zip(marks) {
            if !fd.revents().is_empty() {
                mark(&mut ready);
            }
        }
        ready
    }
}

type Mark = fn(&mut Ready);

fn split<'a>(
    fds: heapless::Vec<(PollFd<'a>, Mark), 5>,
) -> (heapless::Vec<PollFd<'a>, 5>, heapless::Vec<Mark, 5>) {
    fds.into_iter().unzip()
}
