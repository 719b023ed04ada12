//! The sound threads: how they are started, told to stop, waited for, and heard of when they end.
//!
//! A thread that ends early leaves the reason; it is never started again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{Builder, JoinHandle};

use super::privileges::STACK_BYTES;
use crate::audio::error::AudioError;
use crate::sys::EventFd;

/// How long the threads may take to end, all together, in milliseconds; a device may hang, the process must not.
const END_TIMEOUT_MS: u32 = 700;

pub(in crate::audio) struct AudioThreads {
    stop: Arc<AtomicBool>,
    failure: Arc<OnceLock<AudioError>>,
    wake: Arc<EventFd>,
    threads: Vec<ThreadHandle>,
}

struct ThreadHandle {
    thread: JoinHandle<()>,
    bell: Arc<EventFd>,
    ended: Arc<EventFd>,
}

impl AudioThreads {
    pub(in crate::audio) fn new(wake: Arc<EventFd>) -> AudioThreads {
        AudioThreads { stop: Arc::default(), failure: Arc::default(), wake, threads: Vec::new() }
    }

    pub(in crate::audio) fn failure(&self) -> Option<AudioError> {
        self.failure.get().cloned()
    }

    /// Makes what a thread, or whoever plays its part, is given.
    pub(in crate::audio) fn context(&self, bell: Arc<EventFd>) -> ThreadContext {
        ThreadContext { bell, wake: Arc::clone(&self.wake), stop: Arc::clone(&self.stop) }
    }

    /// Starts a thread; whoever rings `bell` wakes it.
    pub(in crate::audio) fn start(
        &mut self,
        name: &'static str,
        bell: Arc<EventFd>,
        work: impl FnOnce(&ThreadContext) -> Result<(), AudioError> + Send + 'static,
    ) -> Result<(), AudioError> {
        let ended = new_eventfd()?;
        let post = self.context(Arc::clone(&bell));
        let leaving = ExitGuard { ended: Arc::clone(&ended), wake: Arc::clone(&self.wake) };
        let failure = Arc::clone(&self.failure);
        let thread = Builder::new().name(name.to_owned()).stack_size(STACK_BYTES).spawn(move || {
            let _leaving = leaving;
            if let Err(error) = work(&post) {
                // The first reason stands; the second is most often its consequence.
                let _ = failure.set(error);
            }
        });
        let thread = thread.map_err(|error| AudioError::system("a thread", &error))?;
        self.threads.push(ThreadHandle { thread, bell, ended });
        Ok(())
    }
}

impl Drop for AudioThreads {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        for hand in &self.threads {
            hand.bell.notify();
        }
        let mut left_ms = END_TIMEOUT_MS;
        for hand in self.threads.drain(..) {
            if hand.ended.wait(Some(left_ms)) {
                // A panic has been reported by its own thread.
                let _ = hand.thread.join();
            } else {
                // It has used up the time of those after it, too.
                left_ms = 0;
            }
        }
    }
}

/// Creates what wakes a thread.
pub(in crate::audio) fn new_eventfd() -> Result<Arc<EventFd>, AudioError> {
    EventFd::new().map(Arc::new).map_err(|error| AudioError::system("an eventfd", &error))
}

/// What a thread is given: what wakes it, whom it wakes, and when it is over.
#[derive(Clone)]
pub(in crate::audio) struct ThreadContext {
    pub(in crate::audio) bell: Arc<EventFd>,
    pub(in crate::audio) wake: Arc<EventFd>,
    stop: Arc<AtomicBool>,
}

impl ThreadContext {
    pub(in crate::audio) fn is_over(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }
}

/// Tells, however a thread ends, that it has.
struct ExitGuard {
    ended: Arc<EventFd>,
    wake: Arc<EventFd>,
}

impl Drop for ExitGuard {
    fn drop(&mut self) {
        self.ended.notify();
        self.wake.notify();
    }
}
