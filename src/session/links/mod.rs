//! The links to the service: the active one, and a standby that replaces it before its session expires.
//!
//! It carries out what the conversation decides, and classifies why a link closed; it decides nothing. There
//! are at most two links, the active one and the one that is to replace it or was just replaced, and at most
//! one connection attempt.

mod builtin;
mod connect;
mod receive;
mod standby;

use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::event::PollFlags;

use crate::background::{Background, ConnectError, ConnectRequest, Connection, Socket};
use crate::config::Endpoint;
use crate::conversation::{CLOSE_LIMIT, CloseReason, DIAL_LIMIT, SESSION_LIFETIME};
use crate::model::Time;
use crate::parrot::ParrotConfig;
use crate::protocol;
use crate::transport::{ByteStream, Tls, TransportError, TransportErrorKind, UpgradeRequest, WsClient};

/// The service to connect to.
pub enum ServiceEndpoint {
    /// The built-in service, on a thread of this process.
    Parrot(ParrotConfig),
    /// A service on the network.
    Remote {
        endpoint: Endpoint,
        /// The certificate authorities to trust.
        tls: Tls,
    },
}

/// One of the two links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// The link in use.
    Active,
    /// The link that is to replace the active one, or was just replaced.
    Standby,
}

pub(super) struct Links {
    service: ServiceEndpoint,
    active: LinkState,
    standby: LinkState,
    dials: u64,
    /// Whether the last credential was a key. A key stays the same; a token may be renewed.
    used_key: bool,
}

enum LinkState {
    Down,
    Dialling {
        number: u64,
    },
    Up {
        link: WsClient,
        /// How long the session lasts from its start, as far as known.
        lifetime: Duration,
    },
    /// Close was sent; waits for the peer's close.
    Closing {
        link: WsClient,
        until: Time,
    },
}

impl Links {
    pub(super) fn new(service: ServiceEndpoint) -> Self {
        Self { service, active: LinkState::Down, standby: LinkState::Down, dials: 0, used_key: true }
    }

    /// Starts to connect, and returns whether the link is already up.
    ///
    /// # Errors
    /// When the built-in service cannot be started, or the background thread takes no more requests.
    pub(super) fn dial(
        &mut self,
        slot: Slot,
        background: &Background,
        now: Time,
    ) -> Result<bool, TransportError> {
        self.dials += 1;
        let number = self.dials;
        match &self.service {
            ServiceEndpoint::Parrot(config) => {
                let (client, server) = WsClient::pair(now)?;
                builtin::open(server, config.clone(), number)?;
                *self.slot_mut(slot) = LinkState::Up { link: client, lifetime: SESSION_LIFETIME };
                Ok(true)
            }
            ServiceEndpoint::Remote { endpoint, .. } => {
                let (host, port) = (endpoint.host.clone(), endpoint.port);
                *self.slot_mut(slot) = LinkState::Dialling { number };
                if !background.connect(ConnectRequest { number, host, port, limit: DIAL_LIMIT }) {
                    return Err(TransportError::broken(
                        "too many requests are waiting for the background thread".to_owned(),
                    ));
                }
                Ok(false)
            }
        }
    }

    /// Handles the result of a connection attempt, and starts the WebSocket upgrade.
    ///
    /// # Errors
    /// Returns the slot of the failed attempt, and why it failed.
    pub(super) fn connected(
        &mut self,
        number: u64,
        result: Result<Connection, ConnectError>,
        now: Time,
    ) -> Result<(), (Slot, CloseReason, TransportError)> {
        let dials = |state: &LinkState| matches!(state, LinkState::Dialling { number: n } if *n == number);
        let slot = match (dials(&self.active), dials(&self.standby)) {
            (true, _) => Slot::Active,
            (false, true) => Slot::Standby,
            (false, false) => return Ok(()),
        };
        *self.slot_mut(slot) = LinkState::Down;
        let ServiceEndpoint::Remote { endpoint, tls } = &self.service else { return Ok(()) };
        let connection = result.map_err(|error| {
            let reason = if error.is_setup { CloseReason::Permanent } else { CloseReason::Transient };
            (slot, reason, TransportError::broken(error.message))
        })?;
        let (header, _) = connection.credential;
        self.used_key = header != "Authorization";
        let link = upgrade(connection, endpoint, tls, now);
        let link = link.map_err(|error| (slot, self.classify(&error), error))?;
        *self.slot_mut(slot) = LinkState::Up { link, lifetime: SESSION_LIFETIME };
        Ok(())
    }

    /// Closes both links, and cancels a connection attempt.
    pub(super) fn hang_up(&mut self, background: &Background, now: Time) {
        self.drop_standby(background, now);
        close(&mut self.active, background, now);
    }

    /// Closes the standby link, or cancels its connection attempt.
    pub(super) fn drop_standby(&mut self, background: &Background, now: Time) {
        close(&mut self.standby, background, now);
    }

    /// Makes the standby link the active one, in whatever state it is, and closes the old active link.
    pub(super) fn switch_to_standby(&mut self, background: &Background, now: Time) {
        close(&mut self.active, background, now);
        std::mem::swap(&mut self.active, &mut self.standby);
    }

