//! The panic hook: a panic on any thread is fatal, with one message and exit code 1.
//!
//! No thread is restarted: the service manager restarts the program from a known state. If a worker panics
//! the session shuts down cleanly, so that no light stays on; if the session panics only the recording is
//! saved. Both take at most 1.9 s.

use std::os::unix::net::UnixStream;
use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use rustix::event::poll;
use rustix::net::{SendFlags, send};
use rustix::time::Timespec;

use super::clock::Clock;
use super::report::recorder::FinalRecording;
use crate::printable::Printable;

/// How long a shutdown may take, as after a signal.
const LEAVE_LIMIT: Duration = Duration::from_millis(1900);

/// How long another panic waits, in ms, for the first to be reported.
const REPORT_LIMIT_MS: u32 = 200;

static PANICKED: AtomicBool = AtomicBool::new(false);
static REPORTED: AtomicBool = AtomicBool::new(false);
static WAKE_FD: OnceLock<UnixStream> = OnceLock::new();
static FINAL_RECORDING: Mutex<Option<(FinalRecording, Clock)>> = Mutex::new(None);

/// Installs the hook: from now on the first panic is passed to `report` as one line, and every panic exits
/// with code 1. Must be called on the thread that the session will run on. `report` must neither lock nor
/// panic.
pub fn install_panic_hook(report: impl Fn(&str) + Send + Sync + 'static) {
    let session = thread::current().id();
    std::panic::set_hook(Box::new(move |panic| {
        if !PANICKED.swap(true, Ordering::AcqRel) {
            report(&message(panic));
            REPORTED.store(true, Ordering::Release);
        }
        wait_for_report();
        end(session);
    }));
}

/// Sets the socket through which a panicking worker wakes the session: the peer of [`SessionParts`]'s
/// `signals`.
///
/// [`SessionParts`]: super::SessionParts
pub fn set_wake_fd(signals: UnixStream) {
    // A program has one session, so this is set once.
    let _ = WAKE_FD.set(signals);
}

/// Sets the recording to write if the session's own thread panics, and the clock that dates it.
pub(super) fn set_final_recording(recording: Option<FinalRecording>, clock: Clock) {
    *FINAL_RECORDING.lock().unwrap_or_else(PoisonError::into_inner) =
        recording.map(|recording| (recording, clock));
}

/// Returns whether a thread has panicked: the exit code is then 1, however the session ended.
#[must_use]
pub fn has_panicked() -> bool {
    PANICKED.load(Ordering::Acquire)
}

fn message(panic: &PanicHookInfo<'_>) -> String {
    let what = panic.payload_as_str().unwrap_or("panic without a message");
    let location = panic.location().map(|at| format!(" ({}:{})", at.file(), at.line())).unwrap_or_default();
    let thread = thread::current();
    // The message may quote what broke the program.
    format!(
        "internal error in thread {}: {}{location}. Exiting; the service will restart. Please report this \
         line and what you did before it.",
        thread.name().unwrap_or("without a name"),
        Printable(what)
    )
}

/// Waits until the first panic is reported: ending the program may not overtake that.
fn wait_for_report() {
    let millisecond = Timespec { tv_sec: 0, tv_nsec: 1_000_000 };
    for _ in 0..REPORT_LIMIT_MS {
        if REPORTED.load(Ordering::Acquire) {
            return;
        }
        let _ = poll(&mut [], Some(&millisecond));
    }
}

fn end(session: ThreadId) -> ! {
    if thread::current().id() == session {
        write_final_recording();
    } else if let Some(signals) = WAKE_FD.get() {
        // A byte, as a signal handler writes it. A full socket means that the session is being woken already.
        let _ = send(signals, &[0], SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
        let limit = Timespec::try_from(LEAVE_LIMIT).ok();
        // Normally main exits during this wait.
        let _ = poll(&mut [], limit.as_ref());
    }
    exit()
}

/// Writes the final recording from a new thread, bounded by [`LEAVE_LIMIT`].
fn write_final_recording() {
    let Some((recording, clock)) = FINAL_RECORDING.try_lock().ok().and_then(|mut recording| recording.take())
    else {
        return;
    };
    let (done, finished) = sync_channel::<()>(0);
    let writer = thread::Builder::new().name("final-recording".into()).spawn(move || {
        let _done = done;
        recording.write(LEAVE_LIMIT, clock.now());
    });
    if writer.is_ok() {
        let _ = finished.recv_timeout(LEAVE_LIMIT);
    }
}

#[expect(clippy::exit, clippy::disallowed_methods, reason = "a panic hook cannot return to main")]
fn exit() -> ! {
    std::process::exit(1)
}
