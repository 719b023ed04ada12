//! Reads which ways to sign in are configured, in the order of `DefaultAzureCredential`, and what `mynah login` needs.
//!
//! A secret goes only to a login service that its owner's settings name: a file of the working folder chooses none for
//! the user's own. It opens no socket and starts no program; whether the Azure CLI is installed is found out later.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{
    AZURE_CLI_APPLICATION, Application, Authority, HttpAddress, IdentitySource, KeptSignIn, SIGN_IN_FILE,
    SignIn, SignInMethod,
};
use crate::config::schema::Key;
use crate::config::sources::Layer;
use crate::config::values::{Keyword, Values};
use crate::config::{Endpoint, Proxy, Secret, audience, proxy, saved_state, secret, working_folder};
use crate::model::Dialect;

/// The login services of the clouds, by the end of the hosts of their resources.
const AUTHORITIES: [(&str, &str); 3] = [
    ("com", "login.microsoftonline.com"),
    ("us", "login.microsoftonline.us"),
    ("cn", "login.partner.microsoftonline.cn"),
];
/// Who may sign in if no tenant is set: any account of work or school.
const ANY_TENANT: &str = "organizations";
/// The metadata service of a virtual machine, and the agent of Azure Arc.
const IMDS: &str = "http://169.254.169.254";
const ARC: &str = "http://localhost:40342";
const IDENTITY_PATH: &str = "/metadata/identity/oauth2/token";
/// The folder of the files that the agent of Azure Arc names.
const ARC_TOKENS: &str = "/var/opt/azcmagent/tokens";
/// The program of the agent of Azure Arc, by which Microsoft's libraries find out that it is installed.
const ARC_AGENT: &str = "/opt/azcmagent/bin/himds";

/// Which ways are tried, as in `AZURE_TOKEN_CREDENTIALS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum CredentialChoice {
    Auto,
    Production,
    Development,
    Environment,
    WorkloadIdentity,
    ManagedIdentity,
    Login,
    AzureCli,
}

impl Keyword for CredentialChoice {
    const ALL: &'static [(&'static str, Self)] = &[
        ("auto", Self::Auto),
        ("prod", Self::Production),
        ("dev", Self::Development),
        ("environment", Self::Environment),
        ("workload-identity", Self::WorkloadIdentity),
        ("managed-identity", Self::ManagedIdentity),
        ("login", Self::Login),
        ("azure-cli", Self::AzureCli),
    ];
    const ALIASES: &'static [(&'static str, &'static str)] = &[
        ("prod", "prod"),
        ("dev", "dev"),
        ("environmentcredential", "environment"),
        ("workloadidentitycredential", "workload-identity"),
        ("managedidentitycredential", "managed-identity"),
        ("devicecodecredential", "login"),
        ("azureclicredential", "azure-cli"),
    ];
}

impl CredentialChoice {
    /// Returns whether the way `one` is among those that are tried.
    fn allows(self, one: Self) -> bool {
        match self {
            Self::Auto => true,
            Self::Production => {
                matches!(one, Self::Environment | Self::WorkloadIdentity | Self::ManagedIdentity)
            }
            Self::Development => matches!(one, Self::Login | Self::AzureCli),
            Self::Environment
            | Self::WorkloadIdentity
            | Self::ManagedIdentity
            | Self::Login
            | Self::AzureCli => self == one,
        }
    }
}

/// The sign-in, and whether a file of the working folder gives all of it.
pub(in crate::config) struct ReadSignIn {
    pub(in crate::config) sign_in: SignIn,
    pub(in crate::config) is_folders: bool,
}

/// Reads the ways to sign in for `endpoint`.
pub(in crate::config) fn read(values: &mut Values, endpoint: Option<&Endpoint>) -> Option<ReadSignIn> {
    let choice: CredentialChoice = values.choice(Key::Credential);
    let host = endpoint.map(|endpoint| endpoint.host.as_str());
    if let Some(host) = host
        && !audience::takes_tokens(host)
    {
        let place = values.place(chosen_by(values)).to_owned();
        values.problem(format!(
            "{place}: a token for Azure is for its hosts, and {host} is none of them; correct the endpoint, or set \
             AZURE_VOICELIVE_TOKEN to a token for that host"
        ));
        return None;
    }
    let mut found = ConfiguredMethods { values, choice, methods: Vec::new(), left_out: Vec::new() };
    found.environment();
    found.workload_identity();
    found.managed_identity();
    found.kept_sign_in();
    found.azure_cli();
    let ConfiguredMethods { mut methods, left_out, .. } = found;
    let leads = [Key::Endpoint, Key::AuthorityHost];
    if leads.iter().any(|key| working_folder::is_from_folder(values, *key))
        && methods.iter().any(|(_, is_folders)| *is_folders)
    {
        methods.retain(|(_, is_folders)| *is_folders);
    }
    if methods.is_empty() {
        if !values.is_refused(&SIGN_IN_KEYS) {
            let sentence = nothing(values, choice, &left_out);
            values.problem(sentence);
        }
        return None;
    }
    let is_folders = methods.iter().all(|(_, is_folders)| *is_folders);
    let uses_authority = methods.iter().any(|(method, is_folders)| {
        let is_elsewhere =
            matches!(method, SignInMethod::ManagedIdentity { .. } | SignInMethod::AzureCli { .. });
        !is_elsewhere && !is_folders
    });
    let authority = authority(values, host, uses_authority)?;
    let scope = audience::scope_for(host.unwrap_or_default());
    let methods = methods.into_iter().map(|(method, _)| method).collect();
    Some(ReadSignIn { sign_in: SignIn { methods, authority, scope, left_out, ca_file: None }, is_folders })
}

