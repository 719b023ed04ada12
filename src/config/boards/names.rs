//! Names of GPIO lines, buses and sound devices as other programs write them: taken where the meaning is certain, and
//! otherwise refused with the name that is probably meant.
//!
//! It knows the header of the Raspberry Pi, and looks at no machine. Any other name passes: each machine has its own.

/// The GPIO of each pin of the Raspberry Pi's header with 40 pins, from pin 1 on; `None` for power and ground, and for
/// the two pins of the HAT's memory (raspberrypi.com, "GPIO and the 40-pin header").
const HEADER: [Option<u32>; 40] = [
    None,
    None,
    Some(2),
    None,
    Some(3),
    None,
    Some(4),
    Some(14),
    None,
    Some(15),
    Some(17),
    Some(18),
    Some(27),
    None,
    Some(22),
    Some(23),
    None,
    Some(24),
    Some(10),
    None,
    Some(9),
    Some(25),
    Some(11),
    Some(8),
    None,
    Some(7),
    None,
    None,
    Some(5),
    None,
    Some(6),
    Some(12),
    Some(13),
    None,
    Some(19),
    Some(16),
    Some(26),
    Some(20),
    None,
    Some(21),
];
/// The last GPIO on the header.
const GPIO_LAST: u32 = 27;
/// The number that `/sys/class/gpio` gives the Raspberry Pi's GPIO0 (Linux 6.6 and newer).
const SYSFS_BASE: u32 = 512;

/// Sample formats as ALSA writes them (`arecord --format`), and without the underscore.
pub(super) const FORMATS: &[(&str, &str)] = &[
    ("S16", "S16"),
    ("S16_LE", "S16"),
    ("S16LE", "S16"),
    ("S24", "S24"),
    ("S24_LE", "S24"),
    ("S24_3", "S24_3"),
    ("S24_3LE", "S24_3"),
    ("S32", "S32"),
    ("S32_LE", "S32"),
    ("S32LE", "S32"),
];

/// Other names of chips of pixels, and chips with the same protocol.
pub(super) const PIXELS: &[(&str, &str)] = &[
    ("apa102", "apa102"),
    ("apa102c", "apa102"),
    ("sk9822", "apa102"),
    ("dotstar", "apa102"),
    ("ws2812", "ws2812"),
    ("ws2812b", "ws2812"),
    ("ws2812c", "ws2812"),
    ("ws2813", "ws2812"),
    ("neopixel", "ws2812"),
    ("neopixels", "ws2812"),
];

/// Returns what may be meant by a name of 24 bits, which ALSA and other programs use for different formats.
pub(super) fn format_hint(word: &str) -> Option<&'static str> {
    let is_24 = ["S24LE", "24", "S24-32LE", "S24_32LE"].iter().any(|known| known.eq_ignore_ascii_case(word));
    is_24.then_some("S24 has four bytes a sample, S24_3 has three")
}

/// Returns what may be meant by a kind of light that is not known.
pub(super) fn light_hint(word: &str) -> Option<&'static str> {
    match word.to_ascii_lowercase().as_str() {
        "sk6812" | "ws2815" | "ws2811" => {
            Some("ws2812 if its pixels take green, red and blue, without white")
        }
        "sk6812w" | "sk6812rgbw" | "rgbw" => {
            Some("pixels with a fourth colour, white, are not supported; use a light without it")
        }
        "gpio" => Some("a single LED on a line is led, three are rgb"),
        "sysfs" | "kernel" => Some("an LED below /sys/class/leds is class"),
        _ => None,
    }
}

/// Returns whether `raw` means the key `name`: KEY_MUTE for `evtest` and the kernel, `mute` for other programs.
pub(super) fn is_key(name: &str, raw: &str) -> bool {
    [Some(name), name.strip_prefix("KEY_")].into_iter().flatten().any(|name| name.eq_ignore_ascii_case(raw))
}

/// Returns the name of a line of the Raspberry Pi's own chips, whose line 17 is GPIO17.
pub(super) fn raspberry_pi_line(chip: &str, offset: u32) -> Option<String> {
    (chip.starts_with("pinctrl-bcm2") || chip == "pinctrl-rp1").then(|| format!("GPIO{offset}"))
}

