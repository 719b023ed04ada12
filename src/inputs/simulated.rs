//! Simulated buttons: a channel that delivers edges as a GPIO line or a key would.
//!
//! It does no debouncing and knows no gestures.

use std::sync::mpsc::SyncSender;

use crate::model::Time;

/// Presses the buttons of a simulated board.
#[derive(Clone, Debug)]
pub struct SimulatedButtons(pub(crate) SyncSender<ButtonEdge>);

/// Capacity of the channel, in edges. If it is full, new edges are dropped.
pub(crate) const EDGES_MAX: usize = 64;

/// An edge of a button: pressed or released.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ButtonEdge {
    pub(crate) button: usize,
    pub(crate) down: bool,
    pub(crate) at: Time,
}

impl SimulatedButtons {
    /// Sends an edge of the button with this index into the configuration.
    pub fn edge(&self, button: usize, down: bool, at: Time) {
        // Dropped if the board no longer exists.
        let _ = self.0.try_send(ButtonEdge { button, down, at });
    }
}
