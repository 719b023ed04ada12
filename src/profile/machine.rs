//! What this machine says of itself: its model, the HAT on it, its sound cards.
//!
//! These are read from the kernel's files below `/proc` and never change after; nothing is opened but them.

use std::path::Path;

/// What this machine says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// The device tree's model, e.g. `Raspberry Pi 4 Model B Rev 1.4`; a PC has none.
    pub model: Option<String>,
    /// The product that the HAT's memory names (`/proc/device-tree/hat/product`).
    pub hat: Option<String>,
    /// The sound cards, in the kernel's order.
    pub cards: Vec<Card>,
}

/// One sound card.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Card {
    /// Its number, which may be another after the next start.
    pub number: u32,
    /// Its id, by which ALSA names it: `hw:CARD=id`.
    pub id: String,
    /// Its driver, e.g. `USB-Audio`.
    pub driver: String,
    /// Its names, the short one and the long one.
    pub names: [String; 2],
    /// Its devices.
    pub pcms: Vec<Pcm>,
}

/// One device of a card.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pcm {
    /// Its name, which names the codec, e.g. `bcm2835-i2s-wm8960-hifi wm8960-hifi-0`.
    pub name: String,
    /// Whether it plays.
    pub plays: bool,
    /// Whether it records.
    pub records: bool,
}

impl Machine {
    /// Reads what the files below `root` say; on a machine that is running, that is `/`.
    ///
    /// What is not there is not said: a machine without a sound card has none.
    #[must_use]
    pub fn read(root: &Path) -> Self {
        let proc = root.join("proc");
        let text = |file: &str| std::fs::read_to_string(proc.join(file)).unwrap_or_default();
        let tree = |file: &str| {
            // The device tree ends its texts as C does.
            let text = text(file);
            let text = text.trim_end_matches(['\0', '\n']);
            (!text.is_empty()).then(|| text.to_owned())
        };
        let mut cards = cards(&text("asound/cards"));
        for (number, pcm) in text("asound/pcm").lines().filter_map(pcm) {
            if let Some(card) = cards.iter_mut().find(|card| card.number == number) {
                card.pcms.push(pcm);
            }
        }
        Self { model: tree("device-tree/model"), hat: tree("device-tree/hat/product"), cards }
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

impl Card {
    /// Tells whether it both plays and records.
    pub(super) fn is_duplex(&self) -> bool {
        self.pcms.iter().any(|pcm| pcm.plays) && self.pcms.iter().any(|pcm| pcm.records)
    }

    /// Tells whether `name` is its id, or begins one of its names.
    pub(super) fn is_called(&self, name: &str) -> bool {
        self.id == name || self.names.iter().any(|known| known.starts_with(name))
    }
}

/// Reads `/proc/asound/cards`: a line ` 1 [id             ]: driver - name`, then one with the long name.
fn cards(text: &str) -> Vec<Card> {
    let mut cards: Vec<Card> = Vec::new();
    for line in text.lines() {
        match card(line) {
            Some(card) => cards.push(card),
            None => {
                if let Some(card) = cards.last_mut() {
                    line.trim().clone_into(&mut card.names[1]);
                }
            }
        }
    }
    cards
}

fn card(line: &str) -> Option<Card> {
    let (number, rest) = line.split_once('[')?;
    let (id, rest) = rest.split_once("]: ")?;
    let (driver, name) = rest.split_once(" - ")?;
    Some(Card {
        number: number.trim().parse().ok()?,
        id: id.trim().to_owned(),
        driver: driver.trim().to_owned(),
        names: [name.trim().to_owned(), String::new()],
        pcms: Vec::new(),
    })
}

/// Reads one line of `/proc/asound/pcm`: `01-00: id : name : playback 1 : capture 1`.
fn pcm(line: &str) -> Option<(u32, Pcm)> {
    let (place, rest) = line.split_once(": ")?;
    let (number, _) = place.split_once('-')?;
    let pcm = Pcm {
        name: rest.split(" : ").next()?.trim().to_owned(),
        plays: rest.contains(" : playback "),
        records: rest.contains(" : capture "),
    };
    Some((number.trim().parse().ok()?, pcm))
}
