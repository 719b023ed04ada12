//! Sets the mixer controls a second time, shortly after a card has appeared: for every new card udev starts `alsactl
//! restore`, which puts back what the card had at the last shutdown, and may do so after mynah.
//!
//! It reports nothing: what cannot be set was told the first time.

use std::io;
use std::thread::{Builder, JoinHandle};

use super::mixer::set_controls;
use crate::audio::MixerControl;
use crate::sys::EventFd;

/// When: udev starts `alsactl` as soon as there is a card, and it only reads a file and sets the controls.
const AFTER_MS: u32 = 2000;

/// Stack of the thread: alsa-lib keeps its work on the heap.
const STACK_BYTES: usize = 256 * 1024;

/// Sets the controls again after two seconds, on a thread of its own, which is not waited for.
pub(super) fn set_controls_again(controls: &[MixerControl]) {
    // Without a thread they stay as they are.
    let _ = repeat_controls(controls, AFTER_MS, |controls| {
        let _ = set_controls(controls);
    });
}

/// Calls `set` once with the controls, after `after_ms`, on a thread of its own; `None` if there are none.
///
/// # Errors
/// Returns the error of starting the thread.
pub fn repeat_controls(
    controls: &[MixerControl],
    after_ms: u32,
    set: impl FnOnce(&[MixerControl]) + Send + 'static,
) -> io::Result<Option<JoinHandle<()>>> {
    if controls.is_empty() {
        return Ok(None);
    }
    let controls = controls.to_vec();
    let timer = EventFd::new()?;
    let thread = Builder::new().name("mynah-controls".to_owned()).stack_size(STACK_BYTES);
    let handle = thread.spawn(move || {
        timer.wait(Some(after_ms));
        set(&controls);
    })?;
    Ok(Some(handle))
}
