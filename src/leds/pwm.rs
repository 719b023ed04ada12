//! LEDs on the kernel's PWM: files below `/sys/class/pwm` (kernel: `Documentation/driver-api/pwm.rst`).
//!
//! A channel is left exported and running at nothing when the lamp is given up, so that its line stays dark.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use rustix::event::{Timespec, poll};

use super::LedDriver;
use super::error::LedProblem;
use super::gamma::gamma_correct;
use super::sysfs::{names, number, write_file};
use crate::light::LedCaps;

/// How often it is looked whether udev has given a new channel to its group, and how long between two looks.
const UDEV_TRIES: usize = 50;
const UDEV_RETRY: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };

/// What the line is to do.
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
    /// The chip cannot turn the wave round, so the numbers are turned round.
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
    // The way round can be changed only at rest, and nothing may be longer than the period. What was not running,
    // or has no period yet, refuses both.
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

/// A new channel belongs to root until udev has heard of it.
fn wait_for_udev(file: &Path) {
    for _ in 0..UDEV_TRIES {
        match std::fs::OpenOptions::new().write(true).open(file) {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                let _ = poll(&mut [], Some(&UDEV_RETRY));
            }
            // Whatever else is wrong is told by who writes to it.
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
