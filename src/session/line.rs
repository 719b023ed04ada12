//! The line to the service: at most one link or one dial, never two.
//!
//! It does what the conversation decides and translates the end of a link into what that means; it
//! decides nothing.

use std::os::fd::BorrowedFd;
use std::time::Instant;

use rustix::event::PollFlags;

use super::cage;
use crate::conversation::{DIAL_LIMIT, Loss};
use crate::errands::{Dial, Errands, Reached, Socket, Unreached};
use crate::link::{Link, Lost, Pipe, Reason, Tls, Upgrade};
use crate::parrot::Habits;
use crate::profile::Endpoint;
use crate::wire;

/// Where the service is.
pub enum Service {
    /// In this process.
    Parrot(Habits),
    /// At the other end of a network.
    Remote {
        /// The address.
        endpoint: Endpoint,
        /// Whom to trust.
        tls: Tls,
    },
}

pub(super) struct Line {
    service: Service,
    stage: Stage,
    dials: u64,
}

enum Stage {
    Down,
    Dialling,
    Up(Link),
    /// Said goodbye; only the answer still matters.
    Closing(Link),
}

impl Line {
    pub(super) fn new(service: Service) -> Self {
        Self { service, stage: Stage::Down, dials: 0 }
    }

    /// Begins to connect and tells whether that is already done.
    pub(super) fn dial(&mut self, errands: &Errands, now: Instant) -> Result<bool, Lost> {
        self.dials += 1;
        match &self.service {
            Service::Parrot(habits) => {
                let (ours, theirs) = Link::pair(now)?;
                cage::open(theirs, habits.clone(), self.dials)?;
                self.stage = Stage::Up(ours);
                Ok(true)
            }
            Service::Remote { endpoint, .. } => {
                let (host, port) = (endpoint.host.clone(), endpoint.port);
                self.stage = Stage::Dialling;
                if !errands.dial(Dial { number: self.dials, host, port, limit: DIAL_LIMIT }) {
                    return Err(Lost::broken("too many errands at once".to_owned()));
                }
                Ok(false)
            }
        }
    }

    /// Takes what has come of a dial, and begins the upgrade.
    pub(super) fn dialled(
        &mut self,
        number: u64,
        result: Result<Reached, Unreached>,
        now: Instant,
    ) -> Result<(), (Loss, Lost)> {
        let Service::Remote { endpoint, tls } = &self.service else { return Ok(()) };
        if number != self.dials || !matches!(self.stage, Stage::Dialling) {
            return Ok(());
        }
        let reached = result.map_err(|why| {
            let loss = if why.set_up { Loss::Refused } else { Loss::Broken };
            (loss, Lost::broken(why.sentence))
        })?;
        let link = upgrade(reached, endpoint, tls, now).map_err(|lost| (weigh(&lost), lost))?;
        self.stage = Stage::Up(link);
        Ok(())
    }

    /// Says goodbye, or gives up what is not yet there.
    pub(super) fn hang_up(&mut self, errands: &Errands) {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Down) {
            Stage::Up(mut link) => {
                link.close();
                Stage::Closing(link)
            }
            Stage::Dialling => {
                errands.cancel();
                Stage::Down
            }
            stage @ (Stage::Down | Stage::Closing(_)) => stage,
        };
    }

    /// Forgets the link, which is over, and says what that means.
    pub(super) fn lose(&mut self, lost: &Lost) -> Loss {
        self.stage = Stage::Down;
        weigh(lost)
    }

    pub(super) fn link(&mut self) -> Option<&mut Link> {
        match &mut self.stage {
            Stage::Up(link) | Stage::Closing(link) => Some(link),
            Stage::Down | Stage::Dialling => None,
        }
    }

    /// Tells whether what still comes is for nobody.
    pub(super) fn is_closing(&self) -> bool {
        matches!(self.stage, Stage::Closing(_))
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Up(link) | Stage::Closing(link) => link.deadline(),
            Stage::Down | Stage::Dialling => None,
        }
    }

    /// Returns the link's descriptor and what to poll it for.
    pub(super) fn fd(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        match &self.stage {
            Stage::Up(link) | Stage::Closing(link) => link.fd().map(|fd| (fd, link.interest())),
            Stage::Down | Stage::Dialling => None,
        }
    }
}

fn upgrade(reached: Reached, endpoint: &Endpoint, tls: &Tls, now: Instant) -> Result<Link, Lost> {
    let pipe = match reached.socket {
        Socket::Tcp(socket) if endpoint.tls => Pipe::tls(socket, &endpoint.host, tls)?,
        Socket::Tcp(socket) => Pipe::tcp(socket)?,
        Socket::ByHand(stream) => Pipe::memory(stream),
    };
    Link::upgrade(pipe, &Upgrade { uri: endpoint.to_string(), credential: Some(reached.credential) }, now)
}

fn weigh(lost: &Lost) -> Loss {
    match lost.reason {
        Reason::Http { status, retry_after } => wire::loss_of_status(status, retry_after),
        Reason::Closed(code) => wire::loss_of_close(code),
        Reason::Broken => Loss::Broken,
        Reason::SetUp => Loss::Refused,
    }
}
