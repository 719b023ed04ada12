//! The topic `system`: kernel, power and clock.
//!
//! It reads files of the kernel; it sets nothing.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;

use super::{Findings, Verdict, kernel_log};
use crate::config::DoctorTopic;
use crate::transport::{RELEASED_S, utc_date};

const TOPIC: DoctorTopic = DoctorTopic::System;
/// The firmware's flags on a Raspberry Pi (documentation of `vcgencmd get_throttled`).
const THROTTLED: &str = "/sys/devices/platform/soc/soc:firmware/get_throttled";
/// Flags of [`THROTTLED`]: the voltage is too low now, and was at some time since the start.
const UNDER_VOLTAGE_NOW: u32 = 1;
const UNDER_VOLTAGE_BEFORE: u32 = 1 << 16;
/// A file that systemd-timesyncd touches when it has set the clock (systemd-timesyncd.service(8)).
const SYNCHRONIZED: &str = "/run/systemd/timesync/synchronized";
/// Limit of the kernel's messages that are read, in bytes; its ring is smaller.
const LOG_BYTES: usize = 4 * 1024 * 1024;
/// Limit of one message (`/dev/kmsg`, kernel documentation of its ABI).
const RECORD_BYTES: usize = 8_192;

/// Checks the machine.
pub(super) fn check(findings: &mut Findings<'_>) {
    let kernel = rustix::system::uname();
    let name = format!("{} {}", kernel.release().to_string_lossy(), kernel.machine().to_string_lossy());
    findings.add(TOPIC, "kernel", name, Verdict::Good);
    match kernel_messages() {
        Ok(log) => {
            let found = kernel_log::judge(&log);
            if found.is_empty() {
                findings.add(TOPIC, "messages", "the kernel says nothing against sound", Verdict::Good);
            }
            found.into_iter().for_each(|finding| findings.push(finding));
        }
        Err(error) => {
            let value = format!(
                "the kernel's cannot be read ({error}); run: sudo dmesg | grep -iE 'wm8960|mclk|i2s|usb|voltage'"
            );
            findings.add(TOPIC, "messages", value, Verdict::NotChecked);
        }
    }
    power(findings);
    clock(findings);
}

/// Reads the messages that the kernel still has, without their prefixes.
fn kernel_messages() -> std::io::Result<String> {
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    let mut file = OpenOptions::new().read(true).custom_flags(nonblocking).open("/dev/kmsg")?;
    let (mut log, mut record) = (String::new(), vec![0; RECORD_BYTES]);
    while log.len() < LOG_BYTES {
        match file.read(&mut record) {
            Ok(0) => break,
            Ok(length) => {
                let text = String::from_utf8_lossy(&record[..length]);
                let message = text.split_once(';').map_or("", |(_, message)| message);
                log.push_str(message.lines().next().unwrap_or_default());
                log.push('\n');
            }
            // A message was overwritten while it was read.
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::PIPE.raw_os_error()) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    Ok(log)
}

fn power(findings: &mut Findings<'_>) {
    let Ok(text) = std::fs::read_to_string(THROTTLED) else { return };
    let Ok(flags) = u32::from_str_radix(text.trim().trim_start_matches("0x"), 16) else { return };
    let value = format!("flags {flags:#x}");
    let remedy =
        "use the board's own power supply and a short cable: sound breaks up, and USB devices disappear";
    let verdict = if flags & UNDER_VOLTAGE_NOW != 0 {
        Verdict::Wrong(format!("the voltage is too low now: {remedy}"))
    } else if flags & UNDER_VOLTAGE_BEFORE != 0 {
        Verdict::Advice(format!("the voltage was too low since the start: {remedy}"))
    } else {
        Verdict::Good
    };
    findings.add(TOPIC, "power", value, verdict);
}

fn clock(findings: &mut Findings<'_>) {
    let now_s = findings.console.clock_s();
    let date = utc_date(now_s);
    let is_synchronized = std::path::Path::new(SYNCHRONIZED).exists();
    let (value, verdict) = if now_s < RELEASED_S.cast_signed() {
        let remedy = "no certificate can be checked; let it be set from the network (timedatectl), or set it";
        (format!("{date}, before this program was released"), Verdict::Wrong(remedy.to_owned()))
    } else if is_synchronized {
        (format!("{date}, set from the network"), Verdict::Good)
    } else {
        (format!("{date}; not set by systemd-timesyncd, or not yet"), Verdict::Good)
    };
    findings.add(TOPIC, "clock", value, verdict);
}
