//! The classes of all that a service, a network or this machine's set-up refuses, and what follows from each.
//!
//! It is a table: [`recognize`](super::recognize) finds the class. It decides nothing beyond it, and formats nothing.

use std::time::Duration;

use crate::conversation::{CloseReason, RATE_LIMIT_HOLD_OFF, ServerError};

/// Limit of `Retry-After`: the service counts requests and tokens by the minute (protocol §4.2), so that it has no reason to
/// ask for more. Whoever answers in its place keeps the device silent for no longer.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);

/// A class of refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The key or the token is not accepted.
    Credential,
    /// The key or the token is accepted, and may not do this; or this network may not.
    Forbidden,
    /// There is no such service at the address.
    Address,
    /// The model is missing, or cannot be used for this.
    Model,
    /// A request of mynah is not accepted, most likely because of a setting.
    Setting,
    /// Its dialect is not the one that the user has set.
    Dialect,
    /// The service closes the connection by a policy that it does not explain.
    Policy,
    /// The address or the credential cannot be sent.
    Unusable,
    /// The account may use no more.
    Quota,
    /// The account may use no more just now.
    RateLimit,
    /// The service has trouble of its own.
    Trouble,
    /// The session's time is over.
    SessionOver,
    /// A content filter ended the reply.
    Filter,
    /// The reply reached the service's limit.
    TooLong,
    /// A hosted agent failed on one message.
    Agent,
    /// There was no reply to cancel.
    NothingToCancel,
    /// Another reply was in progress.
    ReplyInProgress,
    /// There was too little speech.
    NothingToCommit,
    /// The certificate is good at another time than this machine's clock says.
    Clock,
    /// The certificate is not trusted.
    Certificate,
    /// Something else answers.
    WebPage,
    /// The connection failed.
    Network,
    /// The service sends more than a conversation needs.
    Flood,
    /// Nothing else fits.
    Unknown,
}

/// The setting that a refusal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Culprit {
    /// The address.
    Endpoint,
    /// The key or the token.
    Credential,
    Model,
    /// The setting that the service names.
    Named,
    /// The certificate authorities to trust.
    CaFile,
    /// None.
    Nothing,
}

impl Refusal {
    /// All classes, in the order of declaration.
    pub const ALL: [Self; 24] = [
        Self::Credential,
        Self::Forbidden,
        Self::Address,
        Self::Model,
        Self::Setting,
        Self::Dialect,
        Self::Policy,
        Self::Unusable,
        Self::Quota,
        Self::RateLimit,
        Self::Trouble,
        Self::SessionOver,
        Self::Filter,
        Self::TooLong,
        Self::Agent,
        Self::NothingToCancel,
        Self::ReplyInProgress,
        Self::NothingToCommit,
        Self::Clock,
        Self::Certificate,
        Self::WebPage,
        Self::Network,
        Self::Flood,
        Self::Unknown,
    ];

