//! Debouncer for one contact.
//!
//! The first edge counts at once, because the user waits for it; edges within [`BOUNCE`] after it are
//! bounces. A contact that chatters is ignored until it is quiet. It does not know gestures. Time is an
//! argument.

use std::time::Duration;

use heapless::Deque;

use crate::model::Time;

/// Push buttons bounce for less than this, and no press is shorter.
const BOUNCE: Duration = Duration::from_millis(10);
/// More edges than this within [`CHATTER_WINDOW`] are chatter: no user presses ten times a second.
const CHATTER_EDGES: usize = 20;
const CHATTER_WINDOW: Duration = Duration::from_secs(1);
/// A chattering contact is accepted again after this time without edges.
const QUIET: Duration = Duration::from_secs(1);

/// A debounced change of a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Debounced {
    /// The contact has closed (true) or opened.
    Edge(bool),
    /// The contact chatters; it is ignored until it is quiet.
    Chatter,
    /// The contact is quiet again, closed (true) or open.
    Quiet(bool),
}

/// The state of one contact.
#[derive(Clone, Debug)]
pub(crate) struct Debouncer {
    /// The level before debouncing; true is closed.
    raw: bool,
    /// The level reported last.
    reported: bool,
    /// Edges before this time are bounces.
    bounces_until: Option<Time>,
    /// The time of the last edge while it chatters.
    chatters: Option<Time>,
    recent: Deque<Time, CHATTER_EDGES>,
}

impl Debouncer {
    /// Creates a debouncer with the contact's current level.
    pub(crate) fn new(closed: bool) -> Self {
        Self { raw: closed, reported: closed, bounces_until: None, chatters: None, recent: Deque::new() }
    }

    /// Handles an edge. The caller must have called [`expire`](Self::expire) for `at` before.
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

    /// Returns when to call [`expire`](Self::expire).
    pub(crate) fn deadline(&self) -> Option<Time> {
        match self.chatters {
            Some(last) => Some(last + QUIET),
            None => self.bounces_until.filter(|_| self.raw != self.reported),
        }
    }

    /// Returns whether the contact chatters.
    pub(crate) fn chatters(&self) -> bool {
        self.chatters.is_some()
    }

    /// Handles the timer if it is due at `now`.
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
