//! Which way a cut takes on which device, and why: the table of the drivers that read their buffer late.
//!
//! A rewind that succeeds proves nothing: the driver of the Raspberry Pi's headphone jack accepts one and has copied the
//! samples to the firmware already. So only drivers whose kernel source shows when they read are rewritten. It reads
//! `/sys` below a root passed as an argument and opens no device.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::audio::CutMode;

/// A driver that reads a frame from the buffer only when it counts it as played.
struct LateReader {
    /// The name of the card's driver in `/sys/class/sound/cardN/device/driver`.
    driver: &'static str,
    /// Drivers of the I2S controller, one of which must be in use; empty for a card that moves its own frames. The
    /// card's driver describes a board, and says nothing about what moves the frames.
    controllers: &'static [&'static str],
    /// What the driver has fetched beyond its position, or may fetch while the buffer is rewritten.
    margin: Duration,
}

/// The I2S controllers of the Raspberry Pi to 4, and of the 5. Their frames are moved by dmaengine
/// (sound/core/pcm_dmaengine.c): the position is what DMA has fetched, and only the controller's FIFO is beyond it, 64
/// words on BCM2835 (sound/soc/bcm/bcm2835-i2s.c).
const CONTROLLERS: &[&str] = &["bcm2835-i2s", "designware-i2s"];
/// 64 words of a FIFO are 1.3 ms of 48 kHz. The rest is the time in which the frames that were taken back are written
/// again: if the thread is interrupted for longer, the device underruns.
const I2S_MARGIN: Duration = Duration::from_millis(4);

const LATE_READERS: &[LateReader] = &[
    // sound/soc/generic/simple-card.c and audio-graph-card.c: the WM8960, TLV320AIC3104 and AC108 overlays.
    LateReader { driver: "asoc-simple-card", controllers: CONTROLLERS, margin: I2S_MARGIN },
    LateReader { driver: "asoc-audio-graph-card", controllers: CONTROLLERS, margin: I2S_MARGIN },
    // Raspberry Pi's sound/soc/bcm: rpi-simple-soundcard.c (googlevoicehat and others), iqaudio-codec.c.
    LateReader { driver: "snd-rpi-simple", controllers: CONTROLLERS, margin: I2S_MARGIN },
    LateReader { driver: "snd-rpi-iqaudio-codec", controllers: CONTROLLERS, margin: I2S_MARGIN },
    // sound/usb/pcm.c copies a transfer when it is queued and counts it as played then; a transfer is 6 ms at most
    // (MAX_PACKS in sound/usb/card.h). The transfers under way are in the delay, not in the buffer.
    LateReader { driver: "snd-usb-audio", controllers: &[], margin: Duration::from_millis(8) },
    // sound/drivers/aloop.c copies what is due at each jiffy: 4 ms, where the kernel has 250 a second.
    LateReader { driver: "snd_aloop", controllers: &[], margin: Duration::from_millis(6) },
    // The card of tests/vm.
    LateReader { driver: "snd_mynah", controllers: &[], margin: I2S_MARGIN },
];

/// How a device is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceCut {
    pub mode: CutMode,
    /// What cannot be taken back, if the device is rewritten.
    pub margin: Duration,
}

/// Chooses how a device is cut, if the board does not say so: real cards never by stopping them, plugins and sound
/// servers always. `card` is the number of a real card.
#[must_use]
pub fn choose_cut(configured: Option<CutMode>, card: Option<u32>, root: &Path) -> DeviceCut {
    let reader = card.and_then(|card| late_reader(card, root));
    let longest = LATE_READERS.iter().map(|reader| reader.margin).max().unwrap_or_default();
    let mode = configured.unwrap_or(match (card, reader) {
        (None, _) => CutMode::Drop,
        (Some(_), Some(_)) => CutMode::Rewrite,
        (Some(_), None) => CutMode::RunOut,
    });
    DeviceCut { mode, margin: reader.map_or(longest, |reader| reader.margin) }
}

fn late_reader(card: u32, root: &Path) -> Option<&'static LateReader> {
    let link = fs::read_link(root.join(format!("sys/class/sound/card{card}/device/driver"))).ok()?;
    let driver = link.file_name()?.to_str()?;
    let reader = LATE_READERS.iter().find(|reader| reader.driver == driver)?;
    let is_used = |controller: &&str| has_device(&root.join("sys/bus/platform/drivers").join(controller));
    (reader.controllers.is_empty() || reader.controllers.iter().any(is_used)).then_some(reader)
}

/// Returns whether a driver has a device: a link other than that to its module.
fn has_device(driver: &Path) -> bool {
    let entries = fs::read_dir(driver).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name() != "module")
        .any(|entry| entry.file_type().is_ok_and(|kind| kind.is_symlink()))
}
