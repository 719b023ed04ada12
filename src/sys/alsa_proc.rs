//! The sound cards that `/proc/asound` lists; the layout is described in the kernel's
//! Documentation/sound/designs/procfile.rst.
//!
//! It opens no device and caches nothing: a card that is plugged in later appears in the next read.

use std::fs;
use std::path::Path;

/// One sound card.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CardInfo {
    /// The card number, which may change at the next boot.
    pub number: u32,
    /// The id used in ALSA names: `hw:CARD=id`.
    pub id: String,
    /// The driver, e.g. `USB-Audio`.
    pub driver: String,
    /// The short name and the long name.
    pub names: [String; 2],
    pub pcms: Vec<PcmInfo>,
    /// The device number of each of `pcms`.
    pub pcm_numbers: Vec<u32>,
}

/// One PCM device of a card.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PcmInfo {
    /// The name, which contains the codec, e.g. `bcm2835-i2s-wm8960-hifi wm8960-hifi-0`.
    pub name: String,
    /// Whether it has a playback stream.
    pub plays: bool,
    /// Whether it has a capture stream.
    pub records: bool,
}

impl CardInfo {
    /// Returns whether the card has both capture and playback.
    #[must_use]
    pub fn is_duplex(&self) -> bool {
        self.plays() && self.records()
    }

    #[must_use]
    pub fn plays(&self) -> bool {
        self.pcms.iter().any(|pcm| pcm.plays)
    }

    #[must_use]
    pub fn records(&self) -> bool {
        self.pcms.iter().any(|pcm| pcm.records)
    }

    /// Returns whether its sound leaves through HDMI.
    #[must_use]
    pub fn is_hdmi(&self) -> bool {
        self.driver.contains("hdmi") || self.names[0].contains("HDMI") || self.names[0].contains("hdmi")
    }

    /// Returns where a USB card is plugged in, which a restart does not change: the end of its long name, `NAME at
    /// usb-0000:01:00.0-1.2, high speed`. Empty for any other card.
    #[must_use]
    pub fn usb_port(&self) -> &str {
        self.names[1].rsplit_once(" at usb-").map_or("", |(_, port)| port)
    }

    /// Returns the ALSA name of the first device that records.
    #[must_use]
    pub fn capture_name(&self) -> Option<String> {
        self.capture_names().next()
    }

    /// Returns the ALSA name of the first device that plays.
    #[must_use]
    pub fn playback_name(&self) -> Option<String> {
        self.playback_names().next()
    }

    /// Returns the ALSA name of each device that records.
    pub fn capture_names(&self) -> impl Iterator<Item = String> {
        self.numbered().filter(|(_, pcm)| pcm.records).map(|(number, _)| self.hardware_name(number))
    }

    /// Returns the ALSA name of each device that plays.
    pub fn playback_names(&self) -> impl Iterator<Item = String> {
        let names = self.numbered().filter(|(_, pcm)| pcm.plays);
        names.map(|(number, _)| {
            // This driver takes IEC 958 frames only; alsa-lib's `vc4-hdmi.conf` makes them.
            if self.driver == "vc4-hdmi" {
                format!("default:CARD={}", self.id)
            } else {
                self.hardware_name(number)
            }
        })
    }

    fn hardware_name(&self, device: u32) -> String {
        match device {
            0 => format!("hw:CARD={}", self.id),
            _ => format!("hw:CARD={},DEV={device}", self.id),
        }
    }

    fn numbered(&self) -> impl Iterator<Item = (u32, &PcmInfo)> {
        self.pcm_numbers.iter().copied().zip(&self.pcms)
    }

    /// Returns whether `name` is the card's id or a prefix of one of its names.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        self.id == name || self.names.iter().any(|known| known.starts_with(name))
    }
}

/// Reads the cards below `root`, in the kernel's order; empty if there are none or the files cannot be read.
#[must_use]
pub fn read_cards(root: &Path) -> Vec<CardInfo> {
    let text = |file: &str| fs::read_to_string(root.join("proc/asound").join(file)).unwrap_or_default();
    parse_cards(&text("cards"), &text("pcm"))
}

/// Returns whether the card is on USB: only for those the kernel lists the vendor and product.
#[must_use]
pub fn is_usb(root: &Path, card: u32) -> bool {
    root.join(format!("proc/asound/card{card}/usbid")).exists()
}

/// Parses the texts of `/proc/asound/cards` and `/proc/asound/pcm`; skips malformed lines.
///
/// A card is a line ` 1 [id             ]: driver - name`, then one with the long name.
#[must_use]
pub fn parse_cards(cards: &str, pcms: &str) -> Vec<CardInfo> {
    let mut found: Vec<CardInfo> = Vec::new();
    for line in cards.lines() {
        match parse_card(line) {
            Some(card) => found.push(card),
            None => {
                if let Some(card) = found.last_mut() {
                    line.trim().clone_into(&mut card.names[1]);
                }
            }
        }
    }
    for (number, device, pcm) in pcms.lines().filter_map(parse_pcm) {
        if let Some(card) = found.iter_mut().find(|card| card.number == number) {
            card.pcms.push(pcm);
            card.pcm_numbers.push(device);
        }
    }
    found
}

fn parse_card(line: &str) -> Option<CardInfo> {
    let (number, rest) = line.split_once('[')?;
    let (id, rest) = rest.split_once("]: ")?;
    let (driver, name) = rest.split_once(" - ")?;
    Some(CardInfo {
        number: number.trim().parse().ok()?,
        id: id.trim().to_owned(),
        driver: driver.trim().to_owned(),
        names: [name.trim().to_owned(), String::new()],
        pcms: Vec::new(),
        pcm_numbers: Vec::new(),
    })
}

/// Parses a line of `/proc/asound/pcm`, `01-00: id : name : playback 1 : capture 1`, to card, device and PCM.
fn parse_pcm(line: &str) -> Option<(u32, u32, PcmInfo)> {
    let (place, rest) = line.split_once(": ")?;
    let (number, device) = place.split_once('-')?;
    let pcm = PcmInfo {
        name: rest.split(" : ").next()?.trim().to_owned(),
        plays: rest.contains(" : playback "),
        records: rest.contains(" : capture "),
    };
    Some((number.trim().parse().ok()?, device.trim().parse().ok()?, pcm))
}
