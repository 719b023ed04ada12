//! The terminal device: its mode, its width, and writing to it without waiting.
//!
//! The mode it had is put back when the program ends, even by a panic. Keys that send signals stay
//! as they are: what ends the program is not for the terminal to decide.

use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, Once, PoisonError, Weak};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{self, InputModes, LocalModes, OptionalActions, Termios};

/// A terminal that gives keys at once and does not echo them, until this is dropped.
pub(crate) struct RawMode {
    input: OwnedFd,
    output: Arc<OwnedFd>,
    previous: Termios,
}

impl RawMode {
    /// Changes the mode of the terminal at `input`; `output` is for cleaning up after a panic.
    pub(crate) fn enter(input: &OwnedFd, output: &Arc<OwnedFd>) -> io::Result<Arc<Self>> {
        let previous = termios::tcgetattr(input)?;
        let raw = Arc::new(Self { input: input.try_clone()?, output: Arc::clone(output), previous });
        restore_on_panic(&raw);
        let mut mode = raw.previous.clone();
        mode.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
        // Ctrl-S would stop the terminal, and with it whoever writes to it.
        mode.input_modes -= InputModes::IXON;
        termios::tcsetattr(input, OptionalActions::Now, &mode)?;
        Ok(raw)
    }

    fn restore(&self) {
        // A terminal that is gone needs no mode.
        let _ = termios::tcsetattr(&self.input, OptionalActions::Now, &self.previous);
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        self.restore();
    }
}

/// The release build aborts on panic and drops nothing, so the panic hook must do it.
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

/// Writes as much as fits without waiting; the rest is `WouldBlock`.
///
/// The file description may be shared with other programs, so it is not made non-blocking.
pub(crate) struct TtyOutput(pub(crate) Arc<OwnedFd>);

/// What a pipe or terminal that is ready takes without waiting, bytes.
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

/// Tells whether reading and setting `fd` is ours to do: in the background it would stop the program.
pub(crate) fn is_foreground(fd: &impl AsFd) -> bool {
    // Where this fails it is no terminal, or not the one that could stop us.
    termios::tcgetpgrp(fd).map_or(true, |foreground| foreground == rustix::process::getpgrp())
}

/// Gives the width of the terminal, columns, if it is one and knows.
pub(crate) fn width(fd: &impl AsFd) -> Option<u16> {
    termios::tcgetwinsize(fd).ok().map(|size| size.ws_col).filter(|columns| *columns > 0)
}