/// The settings that can be wrong, so that nothing is missing.
const SIGN_IN_KEYS: [Key; 9] = [
    Key::Credential,
    Key::Tenant,
    Key::ClientId,
    Key::ClientSecret,
    Key::ClientSecretFile,
    Key::ClientCertificate,
    Key::FederatedTokenFile,
    Key::IdentityEndpoint,
    Key::ImdsEndpoint,
];

/// Returns the setting by which tokens are used.
pub(in crate::config) fn chosen_by(values: &Values) -> Key {
    let is_switched = values.layer(Key::UseTokenCredential).is_some();
    if is_switched { Key::UseTokenCredential } else { Key::Credential }
}

/// Why the Azure CLI is not tried.
const CLI_IS_FOR_TERMINALS: &str = "the Azure CLI is for a terminal, and a service does not use it";

fn nothing(values: &Values, choice: CredentialChoice, left_out: &[&str]) -> String {
    let (key, needed) = match choice {
        CredentialChoice::Auto | CredentialChoice::Development | CredentialChoice::Login => {
            (chosen_by(values), "run mynah login, which signs you in with a browser on any machine")
        }
        CredentialChoice::AzureCli => {
            (Key::Credential, "run mynah login instead, and set credential to login")
        }
        CredentialChoice::Production | CredentialChoice::Environment => (
            Key::Credential,
            "set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH",
        ),
        CredentialChoice::WorkloadIdentity => {
            (Key::Credential, "set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_FEDERATED_TOKEN_FILE")
        }
        CredentialChoice::ManagedIdentity => {
            (Key::Credential, "set IDENTITY_ENDPOINT and IDENTITY_HEADER, or install the agent of Azure Arc")
        }
    };
    let left_out: String = left_out.iter().map(|reason| format!("; {reason}")).collect();
    format!("{}: there is no token, and no way to sign in is set up: {needed}{left_out}", values.place(key))
}

struct ConfiguredMethods<'v> {
    values: &'v mut Values,
    choice: CredentialChoice,
    /// Each with whether a file of the working folder gives its secret.
    methods: Vec<(SignInMethod, bool)>,
    left_out: Vec<&'static str>,
}