/// Returns the kernel's name of a GPIO line: `GPIO17` for `BCM17` and `gpio 17`, and for `BOARD11`, its pin.
///
/// # Errors
/// Returns why the name cannot be one of a line, and what is probably meant.
pub(super) fn gpio_line(raw: &str) -> Result<String, String> {
    let Some((prefix, number)) = prefix_and_number(raw) else { return Ok(raw.to_owned()) };
    match prefix.as_str() {
        "" => Err(match sysfs_line(number) {
            Some(line) => format!(
                "is a number of /sys/class/gpio, which other kernels count differently; on a Raspberry Pi it is {line}: \
                 write \"{line}\""
            ),
            None if number <= GPIO_LAST => format!(
                "is a number, not a name; write \"GPIO{number}\"{}, or chip and offset",
                header_pin(number)
                    .map(|line| format!(", or \"{line}\" for pin {number} of the header"))
                    .unwrap_or_default()
            ),
            None => {
                "is a number, not a name; write a name that `gpioinfo` lists, or chip and offset".to_owned()
            }
        }),
        "gpio" | "bcm" if number <= GPIO_LAST => Ok(format!("GPIO{number}")),
        "gpio" => match sysfs_line(number) {
            Some(line) => Err(format!(
                "has a number of /sys/class/gpio; on a Raspberry Pi it is {line}: write \"{line}\""
            )),
            None => Ok(raw.to_owned()),
        },
        "bcm" => Err(format!(
            "a Raspberry Pi's header has GPIO0 to GPIO{GPIO_LAST}; write a name that `gpioinfo` lists"
        )),
        // As in RPi.GPIO and gpiozero: surely a pin of the header.
        "board" | "j8:" | "j8" => header_pin(number).ok_or_else(|| not_a_gpio(number)),
        "pin" | "p" | "physical" | "phys" => Err(match header_pin(number) {
            Some(line) => format!(
                "is no name of a line; pin {number} of a Raspberry Pi's header is {line}: write \"{line}\"{}",
                if number <= GPIO_LAST && line != format!("GPIO{number}") {
                    format!(", or \"GPIO{number}\" if {number} is the GPIO's own number")
                } else {
                    String::new()
                }
            ),
            None => not_a_gpio(number),
        }),
        "wpi" | "wiringpi" => {
            Err("is a number of WiringPi; write the line's name, such as \"GPIO17\" (`pinout` shows both)"
                .to_owned())
        }
        _ => Ok(raw.to_owned()),
    }
}

/// Returns the name of a GPIO chip, without its folder.
///
/// # Errors
/// Returns why it cannot be one.
pub(super) fn gpio_chip(raw: &str) -> Result<String, String> {
    let name = raw.strip_prefix("/dev/").unwrap_or(raw);
    match prefix_and_number(name) {
        Some((prefix, number)) if prefix == "gpiochip" && number >= SYSFS_BASE => Err(
            "is a chip of /sys/class/gpio, where it is named after its first line; write a name or label that \
             `gpiodetect` lists"
                .to_owned(),
        ),
        Some((prefix, number)) if prefix.is_empty() => {
            Err(format!("is a number, not a name; write \"gpiochip{number}\", or a label that `gpiodetect` lists"))
        }
        Some(_) | None if name.contains('/') => {
            Err("is a path; write the chip's name or label, as `gpiodetect` lists it".to_owned())
        }
        Some(_) | None => Ok(name.to_owned()),
    }
}

/// Returns the name of a PWM chip, without its folder.
///
/// # Errors
/// Returns why it cannot be one.
pub(super) fn pwm_chip(raw: &str) -> Result<String, String> {
    let name = raw.strip_prefix("/sys/class/pwm/").unwrap_or(raw);
    match prefix_and_number(name) {
        Some((prefix, number)) if prefix.is_empty() => Err(format!(
            "is a number, not a name; write \"pwmchip{number}\" (`ls /sys/class/pwm` lists them)"
        )),
        // It is a part of a path.
        prefix if prefix.as_ref().is_none_or(|(prefix, _)| prefix != "pwmchip") => {
            Err("is no chip; write its name, such as \"pwmchip0\" (`ls /sys/class/pwm` lists them)"
                .to_owned())
        }
        Some(_) | None => Ok(name.to_owned()),
    }
}

