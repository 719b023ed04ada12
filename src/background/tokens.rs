//! Keeps a token for the next connection: a fresh one per connection, renewed before its end, in an errand of its own.
//!
//! A connection waits for a token only if there is none. An abandoned connection does not abandon the request: its token
//! serves the next one. It ends no session.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

use super::fetch::Fetcher;
use super::{ConnectError, REQUESTS};
use crate::config::Secret;
use crate::credentials::{TokenCache, TokenError, TokenErrorKind};
use crate::model::Time;
use crate::sys::since_boot;

/// Asks for tokens.
#[derive(Clone)]
pub(super) struct TokenSource(mpsc::Sender<TokenRequest>);

/// One who waits for a token.
pub(super) struct TokenRequest {
    /// The service has refused the last one.
    renews: bool,
    reply: oneshot::Sender<Result<Secret, TokenError>>,
}

impl TokenSource {
    pub(super) fn new() -> (Self, mpsc::Receiver<TokenRequest>) {
        let (requests, receiver) = mpsc::channel(REQUESTS);
        (Self(requests), receiver)
    }

    pub(super) async fn get(&self, renews: bool) -> Result<Secret, ConnectError> {
        let (reply, result) = oneshot::channel();
        let ended =
            || ConnectError { is_setup: false, message: "the errand for tokens has ended".to_owned() };
        self.0.send(TokenRequest { renews, reply }).await.map_err(|_| ended())?;
        let result = result.await.map_err(|_| ended())?;
        result.map_err(|TokenError { kind, message }| ConnectError {
            is_setup: kind != TokenErrorKind::Transient,
            message,
        })
    }
}

/// Answers requests and renews the token, until nobody can ask any more.
pub(super) async fn run(mut requests: mpsc::Receiver<TokenRequest>, fetcher: Option<Fetcher>) {
    let Some(fetcher) = fetcher else { return };
    let mut cache = TokenCache::default();
    let mut waiting = Vec::new();
    loop {
        let work = if waiting.is_empty() {
            tokio::select! {
                request = requests.recv() => match request {
                    None => return,
                    Some(request) => {
                        serve(request, &mut cache, &mut waiting, false);
                        continue;
                    }
                },
                () = until(cache.renewal()) => fetcher.fetch(),
            }
        } else {
            fetcher.fetch()
        };
        tokio::pin!(work);
        let fetched = loop {
            tokio::select! {
                fetched = &mut work => break fetched,
                request = requests.recv() => match request {
                    None => return,
                    Some(request) => serve(request, &mut cache, &mut waiting, true),
                },
            }
        };
        let now = now();
        let error = match fetched {
            Ok(issued) => {
                cache.keep(&issued, now);
                TokenError::transient("the new token has expired at once")
            }
            Err(error) => {
                cache.fail(now);
                log::debug!("there is no new token: {error}");
                error
            }
        };
        for TokenRequest { reply, .. } in waiting.drain(..) {
            // Until its end the old token serves. Whoever is gone needs no answer.
            let _ = reply.send(cache.usable(now).cloned().ok_or_else(|| error.clone()));
        }
    }
}

/// Answers a request from the cache, or lets it wait. While a token is fetched, the old one serves until its end.
fn serve(request: TokenRequest, cache: &mut TokenCache, waiting: &mut Vec<TokenRequest>, is_fetching: bool) {
    if request.renews {
        cache.forget();
    }
    let now = now();
    let found = if is_fetching { cache.usable(now) } else { cache.fresh(now) };
    match found {
        Some(token) => drop(request.reply.send(Ok(token.clone()))),
        None if waiting.len() < REQUESTS => waiting.push(request),
        None => drop(request.reply.send(Err(TokenError::transient("too many connections wait for a token")))),
    }
}

fn now() -> Time {
    Time::ZERO + since_boot()
}

/// Waits until a time; for ever if there is none. A suspend makes it later, which [`serve`] notices.
async fn until(at: Option<Time>) {
    match at {
        // At least a moment, so that a clock that stands still does not spin.
        Some(at) => sleep((at - now()).max(Duration::from_millis(100))).await,
        None => std::future::pending().await,
    }
}