    /// Returns what has happened, as the beginning of a message.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Credential => "the service does not accept the key or token",
            Self::Forbidden => "the service does not let this account or this network in",
            Self::Address => "there is no such service at the address",
            Self::Model => "the service does not offer the model",
            Self::Setting => "the service rejects a setting",
            Self::Dialect => "the service speaks another dialect than the one that is set",
            Self::Policy => "the service refuses the connection by its policy",
            Self::Unusable => "the address or the credential cannot be used",
            Self::Quota => "the quota of the account is used up",
            Self::RateLimit => "the service's rate limit is reached",
            Self::Trouble => "the service has trouble of its own",
            Self::SessionOver => "the service has ended the session",
            Self::Filter => "the service's content filter stopped the reply",
            Self::TooLong => "the reply reached the service's limit of length",
            Self::Agent => "the service's agent failed on this message",
            Self::NothingToCancel => "there was no reply to cancel",
            Self::ReplyInProgress => "another reply was still in progress",
            Self::NothingToCommit => "too little speech was sent",
            Self::Clock => "this machine's clock and the service's certificate do not agree",
            Self::Certificate => "the service's certificate is not trusted",
            Self::WebPage => "a web page answers instead of the service",
            Self::Network => "the connection failed",
            Self::Flood => "the service sends more than a conversation needs",
            Self::Unknown => "the service reports an error",
        }
    }

    /// Returns what the user can do, or an empty string if that is nothing.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::Credential => "copy the key again from the Azure portal, or renew the token",
            Self::Forbidden => "check the resource's network rules, and the account's roles",
            Self::Address => {
                "copy the endpoint again from the Azure portal, such as https://NAME.services.ai.azure.com"
            }
            Self::Model => "set model to one that the resource offers",
            Self::Setting => "change or remove it",
            Self::Dialect => "correct or remove it",
            Self::Policy => "check the key, the model and the resource's network rules",
            Self::Unusable => "correct it",
            Self::Quota => "check quota and billing of the resource in the Azure portal",
            Self::Filter => "say it differently",
            Self::TooLong => "ask for a shorter answer",
            Self::Agent => "ask again, and check the agent in the Azure portal",
            Self::Clock => "let the clock be set from the network, or set it (timedatectl shows it)",
            Self::Certificate => {
                "check the endpoint; for a company's proxy or a server of your own, set ca_file to its certificate \
                 authority"
            }
            Self::WebPage => "log in to this network, or check the endpoint",
            Self::Network => "check this machine's network",
            Self::Flood => "if it goes on, check the endpoint",
            Self::RateLimit | Self::Trouble | Self::SessionOver | Self::Unknown => "",
            Self::NothingToCancel | Self::ReplyInProgress | Self::NothingToCommit => "",
        }
    }

    /// Returns the setting that it is about.
    #[must_use]
    pub fn culprit(self) -> Culprit {
        match self {
            Self::Credential | Self::Forbidden | Self::Policy => Culprit::Credential,
            Self::Address | Self::Unusable | Self::WebPage => Culprit::Endpoint,
            Self::Model => Culprit::Model,
            Self::Setting | Self::Dialect => Culprit::Named,
            Self::Certificate => Culprit::CaFile,
            Self::Quota
            | Self::RateLimit
            | Self::Trouble
            | Self::SessionOver
            | Self::Filter
            | Self::TooLong
            | Self::Agent
            | Self::NothingToCancel
            | Self::ReplyInProgress
            | Self::NothingToCommit
            | Self::Clock
            | Self::Network
            | Self::Flood
            | Self::Unknown => Culprit::Nothing,
        }
    }

    /// Returns whether it is about a key or an address, which may have worked before.
    #[must_use]
    pub fn is_of_access(self) -> bool {
        matches!(self, Self::Credential | Self::Forbidden | Self::Address | Self::Policy)
    }

    /// Returns its consequence in a session.
    #[must_use]
    pub fn server_error(self) -> ServerError {
        match self {
            Self::Credential => ServerError::Unauthorized,
            Self::Forbidden
            | Self::Address
            | Self::Model
            | Self::Setting
            | Self::Dialect
            | Self::Policy
            | Self::Unusable => ServerError::Rejected,
            Self::Quota => ServerError::QuotaExceeded,
            Self::RateLimit => ServerError::RateLimited,
            Self::Trouble => ServerError::Internal,
            Self::SessionOver => ServerError::SessionExpired,
            Self::Filter | Self::TooLong => ServerError::Withheld,
            Self::NothingToCancel => ServerError::NothingToCancel,
            Self::ReplyInProgress => ServerError::ReplyInProgress,
            Self::NothingToCommit => ServerError::NothingToCommit,
            Self::Agent
            | Self::Clock
            | Self::Certificate
            | Self::WebPage
            | Self::Network
            | Self::Flood
            | Self::Unknown => ServerError::Other,
        }
    }

    /// Returns its consequence for a link that it has ended; `requested` is the delay that the service asks for.
    #[must_use]
    pub fn close_reason(self, requested: Option<Duration>) -> CloseReason {
        let requested = requested.map(|delay| CloseReason::RetryAfter(delay.min(RETRY_AFTER_MAX)));
        match self {
            Self::Credential => CloseReason::Unauthorized,
            Self::Forbidden
            | Self::Address
            | Self::Model
            | Self::Setting
            | Self::Dialect
            | Self::Policy
            | Self::Unusable
            | Self::Quota => CloseReason::Permanent,
            Self::RateLimit => requested.unwrap_or(CloseReason::RetryAfter(RATE_LIMIT_HOLD_OFF)),
            Self::Trouble
            | Self::SessionOver
            | Self::Filter
            | Self::TooLong
            | Self::Agent
            | Self::NothingToCancel
            | Self::ReplyInProgress
            | Self::NothingToCommit
            | Self::Clock
            | Self::Certificate
            | Self::WebPage
            | Self::Network
            | Self::Flood
            | Self::Unknown => requested.unwrap_or(CloseReason::Transient),
        }
    }
}
