//! Gets a token by the first way to sign in that is available on this machine, and says in the log which one it is.
//!
//! A way that is refused ends the search: the next one would hide the mistake.

use std::cell::{Cell, RefCell};
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use tokio::time::timeout;

use super::http::{Recipient, ask};
use super::{azure_cli, sign_in_file};
use crate::config::{
    Application, HttpAddress, IdentitySource, KeptSignIn, Proxy, Secret, SignIn, SignInMethod,
};
use crate::credentials::{
    self, CHALLENGE_BYTES, ClientCertificate, HttpRequest, IssuedToken, TokenError, TokenErrorKind,
    arc_challenge, token_of_answer, token_of_azure_cli,
};
use crate::printable::redact;
use crate::transport::Tls;

/// How messages call the login service.
pub(super) const LOGIN_SERVICE: &str = "the login service";
/// The setting that names its host.
pub(super) const LOGIN_SETTING: &str = "authority_host";
/// How long a metadata service may take to be reached: one that exists is on this link.
const PROBE_LIMIT: Duration = Duration::from_secs(2);
/// Time limit of one write to the SD card.
const WRITE_LIMIT: Duration = Duration::from_secs(10);

/// Gets tokens.
pub(super) struct Fetcher {
    sign_in: SignIn,
    tls: Tls,
    /// The way that has given the last token.
    chosen: Cell<Option<usize>>,
    /// A sign-in that could not be written, as the next one to use.
    unsaved: RefCell<Option<credentials::KeptToken>>,
}

impl Fetcher {
    pub(super) fn new(sign_in: SignIn, tls: Tls) -> Self {
        Self { sign_in, tls, chosen: Cell::new(None), unsaved: RefCell::new(None) }
    }

    pub(super) async fn fetch(&self) -> Result<IssuedToken, TokenError> {
        let SignIn { methods, left_out, .. } = &self.sign_in;
        let mut reasons = Vec::new();
        for (index, method) in methods.iter().enumerate() {
            if self.chosen.get().is_some_and(|chosen| chosen != index) {
                continue;
            }
            match self.fetch_by(method).await {
                Ok(issued) => {
                    redact(issued.token.reveal());
                    if self.chosen.replace(Some(index)).is_none() {
                        log::info!("signed in to Azure by {}", method.name());
                    }
                    return Ok(issued);
                }
                Err(TokenError { kind: TokenErrorKind::Unavailable, message }) => reasons.push(message),
                Err(error) => {
                    let message = format!("cannot sign in by {}: {}", method.name(), error.message);
                    return Err(TokenError { message, ..error });
                }
            }
        }
        // Next time another way may be available.
        self.chosen.set(None);
        reasons.extend(left_out.iter().map(|reason| (*reason).to_owned()));
        Err(TokenError::refused(format!(
            "cannot sign in to Azure: {}; mynah help sign-in tells the ways",
            reasons.join("; ")
        )))
    }

    async fn fetch_by(&self, method: &SignInMethod) -> Result<IssuedToken, TokenError> {
        let SignIn { authority, scope, .. } = &self.sign_in;
        match method {
            SignInMethod::ClientSecret { application, secret } => {
                let request = credentials::secret_request(authority, application, secret, scope);
                self.login(&request, authority.proxy.as_deref()).await
            }
            SignInMethod::ClientCertificate { application, file } => {
                let request = self.signed(application, file)?;
                self.login(&request, authority.proxy.as_deref()).await
            }
            SignInMethod::WorkloadIdentity { application, file } => {
                let assertion = secret_in(file)?;
                let request = credentials::workload_request(authority, application, &assertion, scope);
                self.login(&request, authority.proxy.as_deref()).await
            }
            SignInMethod::ManagedIdentity { source, client_id } => {
                self.identity(source, client_id.as_deref()).await
            }
            SignInMethod::KeptSignIn(kept) => self.renewed(kept).await,
            SignInMethod::AzureCli { path, tenant } => {
                let arguments = credentials::azure_cli_arguments(scope, tenant.as_deref());
                token_of_azure_cli(&azure_cli::run(path, arguments).await?, self.tls.clock_s())
            }
        }
    }

    /// Asks the login service.
    async fn login(&self, request: &HttpRequest, proxy: Option<&Proxy>) -> Result<IssuedToken, TokenError> {
        let asked = Recipient { who: LOGIN_SERVICE, setting: LOGIN_SETTING, proxy };
        let answer = ask(request, asked, &self.tls).await?;
        token_of_answer(&answer, LOGIN_SERVICE, "check the tenant and the application", self.tls.clock_s())
    }

    fn signed(&self, application: &Application, file: &Path) -> Result<HttpRequest, TokenError> {
        let SignIn { authority, scope, .. } = &self.sign_in;
        let wrong = |reason| TokenError::refused(format!("{}: {reason}", file.display()));
        let text = fs::read_to_string(file).map_err(|error| wrong(format!("cannot be read: {error}")))?;
        let certificate = ClientCertificate::from_pem(&text).map_err(wrong)?;
        credentials::certificate_request(authority, application, &certificate, scope, self.tls.clock_s())
            .map_err(wrong)
    }

