//! The project's own sound card (tests/vm/guest/snd-mynah): its manners, its counters, and the observer's end to it.
//!
//! The observer speaks into the microphone and records what comes out of the loudspeaker, each sample with its time.
//! What a card should do is the scenario's business.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;

use alsa::Direction;

use crate::clock::sleep_ms;

const PARAMETERS: &str = "/sys/module/snd_mynah/parameters";
const DRIVER: &str = "/sys/bus/platform/drivers/snd_mynah";
/// The size of one heard frame: nanoseconds, left and right sample.
const HEARD_BYTES: usize = 16;
/// Values of `counts` for one stream: opens, prepares, starts, stops.
const COUNTS: usize = 4;

/// The loaded driver; dropping it unloads the driver.
pub(crate) struct Cards {
    /// No one else has these.
    _private: (),
}

/// What a stream was asked for since the driver was loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) opens: u32,
    pub(crate) prepares: u32,
    pub(crate) starts: u32,
    pub(crate) stops: u32,
}

impl Cards {
    /// Loads the driver with these parameters, as `modprobe` reads them.
    pub(crate) fn load(parameters: &str) -> Self {
        let status = Command::new("modprobe").arg("snd-mynah").args(parameters.split(' ')).status();
        assert!(status.is_ok_and(|status| status.success()), "snd-mynah loads with {parameters}");
        Self { _private: () }
    }

    /// Sets a parameter; of several cards the first one's, unless `value` has one for each, separated by commas.
    pub(crate) fn set(&self, parameter: &str, value: &str) {
        fs::write(format!("{PARAMETERS}/{parameter}"), value).expect("the driver has this parameter");
    }

    pub(crate) fn counts(&self, card: usize, direction: Direction) -> Counts {
        let stream = 2 * card + usize::from(direction == Direction::Capture);
        match parameter("counts")[stream * COUNTS..][..COUNTS] {
            [opens, prepares, starts, stops] => Counts { opens, prepares, starts, stops },
            _ => Counts::default(),
        }
    }

    pub(crate) fn disconnect(&self, card: usize) {
        fs::write(format!("{DRIVER}/unbind"), format!("snd_mynah.{card}")).expect("the card unbinds");
    }

    pub(crate) fn reconnect(&self, card: usize) {
        fs::write(format!("{DRIVER}/bind"), format!("snd_mynah.{card}")).expect("the card binds");
    }

    /// Feeds `samples` of `rate_hz` to the microphone, starting at the time `began`, in a loop if `loops` is true.
    pub(crate) fn speak(&self, card: usize, began: u64, rate_hz: u32, loops: bool, samples: &[i16]) {
        let mut bytes = began.to_ne_bytes().to_vec();
        bytes.extend(rate_hz.to_ne_bytes());
        bytes.extend(u32::from(loops).to_ne_bytes());
        bytes.extend(samples.iter().flat_map(|sample| sample.to_ne_bytes()));
        let written = observer(card).write(&bytes).expect("the observer's end takes sound");
        assert_eq!(written, bytes.len(), "the sound is taken in one piece");
    }

    /// Starts to record the loudspeaker. What was heard before is forgotten.
    pub(crate) fn listen(&self, card: usize) -> Ear {
        let stopped = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopped);
        let mut file = observer(card);
        read_all(&mut file, &mut Vec::new());
        let thread = std::thread::Builder::new().name("ear".to_owned());
        let thread = thread.spawn(move || record(&mut file, &stop)).expect("a thread");
        Ear { stopped, thread, card }
    }
}

impl Drop for Cards {
    fn drop(&mut self) {
        let status = Command::new("rmmod").arg("snd_mynah").status();
        assert!(
            std::thread::panicking() || status.is_ok_and(|status| status.success()),
            "snd-mynah is not in use"
        );
    }
}

fn parameter(name: &str) -> Vec<u32> {
    let text = fs::read_to_string(format!("{PARAMETERS}/{name}")).expect("the driver has this parameter");
    text.trim().split(',').map(|number| number.parse().expect("a number")).collect()
}

fn observer(card: usize) -> File {
    let path = format!("/dev/mynah-observer{card}");
    OpenOptions::new().read(true).write(true).open(path).expect("the driver is loaded")
}

/// A thread that records a loudspeaker.
pub(crate) struct Ear {
    stopped: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Heard>>,
    card: usize,
}

/// One frame that was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) at: u64,
    pub(crate) left: i32,
    pub(crate) right: i32,
}

impl Heard {
    /// Returns the left channel in 16 bits.
    pub(crate) fn sample(&self) -> i16 {
        (self.left >> 16) as i16
    }
}

impl Ear {
    /// Stops and returns all that was heard.
    pub(crate) fn stop(self) -> Vec<Heard> {
        self.stopped.store(true, Relaxed);
        let heard = self.thread.join().expect("the ear does not panic");
        assert_eq!(parameter("lost")[self.card], 0, "the ear kept up");
        heard
    }
}

fn record(file: &mut File, stopped: &AtomicBool) -> Vec<Heard> {
    let mut bytes = Vec::new();
    while !stopped.load(Relaxed) {
        sleep_ms(200);
        read_all(file, &mut bytes);
    }
    read_all(file, &mut bytes);
    let (frames, _) = bytes.as_chunks::<HEARD_BYTES>();
    frames
        .iter()
        .map(|&[a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]| Heard {
            at: u64::from_ne_bytes([a, b, c, d, e, f, g, h]),
            left: i32::from_ne_bytes([i, j, k, l]),
            right: i32::from_ne_bytes([m, n, o, p]),
        })
        .collect()
}

/// Reads until there is nothing left for now.
fn read_all(file: &mut File, into: &mut Vec<u8>) {
    let mut block = vec![0; 4096 * HEARD_BYTES];
    while let count @ 1.. = file.read(&mut block).expect("the observer's end can be read") {
        into.extend_from_slice(&block[..count]);
    }
}
