//! GPIO lines of the kernel's simulator (gpio-sim, through configfs): presses buttons and watches lights.
//!
//! Dropping the chip removes it. Lines are known by name only.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;

use crate::clock::{now, sleep_ns};

const CONFIG: &str = "/sys/kernel/config/gpio-sim/vm";
/// The interval at which a watched line is read.
const POLL_NS: u64 = 100_000;

/// A simulated GPIO chip.
pub(crate) struct Chip {
    names: &'static [&'static str],
    folder: PathBuf,
    device: PathBuf,
}

impl Chip {
    /// Creates a chip with lines of these names, all high.
    pub(crate) fn new(names: &'static [&'static str]) -> Self {
        let bank = format!("{CONFIG}/bank");
        fs::create_dir(CONFIG).expect("gpio-sim is loaded");
        fs::create_dir(&bank).expect("a bank");
        fs::write(format!("{bank}/num_lines"), names.len().to_string()).expect("a number of lines");
        fs::write(format!("{bank}/label"), "vm").expect("a label");
        for (offset, name) in names.iter().enumerate() {
            fs::create_dir(format!("{bank}/line{offset}")).expect("a line");
            fs::write(format!("{bank}/line{offset}/name"), name).expect("a name");
        }
        fs::write(format!("{CONFIG}/live"), "1").expect("the chip goes live");
        let read = |file: &str| fs::read_to_string(file).expect("the kernel names it").trim().to_owned();
        let (device, chip) = (read(&format!("{CONFIG}/dev_name")), read(&format!("{bank}/chip_name")));
        let chip = Self {
            names,
            folder: format!("/sys/devices/platform/{device}/{chip}").into(),
            device: format!("/dev/{chip}").into(),
        };
        names.iter().for_each(|name| {
            chip.release(name);
        });
        chip
    }

    /// Returns its character device.
    pub(crate) fn device(&self) -> &PathBuf {
        &self.device
    }

    /// Returns the offset of a line.
    pub(crate) fn offset(&self, name: &str) -> u32 {
        self.names.iter().position(|own| *own == name).expect("a line of the chip") as u32
    }

    /// Pulls a line low, as a button to ground does. Returns the time right before.
    pub(crate) fn press(&self, name: &str) -> u64 {
        self.pull(name, "pull-down")
    }

    /// Pulls a line high. Returns the time right before.
    pub(crate) fn release(&self, name: &str) -> u64 {
        self.pull(name, "pull-up")
    }

    /// Presses for `ns` nanoseconds. Returns the time right before the press.
    pub(crate) fn tap(&self, name: &str, ns: u64) -> u64 {
        let pressed = self.press(name);
        sleep_ns(ns);
        self.release(name);
        pressed
    }

    /// Starts a thread that watches a line.
    pub(crate) fn watch(&self, name: &str) -> LineWatch {
        let stopped = Arc::new(AtomicBool::new(false));
        let value = File::open(self.file(name, "value")).expect("a readable line");
        let stop = Arc::clone(&stopped);
        let thread = std::thread::Builder::new().name("line-watch".to_owned());
        LineWatch { stopped, thread: thread.spawn(move || watch(&value, &stop)).expect("a thread") }
    }

    fn pull(&self, name: &str, to: &str) -> u64 {
        let file = self.file(name, "pull");
        let at = now();
        fs::write(file, to).expect("a line with a pull");
        at
    }

    fn file(&self, name: &str, what: &str) -> PathBuf {
        self.folder.join(format!("sim_gpio{}/{what}", self.offset(name)))
    }
}

impl Drop for Chip {
    fn drop(&mut self) {
        // Errors are ignored: the machine powers off afterwards.
        let _ = fs::write(format!("{CONFIG}/live"), "0");
        for offset in 0..self.names.len() {
            let _ = fs::remove_dir(format!("{CONFIG}/bank/line{offset}"));
        }
        let _ = fs::remove_dir(format!("{CONFIG}/bank"));
        let _ = fs::remove_dir(CONFIG);
    }
}

/// A line being watched.
pub(crate) struct LineWatch {
    stopped: Arc<AtomicBool>,
    thread: JoinHandle<Vec<LineChange>>,
}

/// A level change, somewhere between two reads.
pub(crate) struct LineChange {
    /// When the old level was last read.
    pub(crate) before: u64,
    /// When the new level was first read.
    pub(crate) after: u64,
    pub(crate) high: bool,
}

impl LineWatch {
    /// Stops watching and returns the changes; the first one is the initial level.
    pub(crate) fn end(self) -> Vec<LineChange> {
        self.stopped.store(true, Relaxed);
        self.thread.join().expect("the watching thread does not panic")
    }
}

fn watch(value: &File, stopped: &AtomicBool) -> Vec<LineChange> {
    let mut changes: Vec<LineChange> = Vec::new();
    let mut before = now();
    while !stopped.load(Relaxed) {
        let read_at = now();
        let mut text = [0];
        value.read_exact_at(&mut text, 0).expect("the line stays");
        let high = text == *b"1";
        if changes.last().is_none_or(|last| last.high != high) {
            changes.push(LineChange { before, after: now(), high });
        }
        before = read_at;
        sleep_ns(POLL_NS);
    }
    changes
}
