//! LEDs: drivers for sysfs, PWM, GPIO lines and pixel chains on SPI. Each LED is written only when its frame
//! changes, or to restore what another program may have changed ([`Leds::restore`]).
//!
//! [`light`] decides what is shown; the board file sets the brightness. No LED is read: what it shows is
//! written again instead. An LED that fails is logged once and
//! retried every second. All LEDs are switched off on drop. A write blocks at most until the bus has taken
//! the pixels: 3 ms for 64 pixels on the slowest SPI bus, longer on bit-banged lines.

mod error;
mod gamma;
mod gpio;
mod pwm;
mod spi;
mod sysfs;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::{LedWiring, LightConfig};
use crate::light;
use crate::light::{LedCaps, Levels, LightState, PIXELS};
use crate::model::Time;

pub use error::{LedError, LedProblem};
pub use gamma::gamma_correct;
pub use gpio::{LineOpener, OutputLines};
pub use spi::{BitBangBus, apa102, ws2812};

/// Time between two attempts to write to an LED that failed.
pub const RETRY: Duration = Duration::from_secs(1);

/// All LEDs of a board.
#[derive(Default)]
pub struct Leds(Vec<Led>);

/// The sysfs folders of LEDs and PWM chips.
#[derive(Clone, Debug)]
pub struct SysfsPaths {
    pub leds: PathBuf,
    pub pwm: PathBuf,
}

/// The driver of one LED or pixel chain.
trait LedDriver: Send {
    /// Shows as many pixels as its [`LedCaps`] say: red, green and blue, 0 to 255, before gamma and
    /// brightness.
    fn show(&mut self, pixels: &[[u8; 3]]) -> io::Result<()>;

    /// Shows `pixels`, which are shown already unless another program has changed the LED or its settings.
    fn restore(&mut self, pixels: &[[u8; 3]]) -> io::Result<()> {
        self.show(pixels)
    }
}

/// An open LED or pixel chain.
struct Led {
    name: String,
    caps: LedCaps,
    driver: Box<dyn LedDriver>,
    /// The frame written last; `None` if unknown.
    shown: Option<heapless::Vec<[u8; 3], PIXELS>>,
    failed_at: Option<Time>,
}

impl Default for SysfsPaths {
    fn default() -> Self {
        Self { leds: "/sys/class/leds".into(), pwm: "/sys/class/pwm".into() }
    }
}

impl Leds {
    /// Opens `lights`, switched off: sysfs LEDs and PWM chips below `paths`, GPIO lines through `open_lines`.
    ///
    /// # Errors
    /// Returns which LED cannot be opened and why, or the error of `open_lines`.
    pub fn open<E: From<LedError>>(
        lights: &[LightConfig],
        paths: &SysfsPaths,
        open_lines: LineOpener<'_, E>,
    ) -> Result<Self, E> {
        let mut leds = Self::default();
        for light in lights {
            let LightConfig { name, wiring, brightness } = light;
            let refuse = |problem| LedError { led: name.clone(), problem };
            let (caps, driver): (LedCaps, Box<dyn LedDriver>) = match wiring {
                LedWiring::Line { line, active_low } => {
                    gpio::open(open_lines(name, &[line], *active_low)?, 1)
                }
                LedWiring::Lines { rgb: [red, green, blue], active_low } => {
                    gpio::open(open_lines(name, &[red, green, blue], *active_low)?, 3)
                }
                LedWiring::Pwm { chip, channels, period_ns, active_low } => {
                    let settings = pwm::PwmSettings { period_ns: *period_ns, active_low: *active_low };
                    pwm::open(&paths.pwm, chip, channels, &settings, *brightness).map_err(refuse)?
                }
                LedWiring::Class { leds } => sysfs::open(&paths.leds, leds, *brightness).map_err(refuse)?,
                LedWiring::Apa102 { spi, pixels, speed_hz } => {
                    spi::open_apa102(spi, *pixels, *speed_hz, *brightness).map_err(refuse)?
                }
                LedWiring::Apa102Lines { clock, data, pixels } => {
                    spi::open_bit_banged(open_lines(name, &[data, clock], false)?, *pixels, *brightness)
                }
                LedWiring::Ws2812 { spi, pixels } => {
                    spi::open_ws2812(spi, *pixels, *brightness).map_err(refuse)?
                }
            };
            let mut led = Led { name: name.clone(), caps, driver, shown: None, failed_at: None };
            led.driver.show(&led.dark()).map_err(|error| refuse(LedProblem::Failed(error)))?;
            leds.0.push(led);
        }
        Ok(leds)
    }

    pub(crate) fn are_any(&self) -> bool {
        !self.0.is_empty()
    }

    /// Shows `facts` on every LED and returns how long until one changes by itself.
    pub fn show(&mut self, facts: &LightState, now: Time, levels: Levels) -> Option<Duration> {
        self.0.iter_mut().filter_map(|led| led.show(facts, now, levels)).min()
    }

    /// Writes the frame that each LED shows again. Returns `false` if that failed: then call [`show`](Self::show),
    /// which reports it and retries.
    pub fn restore(&mut self) -> bool {
        self.0.iter_mut().filter_map(|led| (!led.restore()).then_some(())).count() == 0
    }
}

impl Led {
    fn show(&mut self, facts: &LightState, now: Time, levels: Levels) -> Option<Duration> {
        if let Some(failed_at) = self.failed_at
            && now < failed_at + RETRY
        {
            return Some(failed_at + RETRY - now);
        }
        let frame = light::render(facts, now, levels, self.caps);
        if self.shown.as_ref() == Some(&frame.pixels) {
            return frame.next;
        }
        match self.driver.show(&frame.pixels) {
            Ok(()) => {
                if self.failed_at.take().is_some() {
                    log::info!("the light {} works again", self.name);
                }
                self.shown = Some(frame.pixels);
                frame.next
            }
            Err(error) => {
                if self.failed_at.replace(now).is_none() {
                    log::warn!(
                        "cannot set the light {} ({error}); retrying every second: check that it is connected",
                        self.name
                    );
                }
                self.shown = None;
                Some(RETRY)
            }
        }
    }

    fn restore(&mut self) -> bool {
        let Some(pixels) = &self.shown else { return true };
        let restored = self.driver.restore(pixels).is_ok();
        if !restored {
            self.shown = None;
        }
        restored
    }

    fn dark(&self) -> heapless::Vec<[u8; 3], PIXELS> {
        (0..self.caps.pixels.clamp(1, PIXELS)).map(|_| [0; 3]).collect()
    }
}

impl Drop for Led {
    /// Switches the LED off: nothing would update it any more.
    fn drop(&mut self) {
        let dark = self.dark();
        // Fails only if the LED is disconnected.
        let _ = self.driver.show(&dark);
    }
}
