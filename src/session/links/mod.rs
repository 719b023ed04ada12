//! The sessions with the service: the active link, and a standby that replaces it before its session expires.
//!
//! It carries out what the conversation decides, and classifies why a link closed; it decides nothing. There are at
//! most two links, the active one and the one that is to replace it or was just replaced, and at most one connection
//! attempt. It connects nothing itself: what it needs from the background thread, and what happened to a link, it
//! returns from [`Links::poll_output`].

mod access;
mod agent_conversation;
mod builtin;
mod clock_check;
mod form;
mod link_state;
mod loss;
mod origins;
mod receive;
mod reference;
mod send;

use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Duration;

use heapless::Deque;
use rustix::event::PollFlags;

use crate::background::{ConnectError, ConnectRequest, Connection, Socket};
use crate::config::{Endpoint, Proxy};
use crate::conversation::DIAL_LIMIT;
use crate::model::{Dialect, EchoCancellation, Time};
use crate::parrot::ParrotConfig;
use crate::protocol::{Refusal, SessionConfig};
use crate::transport::{ByteStream, Text, Tls, TransportError, UpgradeRequest, WsClient};

pub(super) use access::Access;
pub use access::REFUSED_RETRY;
pub(super) use agent_conversation::AgentConversation;
pub(super) use form::Adaptation;
pub(super) use loss::LinkLoss;
pub use origins::ServiceOrigins;

use form::KnownForm;
use link_state::LinkState;

/// Capacity of the queue of outputs. One call adds at most two for each link, and the session takes them after every
/// call.
const OUTPUTS: usize = 4;

