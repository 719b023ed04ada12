//! One contact's edges without its bounces.
//!
//! The first edge counts at once, because the owner waits for it; what the contact does right after is its
//! bouncing. One that never comes to rest is no finger: it is ignored until it is quiet. What the edges
//! mean is not known here. Time is an argument.

use std::time::Duration;

use heapless::Deque;

use crate::model::Time;

/// Contacts of push buttons bounce for less than this, and no finger is quicker.
const BOUNCE: Duration = Duration::from_millis(10);
/// More edges than this within [`CHATTER_WINDOW`] are no finger: ten presses a second are a sprint.
const CHATTER_EDGES: usize = 20;
const CHATTER_WINDOW: Duration = Duration::from_secs(1);
/// A contact that chattered is believed again after being quiet for so long.
const QUIET: Duration = Duration::from_secs(1);

/// What a contact has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Debounced {
    /// It has closed, or opened.
    Edge(bool),
    /// It does not come to rest; until it is quiet it says nothing.
    Chatter,
    /// It is quiet again, and closed or open.
    Quiet(bool),
}

/// One contact being watched.
#[derive(Clone, Debug)]
pub(crate) struct Debouncer {
    /// Whether it is closed, bounces included.
    raw: bool,
    /// Whether it was closed when it last said so.
    reported: bool,
    /// Until then every edge is a bounce.
    bounces_until: Option<Time>,
    /// The last edge of one that chatters.
    chatters: Option<Time>,
    recent: Deque<Time, CHATTER_EDGES>,
}

impl Debouncer {
    /// Begins watching a contact that is closed or open now.
    pub(crate) fn new(closed: bool) -> Self {
        Self { raw: closed, reported: closed, bounces_until: None, chatters: None, recent: Deque::new() }
    }

    /// Takes in that it has closed or opened; [`expire`](Self::expire) must have been asked before.
    pub(crate) fn edge(&mut self, closed: bool, at: Time) -> Option<Debounced> {
        self.raw = closed;
        if let Some(last) = &mut self.chatters {
            *last = at;
            return None;
        }
        if self.bounces_until.is_some_and(|until| at < until) {
            return None;
        }
        self.settle(at)
    }

    /// Names the time at which it has something to say by itself.
    pub(crate) fn deadline(&self) -> Option<Time> {
        match self.chatters {
            Some(last) => Some(last + QUIET),
            None => self.bounces_until.filter(|_| self.raw != self.reported),
        }
    }

    /// Tells whether it does not come to rest.
    pub(crate) fn chatters(&self) -> bool {
        self.chatters.is_some()
    }

    /// Gives what became of it by the passing of time alone.
    pub(crate) fn expire(&mut self, now: Time) -> Option<Debounced> {
        let due = self.deadline().filter(|due| now >= *due)?;
        if self.chatters.take().is_none() {
            return self.settle(due);
        }
        self.reported = self.raw;
        Some(Debounced::Quiet(self.raw))
    }

    fn settle(&mut self, at: Time) -> Option<Debounced> {
        if self.raw == self.reported {
            return None;
        }
        self.reported = self.raw;
        self.bounces_until = Some(at + BOUNCE);
        let first = if self.recent.is_full() { self.recent.pop_front() } else { None };
        if first.is_some_and(|first| at - first < CHATTER_WINDOW) {
            self.recent.clear();
            self.chatters = Some(at);
            return Some(Debounced::Chatter);
        }
        let _ = self.recent.push_back(at);
        Some(Debounced::Edge(self.raw))
    }
}
