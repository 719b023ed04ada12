//! Facts about this machine, by which a board is detected: model, HAT and sound cards; and the light that it has itself.
//!
//! They are read once from files below `/proc` and `/sys`. It opens no device.

use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use crate::sys::alsa_proc::{CardInfo, read_cards};
use crate::sys::proc::file_names;

/// The model, HAT and sound cards of a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostInfo {
    /// The device tree's model, such as `Raspberry Pi 4 Model B Rev 1.4`; a PC has none.
    pub model: Option<String>,
    /// The product name in the HAT's EEPROM (`/proc/device-tree/hat/product`).
    pub hat: Option<String>,
    /// The sound cards, in the kernel's order.
    pub cards: Vec<CardInfo>,
    /// The file that defines ALSA's `default` device in place of alsa-lib.
    pub own_default: Option<PathBuf>,
    /// The kernel's name of the LED on a Raspberry Pi itself, if mynah may write it.
    pub own_led: Option<String>,
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
        let model = device_tree("model");
        let own_led =
            model.as_deref().filter(|model| model.starts_with("Raspberry Pi")).and_then(|_| own_led(root));
        Self {
            model,
            hat: device_tree("hat/product"),
            cards: read_cards(root),
            own_default: own_default(root),
            own_led,
        }
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

/// Returns the LED on the Pi, of activity or else of power, that mynah may write. Kernels before 6.1 number them.
fn own_led(root: &Path) -> Option<String> {
    let may_write = |led: &&&str| {
        let folder = root.join("sys/class/leds").join(led);
        ["brightness", "trigger"].iter().all(|file| access(folder.join(file), Access::WRITE_OK).is_ok())
    };
    ["ACT", "led0", "PWR", "led1"].iter().find(may_write).map(|led| (*led).to_owned())
}

/// Returns the first file of ALSA's configuration that defines the default device: of the user, the machine or a package
/// such as pipewire-alsa.
fn own_default(root: &Path) -> Option<PathBuf> {
    let below = |path: &Path| root.join(path.strip_prefix("/").unwrap_or(path));
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let mut files: Vec<PathBuf> = home.map(|home| home.join(".asoundrc")).into_iter().collect();
    files.push("/etc/asound.conf".into());
    let folder = Path::new("/etc/alsa/conf.d");
    let mut packaged: Vec<_> = file_names(&below(folder)).map(|name| folder.join(name)).collect();
    packaged.sort();
    files.extend(packaged);
    let defines = |line: &str| {
        let name =
            line.trim_start().strip_prefix("pcm.").map(|name| name.trim_start_matches(['!', '?', '+', '-']));
        let after = name.and_then(|name| name.strip_prefix("default"));
        after
            .is_some_and(|after| !after.starts_with(|next: char| next.is_ascii_alphanumeric() || next == '_'))
    };
    files.into_iter().find(|file| {
        std::fs::read(below(file)).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).lines().any(defines))
    })
}