impl ConfiguredMethods<'_> {
    /// The application with a secret or a certificate.
    fn environment(&mut self) {
        if !self.choice.allows(CredentialChoice::Environment) {
            return;
        }
        let keys = [Key::ClientSecret, Key::ClientSecretFile, Key::ClientCertificate];
        let Some(key) = keys.into_iter().find(|key| self.values.layer(*key).is_some()) else { return };
        let Some(application) = self.application(key) else { return };
        let method = if key == Key::ClientCertificate {
            self.secret_file(key).map(|file| SignInMethod::ClientCertificate { application, file })
        } else {
            let secret = if key == Key::ClientSecret { self.secret(key) } else { self.secret_of_file(key) };
            secret.map(|secret| SignInMethod::ClientSecret { application, secret })
        };
        self.push(method, key);
    }

    fn workload_identity(&mut self) {
        let key = Key::FederatedTokenFile;
        if !self.choice.allows(CredentialChoice::WorkloadIdentity) || self.values.layer(key).is_none() {
            return;
        }
        let Some(application) = self.application(key) else { return };
        let method = self.secret_file(key).map(|file| SignInMethod::WorkloadIdentity { application, file });
        self.push(method, key);
    }

    fn managed_identity(&mut self) {
        if !self.choice.allows(CredentialChoice::ManagedIdentity) {
            return;
        }
        let [endpoint, imds, header] = [Key::IdentityEndpoint, Key::ImdsEndpoint, Key::IdentityHeader]
            .map(|key| self.values.layer(key).is_some());
        let source = match (endpoint, header, imds) {
            (true, true, _) => {
                let address = self.identity_address(Key::IdentityEndpoint);
                let header = self.secret(Key::IdentityHeader);
                address.zip(header).map(|(address, header)| IdentitySource::AppService { address, header })
            }
            (true, false, true) => self.identity_address(Key::IdentityEndpoint).map(arc),
            (false, _, true) => {
                let address = self.identity_address(Key::ImdsEndpoint);
                address.map(|address| IdentitySource::Imds(address.with_path(IDENTITY_PATH.to_owned())))
            }
            (_, _, false) if Path::new(ARC_AGENT).exists() => built_in(ARC).map(arc),
            // Nothing says that this is a virtual machine in Azure; elsewhere anybody on the link could answer.
            _ if matches!(self.choice, CredentialChoice::ManagedIdentity | CredentialChoice::Production) => {
                built_in(IMDS).map(IdentitySource::Imds)
            }
            _ => None,
        };
        let Some(source) = source else { return };
        let client_id = self.name(Key::ClientId);
        self.methods.push((SignInMethod::ManagedIdentity { source, client_id }, false));
    }

    fn kept_sign_in(&mut self) {
        if !self.choice.allows(CredentialChoice::Login) {
            return;
        }
        let Some(file) = accounts_file(self.values) else { return };
        let handed_over = self.values.handed_over_sign_in();
        if file.exists() || handed_over.is_some() {
            self.methods.push((SignInMethod::KeptSignIn(KeptSignIn { file, handed_over }), false));
        }
    }

    fn azure_cli(&mut self) {
        if !self.choice.allows(CredentialChoice::AzureCli) {
            return;
        }
        if self.values.is_service() {
            return self.left_out.push(CLI_IS_FOR_TERMINALS);
        }
        let Some(path) = self.values.search_path() else { return };
        // The tenant of an application is not that of the user.
        let tenant = self.name(Key::Tenant).filter(|_| self.methods.is_empty());
        self.methods.push((SignInMethod::AzureCli { path, tenant }, false));
    }

    fn push(&mut self, method: Option<SignInMethod>, key: Key) {
        let is_folders = working_folder::is_from_folder(self.values, key);
        self.methods.extend(method.map(|method| (method, is_folders)));
    }

    /// Returns the application of the secret in `secret`; without it, that is not used.
    fn application(&mut self, secret: Key) -> Option<Application> {
        for (key, name) in
            [(Key::Tenant, "AZURE_TENANT_ID (tenant)"), (Key::ClientId, "AZURE_CLIENT_ID (client_id)")]
        {
            if self.values.layer(key).is_none() {
                let sentence = format!("{}: not used without {name}", self.values.place(secret));
                self.values.warn(sentence);
                return None;
            }
        }
        let (tenant, client_id) = (self.name(Key::Tenant)?, self.name(Key::ClientId)?);
        Some(Application { tenant, client_id })
    }

    fn secret(&mut self, key: Key) -> Option<Secret> {
        super::super::service::inline_secret(self.values, key)
    }

    fn secret_of_file(&mut self, key: Key) -> Option<Secret> {
        let file = self.secret_file(key)?;
        secret::from_file(&file, None).map_err(|reason| self.values.refuse(key, &reason)).ok()
    }

    fn secret_file(&mut self, key: Key) -> Option<PathBuf> {
        let file = self.values.file(key)?;
        if !working_folder::may_read(self.values, key, &file) {
            return None;
        }
        secret::permission_warning(&file).into_iter().for_each(|warning| self.values.warn(warning));
        Some(file)
    }

    fn name(&mut self, key: Key) -> Option<String> {
        name(self.values, key)
    }

    /// Reads where a managed identity gets its tokens, which is not for a file of the working folder to say.
    fn identity_address(&mut self, key: Key) -> Option<HttpAddress> {
        let text = self.values.text(key)?;
        if working_folder::is_from_folder(self.values, key) {
            let reason =
                "a file of the working folder may not choose who gives tokens; set it in the environment";
            self.values.refuse(key, reason);
            return None;
        }
        HttpAddress::of_identity(&text).map_err(|reason| self.values.refuse(key, &reason)).ok()
    }
}

fn arc(address: HttpAddress) -> IdentitySource {
    IdentitySource::Arc { address, tokens: PathBuf::from(ARC_TOKENS) }
}

fn built_in(base: &str) -> Option<HttpAddress> {
    Some(HttpAddress::of_identity(base).ok()?.with_path(IDENTITY_PATH.to_owned()))
}

