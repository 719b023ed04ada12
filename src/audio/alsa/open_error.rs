//! Diagnosis of a failed open: which process holds the device, which devices exist, whether this user may
//! open them, and what is wrong with ALSA's configuration.
//!
//! It reads `/proc`, `/dev`, `/etc` and the home folder below a root passed as an argument, and opens no PCM. The
//! layout is described in the kernel's Documentation/sound/designs/procfile.rst.

use std::path::Path;
use std::{fs, io};

use super::definition::{FailedName, NoDevice};
use crate::audio::error::{AudioError, DeviceOwner, Direction};
use crate::sys::alsa_proc::{CardInfo, read_cards};
use crate::sys::proc::{field, file_names, process_of, program};

/// Replaces [`AudioError::Open`] by a more specific error, from what alsa-lib said, and from `proc`, `dev` and the
/// user's ALSA configuration below `root`; returns any other error unchanged.
#[must_use]
pub fn diagnose(error: AudioError, root: &Path) -> AudioError {
    let AudioError::Open { direction, device, errno, alsa_message } = error else { return error };
    let cards = read_cards(root);
    let address = PcmAddress::parse(&device);
    let card = address.as_ref().and_then(|address| cards.iter().find(|card| address.names(card)));
    let forbidden_errno = |cards: &[CardInfo]| cards.iter().find_map(|card| forbidden(root, card));
    match errno {
        libc::EBUSY => {
            let device_number = address.as_ref().and_then(|address| address.device);
            let holders = match card {
                Some(card) => owners(root, card, direction, device_number),
                None => cards.iter().flat_map(|card| owners(root, card, direction, None)).collect(),
            };
            return AudioError::Busy { direction, device, holders };
        }
        // The shared memory of dmix may be another user's; that is about no device node.
        libc::EACCES | libc::EPERM if !alsa_message.contains("IPC") => {
            return AudioError::Forbidden { direction, device, user: user(root), errno };
        }
        _ => {}
    }
    let failed = FailedName { device: &device, direction, messages: &alsa_message };
    let explained = failed.explain(root, |name| cards.iter().any(|card| is_card(card, name)));
    let first_message = || alsa_message.lines().next().unwrap_or_default().to_owned();
    let reason = match (explained, errno) {
        (Some(NoDevice::Misconfigured(reason)), _) => {
            return AudioError::Misconfigured { direction, device, reason };
        }
        (Some(NoDevice::NoCard(reason)), _) => reason,
        (None, libc::ENOENT | libc::ENODEV | libc::ENXIO) => first_message(),
        (None, _) => return AudioError::Open { direction, device, errno, alsa_message: first_message() },
    };
    // alsa-lib does not find a card without permission either.
    match forbidden_errno(card.map_or(&cards[..], std::slice::from_ref)) {
        Some(errno) => AudioError::Forbidden { direction, device, user: user(root), errno },
        None => {
            let others = cards.iter().flat_map(|card| devices(root, card, direction)).collect();
            AudioError::Missing { direction, device, others, alsa_message: reason }
        }
    }
}

/// The card and device that an ALSA name refers to.
pub(super) struct PcmAddress<'a> {
    pub(super) card: &'a str,
    pub(super) device: Option<u32>,
}

impl PcmAddress<'_> {
    /// Parses `…:CARD=x,DEV=d` and `hw:x,d`, alone or inside another name; `None` for any other name.
    pub(super) fn parse(name: &str) -> Option<PcmAddress<'_>> {
        let value_of = |key: &str| Some(word(&name[name.find(key)? + key.len()..]));
        if let Some(card) = value_of("CARD=") {
            return Some(PcmAddress {
                card,
                device: value_of("DEV=").and_then(|device| device.parse().ok()),
            });
        }
        let address = &name[name.find("hw:")? + 3..];
        let mut parts = address.split(',').map(word);
        Some(PcmAddress {
            card: parts.next().filter(|card| !card.is_empty())?,
            device: parts.next().and_then(|device| device.parse().ok()),
        })
    }

    fn names(&self, card: &CardInfo) -> bool {
        is_card(card, self.card)
    }
}

/// Returns whether `name` is the card's id or number.
fn is_card(card: &CardInfo, name: &str) -> bool {
    name == card.id || name.parse() == Ok(card.number)
}

/// Returns the longest prefix that can be a card id.
fn word(text: &str) -> &str {
    text.split(|c: char| !c.is_ascii_alphanumeric() && !"_-".contains(c)).next().unwrap_or_default()
}

/// Returns the numbers of a card's devices of one direction, from its folders `pcm0p`, `pcm0c`, ….
fn numbers(root: &Path, card: &CardInfo, direction: Direction) -> Vec<u32> {
    let direction = match direction {
        Direction::Capture => 'c',
        Direction::Playback => 'p',
    };
    let mut numbers: Vec<u32> = file_names(&root.join(format!("proc/asound/card{}", card.number)))
        .filter_map(|name| name.strip_prefix("pcm")?.strip_suffix(direction)?.parse().ok())
        .collect();
    numbers.sort_unstable();
    numbers
}

fn devices(root: &Path, card: &CardInfo, direction: Direction) -> Vec<String> {
    let name = |number| format!("hw:CARD={},DEV={number}", card.id);
    numbers(root, card, direction).into_iter().map(name).collect()
}

fn owners(root: &Path, card: &CardInfo, direction: Direction, device: Option<u32>) -> Vec<DeviceOwner> {
    let letter = match direction {
        Direction::Capture => 'c',
        Direction::Playback => 'p',
    };
    let mut found = Vec::new();
    for number in numbers(root, card, direction)
        .into_iter()
        .filter(|number| device.is_none_or(|device| device == *number))
    {
        let folder = root.join(format!("proc/asound/card{}/pcm{number}{letter}", card.number));
        for sub in file_names(&folder).filter(|name| name.starts_with("sub")) {
            let status = fs::read_to_string(folder.join(sub).join("status")).unwrap_or_default();
            let owner = field(&status, "owner_pid").and_then(|owner| owner.parse().ok());
            // `owner_pid` is a thread id.
            let owner = owner.filter(|thread| *thread != 0).map(|thread| {
                let process = process_of(root, thread);
                DeviceOwner { program: program(root, process), process }
            });
            found.extend(owner.filter(|owner| !found.contains(owner)));
        }
    }
    found
}

/// Returns the errno if this user may not open the card's control node.
fn forbidden(root: &Path, card: &CardInfo) -> Option<i32> {
    let node = root.join(format!("dev/snd/controlC{}", card.number));
    let error = fs::File::open(node).err().filter(|error| error.kind() == io::ErrorKind::PermissionDenied)?;
    error.raw_os_error()
}

/// Returns the effective user's name, or the uid if it has none.
fn user(root: &Path) -> String {
    let number = rustix::process::geteuid().as_raw().to_string();
    let list = fs::read_to_string(root.join("etc/passwd")).unwrap_or_default();
    let name = list.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == number).then(|| name.to_owned())
    });
    name.unwrap_or(number)
}
