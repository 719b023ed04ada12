//! The thread of the built-in service: connects the parrot to one end of a socket pair, and brings its clock.
//!
//! It decides nothing, and ends when the other end is dropped.

use std::thread::Builder;
use std::time::Duration;

use rustix::event::{PollFd, poll};
use rustix::time::Timespec;

use crate::model::Time;
use crate::parrot::{Parrot, ParrotConfig};
use crate::session::clock::Clock;
use crate::transport::{LinkEvent, TransportError, WsClient};

/// More than the parrot needs for the JSON trees that it builds its events from.
const STACK_BYTES: usize = 256 * 1024;

/// Starts a parrot, and returns the link to it. Its ids are derived from `seed`.
///
/// # Errors
/// When the kernel provides no socket pair or no thread.
pub(super) fn open(config: ParrotConfig, seed: u64, now: Time) -> Result<WsClient, TransportError> {
    let (client, mut server) = WsClient::pair(now)?;
    let run = move || {
        let clock = Clock::start();
        let mut parrot = Parrot::new(config, seed, Duration::ZERO);
        // An error means that the session has dropped its end.
        let _ = serve(&mut server, &mut parrot, clock);
    };
    Builder::new().name("parrot".into()).stack_size(STACK_BYTES).spawn(run)?;
    Ok(client)
}

fn serve(link: &mut WsClient, parrot: &mut Parrot, clock: Clock) -> Result<(), TransportError> {
    loop {
        let now = clock.now();
        while let Some(event) = link.next(now)? {
            match event {
                LinkEvent::Text(text) => parrot.receive(&text, now - Time::ZERO),
                LinkEvent::Up | LinkEvent::Binary(_) => {}
            }
        }
        while let Some(message) = parrot.next_message(now - Time::ZERO) {
            link.send(|text| text.extend_from_slice(message.as_bytes()))?;
        }
        link.flush()?;
        if parrot.has_ended() {
            link.close();
            return Ok(());
        }
        if link.has_unread() {
            continue;
        }
        wait(link, parrot.deadline().map(|due| due.saturating_sub(now - Time::ZERO)))?;
    }
}

fn wait(link: &WsClient, limit: Option<Duration>) -> Result<(), TransportError> {
    let Some(fd) = link.fd() else { return Ok(()) };
    let mut fds = [PollFd::from_borrowed_fd(fd, link.interest())];
    let timeout = limit.and_then(|limit| Timespec::try_from(limit).ok());
    match poll(&mut fds, timeout.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(TransportError::broken(error.to_string())),
    }
}
