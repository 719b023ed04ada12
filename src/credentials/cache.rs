//! The token in use: how long it may be sent, and when the next one is due.
//!
//! Time is an argument, counted through a suspend of the machine. It fetches nothing.

use std::time::Duration;

use super::answer::IssuedToken;
use crate::config::Secret;
use crate::model::Time;

/// A token is renewed this long before its end, and not sent after that if there is another. Of one that lives shorter,
/// half of its life.
pub const RENEW_BEFORE: Duration = Duration::from_secs(300);
/// After this time, a renewal that has failed is tried again.
pub const RENEW_RETRY: Duration = Duration::from_secs(30);

/// The token in use, if there is one.
#[derive(Debug, Default)]
pub struct TokenCache {
    kept: Option<CachedToken>,
    /// No renewal before this time.
    not_before: Time,
}

#[derive(Debug)]
struct CachedToken {
    token: Secret,
    renew_at: Time,
    expires_at: Time,
}

impl TokenCache {
    /// Keeps a token that was issued at `now`.
    pub fn keep(&mut self, issued: &IssuedToken, now: Time) {
        let before = RENEW_BEFORE.min(issued.lifetime / 2);
        let expires_at = now + issued.lifetime;
        self.kept =
            Some(CachedToken { token: issued.token.clone(), renew_at: expires_at - before, expires_at });
        self.not_before = Time::ZERO;
    }

    /// Returns the token if it is good and no renewal is due.
    #[must_use]
    pub fn fresh(&self, now: Time) -> Option<&Secret> {
        self.kept.as_ref().filter(|kept| now < kept.renew_at).map(|kept| &kept.token)
    }

    /// Returns the token if it has not expired: it serves while a renewal fails.
    #[must_use]
    pub fn usable(&self, now: Time) -> Option<&Secret> {
        self.kept.as_ref().filter(|kept| now < kept.expires_at).map(|kept| &kept.token)
    }

    /// Forgets a token that the service has refused.
    pub fn forget(&mut self) {
        self.kept = None;
    }

    /// Records that a renewal has failed.
    pub fn fail(&mut self, now: Time) {
        self.not_before = now + RENEW_RETRY;
    }

    /// Returns when to renew a token that is in use; never if there is none: the next connection asks for one.
    #[must_use]
    pub fn renewal(&self) -> Option<Time> {
        self.kept.as_ref().map(|kept| kept.renew_at.max(self.not_before))
    }
}
