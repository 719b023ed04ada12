//! LEDs of the kernel's LED class below `/sys/class/leds` (kernel: `Documentation/leds/leds-class.rst`).
//!
//! A multicolour LED is one entry with three intensities (`leds-class-multicolor.rst`). The trigger is set to
//! `none`, and the one from before is not put back.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::LedDriver;
use super::error::LedProblem;
use super::gamma::gamma_correct;
use crate::light::LedCaps;

const NO_TRIGGER: &str = "none";

/// A brightness file, its `max_brightness` and its trigger.
#[derive(Clone)]
struct BrightnessFile {
    brightness: PathBuf,
    full: u32,
    /// Not every LED can have one.
    trigger: Option<PathBuf>,
}

struct SysfsLeds {
    leds: Vec<BrightnessFile>,
    limit: u8,
}

/// A multicolour LED.
struct MulticolorLed {
    led: BrightnessFile,
    intensity: PathBuf,
    /// The index of red, green and blue in `multi_index`.
    order: [usize; 3],
    limit: u8,
}

pub(super) fn open(
    root: &Path,
    names: &[String],
    limit: u8,
) -> Result<(LedCaps, Box<dyn LedDriver>), LedProblem> {
    let leds = names.iter().map(|name| led(root, name)).collect::<Result<Vec<_>, _>>()?;
    let dimmable = leds.iter().all(|led| led.full > 1);
    if let [one] = leds.as_slice() {
        let intensity = one.brightness.with_file_name("multi_intensity");
        if intensity.exists() {
            let multi = multi(one.clone(), intensity, limit)?;
            return Ok((LedCaps { pixels: 1, colour: true, dimmable }, Box::new(multi)));
        }
    }
    Ok((LedCaps { pixels: 1, colour: leds.len() == 3, dimmable }, Box::new(SysfsLeds { leds, limit })))
}

fn led(root: &Path, name: &str) -> Result<BrightnessFile, LedProblem> {
    let folder = root.join(name);
    if !folder.is_dir() {
        return Err(LedProblem::NoLed { name: name.to_owned(), names: names(root) });
    }
    let full = number(&folder.join("max_brightness"))?;
    let trigger = Some(folder.join("trigger")).filter(|file| file.exists());
    if let Some(trigger) = &trigger {
        write_file(trigger, NO_TRIGGER).map_err(|error| LedProblem::of(trigger, error))?;
    }
    Ok(BrightnessFile { brightness: folder.join("brightness"), full, trigger })
}

fn multi(led: BrightnessFile, intensity: PathBuf, limit: u8) -> Result<MulticolorLed, LedProblem> {
    let index = led.brightness.with_file_name("multi_index");
    let colours = fs::read_to_string(&index).map_err(|error| LedProblem::of(&index, error))?;
    let position = |wanted: &str| {
        let position = colours.split_whitespace().position(|colour| colour == wanted);
        position.ok_or_else(|| {
            LedProblem::of(&index, io::Error::other(format!("no {wanted}, only {}", colours.trim())))
        })
    };
    let multi = MulticolorLed {
        intensity,
        order: [position("red")?, position("green")?, position("blue")?],
        limit,
        led,
    };
    multi.write_intensity([0; 3]).map_err(|error| LedProblem::of(&multi.intensity, error))?;
    multi.led.write(multi.led.full).map_err(|error| LedProblem::of(&multi.led.brightness, error))?;
    Ok(multi)
}

impl LedDriver for SysfsLeds {
    fn show(&mut self, pixels: &[[u8; 3]]) -> io::Result<()> {
        let rgb = pixels.first().copied().unwrap_or_default();
        for (index, led) in self.leds.iter().enumerate() {
            led.write(gamma_correct(rgb, self.limit, led.full)[index % 3])?;
        }
        Ok(())
    }

    fn restore(&mut self, pixels: &[[u8; 3]]) -> io::Result<()> {
        self.leds.iter().try_for_each(BrightnessFile::stop_trigger)?;
        self.show(pixels)
    }
}

impl LedDriver for MulticolorLed {
    fn show(&mut self, pixels: &[[u8; 3]]) -> io::Result<()> {
        self.write_intensity(gamma_correct(
            pixels.first().copied().unwrap_or_default(),
            self.limit,
            self.led.full,
        ))
    }

    fn restore(&mut self, pixels: &[[u8; 3]]) -> io::Result<()> {
        self.led.stop_trigger()?;
        self.led.write(self.led.full)?;
        self.show(pixels)
    }
}

impl BrightnessFile {
    fn write(&self, brightness: u32) -> io::Result<()> {
        write_file(&self.brightness, &brightness.to_string())
    }

    /// Takes the LED from a trigger, which would change its brightness.
    fn stop_trigger(&self) -> io::Result<()> {
        self.trigger.as_deref().map_or(Ok(()), |file| write_file(file, NO_TRIGGER))
    }
}

impl MulticolorLed {
    fn write_intensity(&self, rgb: [u32; 3]) -> io::Result<()> {
        // Any other colour, such as white, stays dark.
        let count = self.order.iter().max().map_or(0, |last| last + 1);
        let mut all = vec![String::from("0"); count];
        for (position, value) in self.order.iter().zip(rgb) {
            all[*position] = value.to_string();
        }
        write_file(&self.intensity, &all.join(" "))
    }
}

/// Writes `text` to an existing file.
pub(super) fn write_file(path: &Path, text: &str) -> io::Result<()> {
    OpenOptions::new().write(true).truncate(true).open(path)?.write_all(text.as_bytes())
}

pub(super) fn number(path: &Path) -> Result<u32, LedProblem> {
    let text = fs::read_to_string(path).map_err(|error| LedProblem::of(path, error))?;
    text.trim()
        .parse()
        .map_err(|_| LedProblem::of(path, io::Error::other(format!("it holds {:?}", text.trim()))))
}

/// Returns the names in a folder, sorted.
pub(super) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
