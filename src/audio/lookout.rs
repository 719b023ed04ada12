//! How a sound thread waits for its device: for the bell, for two timers, and for the kernel to make or
//! change a node in the folder of sound devices.
//!
//! Where that folder cannot be watched the timers are enough. It opens no device.

use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};

use super::away::Waited;
use super::trouble::AudioError;
use crate::sys::EventFd;

/// Where the kernel makes the nodes of sound cards.
const NODES: &str = "/dev/snd";

pub(super) struct Lookout {
    next_try: Alarm,
    limit: Alarm,
    nodes: Option<OwnedFd>,
    /// Whether nodes were made since it was last asked.
    changed: bool,
}

impl Lookout {
    pub(super) fn new() -> Result<Lookout, AudioError> {
        let nodes = inotify::init(inotify::CreateFlags::NONBLOCK | inotify::CreateFlags::CLOEXEC).ok();
        let lookout = Lookout { next_try: Alarm::new()?, limit: Alarm::new()?, nodes, changed: false };
        lookout.watch();
        Ok(lookout)
    }

    pub(super) fn set_limit(&mut self, limit: Option<Duration>) {
        self.limit.set(limit);
    }

    pub(super) fn set_next_try(&mut self, after: Option<Duration>) {
        // The folder goes with its last node and comes back as another.
        self.watch();
        self.next_try.set(after);
    }

    pub(super) fn wait(&mut self, bell: &EventFd) -> Waited {
        let mut fds = [
            PollFd::new(bell, PollFlags::IN),
            PollFd::new(&self.limit.timer, PollFlags::IN),
            PollFd::new(&self.next_try.timer, PollFlags::IN),
            PollFd::new(self.nodes.as_ref().unwrap_or(&self.limit.timer), PollFlags::IN),
        ];
        // An interrupted wait is an early look.
        let _ = poll(&mut fds, None);
        let ready = |index: usize| !fds[index].revents().is_empty();
        let waited = match (ready(0), ready(1), ready(2), ready(3)) {
            (false, true, _, _) => Waited::Over,
            (false, false, true, _) => Waited::Due,
            (false, false, false, true) => Waited::Changed,
            (true, _, _, _) | (false, false, false, false) => Waited::Rung,
        };
        match waited {
            Waited::Rung => {
                bell.drain();
            }
            Waited::Over => self.limit.clear(),
            Waited::Due => self.next_try.clear(),
            Waited::Changed => self.note_changes(),
        }
        waited
    }

    /// Tells whether nodes were made or changed since it was last asked, as they are for a card that was put back.
    pub(super) fn take_changed(&mut self) -> bool {
        self.note_changes();
        std::mem::take(&mut self.changed)
    }

    fn watch(&self) {
        if let Some(nodes) = &self.nodes {
            // The kernel makes a node, and then udev gives it to its group.
            let made = inotify::WatchFlags::CREATE | inotify::WatchFlags::ATTRIB;
            // Without the folder there is no card to wait for but by trying.
            let _ = inotify::add_watch(nodes, NODES, made);
        }
    }

    fn note_changes(&mut self) {
        let mut events = [0; 1024];
        while let Some(nodes) = &self.nodes
            && rustix::io::read(nodes, &mut events).is_ok_and(|read| read > 0)
        {
            self.changed = true;
        }
    }
}

/// A timer that goes off once.
struct Alarm {
    timer: OwnedFd,
}

impl Alarm {
    fn new() -> Result<Alarm, AudioError> {
        timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)
            .map(|timer| Alarm { timer })
            .map_err(|errno| AudioError::System { what: "a timer", errno: errno.raw_os_error() })
    }

    fn set(&self, after: Option<Duration>) {
        // Nought would switch it off.
        let after = after.map_or(Duration::ZERO, |after| after.max(Duration::from_nanos(1)));
        let never = Timespec { tv_sec: 0, tv_nsec: 0 };
        let after = Timespec::try_from(after).unwrap_or(Timespec { tv_sec: i64::from(i32::MAX), tv_nsec: 0 });
        // It fails for no time that fits.
        let _ = timerfd_settime(
            &self.timer,
            TimerfdTimerFlags::empty(),
            &Itimerspec { it_interval: never, it_value: after },
        );
    }

    fn clear(&self) {
        // It fails when it has not gone off.
        let _ = rustix::io::read(&self.timer, &mut [0u8; 8]);
    }
}