    /// Drops a link that has failed, and returns how the loss is to be handled.
    pub(super) fn lose(&mut self, slot: Slot, error: &TransportError) -> CloseReason {
        *self.slot_mut(slot) = LinkState::Down;
        self.classify(error)
    }

    pub(super) fn link(&mut self) -> Option<&mut WsClient> {
        self.link_in(Slot::Active)
    }

    pub(super) fn link_in(&mut self, slot: Slot) -> Option<&mut WsClient> {
        match self.slot_mut(slot) {
            LinkState::Up { link, .. } | LinkState::Closing { link, .. } => Some(link),
            LinkState::Down | LinkState::Dialling { .. } => None,
        }
    }

    /// Records when the service will end the session (Unix time, seconds), and returns the session's
    /// lifetime.
    ///
    /// The lifetime is counted from the service's own date: a board without a battery-backed clock may be
    /// wrong.
    pub(super) fn set_expiry(&mut self, slot: Slot, expires_at_s: Option<u32>) -> Duration {
        let LinkState::Up { link, lifetime } = self.slot_mut(slot) else { return SESSION_LIFETIME };
        let left_s = expires_at_s.zip(link.server_date_s()).map(|(end_s, now_s)| i64::from(end_s) - now_s);
        if let Some(left_s) = left_s.and_then(|left_s| u64::try_from(left_s).ok()) {
            *lifetime = Duration::from_secs(left_s).min(SESSION_LIFETIME);
        }
        *lifetime
    }

    /// Returns how long the session lasts from its start.
    pub(super) fn lifetime(&self, slot: Slot) -> Duration {
        match self.slot(slot) {
            LinkState::Up { lifetime, .. } => *lifetime,
            LinkState::Down | LinkState::Dialling { .. } | LinkState::Closing { .. } => SESSION_LIFETIME,
        }
    }

    /// Returns whether the link is being closed: what it still delivers is discarded.
    pub(super) fn is_closing(&self, slot: Slot) -> bool {
        matches!(self.slot(slot), LinkState::Closing { .. })
    }

    /// Drops a closing link whose peer does not close in time.
    pub(super) fn expire(&mut self, now: Time) {
        if matches!(self.standby, LinkState::Closing { until, .. } if now >= until) {
            self.standby = LinkState::Down;
        }
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        let closing = match &self.standby {
            LinkState::Closing { until, .. } => Some(*until),
            LinkState::Down | LinkState::Dialling { .. } | LinkState::Up { .. } => None,
        };
        let links = [&self.active, &self.standby].into_iter().filter_map(|state| state.link()?.deadline());
        links.chain(closing).min()
    }

    /// Returns the descriptors of the links and the events to poll for.
    pub(super) fn fds(&self) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags)> {
        let links = [&self.active, &self.standby].into_iter().filter_map(LinkState::link);
        links.filter_map(|link| link.fd().map(|fd| (fd, link.interest())))
    }

    fn slot_mut(&mut self, slot: Slot) -> &mut LinkState {
        match slot {
            Slot::Active => &mut self.active,
            Slot::Standby => &mut self.standby,
        }
    }

    fn slot(&self, slot: Slot) -> &LinkState {
        match slot {
            Slot::Active => &self.active,
            Slot::Standby => &self.standby,
        }
    }

    fn classify(&self, error: &TransportError) -> CloseReason {
        let reason = match error.reason {
            TransportErrorKind::Http { status, retry_after } => {
                protocol::close_reason_of_status(status, retry_after)
            }
            TransportErrorKind::Closed(code) => protocol::close_reason_of_code(code),
            TransportErrorKind::Broken => CloseReason::Transient,
            TransportErrorKind::Setup => CloseReason::Permanent,
        };
        // A rejected key is rejected again; a token may have been renewed by the next attempt.
        if reason == CloseReason::Unauthorized && self.used_key { CloseReason::Permanent } else { reason }
    }
}

impl LinkState {
    fn link(&self) -> Option<&WsClient> {
        match self {
            Self::Up { link, .. } | Self::Closing { link, .. } => Some(link),
            Self::Down | Self::Dialling { .. } => None,
        }
    }
}

fn close(state: &mut LinkState, background: &Background, now: Time) {
    *state = match std::mem::replace(state, LinkState::Down) {
        LinkState::Up { mut link, .. } => {
            link.close();
            LinkState::Closing { link, until: now + CLOSE_LIMIT }
        }
        LinkState::Dialling { .. } => {
            background.cancel();
            LinkState::Down
        }
        state @ (LinkState::Down | LinkState::Closing { .. }) => state,
    };
}

fn upgrade(
    connection: Connection,
    endpoint: &Endpoint,
    tls: &Tls,
    now: Time,
) -> Result<WsClient, TransportError> {
    let stream = match connection.socket {
        Socket::Tcp(socket) if endpoint.tls => ByteStream::tls(socket, &endpoint.host, tls)?,
        Socket::Tcp(socket) => ByteStream::tcp(socket)?,
        Socket::Simulated(stream) => ByteStream::memory(stream),
    };
    WsClient::upgrade(
        stream,
        &UpgradeRequest { uri: endpoint.to_string(), credential: Some(connection.credential) },
        now,
    )
}
