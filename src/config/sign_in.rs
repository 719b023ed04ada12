//! How mynah signs in to Microsoft Entra ID: the ways that the settings allow, in the order in which they are tried.
//!
//! It holds what is configured, and asks nobody for a token.

mod address;
mod read;

pub use address::HttpAddress;
pub use read::LoginRequest;
pub(super) use read::{CredentialChoice, NO_FOLDER, ReadSignIn, accounts_file, chosen_by, login, read};

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use super::{Proxy, Secret};

/// The application of the Azure CLI, under which Microsoft's own libraries sign a user in by a device code.
pub const AZURE_CLI_APPLICATION: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";

/// Name of the file, beside the state file, that keeps the sign-in of `mynah login`.
pub const SIGN_IN_FILE: &str = "sign-in";

/// How to get a bearer token from Microsoft Entra ID.
#[derive(Debug)]
pub struct SignIn {
    /// The ways that are configured, in the order of `DefaultAzureCredential`. The first that is available on this
    /// machine gives the tokens.
    pub methods: Vec<SignInMethod>,
    /// The cloud's login service.
    pub authority: Authority,
    /// What the token is for, such as `https://ai.azure.com/.default`.
    pub scope: String,
    /// A PEM file of certificate authorities to trust in addition to the public ones.
    pub ca_file: Option<PathBuf>,
    /// Why a way is not among [`Self::methods`] that the user may expect there: parts of a sentence.
    pub left_out: Vec<&'static str>,
}

/// The login service of a cloud, and the proxy that leads to it.
#[derive(Clone, Debug)]
pub struct Authority {
    pub address: HttpAddress,
    pub proxy: Option<Arc<Proxy>>,
}

/// One way to sign in.
#[derive(Debug)]
pub enum SignInMethod {
    /// An application with a secret.
    ClientSecret { application: Application, secret: Secret },
    /// An application with a certificate: a PEM file with its private key.
    ClientCertificate { application: Application, file: PathBuf },
    /// An application that trusts another issuer's token, which is in a file.
    WorkloadIdentity { application: Application, file: PathBuf },
    /// The identity of this machine, or the one with a client ID.
    ManagedIdentity { source: IdentitySource, client_id: Option<String> },
    /// The user who has signed in with `mynah login`.
    KeptSignIn(KeptSignIn),
    /// The user of the Azure CLI, which is looked for in the folders of a `PATH`.
    AzureCli { path: OsString, tenant: Option<String> },
}

impl SignInMethod {
    /// Returns what the method is called in the log.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::ClientSecret { .. } => "the application's secret",
            Self::ClientCertificate { .. } => "the application's certificate",
            Self::WorkloadIdentity { .. } => "the workload identity",
            Self::ManagedIdentity { source: IdentitySource::Imds(_), .. } => "the managed identity (IMDS)",
            Self::ManagedIdentity { source: IdentitySource::AppService { .. }, .. } => {
                "the managed identity (IDENTITY_ENDPOINT)"
            }
            Self::ManagedIdentity { source: IdentitySource::Arc { .. }, .. } => {
                "the managed identity (Azure Arc)"
            }
            Self::KeptSignIn(_) => "the sign-in of mynah login",
            Self::AzureCli { .. } => "the Azure CLI",
        }
    }

    /// Returns the secret that is written in the settings, if the method has one.
    pub(super) fn secret(&self) -> Option<&Secret> {
        match self {
            Self::ClientSecret { secret, .. } => Some(secret),
            Self::ManagedIdentity { source: IdentitySource::AppService { header, .. }, .. } => Some(header),
            Self::ClientCertificate { .. }
            | Self::WorkloadIdentity { .. }
            | Self::ManagedIdentity { .. }
            | Self::KeptSignIn(_)
            | Self::AzureCli { .. } => None,
        }
    }
}

/// An application that is registered in a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// The ID or the domain of the tenant, or `organizations`: it may stand in a path.
    pub tenant: String,
    pub client_id: String,
}

/// Who issues the tokens of a managed identity.
#[derive(Debug)]
pub enum IdentitySource {
    /// The instance metadata service of a virtual machine in Azure.
    Imds(HttpAddress),
    /// A service that takes a secret in `X-IDENTITY-HEADER`.
    AppService { address: HttpAddress, header: Secret },
    /// The agent of Azure Arc, which has a file read as a challenge.
    Arc {
        address: HttpAddress,
        /// The folder of the files that the agent may name.
        tokens: PathBuf,
    },
}

/// Where the sign-in of `mynah login` is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptSignIn {
    /// The file that is written, and read first.
    pub file: PathBuf,
    /// A sign-in that systemd hands over (`LoadCredential=sign-in:`), which is read where the file is none or is of
    /// an earlier one.
    pub handed_over: Option<PathBuf>,
}
