//! The end of a program that is broken: one message, and exit code 1, whichever thread it was that broke.
//!
//! What broke is not run again: what starts the program again begins from a known state. A thread that breaks beside
//! the session has the session leave in order, so that no light stays as it was; of a session that breaks itself only
//! what was recorded is saved. There is a limit to both.

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

/// How long the session may take to leave, as it has for any other reason.
const LEAVE_LIMIT: Duration = Duration::from_millis(1900);

static PANICKED: AtomicBool = AtomicBool::new(false);
static WAKE_FD: OnceLock<UnixStream> = OnceLock::new();
static FINAL_RECORDING: Mutex<Option<(FinalRecording, Clock)>> = Mutex::new(None);

/// Has every panic from now on said with `report`, in one sentence, and end the program with exit code 1. To be called
/// by the thread that the session will run on. `report` must neither lock nor panic.
pub fn install_panic_hook(report: impl Fn(&str) + Send + Sync + 'static) {
    let session = thread::current().id();
    std::panic::set_hook(Box::new(move |panic| {
        if !PANICKED.swap(true, Ordering::AcqRel) {
            report(&message(panic));
        }
        end(session);
    }));
}

/// Lets a thread that breaks wake the session: `signals` is the other end of its [`Parts`](super::Parts).
pub fn set_wake_fd(signals: UnixStream) {
    // There is one session in a program.
    let _ = WAKE_FD.set(signals);
}

/// Says what is to be done when the session's own thread breaks, and by which clock.
pub(super) fn set_final_recording(recording: Option<FinalRecording>, clock: Clock) {
    *FINAL_RECORDING.lock().unwrap_or_else(PoisonError::into_inner) =
        recording.map(|recording| (recording, clock));
}

/// Tells whether a thread has broken, whatever the session thinks of its own end.
#[must_use]
pub fn has_panicked() -> bool {
    PANICKED.load(Ordering::Acquire)
}

fn message(panic: &PanicHookInfo<'_>) -> String {
    let what = panic.payload_as_str().unwrap_or("for no reason that it can say");
    let location = panic.location().map(|at| format!(" at {}:{}", at.file(), at.line())).unwrap_or_default();
    let thread = thread::current();
    format!(
        "mynah is broken: {} ({}{location}); it ends now, and begins anew if it runs as a service: please report this line, \
         and what was done before it",
        what.replace('\n', " "),
        thread.name().unwrap_or("a thread without a name")
    )
}

fn end(session: ThreadId) -> ! {
    if thread::current().id() == session {
        write_final_recording();
    } else if let Some(signals) = WAKE_FD.get() {
        // As a signal does. Where there is no room, signals are waiting that nobody looks at.
        let _ = send(signals, &[0], SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
        let limit = Timespec::try_from(LEAVE_LIMIT).ok();
        // The program ends meanwhile if all goes well.
        let _ = poll(&mut [], limit.as_ref());
    }
    exit()
}

/// Has the session's will done, by a thread that is well; should that break as well, it is not waited for.
fn write_final_recording() {
    let Some((recording, clock)) = FINAL_RECORDING.try_lock().ok().and_then(|mut recording| recording.take())
    else {
        return;
    };
    let (done, finished) = sync_channel::<()>(0);
    let writer = thread::Builder::new().name("last words".into()).spawn(move || {
        let _done = done;
        recording.write(LEAVE_LIMIT, clock.now());
    });
    if writer.is_ok() {
        let _ = finished.recv_timeout(LEAVE_LIMIT);
    }
}

#[expect(clippy::exit, clippy::disallowed_methods, reason = "in a panic there is no main to return to")]
fn exit() -> ! {
    std::process::exit(1)
}
