//! The fourth table: the real binary in real time, for as long as one likes, over loopback TLS.
//!
//! It talks without a pause, with an interruption every twelve seconds. What it holds is asked of the kernel.

use std::io::Write;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use mynah::parrot::ParrotConfig;

use crate::child::{MYNAH, Usage};
use crate::conversation::{DIALOGUE, write_speech};
use crate::service::{Behaviour, Service};
use crate::start;

/// How long a row of the table is.
const MINUTE: Duration = Duration::from_secs(60);
/// The first row: it has begun to talk.
const FIRST_ROW: Duration = Duration::from_secs(5);

/// Talks for so many minutes and prints what each has cost.
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
        // What came is not looked at, and hours of it would fill this process.
        service.forget();
        next = if next == FIRST_ROW { MINUTE } else { next + MINUTE };
    }
    let (Usage { succeeded, user, system, .. }, output) = waiter.join().unwrap();
    assert!(succeeded, "mynah ended with an error; it output: {output}");
    let (duration, replies) =
        (began.elapsed(), output.lines().filter(|line| line.starts_with("mynah: ")).count());
    println!(
        "{replies} replies in {:.1} minutes, {:.2} CPU seconds a minute; it ended with 0 when nothing more was output",
        duration.as_secs_f64() / 60.0,
        (user + system).as_secs_f64() / duration.as_secs_f64() * 60.0
    );
}
