//! Fingers on buttons that are wired to nothing, for a simulation: they make the edges that a line or a key would.
//!
//! They mean nothing by it.

use std::sync::mpsc::SyncSender;

use crate::model::Time;

/// Whoever touches the buttons of a board that was made by hand.
#[derive(Clone, Debug)]
pub struct SimulatedButtons(pub(crate) SyncSender<ButtonEdge>);

/// Edges that wait for the session to look. Beyond that the newest is not felt.
pub(crate) const EDGES_MAX: usize = 64;

/// A button that went down or came up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ButtonEdge {
    pub(crate) button: usize,
    pub(crate) down: bool,
    pub(crate) at: Time,
}

impl SimulatedButtons {
    /// Has the button of this number, in the order of the body, go down or come up, bounces and all.
    pub fn edge(&self, button: usize, down: bool, at: Time) {
        // A board that is gone feels nothing.
        let _ = self.0.try_send(ButtonEdge { button, down, at });
    }
}
