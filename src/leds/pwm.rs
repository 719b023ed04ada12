//! LEDs on PWM channels below `/sys/class/pwm` (kernel: `Documentation/driver-api/pwm.rst`).
//!
//! It never unexports or disables a channel: it leaves it running at zero duty, so that the line stays dark.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use rustix::event::{Timespec, poll};

use super::LedDriver;
use super::error::LedProblem;
use super::gamma::gamma_correct;
use super::sysfs::{names, number, write_file};
use crate::light::LedCaps;

/// Attempts to open a new channel until udev has set its group, and the time between two attempts.
const UDEV_TRIES: usize = 50;
const UDEV_RETRY: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };

/// Period and polarity of a channel.
pub(super) struct PwmSettings {
    pub(super) period_ns: u32,
    pub(super) active_low: bool,
}

struct PwmLeds {
    channels: Vec<PwmChannel>,
    period_ns: u32,
    limit: u8,
}

struct PwmChannel {
    duty: PathBuf,
    /// The chip does not support inversed polarity, so the duty is inverted instead.
    inverted: bool,
}

pub(super) fn open(
    root: &Path,
    chip: &str,
    channels: &[u32],
    settings: &PwmSettings,
    limit: u8,
) -> Result<(LedCaps, Box<dyn LedDriver>), LedProblem> {
    let folder = root.join(chip);
    if !folder.is_dir() {
        return Err(LedProblem::NoPwm { chip: chip.to_owned(), chips: names(root) });
    }
    let count = number(&folder.join("npwm"))?;
    if let Some(channel) = channels.iter().find(|channel| **channel >= count) {
        return Err(LedProblem::NoChannel { chip: chip.to_owned(), channel: *channel, count });
    }
    let channels = channels
        .iter()
        .map(|channel| open_channel(&folder, *channel, settings))
        .collect::<Result<Vec<_>, _>>()?;
    let caps = LedCaps { pixels: 1, colour: channels.len() == 3, dimmable: true };
    Ok((caps, Box::new(PwmLeds { channels, period_ns: settings.period_ns, limit })))
}

fn open_channel(chip: &Path, number: u32, settings: &PwmSettings) -> Result<PwmChannel, LedProblem> {
    let folder = chip.join(format!("pwm{number}"));
    let file = |name: &str| folder.join(name);
    if !folder.is_dir() {
        let export = chip.join("export");
        write_file(&export, &number.to_string()).map_err(|error| LedProblem::of(&export, error))?;
        wait_for_udev(&file("duty_cycle"));
    }
    // The polarity can be changed only while disabled, and the duty must not exceed the period. Both writes
    // fail on a new channel.
    let _ = write_file(&file("enable"), "0");
    let _ = write_file(&file("duty_cycle"), "0");
    let set = |name: &str, text: &str| {
        write_file(&file(name), text).map_err(|error| LedProblem::of(&file(name), error))
    };
    set("period", &settings.period_ns.to_string())?;
    let polarity = if settings.active_low { "inversed" } else { "normal" };
    let polarity_set = write_file(&file("polarity"), polarity).is_ok();
    let inverted = settings.active_low && !polarity_set;
    set("duty_cycle", &(if inverted { settings.period_ns } else { 0 }).to_string())?;
    set("enable", "1")?;
    Ok(PwmChannel { duty: file("duty_cycle"), inverted })
}

/// Waits until udev has given a new channel to its group; until then it belongs to root.
fn wait_for_udev(file: &Path) {
    for _ in 0..UDEV_TRIES {
        match std::fs::OpenOptions::new().write(true).open(file) {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                let _ = poll(&mut [], Some(&UDEV_RETRY));
            }
            // The next write returns any other error.
            Ok(_) | Err(_) => return,
        }
    }
}

impl LedDriver for PwmLeds {
    fn show(&mut self, pixels: &[[u8; 3]]) -> io::Result<()> {
        let rgb = gamma_correct(pixels.first().copied().unwrap_or_default(), self.limit, self.period_ns);
        for (channel, lit_ns) in self.channels.iter().zip(rgb) {
            let duty_ns = if channel.inverted { self.period_ns - lit_ns } else { lit_ns };
            write_file(&channel.duty, &duty_ns.to_string())?;
        }
        Ok(())
    }
}
