//! Facts about this machine, by which a board is detected: model, HAT and sound cards.
//!
//! They are read once from files below `/proc`. It opens no device.

use std::path::Path;

use crate::sys::alsa_proc::{CardInfo, read_cards};

/// The model, HAT and sound cards of a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostInfo {
    /// The device tree's model, such as `Raspberry Pi 4 Model B Rev 1.4`; a PC has none.
    pub model: Option<String>,
    /// The product name in the HAT's EEPROM (`/proc/device-tree/hat/product`).
    pub hat: Option<String>,
    /// The sound cards, in the kernel's order.
    pub cards: Vec<CardInfo>,
}

impl HostInfo {
    /// Reads the files below `root`, which is `/` except in tests. A missing file leaves its field empty.
    #[must_use]
    pub fn read(root: &Path) -> Self {
        let device_tree = |file: &str| {
            // Strings in the device tree end with NUL.
            let text = std::fs::read_to_string(root.join("proc/device-tree").join(file)).unwrap_or_default();
            let text = text.trim_end_matches(['\0', '\n']);
            (!text.is_empty()).then(|| text.to_owned())
        };
        Self { model: device_tree("model"), hat: device_tree("hat/product"), cards: read_cards(root) }
    }

    /// Returns the ids of the cards, for a message.
    pub(super) fn card_ids(&self) -> String {
        match self.cards.as_slice() {
            [] => "no sound card".to_owned(),
            [card] => format!("sound card {}", card.id),
            cards => {
                let ids: Vec<_> = cards.iter().map(|card| card.id.as_str()).collect();
                format!("sound cards {}", ids.join(", "))
            }
        }
    }
}
