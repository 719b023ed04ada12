//! Signs a user in by a device code, for `mynah login`: asks for a code, has it shown, and asks until it was entered.
//!
//! It runs before any session, on a runtime of its own, and ends with the code's life. What it gets is kept before it
//! says so.

use std::io;
use std::time::Duration;

use tokio::time::sleep;

use super::fetch::{LOGIN_SERVICE, LOGIN_SETTING};
use super::http::{Recipient, ask};
use super::sign_in_file::save_sign_in;
use crate::config::LoginRequest;
use crate::credentials::{
    DeviceCode, DevicePoll, HttpRequest, IssuedToken, KeptToken, TokenError, TokenErrorKind,
    device_code_of_answer, device_code_request, poll_of_answer, poll_request,
};
use crate::printable::redact;
use crate::sys::since_boot;
use crate::transport::Tls;

/// Signs in, and keeps the sign-in in the file of `request`. `show` is called once, with what the user has to enter.
///
/// # Errors
/// Returns why it failed, and what to do.
pub fn log_in(request: &LoginRequest, show: impl FnOnce(&DeviceCode)) -> Result<(), TokenError> {
    let broken = |error: io::Error| TokenError::transient(format!("the kernel gives no descriptor: {error}"));
    let tls = Tls::new(request.ca_file.as_deref()).map_err(|error| TokenError::refused(error.to_string()))?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build().map_err(broken)?;
    let issued = runtime.block_on(enter(request, &tls, show));
    // A name look-up may hang in the C library.
    runtime.shutdown_background();
    let Some(refresh) = issued?.refresh else {
        return Err(TokenError::refused("the sign-in cannot be renewed"));
    };
    redact(refresh.reveal());
    let LoginRequest { application, authority, file, .. } = request;
    let (application, authority) = (application.clone(), authority.address.clone());
    save_sign_in(file, &KeptToken { application, authority, refresh, continues: None }).map_err(|error| {
        TokenError::refused(format!(
            "{}: the sign-in cannot be kept: {error}; choose another folder with --state-file, or run it as the owner of \
             this one",
            file.display()
        ))
    })
}

async fn enter(
    request: &LoginRequest,
    tls: &Tls,
    show: impl FnOnce(&DeviceCode),
) -> Result<IssuedToken, TokenError> {
    let LoginRequest { authority, application, scope, .. } = request;
    let asked = Recipient { who: LOGIN_SERVICE, setting: LOGIN_SETTING, proxy: authority.proxy.as_deref() };
    let send = async |request: HttpRequest| ask(&request, asked, tls).await;
    let answer = send(device_code_request(authority, application, scope)).await?;
    let code = device_code_of_answer(&answer, LOGIN_SERVICE)?;
    show(&code);
    let end = since_boot() + code.lifetime;
    let mut interval = code.interval.max(Duration::from_millis(100));
    while since_boot() < end {
        sleep(interval).await;
        match send(poll_request(authority, application, &code)).await {
            Ok(answer) => match poll_of_answer(&answer, interval, LOGIN_SERVICE, tls.clock_s())? {
                DevicePoll::Pending(next) => interval = next,
                DevicePoll::Done(issued) => return Ok(issued),
            },
            Err(TokenError { kind: TokenErrorKind::Transient, message }) => log::debug!("{message}"),
            Err(error) => return Err(error),
        }
    }
    Err(TokenError::refused("the code has expired before it was entered; run mynah login again"))
}
