//! The program under test: the release build of mynah as a child process, and each line it prints with its time.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, kill_process};

use crate::clock::{self, now};
use crate::loopback::{MICROPHONE, RATE_HZ, SPEAKER};

const BOARD: &str = "loopback.toml";

/// A line of standard output or standard error.
#[derive(Clone)]
pub(crate) struct Line {
    pub(crate) at: u64,
    pub(crate) text: String,
}

/// A running mynah.
pub(crate) struct Device {
    process: Child,
    name: String,
    lines: Arc<Mutex<Vec<Line>>>,
    reader: JoinHandle<()>,
}

/// The output and the exit code of an ended mynah.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) lines: Vec<Line>,
}

impl Device {
    /// Starts mynah on the loopback card, in the observer's format; its output is kept in `out/NAME.log`.
    pub(crate) fn start(name: &str, arguments: &[&str]) -> Self {
        let form = format!("rate_hz = {RATE_HZ}\nformat = \"S16\"\nchannels = 1\n");
        let text = format!(
            "[board]\nname = \"loopback\"\nabout = \"the card that the observer listens to\"\n\
             [microphone]\ndevice = \"{MICROPHONE}\"\n{form}\
             [speaker]\ndevice = \"{SPEAKER}\"\n{form}"
        );
        std::fs::write(BOARD, text).expect("room for a board file");
        Self::start_bare(name, &[&["--board", BOARD], arguments].concat())
    }

    /// Starts mynah with these arguments only.
    pub(crate) fn start_bare(name: &str, arguments: &[&str]) -> Self {
        let (output, writer) = std::io::pipe().expect("a pipe");
        // The observer runs with real-time priority, which mynah must not inherit.
        let process = Command::new("chrt")
            .args(["-o", "0", "mynah", "--config", "/dev/null", "--verbose", "--print-words", "--no-light"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(writer.try_clone().expect("a descriptor"))
            .stderr(writer)
            .spawn()
            .expect("mynah starts");
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&lines);
        let reader = std::thread::spawn(move || {
            for text in BufReader::new(output).lines().map_while(Result::ok) {
                let line = Line { at: now(), text };
                kept.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        Self { process, name: name.to_owned(), lines, reader }
    }

    /// Returns the lines printed so far.
    pub(crate) fn lines(&self) -> Vec<Line> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for a line that contains `words`, printed at or after `since`.
    pub(crate) fn says(&self, words: &str, since: u64, timeout_ms: u64) -> Option<Line> {
        let find = || self.lines().into_iter().find(|line| line.at >= since && line.text.contains(words));
        clock::until(timeout_ms, || find().is_some());
        find()
    }

    /// Returns whether it has not ended yet.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    /// Ends it with SIGTERM.
    pub(crate) fn leave(mut self) -> Ended {
        if self.is_running() {
            kill_process(Pid::from_child(&self.process), Signal::TERM).expect("mynah is a child");
        }
        self.ended(5_000)
    }

    /// Waits until it has ended. After the timeout it is killed, which leaves no exit code.
    pub(crate) fn ended(mut self, timeout_ms: u64) -> Ended {
        let end = now() + timeout_ms * clock::MS;
        while matches!(self.process.try_wait(), Ok(None)) {
            if now() >= end {
                let _ = self.process.kill();
                break;
            }
            clock::sleep_ms(2);
        }
        let code = self.process.wait().expect("the child is ours").code();
        self.reader.join().expect("the reader does not panic");
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let text: String =
            lines.iter().map(|Line { at, text }| format!("{:12.6} {text}\n", *at as f64 / 1e9)).collect();
        std::fs::write(format!("out/{}.log", self.name), text).expect("room for the log");
        Ended { code, lines }
    }
}

impl Ended {
    pub(crate) fn count(&self, words: &str) -> usize {
        self.lines.iter().filter(|line| line.text.contains(words)).count()
    }

    /// Returns the xruns that it last reported, microphone and speaker together.
    pub(crate) fn xruns(&self) -> u64 {
        let report = self.lines.iter().rev().find_map(|line| line.text.split_once("audio since the start: "));
        let count = |part: Option<&str>| -> u64 {
            part.and_then(|part| part.trim().split(' ').next()?.parse().ok()).unwrap_or(0)
        };
        report.map_or(0, |(_, counts)| {
            let mut parts = counts.split(',');
            count(parts.next()) + count(parts.next())
        })
    }
}