/// The service to connect to.
pub enum ServiceEndpoint {
    /// The built-in service, on a thread of this process.
    Parrot(ParrotConfig),
    /// A service on the network.
    Remote {
        endpoint: Endpoint,
        /// The proxy that leads to it, if there is one.
        proxy: Option<Arc<Proxy>>,
        /// The certificate authorities to trust.
        tls: Tls,
        /// Where the settings come from, for messages.
        origins: ServiceOrigins,
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

/// What the session has to pass on.
#[derive(Debug)]
pub(super) enum LinkOutput {
    /// To the background thread. A request that it does not take is returned to [`Links::handle_refused`].
    Connect(ConnectRequest),
    /// To the background thread: abandon the connection attempt.
    CancelConnect,
    /// The upgrade succeeded.
    Up(Slot),
    /// This machine's clock and the service's differ by much: a message for the user.
    WrongClock(String),
    /// The service has refused the address because of the reference that it asks for: a message for the user.
    ReferenceRefused(String),
    /// A message of the service.
    Text(Slot, Text),
    /// A binary message, which was dropped; its size in bytes.
    Binary(usize),
    /// The link has closed, or the attempt to establish it failed.
    Lost(Slot, LinkLoss),
}

/// Records a sent message: its type, its size in bytes, and its base64 if it is audio.
pub(super) type RecordSent<'a> = &'a mut dyn FnMut(&'static str, usize, Option<&str>);

pub(super) struct Links {
    service: ServiceEndpoint,
    /// The configuration of every session.
    config: SessionConfig,
    /// The form in which it is written.
    known: KnownForm,
    active: LinkState,
    standby: LinkState,
    outputs: Deque<LinkOutput, OUTPUTS>,
    dials: u64,
    /// What the service made of the address and the credential so far.
    access: Access,
    /// The conversation with an agent, which the next session resumes.
    conversation: AgentConversation,
    /// Whether a link may have messages in this turn.
    is_readable: bool,
    /// The standby has become the active link, and may have messages that were left unread.
    has_switched: bool,
}

impl Links {
    pub(super) fn new(
        service: ServiceEndpoint,
        config: SessionConfig,
        access: Access,
        conversation: AgentConversation,
    ) -> Self {
        Self {
            known: KnownForm::of(&service),
            service,
            config,
            access,
            conversation,
            active: LinkState::Down,
            standby: LinkState::Down,
            outputs: Deque::new(),
            dials: 0,
            is_readable: false,
            has_switched: false,
        }
    }

    /// Returns what a call has queued to be passed on. To be called after every other call until it returns `None`.
    pub(super) fn poll_output(&mut self) -> Option<LinkOutput> {
        self.outputs.pop_front()
    }

    /// Lets the service remove the echo in its next sessions, because this device cannot, or no longer. A device that was not
    /// to remove it changes nothing.
    pub(super) fn let_service_remove_echo(&mut self, is_needed: bool) {
        match (self.config.echo_cancellation, is_needed) {
            (Some(EchoCancellation::Device), true) => {
                self.config.echo_cancellation = Some(EchoCancellation::Server);
            }
            // Only a device that removes the echo tells that it does again.
            (Some(EchoCancellation::Server), false) => {
                self.config.echo_cancellation = Some(EchoCancellation::Device);
            }
            (None | Some(_), _) => {}
        }
    }

    /// Starts to connect.
    pub(super) fn dial(&mut self, slot: Slot, now: Time) {
        self.dials += 1;
        self.forget_turns();
        let number = self.dials;
        match &self.service {
            ServiceEndpoint::Parrot(config) => match builtin::open(config.clone(), number, now) {
                Ok(link) => {
                    *self.slot_mut(slot) = LinkState::up(link);
                    self.output(LinkOutput::Up(slot));
                }
                Err(error) => {
                    // A closing link may still be here; the conversation waits for this one.
                    *self.slot_mut(slot) = LinkState::Down;
                    self.lose(slot, error);
                }
            },
            ServiceEndpoint::Remote { endpoint, proxy, .. } => {
                let (host, port, proxy) = (endpoint.host.clone(), endpoint.port, proxy.clone());
                let request = ConnectRequest {
                    number,
                    host,
                    port,
                    proxy,
                    renews_token: self.access.was_token_refused(),
                    limit: DIAL_LIMIT,
                };
                *self.slot_mut(slot) = LinkState::Dialling { number };
                self.output(LinkOutput::Connect(request));
            }
        }
    }

    /// Handles a connection request that the background thread does not take.
    pub(super) fn handle_refused(&mut self, number: u64) {
        if let Some(slot) = self.dialling(number) {
            let message = "too many requests are waiting for the background thread";
            self.lose(slot, TransportError::broken(message.to_owned()));
        }
    }

    /// Handles the result of a connection attempt: starts the WebSocket upgrade.
    pub(super) fn handle_connection(
        &mut self,
        number: u64,
        result: Result<Connection, ConnectError>,
        now: Time,
    ) {
        let Some(slot) = self.dialling(number) else { return };
        *self.slot_mut(slot) = LinkState::Down;
        let ServiceEndpoint::Remote { endpoint, tls, .. } = &self.service else { return };
        let connection = match result {
            Ok(connection) => connection,
            Err(ConnectError { is_setup, message }) => {
                let class = if is_setup { Refusal::Unusable } else { Refusal::Network };
                let loss = self.loss_of(TransportError::broken(message), class);
                return self.output(LinkOutput::Lost(slot, loss));
            }
        };
        self.access.dial(endpoint, &connection.credential);
        let endpoint = self.conversation.address(endpoint, self.access.is_known());
        let endpoint = self.with_reference(endpoint);
        match upgrade(connection, &endpoint, tls, now) {
            Ok(link) => *self.slot_mut(slot) = LinkState::up(link),
            Err(error) => {
                let loss = self.classify(error);
                self.output(LinkOutput::Lost(slot, loss));
            }
        }
    }

    /// Closes both links, and cancels a connection attempt.
    pub(super) fn hang_up(&mut self, now: Time) {
        self.close(Slot::Standby, now);
        self.close(Slot::Active, now);
    }

    /// Closes the standby link, or cancels its connection attempt.
    pub(super) fn drop_standby(&mut self, now: Time) {
        self.close(Slot::Standby, now);
    }

    /// Makes the standby link the active one, in whatever state it is, and closes the old active link.
    pub(super) fn switch_to_standby(&mut self, now: Time) {
        self.close(Slot::Active, now);
        std::mem::swap(&mut self.active, &mut self.standby);
        self.has_switched = true;
    }

    /// Records the conversation with an agent that a configured session has, as its `effective` configuration says. Returns
    /// whether the active session continues the one of the last session, so that the service has its history.
    pub(super) fn begin_conversation(&mut self, slot: Slot, effective: &str) -> bool {
        let id = crate::protocol::agent_conversation(effective);
        match slot {
            Slot::Active => self.conversation.begin(id.as_deref()),
            Slot::Standby => {
                self.conversation.begin_standby(id.as_deref());
                false
            }
        }
    }

    /// Returns, after [`switch_to_standby`](Self::switch_to_standby), whether the new active session continues the
    /// conversation of the old one.
    pub(super) fn continues_conversation(&mut self) -> bool {
        self.conversation.switch_to_standby()
    }

    /// Returns the conversation with an agent that the next start is to resume.
    pub(super) fn conversation(&self) -> Option<&str> {
        self.conversation.id()
    }

    /// Forgets the conversation with an agent.
    pub(super) fn forget_conversation(&mut self) {
        self.conversation.forget();
    }

    /// Drops the active link after a suspend of `suspended`: the service has closed its end by now.
    pub(super) fn handle_suspend(&mut self, suspended: Duration) {
        if self.active.link().is_some() {
            let message = format!("this machine was suspended for {} s", suspended.as_secs());
            self.lose(Slot::Active, TransportError::broken(message));
        }
    }

    /// Checks that the service still answers over the active link; sooner if the user speaks or waits (`busy`).
    pub(super) fn tick(&mut self, busy: bool, now: Time) {
        let Some(link) = self.active.link_mut() else { return };
        link.set_busy(busy);
        if let Err(error) = link.tick(now) {
            self.lose(Slot::Active, error);
        }
    }

    /// Flushes the standby link, checks that its peer still answers, and drops one whose peer does not close in time.
    pub(super) fn maintain_standby(&mut self, now: Time) {
        if matches!(self.standby, LinkState::Closing { until, .. } if now >= until) {
            self.standby = LinkState::Down;
        }
        if let Some(link) = self.standby.link_mut()
            && let Err(error) = link.tick(now).and_then(|()| link.flush())
        {
            self.lose(Slot::Standby, error);
        }
    }

    /// Returns when to call [`tick`](Self::tick) and [`maintain_standby`](Self::maintain_standby).
    pub(super) fn deadline(&self) -> Option<Time> {
        let closing = match &self.standby {
            LinkState::Closing { until, .. } => Some(*until),
            LinkState::Down | LinkState::Dialling { .. } | LinkState::Up { .. } => None,
        };
        let states = [&self.active, &self.standby];
        let links = states.into_iter().filter_map(|state| state.link()?.deadline());
        let held = states.into_iter().filter_map(LinkState::held_until);
        links.chain(held).chain(closing).min()
    }

    /// Returns the descriptors of the links and the events to poll for.
    pub(super) fn fds(&self) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags)> {
        let links = [&self.active, &self.standby].into_iter().filter_map(LinkState::link);
        links.filter_map(|link| link.fd().map(|fd| (fd, link.interest())))
    }

    /// Drops a link that has failed. A link that is closing anyway ends without notice, unless it is the active one,
    /// for whose end an exit waits.
    fn lose(&mut self, slot: Slot, error: TransportError) {
        if let Some(lost) = self.take_lost(slot, error) {
            self.output(lost);
        }
    }

    fn take_lost(&mut self, slot: Slot, error: TransportError) -> Option<LinkOutput> {
        let is_unwanted = slot == Slot::Standby && self.slot(slot).is_closing();
        *self.slot_mut(slot) = LinkState::Down;
        let loss = self.classify(error);
        (!is_unwanted).then_some(LinkOutput::Lost(slot, loss))
    }

    fn close(&mut self, slot: Slot, now: Time) {
        if self.slot_mut(slot).close(now) {
            self.output(LinkOutput::CancelConnect);
        }
    }

    /// Returns the link whose connection attempt has this number.
    fn dialling(&self, number: u64) -> Option<Slot> {
        let dials =
            |slot: &Slot| matches!(self.slot(*slot), LinkState::Dialling { number: n } if *n == number);
        [Slot::Active, Slot::Standby].into_iter().find(dials)
    }

    fn output(&mut self, output: LinkOutput) {
        let lost = self.outputs.push_back(output).err();
        assert!(lost.is_none(), "{OUTPUTS} outputs of the links were not taken, and then {lost:?}");
    }

    fn slot(&self, slot: Slot) -> &LinkState {
        match slot {
            Slot::Active => &self.active,
            Slot::Standby => &self.standby,
        }
    }

    fn slot_mut(&mut self, slot: Slot) -> &mut LinkState {
        match slot {
            Slot::Active => &mut self.active,
            Slot::Standby => &mut self.standby,
        }
    }
}

/// Returns the header of a credential as the dialect wants it: some send a key as a token.
fn header((name, value): (&'static str, String), dialect: Dialect) -> (&'static str, String) {
    if dialect.sends_key_as_bearer() && name != access::TOKEN_HEADER {
        (access::TOKEN_HEADER, format!("Bearer {value}"))
    } else {
        (name, value)
    }
}

/// Starts the upgrade to a WebSocket over a new connection, with TLS unless the endpoint has none.
///
/// # Errors
/// When the request is not valid, or the stream fails at once.
pub fn upgrade(
    connection: Connection,
    endpoint: &Endpoint,
    tls: &Tls,
    now: Time,
) -> Result<WsClient, TransportError> {
    let stream = match connection.socket {
        Socket::Tcp(socket) if endpoint.tls => ByteStream::tls(socket, &endpoint.host, tls, now)?,
        Socket::Tcp(socket) => ByteStream::tcp(socket)?,
        Socket::Simulated(stream) => ByteStream::memory(stream),
    };
    let credential = Some(header(connection.credential, endpoint.dialect));
    let request = UpgradeRequest { uri: endpoint.to_string(), credential };
    WsClient::upgrade(stream, &request, now)
}