    async fn identity(
        &self,
        source: &IdentitySource,
        client_id: Option<&str>,
    ) -> Result<IssuedToken, TokenError> {
        const REMEDY: &str =
            "check that this machine has a managed identity, and AZURE_CLIENT_ID (client_id)";
        let scope = &self.sign_in.scope;
        let request = credentials::identity_request(source, client_id, scope);
        let who = match source {
            IdentitySource::Imds(_) => "the metadata service of the virtual machine",
            IdentitySource::AppService { .. } => "the identity service",
            IdentitySource::Arc { .. } => "the agent of Azure Arc",
        };
        // Documented to be reached directly.
        let asked = Recipient { who, setting: "IDENTITY_ENDPOINT", proxy: None };
        if let IdentitySource::Imds(address) = source {
            probe(address).await?;
        }
        let mut answer = ask(&request, asked, &self.tls).await?;
        if let IdentitySource::Arc { address, tokens } = source {
            let text = challenge(&arc_challenge(&answer, tokens)?)?;
            answer = ask(&credentials::arc_request(address, scope, &text), asked, &self.tls).await?;
        }
        token_of_answer(&answer, who, REMEDY, self.tls.clock_s())
    }

    /// Renews the token of a user, and keeps what renews the next one before it is used.
    async fn renewed(&self, kept: &KeptSignIn) -> Result<IssuedToken, TokenError> {
        let SignIn { authority, scope, .. } = &self.sign_in;
        let unsaved = self.unsaved.borrow().clone();
        let old = match unsaved {
            Some(unsaved) => unsaved,
            None => sign_in_file::load(kept)?,
        };
        redact(old.refresh.reveal());
        if old.authority != authority.address {
            return Err(TokenError::refused(format!(
                "{}: the sign-in is for {}, and authority_host leads to {}; run mynah login again, or correct \
                 authority_host",
                kept.file.display(),
                old.authority,
                authority.address
            )));
        }
        let request = credentials::refresh_request(authority, &old.application, &old.refresh, scope);
        let mut issued = self.login(&request, authority.proxy.as_deref()).await?;
        if let Some(refresh) = issued.refresh.take() {
            redact(refresh.reveal());
            let new = old.renewed(refresh);
            let (place, text) = (kept.clone(), new.clone());
            let write = tokio::task::spawn_blocking(move || sign_in_file::save_renewed(&place, &text));
            let written = match timeout(WRITE_LIMIT, write).await {
                Ok(Ok(written)) => written.map_err(|error| error.to_string()),
                Ok(Err(error)) => Err(error.to_string()),
                Err(_) => Err("the storage does not answer".to_owned()),
            };
            if let Err(why) = &written
                && self.unsaved.borrow().is_none()
            {
                log::warn!(
                    "cannot save the renewed sign-in to {} ({why}); the last one there serves after a restart, until it \
                     expires; check that the folder is writable",
                    kept.file.display()
                );
            }
            *self.unsaved.borrow_mut() = written.is_err().then_some(new);
        }
        Ok(issued)
    }
}

fn secret_in(file: &Path) -> Result<Secret, TokenError> {
    let wrong = |reason| TokenError::refused(format!("{}: {reason}", file.display()));
    let text = fs::read_to_string(file).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    let found = Secret::new(&text).map_err(wrong)?;
    redact(found.reveal());
    Ok(found)
}

/// Finds out whether somebody answers at the address of the metadata service.
async fn probe(address: &HttpAddress) -> Result<(), TokenError> {
    let reached =
        timeout(PROBE_LIMIT, tokio::net::TcpStream::connect((address.host.as_str(), address.port))).await;
    match reached {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(TokenError::unavailable(format!(
            "this is no virtual machine in Azure: no metadata service answers at {}",
            address.host_field()
        ))),
    }
}

/// Reads the file that the agent of Azure Arc has named: a small one, and no link.
fn challenge(file: &Path) -> Result<String, TokenError> {
    let wrong = |reason: String| {
        TokenError::refused(format!("{}, which the agent of Azure Arc names: {reason}", file.display()))
    };
    let unread = |error: std::io::Error| {
        wrong(format!("cannot be read: {error}; add mynah's user to the group himds and start it again"))
    };
    let found = fs::symlink_metadata(file).map_err(unread)?;
    if !found.is_file() || found.len() > CHALLENGE_BYTES {
        return Err(wrong(format!("is not a file of at most {CHALLENGE_BYTES} bytes")));
    }
    let mut text = String::new();
    File::open(file).and_then(|file| file.take(CHALLENGE_BYTES).read_to_string(&mut text)).map_err(unread)?;
    let text = text.trim();
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(wrong("does not contain one line of text".to_owned()));
    }
    redact(text);
    Ok(text.to_owned())
}
