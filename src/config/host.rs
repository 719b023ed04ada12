//! What this machine says of itself: its model, the HAT on it, its sound cards.
//!
//! These are read from the kernel's files below `/proc` and never change after; nothing is opened but them.

use std::path::Path;

use crate::sys::alsa_proc::{CardInfo, read_cards};

/// What this machine says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostInfo {
    /// The device tree's model, e.g. `Raspberry Pi 4 Model B Rev 1.4`; a PC has none.
    pub model: Option<String>,
    /// The product that the HAT's memory names (`/proc/device-tree/hat/product`).
    pub hat: Option<String>,
    /// The sound cards, in the kernel's order.
    pub cards: Vec<CardInfo>,
}

impl HostInfo {
    /// Reads what the files below `root` say; on a machine that is running, that is `/`.
    ///
    /// What is not there is not said: a machine without a sound card has none.
    #[must_use]
    pub fn read(root: &Path) -> Self {
        let device_tree = |file: &str| {
            // The device tree ends its texts as C does.
            let text = std::fs::read_to_string(root.join("proc/device-tree").join(file)).unwrap_or_default();
            let text = text.trim_end_matches(['\0', '\n']);
            (!text.is_empty()).then(|| text.to_owned())
        };
        Self { model: device_tree("model"), hat: device_tree("hat/product"), cards: read_cards(root) }
    }

    /// Lists the ids of the cards, for a sentence.
    pub(super) fn card_ids(&self) -> String {
        match self.cards.as_slice() {
            [] => "there is no sound card".to_owned(),
            [card] => format!("the card here is {}", card.id),
            cards => {
                let ids: Vec<_> = cards.iter().map(|card| card.id.as_str()).collect();
                format!("the cards here are {}", ids.join(", "))
            }
        }
    }
}
