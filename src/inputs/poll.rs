//! The one descriptor that stands for everything that can be touched (epoll), so that the session polls one.
//!
//! It says who is readable and reads nothing.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::time::Timespec;

/// Whom a descriptor belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InputSource {
    Terminal,
    /// Any of the buttons: they are never read by halves, so it does not matter which.
    Button,
}

/// Who is readable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ReadyInputs {
    pub(crate) terminal: bool,
    pub(crate) buttons: bool,
}

/// An epoll instance.
pub(crate) struct InputPoll(OwnedFd);

/// Descriptors asked for at a time; the others are named the next time.
const EVENTS_MAX: usize = 16;

impl InputPoll {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(epoll::create(CreateFlags::CLOEXEC)?))
    }

    /// Adds `fd`, which leaves by being closed or by [`remove`](Self::remove). Tells whether it can be waited
    /// for: a file cannot, because it is readable always.
    pub(crate) fn add(&self, fd: impl AsFd, source: InputSource) -> io::Result<bool> {
        let data = EventData::new_u64(source as u64);
        match epoll::add(&self.0, fd, data, EventFlags::IN) {
            Ok(()) => Ok(true),
            Err(Errno::PERM) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes `fd` out, for one that somebody else has open too.
    pub(crate) fn remove(&self, fd: impl AsFd) {
        // What is not in needs no taking out.
        let _ = epoll::delete(&self.0, fd);
    }

    pub(crate) fn readable(&self) -> ReadyInputs {
        let mut buffer = [MaybeUninit::<Event>::uninit(); EVENTS_MAX];
        let mut readable = ReadyInputs::default();
        let no_wait = Timespec { tv_sec: 0, tv_nsec: 0 };
        if let Ok((events, _)) = epoll::wait(&self.0, &mut buffer, Some(&no_wait)) {
            for event in events {
                let data = event.data;
                if data.u64() == InputSource::Terminal as u64 {
                    readable.terminal = true;
                } else {
                    readable.buttons = true;
                }
            }
        }
        readable
    }
}

impl AsFd for InputPoll {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