/// Returns the name of a LED of the kernel, without its folder.
///
/// # Errors
/// Returns why it cannot be one.
pub(super) fn kernel_led(raw: &str) -> Result<String, String> {
    let name = raw.strip_prefix("/sys/class/leds/").unwrap_or(raw).trim_end_matches("/brightness");
    if name.contains('/') || matches!(name, "" | "." | "..") {
        return Err(
            "is a path; write the LED's name, such as \"ACT\" (`ls /sys/class/leds` lists them)".to_owned()
        );
    }
    Ok(name.to_owned())
}

/// Returns the device node of an SPI bus: `/dev/spidev0.1` for `spidev0.1` and `SPI0.1`.
///
/// # Errors
/// Returns why it cannot be one.
pub(super) fn spi_bus(raw: &str) -> Result<String, String> {
    // Pixels are written to it, so it can be no other file.
    let lower = raw.strip_prefix("/dev/").unwrap_or(raw).to_ascii_lowercase();
    let numbers =
        lower.trim_start_matches("spidev").trim_start_matches("spi").trim_start_matches([' ', '-', '_']);
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match numbers.split_once('.') {
        Some((bus, select)) if is_number(bus) && is_number(select) => {
            Ok(format!("/dev/spidev{bus}.{select}"))
        }
        _ if is_number(numbers) => {
            Err(format!("has no chip select; write \"/dev/spidev{numbers}.0\" or \"/dev/spidev{numbers}.1\""))
        }
        _ => Err("is no device; write the bus as `ls /dev/spidev*` lists it, such as \"/dev/spidev0.0\""
            .to_owned()),
    }
}

/// Returns why `device` cannot be the ALSA name of a device or card, and what is probably meant.
pub(in crate::config) fn alsa_name_problem(device: &str) -> Option<String> {
    let is_address = |text: &str| {
        !text.is_empty()
            && text
                .split([',', ':'])
                .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let numbers = ["", "hw", "card", "card "]
        .iter()
        .find_map(|prefix| device.strip_prefix(prefix).filter(|numbers| is_address(numbers)));
    if let Some(numbers) = numbers {
        return Some(format!("is no ALSA name; write \"hw:{}\"", numbers.replace(':', ",")));
    }
    if let Some(address) =
        device.strip_prefix("hw:").filter(|address| address.contains(':') && is_address(address))
    {
        return Some(format!("has a : between card and device; write \"hw:{}\"", address.replace(':', ",")));
    }
    let card = device.strip_prefix("hw:").map(|card| card.trim_start_matches("CARD="));
    if let Some(card) = card.filter(|card| card.starts_with("vc4hdmi")) {
        let card = card.split(',').next().unwrap_or(card);
        return Some(format!("takes only IEC 958 frames, which ALSA makes; write \"default:CARD={card}\""));
    }
    device.starts_with('/').then(|| {
        "is a path; write an ALSA name such as \"hw:CARD=S330\" (`mynah devices` lists them)".to_owned()
    })
}

/// Splits `BCM 17` into `bcm` and 17; `None` if it does not end with a number of at most four digits.
fn prefix_and_number(raw: &str) -> Option<(String, u32)> {
    let raw = raw.trim();
    let prefix = raw.trim_end_matches(|character: char| character.is_ascii_digit());
    let digits = &raw[prefix.len()..];
    if digits.is_empty() || digits.len() > 4 {
        return None;
    }
    Some((prefix.trim_end_matches([' ', '-', '_', '.']).to_ascii_lowercase(), digits.parse().ok()?))
}

/// Returns the line of a pin of the header.
fn header_pin(pin: u32) -> Option<String> {
    let index = usize::try_from(pin).ok()?.checked_sub(1)?;
    HEADER.get(index).copied().flatten().map(|gpio| format!("GPIO{gpio}"))
}

fn not_a_gpio(pin: u32) -> String {
    if (1..=40).contains(&pin) {
        format!(
            "pin {pin} of a Raspberry Pi's header is power, ground or the HAT's memory; choose one with a GPIO (`pinout`)"
        )
    } else {
        "a Raspberry Pi's header has pins 1 to 40; write the line's name, such as \"GPIO17\"".to_owned()
    }
}

fn sysfs_line(number: u32) -> Option<String> {
    let gpio = number.checked_sub(SYSFS_BASE).filter(|gpio| *gpio <= GPIO_LAST)?;
    Some(format!("GPIO{gpio}"))
}
