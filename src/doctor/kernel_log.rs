//! What the kernel's messages mean for sound.
//!
//! It reads the messages that it is given; it knows no device.

use super::{Finding, Verdict};
use crate::config::DoctorTopic;

/// Part of a message in lower case, and what to do; none if it is harmless.
const MESSAGES: &[(&str, Option<&str>)] = &[
    // wm8960.c, wm8731.c: the codec gets no clock, or one that divides for no rate.
    (
        "no mclk configured",
        Some("the overlay names no clock for the codec: use the one that the board's file names"),
    ),
    (
        "failed to configure clock",
        Some("the codec cannot make this rate of its clock: use the overlay that the board's file names"),
    ),
    (
        "no clock configuration",
        Some("the codec cannot make this rate of its clock: use the overlay that the board's file names"),
    ),
    // bcm2835-i2s.c at the first open; harmless (raspberrypi/linux issue 2451).
    ("i2s sync error", None),
    ("undervoltage detected", Some("the power supply is too weak: use the board's own, and a short cable")),
    ("under-voltage detected", Some("the power supply is too weak: use the board's own, and a short cable")),
    // sound/usb and the USB core.
    (
        "cannot set freq",
        Some("the USB device refuses this rate: set rate_hz in a board file, or update its firmware"),
    ),
    (
        "usb_set_interface failed",
        Some("the USB device does not answer: unplug it and plug it in again, on another port"),
    ),
    (
        "not enough bandwidth",
        Some("the USB bus has too little room: use another port, or unplug other devices"),
    ),
    ("error -71", Some("a USB cable or hub loses packets: use a short cable without a hub")),
    // The card's driver.
    (
        "snd_soc_register_card failed",
        Some("the card's driver has failed: the overlay does not fit the board or the kernel"),
    ),
    (
        "failed to register card",
        Some("the card's driver has failed: the overlay does not fit the board or the kernel"),
    ),
    (
        "overlay: failed to apply",
        Some("config.txt names an overlay that this kernel does not have, or with a wrong option"),
    ),
];

/// Returns what the kernel's messages (one a line) say against sound: a finding for each kind, with the newest message and
/// their number.
#[must_use]
pub fn judge(log: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (part, remedy) in MESSAGES {
        let found: Vec<&str> = log.lines().filter(|line| line.to_lowercase().contains(part)).collect();
        let Some(newest) = found.last() else { continue };
        let count = if found.len() > 1 { format!(" ({} times)", found.len()) } else { String::new() };
        let verdict = match remedy {
            Some(remedy) => Verdict::Wrong((*remedy).to_owned()),
            None => Verdict::Good,
        };
        let harmless = if remedy.is_none() { ", which is harmless" } else { "" };
        findings.push(Finding {
            topic: DoctorTopic::System,
            what: "kernel".to_owned(),
            value: format!("{newest:?}{count}{harmless}"),
            verdict,
        });
    }
    findings
}
