//! The audio threads: how they are started, stopped, joined, and how the session learns that one has ended.
//!
//! A thread that ends with an error stores it; it is never restarted.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{Builder, JoinHandle};

use super::privileges::STACK_BYTES;
use crate::audio::error::AudioError;
use crate::sys::EventFd;

/// Time for all threads to end, in milliseconds: a driver may hang, but the process must exit. The driver of one board
/// (da7213) sleeps for a second whenever its playback stream is prepared.
const END_TIMEOUT_MS: u32 = 1500;

pub(in crate::audio) struct AudioThreads {
    stop: Arc<AtomicBool>,
    failure: Arc<OnceLock<AudioError>>,
    session_wake: Arc<EventFd>,
    threads: Vec<ThreadHandle>,
}

struct ThreadHandle {
    handle: JoinHandle<()>,
    thread_wake: Arc<EventFd>,
    ended: Arc<EventFd>,
}

impl AudioThreads {
    pub(in crate::audio) fn new(session_wake: Arc<EventFd>) -> AudioThreads {
        AudioThreads { stop: Arc::default(), failure: Arc::default(), session_wake, threads: Vec::new() }
    }

    pub(in crate::audio) fn failure(&self) -> Option<AudioError> {
        self.failure.get().cloned()
    }

    /// Creates the context of a thread, or of a loop that the caller runs.
    pub(in crate::audio) fn context(&self, thread_wake: Arc<EventFd>) -> ThreadContext {
        ThreadContext {
            thread_wake,
            session_wake: Arc::clone(&self.session_wake),
            stop: Arc::clone(&self.stop),
        }
    }

    /// Starts a thread; notifying `thread_wake` wakes it.
    pub(in crate::audio) fn start(
        &mut self,
        name: &'static str,
        thread_wake: Arc<EventFd>,
        work: impl FnOnce(&ThreadContext) -> Result<(), AudioError> + Send + 'static,
    ) -> Result<(), AudioError> {
        let ended = new_eventfd()?;
        let context = self.context(Arc::clone(&thread_wake));
        let exit_guard =
            ExitGuard { ended: Arc::clone(&ended), session_wake: Arc::clone(&self.session_wake) };
        let failure = Arc::clone(&self.failure);
        let spawned = Builder::new().name(name.to_owned()).stack_size(STACK_BYTES).spawn(move || {
            let _exit_guard = exit_guard;
            if let Err(error) = work(&context) {
                // Only the first error is kept, since the second is usually its consequence.
                let _ = failure.set(error);
            }
        });
        let handle = spawned.map_err(|error| AudioError::system("a thread", &error))?;
        self.threads.push(ThreadHandle { handle, thread_wake, ended });
        Ok(())
    }
}

impl Drop for AudioThreads {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        for thread in &self.threads {
            thread.thread_wake.notify();
        }
        let mut remaining_ms = END_TIMEOUT_MS;
        for thread in self.threads.drain(..) {
            if thread.ended.wait(Some(remaining_ms)) {
                // The panic hook has reported a panic.
                let _ = thread.handle.join();
            } else {
                // No time is left for the remaining threads.
                remaining_ms = 0;
            }
        }
    }
}

/// Creates an eventfd that wakes a thread.
pub(in crate::audio) fn new_eventfd() -> Result<Arc<EventFd>, AudioError> {
    EventFd::new().map(Arc::new).map_err(|error| AudioError::system("an eventfd", &error))
}

/// The events that a thread waits for and signals.
#[derive(Clone)]
pub(in crate::audio) struct ThreadContext {
    pub(in crate::audio) thread_wake: Arc<EventFd>,
    pub(in crate::audio) session_wake: Arc<EventFd>,
    stop: Arc<AtomicBool>,
}

impl ThreadContext {
    pub(in crate::audio) fn is_over(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }
}

/// Signals the end of a thread, also when it panics.
struct ExitGuard {
    ended: Arc<EventFd>,
    session_wake: Arc<EventFd>,
}

impl Drop for ExitGuard {
    fn drop(&mut self) {
        self.ended.notify();
        self.session_wake.notify();
    }
}
