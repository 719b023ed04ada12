//! What alsa-lib prints while it opens a device, captured for the error message.
//!
//! alsa-lib's handler of errors is one for each thread; without it the text would go to standard error.

use std::cell::RefCell;
use std::rc::Rc;

use alsa::Output;

/// The text that is kept, in bytes; the cause is in its first lines.
const KEPT_BYTES: usize = 4096;

/// Captures what alsa-lib prints on this thread, until the next capture starts.
pub(super) struct AlsaOutput(Option<Rc<RefCell<Output>>>);

impl AlsaOutput {
    pub(super) fn capture() -> AlsaOutput {
        // Fails only without memory; then alsa-lib's text is lost, and the error number is left.
        AlsaOutput(Output::local_error_handler().ok())
    }

    /// Returns what was printed so far, one line for each message, without the names of alsa-lib's functions.
    pub(super) fn text(&self) -> String {
        let Some(output) = &self.0 else { return String::new() };
        let text = output.borrow().buffer_string(|bytes| {
            String::from_utf8_lossy(&bytes[..bytes.len().min(KEPT_BYTES)]).into_owned()
        });
        let lines = text.lines().map(|line| without_function(line.trim())).filter(|line| !line.is_empty());
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// Removes the function's name, with which each message starts.
fn without_function(line: &str) -> &str {
    let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    match line.split_once(": ") {
        Some((name, message)) if is_name(name) => message,
        Some(_) | None => line,
    }
}
