//! Settings of the buttons, lights and held lines of a board.
//!
//! These are plain values; nothing here opens a line or a device.

use std::path::PathBuf;
use std::time::Duration;

/// The buttons, lights and held lines of a board.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peripherals {
    pub buttons: Vec<ButtonConfig>,
    pub lights: Vec<LightConfig>,
    /// Lines held at a level while the program runs, such as the power of a pixel ring.
    pub driven: Vec<HeldOutput>,
}

impl Peripherals {
    /// Removes long press and factory reset from talk buttons, for [`Mode::Hold`](crate::model::Mode::Hold), in which
    /// the user holds the button to talk.
    pub(super) fn remove_hold_actions(&mut self) {
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
    /// The name in messages.
    pub name: String,
    pub source: ButtonSource,
    pub kind: ButtonKind,
}

/// How a button is connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ButtonSource {
    /// A GPIO line.
    Line {
        line: GpioLine,
        active_low: bool,
        bias: LineBias,
        /// How long the line must be stable before the kernel reports an edge.
        debounce: Duration,
    },
    /// A key of an input device: `gpio-keys`, or the buttons of a USB speakerphone.
    Key {
        /// The name of the input device, as in `/proc/bus/input/devices`, or its first words; `None` for any that has the
        /// key.
        device: Option<String>,
        /// The key code (`linux/input-event-codes.h`).
        code: u16,
        /// Whether to do without it if no such device has the key at the start.
        optional: bool,
    },
}

/// A GPIO line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GpioLine {
    /// The line with this name, on any chip, such as `GPIO17`.
    Named(String),
    /// The line at this offset of a chip.
    At {
        /// The name or label of the chip, such as `gpiochip0`.
        chip: String,
        offset: u32,
    },
}

/// The bias of an input line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineBias {
    AsIs,
    PullUp,
    PullDown,
    Disabled,
}

/// The kind of a button.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ButtonKind {
    /// A push button.
    Push(ButtonBindings),
    /// A switch that latches; the microphone is muted while it is on.
    MuteSwitch,
}

/// The actions of a push button's gestures. A gesture without an action adds no delay to the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ButtonBindings {
    /// On the press edge. [`ButtonAction::Talk`] also uses the release edge.
    pub press: Option<ButtonAction>,
    /// A press that is no other gesture, reported as soon as it can no longer become one.
    pub short: Option<ButtonAction>,
    /// Two presses, reported on the second press edge.
    pub double: Option<ButtonAction>,
    /// A press held for this duration, reported when it has passed.
    pub long: Option<(ButtonAction, Duration)>,
    /// A press held for a factory reset: first a warning, then the reset. Releasing it earlier cancels the reset.
    pub reset: Option<ResetHold>,
}

/// How long to hold a button for a factory reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResetHold {
    pub warn_after: Duration,
    pub act_after: Duration,
}

/// The action of a gesture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ButtonAction {
    /// Interrupts, and starts or stops listening according to the mode.
    Talk,
    /// Mutes or unmutes the microphone.
    Mute,
    VolumeUp,
    VolumeDown,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LightConfig {
    /// The name in messages.
    pub name: String,
    pub wiring: LedWiring,
    /// The maximum brightness, 1 to 255.
    pub brightness: u8,
}

/// How a light is connected.
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
    /// One LED, or red, green and blue, on PWM channels (`/sys/class/pwm`).
    Pwm {
        /// The directory name of the chip, such as `pwmchip0`.
        chip: String,
        /// One channel, or red, green and blue.
        channels: Vec<u32>,
        /// The PWM period, in nanoseconds.
        period_ns: u32,
        active_low: bool,
    },
    /// LEDs of a kernel driver (`/sys/class/leds`).
    Class {
        /// One name, or red, green and blue.
        leds: Vec<String>,
    },
    /// A chain of APA102 pixels on an SPI bus.
    Apa102 {
        /// The bus, such as `/dev/spidev0.1`.
        spi: PathBuf,
        pixels: usize,
        /// The bus clock, in hertz.
        speed_hz: u32,
    },
    /// A chain of APA102 pixels on two GPIO lines; each bit takes two writes of both lines.
    Apa102Lines { data: GpioLine, clock: GpioLine, pixels: usize },
    /// A chain of WS2812 pixels on the data line of an SPI bus.
    Ws2812 { spi: PathBuf, pixels: usize },
}

/// A line held at a level while the program runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldOutput {
    /// The name in messages.
    pub name: String,
    pub line: GpioLine,
    pub high: bool,
}
