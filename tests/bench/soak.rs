//! The fourth table: the memory and CPU usage of the mynah binary in real time, for a given number of minutes.
//!
//! It is in conversation without a pause over loopback TLS, with an interruption every twelve seconds.

use std::io::Write;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use mynah::parrot::ParrotConfig;

use crate::child::{MYNAH, Usage};
use crate::conversation::{DIALOGUE, write_speech};
use crate::service::{Behaviour, Service};
use crate::start;

/// The time between two rows.
const MINUTE: Duration = Duration::from_secs(60);
/// The time of the first row, with the conversation started.
const FIRST_ROW: Duration = Duration::from_secs(5);

/// Holds a conversation of `minutes` and prints a row every minute.
pub(crate) fn print(minutes: u64) {
    let dir = tempfile::tempdir().unwrap();
    let speech = dir.path().join("speech.wav");
    write_speech(
        &speech,
        (MINUTE * u32::try_from(minutes).unwrap()).div_duration_f64(DIALOGUE).ceil() as usize,
    );
    let service = Service::start([Behaviour::Parrot(ParrotConfig::default())]);
    let began = Instant::now();
    let speaker = dir.path().join("speaker.wav");
    let devices = ["--speech", speech.to_str().unwrap(), "--speaker-file", speaker.to_str().unwrap()];
    let devices = [&devices[..], &["--print-words"]].concat();
    let child = start::child(dir.path(), &service, &[MYNAH], &devices);
    let proc = child.proc();
    let (done, ended) = channel();
    let waiter = std::thread::spawn(move || {
        let end = child.wait();
        let _ = done.send(());
        end
    });
    println!("{:>7} {:>15} {:>10} {:>8}", "minute", "resident, KiB", "CPU, s", "threads");
    let mut next = FIRST_ROW;
    while ended.recv_timeout(next.saturating_sub(began.elapsed())) == Err(RecvTimeoutError::Timeout) {
        if let Some(now) = proc.snapshot() {
            let minute = began.elapsed().as_secs_f64() / 60.0;
            println!(
                "{minute:>7.1} {:>15} {:>10.2} {:>8}",
                now.resident_kib,
                now.cpu.as_secs_f64(),
                now.threads
            );
            let _ = std::io::stdout().flush();
        }
        // The received events are not needed, and hours of them would fill this process's memory.
        service.forget();
        next = if next == FIRST_ROW { MINUTE } else { next + MINUTE };
    }
    let (Usage { succeeded, user, system, .. }, output) = waiter.join().unwrap();
    assert!(succeeded, "mynah ended with an error; it printed: {output}");
    let (duration, replies) =
        (began.elapsed(), output.lines().filter(|line| line.starts_with("mynah: ")).count());
    println!(
        "{replies} replies in {:.1} minutes, {:.2} CPU seconds a minute; exit code 0 after the speech",
        duration.as_secs_f64() / 60.0,
        (user + system).as_secs_f64() / duration.as_secs_f64() * 60.0
    );
}
