//! What the service made of the address and the credential: whether both have worked in this installation before.
//!
//! What is remembered names neither: it is a hash, of which 32 bits are kept, so that no key can be found from it.

use std::time::Duration;

use crate::config::Endpoint;
use crate::conversation::CloseReason;
use crate::fnv;
use crate::protocol::Refusal;

/// How long a service waits after a refusal of an address and a credential that have worked before: the refusal may be
/// a mistake of the service, or of somebody who will notice it.
pub const REFUSED_RETRY: Duration = Duration::from_secs(600);

/// The header of a token. The other one carries a key.
pub(super) const TOKEN_HEADER: &str = "Authorization";
/// The shortest key whose end is shown.
const SHOWN_KEY: usize = 16;
/// The characters of the end of a key that are shown.
const SHOWN_END: usize = 4;

/// What is known of the access to the service.
#[derive(Debug, Default)]
pub(in crate::session) struct Access {
    /// The mark of the access that has worked last, in this run or an earlier one.
    accepted: Option<String>,
    /// Whether a refusal of it is retried: only a service is still there when the refusal ends.
    retries: bool,
    /// The mark of the access that was used last.
    mark: Option<String>,
    /// Whether that was a key. A key stays the same; a token may be renewed.
    used_key: bool,
    /// The end of the key.
    key_end: Option<String>,
    /// Whether the last token was refused.
    denied: bool,
}

impl Access {
    /// Creates what is known at the start: the mark of an `accepted` access, and whether the program is a service.
    #[must_use]
    pub(in crate::session) fn new(accepted: Option<String>, retries: bool) -> Self {
        Self { accepted, retries, ..Self::default() }
    }

    /// Records what is used to dial.
    pub(super) fn dial(&mut self, endpoint: &Endpoint, (header, credential): &(&'static str, String)) {
        self.used_key = *header != TOKEN_HEADER;
        self.mark = Some(mark(endpoint, if self.used_key { credential } else { TOKEN_HEADER }));
        self.key_end = (self.used_key && credential.len() >= SHOWN_KEY)
            .then(|| credential.get(credential.len() - SHOWN_END..).map(str::to_owned))
            .flatten();
    }

    /// Records that the service has accepted it. Returns its mark if that has to be saved.
    pub(super) fn accept(&mut self) -> Option<String> {
        self.denied = false;
        if self.mark == self.accepted {
            return None;
        }
        self.accepted.clone_from(&self.mark);
        self.mark.clone()
    }

    /// Returns what a refusal of `class` means for the next attempt, from what it means without this knowledge.
    pub(super) fn close_reason(&mut self, class: Refusal, reason: CloseReason) -> CloseReason {
        let is_first = reason == CloseReason::Unauthorized && !std::mem::replace(&mut self.denied, true);
        match reason {
            // A rejected key is rejected again; a token may have been renewed by the next attempt.
            CloseReason::Unauthorized if is_first && !self.used_key => reason,
            CloseReason::Unauthorized | CloseReason::Permanent if self.is_retried(class) => {
                CloseReason::RetryAfter(REFUSED_RETRY)
            }
            CloseReason::Unauthorized if self.used_key => CloseReason::Permanent,
            CloseReason::Unauthorized
            | CloseReason::Permanent
            | CloseReason::Transient
            | CloseReason::RetryAfter(_) => reason,
        }
    }

    /// Returns whether a refusal of `class` is retried, because the same access has worked before.
    pub(super) fn is_retried(&self, class: Refusal) -> bool {
        self.retries && class.is_of_access() && self.is_known()
    }

    /// Returns whether what is used to dial has worked last, in this run or an earlier one.
    pub(super) fn is_known(&self) -> bool {
        self.mark.is_some() && self.mark == self.accepted
    }

    /// Returns whether the last token was refused, so that the next attempt needs another one.
    pub(super) fn was_token_refused(&self) -> bool {
        self.denied && !self.used_key
    }

    /// Returns the end of the key that was used last.
    pub(super) fn key_end(&self) -> Option<&str> {
        self.key_end.as_deref()
    }
}

/// Returns the mark of an address and a credential.
fn mark(endpoint: &Endpoint, credential: &str) -> String {
    let text = format!("{endpoint}\n{credential}");
    let hash = text.bytes().fold(fnv::BASIS, |hash, byte| fnv::add(hash, byte.into()));
    format!("{:08x}", (hash ^ (hash >> 32)) as u32)
}