/// Reads an ID or a domain.
fn name(values: &mut Values, key: Key) -> Option<String> {
    let name = values.text(key)?.trim().to_owned();
    let is_name = name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'));
    if !is_name {
        values.refuse_value(key, "must be an ID, such as 12345678-1234-1234-1234-123456789abc, or a domain");
        return None;
    }
    Some(name)
}

/// Reads the login service: that of the cloud of `host`, unless another one is set. `is_users`: a secret of the user's
/// own goes there.
fn authority(values: &mut Values, host: Option<&str>, is_users: bool) -> Option<Authority> {
    let cloud = host.and_then(audience::cloud_of).unwrap_or("com");
    let default =
        AUTHORITIES.iter().find(|(end, _)| *end == cloud).map_or(AUTHORITIES[0].1, |(_, host)| host);
    let text = match values.layer(Key::AuthorityHost) {
        Some(_) => values.text(Key::AuthorityHost)?,
        None => default.to_owned(),
    };
    if is_users && working_folder::is_from_folder(values, Key::AuthorityHost) {
        values.refuse(
            Key::AuthorityHost,
            "a file of the working folder may not choose where a credential of yours is sent; set --authority-host, \
             the environment variable AZURE_AUTHORITY_HOST, or give the credential in the same folder",
        );
        return None;
    }
    let address =
        HttpAddress::of_authority(&text).map_err(|reason| values.refuse(Key::AuthorityHost, &reason)).ok()?;
    let proxy = authority_proxy(values, &address, is_users)?;
    Some(Authority { address, proxy })
}

/// Returns the proxy that leads to the login service, if there is one; `None` after an error.
#[expect(clippy::option_option, reason = "an error, no proxy, or one")]
fn authority_proxy(values: &mut Values, address: &HttpAddress, is_users: bool) -> Option<Option<Arc<Proxy>>> {
    let host = Endpoint {
        tls: address.tls,
        host: address.host.clone(),
        port: address.port,
        path_and_query: String::new(),
        dialect: Dialect::VoiceLive,
        is_dialect_set: false,
    };
    match proxy::read(values, &host) {
        Some((proxy, layer)) if is_users && values.is_of_folder(layer) => {
            values.problem(format!(
                "{}: the way to sign in was not given for this proxy, and a file of the working folder may not send it \
                 through one; set --proxy, the environment variable HTTPS_PROXY, or --proxy none",
                proxy.place
            ));
            None
        }
        found => Some(found.map(|(proxy, _)| proxy)),
    }
}

/// Returns the file of the sign-in of `mynah login`.
pub(in crate::config) fn accounts_file(values: &mut Values) -> Option<PathBuf> {
    saved_state::file(values).map(|file| file.with_file_name(SIGN_IN_FILE))
}

/// Why a sign-in cannot be kept.
pub(in crate::config) const NO_FOLDER: &str =
    "there is no folder to keep the sign-in in: set --state-file FILE; it is kept beside that file";

/// What `mynah login` needs.
#[derive(Debug)]
pub struct LoginRequest {
    pub application: Application,
    /// Whether the application is that of the Azure CLI, since none is set.
    pub is_default_application: bool,
    pub authority: Authority,
    pub scope: String,
    pub ca_file: Option<PathBuf>,
    /// Where the sign-in is kept.
    pub file: PathBuf,
}

/// Reads what `mynah login` needs. No file of the working folder decides where the user signs in.
pub(in crate::config) fn login(values: &mut Values) -> Option<LoginRequest> {
    for key in [Key::AuthorityHost, Key::Tenant, Key::ClientId, Key::CaFile, Key::Proxy, Key::StateFile] {
        if working_folder::is_from_folder(values, key) {
            values.refuse(key, "a file of the working folder may not choose where and for whom you sign in");
        }
    }
    let host = match values.layer(Key::Endpoint).filter(|layer| *layer > Layer::Default) {
        Some(_) => values.text(Key::Endpoint).and_then(|text| Endpoint::new(&text, "", "").ok()),
        None => None,
    };
    let host = host.map(|endpoint| endpoint.host);
    let authority = authority(values, host.as_deref(), true);
    let (tenant, client_id) = (name(values, Key::Tenant), name(values, Key::ClientId));
    let ca_file = values.file(Key::CaFile);
    let Some(file) = accounts_file(values) else {
        values.problem(NO_FOLDER.to_owned());
        return None;
    };
    let is_default_application = client_id.is_none();
    let application = Application {
        tenant: tenant.unwrap_or_else(|| ANY_TENANT.to_owned()),
        client_id: client_id.unwrap_or_else(|| AZURE_CLI_APPLICATION.to_owned()),
    };
    let scope = audience::scope_for(host.as_deref().unwrap_or_default());
    Some(LoginRequest { application, is_default_application, authority: authority?, scope, ca_file, file })
}
