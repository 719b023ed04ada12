//! The sound threads: how they are started, told to stop, waited for, and heard of when they end.
//!
//! A thread that ends early leaves the reason; it is never started again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{Builder, JoinHandle};

use super::doorbell::Doorbell;
use super::realtime::STACK_BYTES;
use super::trouble::AudioError;

/// How long the threads may take to end, all together, in milliseconds; a device may hang, the process must not.
const END_TIMEOUT_MS: u32 = 700;

pub(super) struct Crew {
    stop: Arc<AtomicBool>,
    failure: Arc<OnceLock<AudioError>>,
    wake: Arc<Doorbell>,
    hands: Vec<Hand>,
}

struct Hand {
    thread: JoinHandle<()>,
    bell: Arc<Doorbell>,
    ended: Arc<Doorbell>,
}

impl Crew {
    pub(super) fn new(wake: Arc<Doorbell>) -> Crew {
        Crew { stop: Arc::default(), failure: Arc::default(), wake, hands: Vec::new() }
    }

    pub(super) fn failure(&self) -> Option<AudioError> {
        self.failure.get().cloned()
    }

    /// Makes what a thread, or whoever plays its part, is given.
    pub(super) fn post(&self, bell: Arc<Doorbell>) -> Post {
        Post { bell, wake: Arc::clone(&self.wake), stop: Arc::clone(&self.stop) }
    }

    /// Starts a thread; whoever rings `bell` wakes it.
    pub(super) fn start(
        &mut self,
        name: &'static str,
        bell: Arc<Doorbell>,
        work: impl FnOnce(&Post) -> Result<(), AudioError> + Send + 'static,
    ) -> Result<(), AudioError> {
        let ended = Arc::new(Doorbell::new()?);
        let post = self.post(Arc::clone(&bell));
        let leaving = Leaving { ended: Arc::clone(&ended), wake: Arc::clone(&self.wake) };
        let failure = Arc::clone(&self.failure);
        let thread = Builder::new().name(name.to_owned()).stack_size(STACK_BYTES).spawn(move || {
            let _leaving = leaving;
            if let Err(error) = work(&post) {
                // The first reason stands; the second is most often its consequence.
                let _ = failure.set(error);
            }
        });
        let thread = thread.map_err(|error| AudioError::System {
            what: "a thread",
            errno: error.raw_os_error().unwrap_or(libc::EAGAIN),
        })?;
        self.hands.push(Hand { thread, bell, ended });
        Ok(())
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        for hand in &self.hands {
            hand.bell.ring();
        }
        let mut left_ms = END_TIMEOUT_MS;
        for hand in self.hands.drain(..) {
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

/// What a thread is given: what wakes it, whom it wakes, and when it is over.
#[derive(Clone)]
pub(super) struct Post {
    pub(super) bell: Arc<Doorbell>,
    pub(super) wake: Arc<Doorbell>,
    stop: Arc<AtomicBool>,
}

impl Post {
    pub(super) fn is_over(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }
}

/// Tells, however a thread ends, that it has.
struct Leaving {
    ended: Arc<Doorbell>,
    wake: Arc<Doorbell>,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.ended.ring();
        self.wake.ring();
    }
}
