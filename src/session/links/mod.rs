//! The line to the service: one link or one dial, and before a session's end a second beside it.
//!
//! It does what the conversation decides and translates the end of a link into what that means; it
//! decides nothing. There are never more than two links: the one in use, and the one that is to take its place or
//! has just left it. There is never more than one dial.

mod builtin;
mod connect;
mod receive;
mod standby;

use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::event::PollFlags;

use crate::background::{Background, ConnectError, ConnectRequest, Connection, Socket};
use crate::config::Endpoint;
use crate::conversation::{CloseReason, DIAL_LIMIT, GOODBYE_LIMIT, SESSION_LIFE};
use crate::model::Time;
use crate::parrot::ParrotConfig;
use crate::protocol;
use crate::transport::{ByteStream, Tls, TransportError, TransportErrorKind, UpgradeRequest, WsClient};

/// Where the service is.
pub enum ServiceEndpoint {
    /// In this process.
    Parrot(ParrotConfig),
    /// At the other end of a network.
    Remote {
        endpoint: Endpoint,
        /// Whom to trust.
        tls: Tls,
    },
}

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// The link that is in use.
    Active,
    /// The link that is to take its place, or has just left it.
    Standby,
}

pub(super) struct Links {
    service: ServiceEndpoint,
    active: LinkState,
    standby: LinkState,
    dials: u64,
    /// Whether the credential shown last was a key: another look at it shows the same.
    used_key: bool,
}

enum LinkState {
    Down,
    Dialling {
        number: u64,
    },
    /// How long the session will last, as far as is known.
    Up {
        link: WsClient,
        lifetime: Duration,
    },
    /// Said goodbye; only the answer still matters, for so long.
    Closing {
        link: WsClient,
        until: Time,
    },
}

impl Links {
    pub(super) fn new(service: ServiceEndpoint) -> Self {
        Self { service, active: LinkState::Down, standby: LinkState::Down, dials: 0, used_key: true }
    }

    /// Begins to connect and tells whether that is already done.
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
                *self.slot_mut(slot) = LinkState::Up { link: client, lifetime: SESSION_LIFE };
                Ok(true)
            }
            ServiceEndpoint::Remote { endpoint, .. } => {
                let (host, port) = (endpoint.host.clone(), endpoint.port);
                *self.slot_mut(slot) = LinkState::Dialling { number };
                if !background.dial(ConnectRequest { number, host, port, limit: DIAL_LIMIT }) {
                    return Err(TransportError::broken("too many errands at once".to_owned()));
                }
                Ok(false)
            }
        }
    }

    /// Takes what has come of a dial, and begins the upgrade; whose dial it was comes with the failure.
    pub(super) fn connected(
        &mut self,
        number: u64,
        result: Result<Connection, ConnectError>,
        now: Time,
    ) -> Result<(), (Slot, CloseReason, TransportError)> {
        let is_dialling = |state: &LinkState| matches!(state, LinkState::Dialling { number: dialled } if *dialled == number);
        let slot = match (is_dialling(&self.active), is_dialling(&self.standby)) {
            (true, _) => Slot::Active,
            (false, true) => Slot::Standby,
            (false, false) => return Ok(()),
        };
        *self.slot_mut(slot) = LinkState::Down;
        let ServiceEndpoint::Remote { endpoint, tls } = &self.service else { return Ok(()) };
        let connection = result.map_err(|error| {
            let reason = if error.is_setup { CloseReason::Permanent } else { CloseReason::Transient };
            (slot, reason, TransportError::broken(error.sentence))
        })?;
        let (header, _) = connection.credential;
        self.used_key = header != "Authorization";
        let link = upgrade(connection, endpoint, tls, now);
        let link = link.map_err(|error| (slot, self.classify(&error), error))?;
        *self.slot_mut(slot) = LinkState::Up { link, lifetime: SESSION_LIFE };
        Ok(())
    }

    /// Says goodbye to everybody, or gives up what is not yet there.
    pub(super) fn hang_up(&mut self, background: &Background, now: Time) {
        self.drop_standby(background, now);
        close(&mut self.active, background, now);
    }

    /// Says goodbye to the second link, or gives it up.
    pub(super) fn drop_standby(&mut self, background: &Background, now: Time) {
        close(&mut self.standby, background, now);
    }

    /// Puts the second link, however far it has come, in the place of the first, to which it says goodbye.
    pub(super) fn switch_to_standby(&mut self, background: &Background, now: Time) {
        close(&mut self.active, background, now);
        std::mem::swap(&mut self.active, &mut self.standby);
    }

    /// Forgets the link, which is over, and says what that means.
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

    /// Takes in when the service will end a session, and says how long that is.
    ///
    /// The time comes from the service's own clock: a board without a battery may have no idea of it.
    pub(super) fn set_expiry(&mut self, slot: Slot, expires_at_s: Option<u32>) -> Duration {
        let LinkState::Up { link, lifetime } = self.slot_mut(slot) else { return SESSION_LIFE };
        let left_s = expires_at_s.zip(link.server_date_s()).map(|(end_s, now_s)| i64::from(end_s) - now_s);
        if let Some(left_s) = left_s.and_then(|left_s| u64::try_from(left_s).ok()) {
            *lifetime = Duration::from_secs(left_s).min(SESSION_LIFE);
        }
        *lifetime
    }

    /// Tells how long the session lasts from its beginning.
    pub(super) fn lifetime(&self, slot: Slot) -> Duration {
        match self.slot(slot) {
            LinkState::Up { lifetime, .. } => *lifetime,
            LinkState::Down | LinkState::Dialling { .. } | LinkState::Closing { .. } => SESSION_LIFE,
        }
    }

    /// Tells whether what still comes is for nobody.
    pub(super) fn is_closing(&self, slot: Slot) -> bool {
        matches!(self.slot(slot), LinkState::Closing { .. })
    }

    /// Forgets a link to which goodbye was said and that does not answer in time.
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

    /// Returns the links' descriptors and what to poll them for.
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
        // A key that was not accepted is the same key the next time; a token may be fresh by then.
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
            LinkState::Closing { link, until: now + GOODBYE_LIMIT }
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
