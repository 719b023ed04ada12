//! What hangs on a board, as its file says: buttons, lights, and lines that must be driven.
//!
//! These are values; nothing here opens a line or a device.

use std::path::PathBuf;
use std::time::Duration;

/// What the owner touches and sees, besides the terminal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peripherals {
    pub buttons: Vec<ButtonConfig>,
    pub lights: Vec<LightConfig>,
    /// Lines held at a level for as long as the program runs, such as a ring's power.
    pub driven: Vec<HeldOutput>,
}

impl Peripherals {
    /// Takes from buttons that talk what holding them would do besides: where the owner talks while a button is
    /// down, holding is talking.
    pub(super) fn keep_holding_for_talk(&mut self) {
        for button in &mut self.buttons {
            if let ButtonKind::Push(gestures) = &mut button.kind
                && gestures.press == Some(ButtonAction::Talk)
            {
                (gestures.long, gestures.reset) = (None, None);
            }
        }
    }
}

/// One button or switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ButtonConfig {
    /// What sentences call it.
    pub name: String,
    /// Where it is wired.
    pub source: ButtonSource,
    /// What it does.
    pub kind: ButtonKind,
}

/// Where a button is wired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ButtonSource {
    /// A GPIO line of its own.
    Line {
        line: GpioLine,
        active_low: bool,
        /// What the line is when nothing drives it.
        bias: LineBias,
        /// How long the kernel wants the line to be still before it reports an edge.
        debounce: Duration,
    },
    /// A key of an input device: `gpio-keys`, or the buttons of a USB speakerphone.
    Key {
        /// The input device's name, as `/proc/bus/input/devices` gives it; none means any that has the key.
        device: Option<String>,
        /// The key's code (`linux/input-event-codes.h`).
        code: u16,
    },
}

/// A GPIO line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GpioLine {
    /// The line of this name on whichever chip has it, e.g. `GPIO17`.
    Named(String),
    /// The line at an offset of a chip.
    At {
        /// The chip's name or label, e.g. `gpiochip0`.
        chip: String,
        offset: u32,
    },
}

/// What an input line is when nothing drives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineBias {
    AsIs,
    PullUp,
    PullDown,
    Disabled,
}

/// What kind of button it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ButtonKind {
    /// Springs back.
    Push(ButtonBindings),
    /// Stays: while it is on, the microphone is cut off.
    MuteSwitch,
}

/// What a push button's gestures do; a gesture without a deed costs no waiting for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ButtonBindings {
    /// At the edge of going down, at once. For [`Deed::Talk`] the edge of coming up counts too.
    pub press: Option<ButtonAction>,
    /// A press that was none of the others, told when it can no longer become one.
    pub short: Option<ButtonAction>,
    /// Two presses, told at the second edge of going down.
    pub double: Option<ButtonAction>,
    /// Held for so long, told then.
    pub long: Option<(ButtonAction, Duration)>,
    /// Held for very long: warned of first, done then; letting go before is harmless.
    pub reset: Option<ResetHold>,
}

/// How long a factory reset has to be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResetHold {
    pub warn_after: Duration,
    pub act_after: Duration,
}

/// What a gesture does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ButtonAction {
    /// The talk button: interrupts, and begins or ends listening as the mode says.
    Talk,
    /// Cuts the microphone off, or no longer.
    Mute,
    /// Louder by a step.
    VolumeUp,
    /// Quieter by a step.
    VolumeDown,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LightConfig {
    /// What sentences call it.
    pub name: String,
    pub wiring: LedWiring,
    /// The brightest it may be, 1 to 255.
    pub brightness: u8,
}

/// What a light is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LedWiring {
    /// One LED on a GPIO line.
    Line { line: GpioLine, active_low: bool },
    /// Red, green and blue LEDs on three GPIO lines.
    Lines {
        /// The lines of red, green and blue.
        rgb: [GpioLine; 3],
        active_low: bool,
    },
    /// One LED, or red, green and blue, on the kernel's PWM (`/sys/class/pwm`).
    Pwm {
        /// The chip's directory name, e.g. `pwmchip0`.
        chip: String,
        /// One channel, or red, green and blue.
        channels: Vec<u32>,
        /// The length of a cycle, nanoseconds.
        period_ns: u32,
        active_low: bool,
    },
    /// LEDs that the kernel drives (`/sys/class/leds`).
    Class {
        /// One name, or red, green and blue.
        leds: Vec<String>,
    },
    /// A chain of APA102 pixels on an SPI bus.
    Apa102 {
        /// The bus, e.g. `/dev/spidev0.1`.
        spi: PathBuf,
        pixels: usize,
        /// Clock, hertz.
        speed_hz: u32,
    },
    /// A chain of APA102 pixels on two GPIO lines that are no SPI bus; each bit is two writes of both lines.
    Apa102Lines { data: GpioLine, clock: GpioLine, pixels: usize },
    /// A chain of WS2812 pixels on an SPI bus's data line.
    Ws2812 { spi: PathBuf, pixels: usize },
}

/// A line held at a level while the program runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldOutput {
    /// What sentences call it.
    pub name: String,
    pub line: GpioLine,
    pub high: bool,
}
