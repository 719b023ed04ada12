//! The terminal device: raw mode, width, and non-blocking writes (termios(3)).
//!
//! The previous mode is restored when the program ends, even by a panic. Keys that send signals keep working:
//! `ISIG` is not changed.

use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, Once, PoisonError, Weak};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::fstat;
use rustix::net::{RecvFlags, recv};
use rustix::termios::{self, InputModes, LocalModes, OptionalActions, Termios};
use signal_hook::consts::SIGWINCH;

/// Raw mode: keys arrive at once and without echo until this is dropped.
pub(crate) struct RawMode {
    input: OwnedFd,
    output: Arc<OwnedFd>,
    previous: Termios,
}

impl RawMode {
    /// Sets the mode of the terminal at `input`; `output` is used to erase the status line after a panic.
    pub(crate) fn enter(input: &OwnedFd, output: &Arc<OwnedFd>) -> io::Result<Arc<Self>> {
        let previous = termios::tcgetattr(input)?;
        let raw = Arc::new(Self { input: input.try_clone()?, output: Arc::clone(output), previous });
        restore_on_panic(&raw);
        let mut mode = raw.previous.clone();
        mode.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
        // Ctrl-S would stop the output and block writers.
        mode.input_modes -= InputModes::IXON;
        termios::tcsetattr(input, OptionalActions::Now, &mode)?;
        Ok(raw)
    }

    fn restore(&self) {
        // Fails only if the terminal no longer exists.
        let _ = termios::tcsetattr(&self.input, OptionalActions::Now, &self.previous);
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        self.restore();
    }
}

/// Returns whether `input` is `/dev/null`, from which no key ever comes.
pub(crate) fn is_null(input: &OwnedFd) -> bool {
    fstat(input).is_ok_and(|stat| {
        let number = (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev));
        rustix::fs::FileType::from_raw_mode(stat.st_mode).is_char_device() && number == (1, 3)
    })
}

/// Installs a panic hook that restores the mode, because the release build aborts on panic without dropping.
fn restore_on_panic(raw: &Arc<RawMode>) {
    static OPEN_MODES: Mutex<Vec<Weak<RawMode>>> = Mutex::new(Vec::new());
    static HOOK: Once = Once::new();
    {
        let mut modes = OPEN_MODES.lock().unwrap_or_else(PoisonError::into_inner);
        modes.retain(|raw| raw.strong_count() > 0);
        modes.push(Arc::downgrade(raw));
    }
    HOOK.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if let Ok(modes) = OPEN_MODES.try_lock() {
                for raw in modes.iter().filter_map(Weak::upgrade) {
                    raw.restore();
                    let _ = TtyOutput(Arc::clone(&raw.output)).write(b"\r\x1b[K");
                }
            }
            previous(panic);
        }));
    });
}

/// Writes as much as fits without blocking, then returns `WouldBlock`.
///
/// It polls instead of setting O_NONBLOCK, because other programs may share the file description.
pub(crate) struct TtyOutput(pub(crate) Arc<OwnedFd>);

/// The number of bytes that a writable pipe or terminal accepts without blocking.
const WRITE_MAX: usize = 512;

impl Write for TtyOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut ready = [PollFd::new(&self.0, PollFlags::OUT)];
        if poll(&mut ready, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))? == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(rustix::io::write(&self.0, &bytes[..bytes.len().min(WRITE_MAX)])?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) fn is_terminal(fd: &impl AsFd) -> bool {
    termios::isatty(fd)
}

/// Returns whether the program may read and configure `fd`: a background process would be stopped (SIGTTIN,
/// SIGTTOU).
pub(crate) fn is_foreground(fd: &impl AsFd) -> bool {
    // Fails if it is not a terminal or not the controlling one.
    termios::tcgetpgrp(fd).map_or(true, |foreground| foreground == rustix::process::getpgrp())
}

/// Returns whether standard output and standard error lead to the same terminal, pipe, socket or file.
#[must_use]
pub fn is_one_output() -> bool {
    let [output, error] = [rustix::stdio::stdout(), rustix::stdio::stderr()].map(fstat);
    matches!((output, error), (Ok(one), Ok(other)) if (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino))
}

/// Returns a socket that becomes readable when a terminal of this process has another size (SIGWINCH).
pub(crate) fn resizes() -> io::Result<UnixStream> {
    let (receiver, sender) = UnixStream::pair()?;
    receiver.set_nonblocking(true)?;
    signal_hook::low_level::pipe::register(SIGWINCH, sender)?;
    Ok(receiver)
}

/// Reads what [`resizes`] holds, so that it is readable again only after the next change.
pub(crate) fn clear(resizes: &UnixStream) {
    let mut bytes = [0; 64];
    while recv(resizes, &mut bytes, RecvFlags::DONTWAIT).is_ok_and(|(count, _)| count == bytes.len()) {}
}

/// Returns the width of the terminal in columns, if known.
pub(crate) fn width(fd: &impl AsFd) -> Option<u16> {
    termios::tcgetwinsize(fd).ok().map(|size| size.ws_col).filter(|columns| *columns > 0)
}
