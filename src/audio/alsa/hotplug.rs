//! Hot-plug watch: how an audio thread waits for its device. It waits for the session's eventfd, two timers,
//! and inotify events on `/dev/snd` (inotify(7)).
//!
//! Without inotify the timers still retry. It opens no device.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::inotify;

use crate::audio::error::AudioError;
use crate::audio::rt::device::Woken;
use crate::sys::{EventFd, TimerFd};

/// The kernel creates the device nodes of sound cards here.
const DEVICE_FOLDER: &str = "/dev/snd";

pub(in crate::audio) struct HotplugWatch {
    next_try: TimerFd,
    limit: TimerFd,
    inotify_fd: Option<OwnedFd>,
    /// Whether nodes were created or changed since [`take_changed`](Self::take_changed) was last called.
    changed: bool,
}

impl HotplugWatch {
    pub(in crate::audio) fn new() -> Result<HotplugWatch, AudioError> {
        let inotify_fd = inotify::init(inotify::CreateFlags::NONBLOCK | inotify::CreateFlags::CLOEXEC).ok();
        let timer = || TimerFd::new().map_err(|error| AudioError::system("a timer", &error));
        let hotplug = HotplugWatch { next_try: timer()?, limit: timer()?, inotify_fd, changed: false };
        hotplug.watch_folder();
        Ok(hotplug)
    }

    pub(in crate::audio) fn set_limit(&mut self, limit: Option<Duration>) {
        self.limit.set(limit);
    }

    pub(in crate::audio) fn set_next_try(&mut self, after: Option<Duration>) {
        // The folder disappears with its last node and is created again as a new inode.
        self.watch_folder();
        self.next_try.set(after);
    }

    pub(in crate::audio) fn wait(&mut self, wake: &EventFd) -> Woken {
        let inotify_fd = self.inotify_fd.as_ref().map_or(self.limit.as_fd(), AsFd::as_fd);
        let mut fds = [
            PollFd::new(wake, PollFlags::IN),
            PollFd::new(&self.limit, PollFlags::IN),
            PollFd::new(&self.next_try, PollFlags::IN),
            PollFd::from_borrowed_fd(inotify_fd, PollFlags::IN),
        ];
        // An interrupted poll counts as an early wake.
        let _ = poll(&mut fds, None);
        let ready = |index: usize| !fds[index].revents().is_empty();
        match (ready(0), ready(1), ready(2), ready(3)) {
            (false, true, _, _) => {
                self.limit.drain();
                Woken::GaveUp
            }
            (false, false, true, _) => {
                self.next_try.drain();
                Woken::RetryDue
            }
            (false, false, false, true) => {
                self.read_changes();
                Woken::DevicesChanged
            }
            (true, _, _, _) | (false, false, false, false) => {
                wake.drain();
                Woken::Notified
            }
        }
    }

    /// Returns whether nodes were created or changed since the last call, as they are for a replugged card.
    pub(in crate::audio) fn take_changed(&mut self) -> bool {
        self.read_changes();
        std::mem::take(&mut self.changed)
    }

    fn watch_folder(&self) {
        if let Some(inotify_fd) = &self.inotify_fd {
            // The kernel creates a node; udev then changes its group.
            let flags = inotify::WatchFlags::CREATE | inotify::WatchFlags::ATTRIB;
            // Without the folder only the timers retry.
            let _ = inotify::add_watch(inotify_fd, DEVICE_FOLDER, flags);
        }
    }

    fn read_changes(&mut self) {
        let mut events = [0; 1024];
        while let Some(inotify_fd) = &self.inotify_fd
            && rustix::io::read(inotify_fd, &mut events).is_ok_and(|read| read > 0)
        {
            self.changed = true;
        }
    }
}
