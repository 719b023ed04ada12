//! Chooses a microphone and a speaker on two cards, for a Raspberry Pi without a board: a USB microphone, and the
//! headphone jack, HDMI or a sound card on the header.
//!
//! It chooses the same cards again after a restart, and says why and what else there is. It opens no device, and leaves
//! other machines, and one whose ALSA configuration has a default device of its own, to ALSA's `default`.

use super::audio::DeviceTable;
use crate::config::host::HostInfo;
use crate::config::{PcmRequest, SampleFormat};
use crate::sys::alsa_proc::CardInfo;

/// The cards chosen, each with the reason.
#[derive(Clone, Debug)]
pub(super) struct CardPair {
    pub(super) microphone: ChosenCard,
    /// `None` if no card plays.
    pub(super) speaker: Option<ChosenCard>,
}

/// A card in place of ALSA's default device.
#[derive(Clone, Debug)]
pub(super) struct ChosenCard {
    pub(super) table: DeviceTable,
    /// The device, its name and why it was chosen, as a part of a message.
    pub(super) reason: String,
}

/// Drivers of cards without sound of their own.
const VIRTUAL: [&str; 3] = ["Loopback", "Dummy", "snd_aloop"];

/// Chooses the cards of a machine without a board, if it is a Raspberry Pi and nothing else defines its default device.
pub(super) fn choose(host: &HostInfo) -> Option<CardPair> {
    let is_raspberry_pi = host.model.as_deref().is_some_and(|model| model.starts_with("Raspberry Pi"));
    if is_raspberry_pi && host.own_default.is_none() { cards(host) } else { None }
}

/// Chooses the best microphone and the best speaker; `None` if no card records.
pub(super) fn cards(host: &HostInfo) -> Option<CardPair> {
    let cards = || host.cards.iter().filter(|card| !VIRTUAL.contains(&card.driver.as_str()));
    let microphones = sorted(cards().filter(|card| card.records()), microphone_rank);
    let speakers = sorted(cards().filter(|card| card.plays()), speaker_rank);
    let microphone = microphones.first()?;
    // A card that does both cancels its own echo.
    let duplex = microphone.plays().then_some(*microphone);
    let speaker = duplex.or_else(|| speakers.first().copied());
    Some(CardPair {
        microphone: ChosenCard {
            table: DeviceTable { device: microphone.capture_name(), ..DeviceTable::default() },
            reason: described(microphone, microphone.capture_name(), &microphones, MICROPHONE_ORDER),
        },
        speaker: speaker.map(|card| ChosenCard {
            table: DeviceTable { device: card.playback_name(), form: form(card), ..DeviceTable::default() },
            reason: if duplex.is_some() {
                format!(
                    "{} ({}), because it is the microphone's card",
                    card.playback_name().unwrap_or_default(),
                    card.names[0]
                )
            } else {
                described(card, card.playback_name(), &speakers, SPEAKER_ORDER)
            },
        }),
    })
}

const MICROPHONE_ORDER: &str = "USB comes first, cameras last, then the order of the USB ports";
const SPEAKER_ORDER: &str = "USB comes first, then a card on the header, the headphone jack, and HDMI";

/// Returns the device, its card and why it was chosen among `all`.
fn described(card: &CardInfo, device: Option<String>, all: &[&CardInfo], order: &str) -> String {
    let others: Vec<_> =
        all.iter().filter(|other| other.id != card.id).map(|other| other.id.as_str()).collect();
    let why = if others.is_empty() {
        "it is the only one".to_owned()
    } else {
        format!("{order} (others: {})", others.join(", "))
    };
    format!("{} ({}), because {why}", device.unwrap_or_default(), card.names[0])
}

/// Sorts cards by rank, then by the place they are plugged into, which a restart does not change.
fn sorted<'h>(cards: impl Iterator<Item = &'h CardInfo>, rank: fn(&CardInfo) -> u8) -> Vec<&'h CardInfo> {
    let mut cards: Vec<_> = cards.collect();
    cards.sort_by_key(|card| (rank(card), card.usb_port(), card.number));
    cards
}

fn microphone_rank(card: &CardInfo) -> u8 {
    let name = card.names[0].to_lowercase();
    let is_camera =
        ["cam", "c920", "c270", "c922", "c930", "c925", "brio"].iter().any(|word| name.contains(word));
    match (card.driver == "USB-Audio", is_camera) {
        (true, false) => 0,
        (false, _) => 1,
        (true, true) => 2,
    }
}

fn speaker_rank(card: &CardInfo) -> u8 {
    if card.driver == "USB-Audio" {
        0
    } else if card.is_hdmi() {
        3
    } else if is_jack(card) {
        2
    } else {
        1
    }
}

/// Returns whether it is the Raspberry Pi's own card: the jack, or with older kernels jack and HDMI in one.
fn is_jack(card: &CardInfo) -> bool {
    card.driver.starts_with("bcm2835")
}

/// Returns the parameters to request. The jack moves at least 1024 bytes at a time, so a narrow format would make its
/// periods longer (kernel, `vc04_services/bcm2835-audio`).
fn form(card: &CardInfo) -> PcmRequest {
    if is_jack(card) {
        let format = Some(SampleFormat::S16);
        PcmRequest { rate_hz: Some(48_000), format, channels: Some(2), period: None }
    } else {
        PcmRequest::default()
    }
}
