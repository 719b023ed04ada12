//! One epoll descriptor for all inputs (epoll(7)), so that the session polls a single one.
//!
//! It reports which inputs are readable and reads none of them.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::time::Timespec;

/// The kind of input that a descriptor belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InputSource {
    Terminal,
    /// Any button: all buttons are read together.
    Button,
    /// The terminal has another size.
    Resize,
}

/// The kinds of input that are readable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ReadyInputs {
    pub(crate) terminal: bool,
    pub(crate) buttons: bool,
    pub(crate) resize: bool,
}

/// An epoll instance.
pub(crate) struct InputPoll(OwnedFd);

/// Events fetched at a time; epoll returns the others in the next call.
const EVENTS_MAX: usize = 16;

impl InputPoll {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(epoll::create(CreateFlags::CLOEXEC)?))
    }

    /// Adds `fd` until it is closed or [removed](Self::remove). Returns false if it cannot be polled: a
    /// regular file is always readable.
    pub(crate) fn add(&self, fd: impl AsFd, source: InputSource) -> io::Result<bool> {
        let data = EventData::new_u64(source as u64);
        match epoll::add(&self.0, fd, data, EventFlags::IN) {
            Ok(()) => Ok(true),
            Err(Errno::PERM) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes `fd`, for a descriptor that stays open elsewhere.
    pub(crate) fn remove(&self, fd: impl AsFd) {
        // Fails if `fd` was never added.
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
                } else if data.u64() == InputSource::Resize as u64 {
                    readable.resize = true;
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
