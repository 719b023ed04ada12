//! How a sound thread waits for its device: for the bell, for two timers, and for the kernel to make or
//! change a node in the folder of sound devices.
//!
//! Where that folder cannot be watched the timers are enough. It opens no device.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::inotify;

use crate::audio::error::AudioError;
use crate::audio::rt::reconnect::WakeReason;
use crate::sys::{EventFd, TimerFd};

/// Where the kernel makes the nodes of sound cards.
const DEVICE_FOLDER: &str = "/dev/snd";

pub(in crate::audio) struct HotplugWatch {
    next_try: TimerFd,
    limit: TimerFd,
    inotify_fd: Option<OwnedFd>,
    /// Whether nodes were made since it was last asked.
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
        // The folder goes with its last node and comes back as another.
        self.watch_folder();
        self.next_try.set(after);
    }

    pub(in crate::audio) fn wait(&mut self, wake: &EventFd) -> WakeReason {
        let inotify_fd = self.inotify_fd.as_ref().map_or(self.limit.as_fd(), AsFd::as_fd);
        let mut fds = [
            PollFd::new(wake, PollFlags::IN),
            PollFd::new(&self.limit, PollFlags::IN),
            PollFd::new(&self.next_try, PollFlags::IN),
            PollFd::from_borrowed_fd(inotify_fd, PollFlags::IN),
        ];
        // An interrupted wait is an early look.
        let _ = poll(&mut fds, None);
        let ready = |index: usize| !fds[index].revents().is_empty();
        let reason = match (ready(0), ready(1), ready(2), ready(3)) {
            (false, true, _, _) => WakeReason::Over,
            (false, false, true, _) => WakeReason::Due,
            (false, false, false, true) => WakeReason::DevicesChanged,
            (true, _, _, _) | (false, false, false, false) => WakeReason::Notified,
        };
        match reason {
            WakeReason::Notified => {
                wake.drain();
            }
            WakeReason::Over => {
                self.limit.drain();
            }
            WakeReason::Due => {
                self.next_try.drain();
            }
            WakeReason::DevicesChanged => self.read_changes(),
        }
        reason
    }

    /// Tells whether nodes were made or changed since it was last asked, as they are for a card that was put back.
    pub(in crate::audio) fn take_changed(&mut self) -> bool {
        self.read_changes();
        std::mem::take(&mut self.changed)
    }

    fn watch_folder(&self) {
        if let Some(inotify_fd) = &self.inotify_fd {
            // The kernel makes a node, and then udev gives it to its group.
            let flags = inotify::WatchFlags::CREATE | inotify::WatchFlags::ATTRIB;
            // Without the folder there is no card to wait for but by trying.
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
