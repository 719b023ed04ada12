//! The commands `mynah login` and `mynah logout`: read where and for whom the user signs in, and where that is kept.
//!
//! They need no endpoint and no credential, and send nothing; the caller does.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::sources::{self, CommandLine};
use super::values::Values;
use super::{ConfigError, Request, SignInCommand, sign_in};

const USAGE: &str = "\
Usage: mynah login [OPTION]...    sign in to Azure with a browser on any machine; mynah keeps the sign-in and renews it
       mynah logout [OPTION]...   delete the kept sign-in
The options are those of mynah itself, such as --tenant ID, --client-id ID and --state-file FILE, beside which the
sign-in is kept; mynah --help lists them. For the service: sudo mynah login --state-file /var/lib/mynah/state.toml
";

/// Returns the request of `mynah login`, or else of `mynah logout`, with all arguments of the program.
///
/// # Errors
/// Returns all problems with the settings that it needs.
pub(super) fn request(
    is_login: bool,
    mut args: Vec<OsString>,
    env: impl IntoIterator<Item = (OsString, OsString)>,
    dir: &Path,
    system: &Path,
) -> Result<Request, ConfigError> {
    args.remove(1);
    let sources = match sources::gather(args, env, dir, system) {
        CommandLine::Help => return Ok(Request::Page(USAGE.to_owned())),
        CommandLine::Version => return Ok(Request::Version),
        CommandLine::Run(sources) => *sources,
    };
    let mut values = Values::new(sources);
    let command = if is_login {
        sign_in::login(&mut values).map(|request| SignInCommand::Login(Box::new(request)))
    } else {
        file(&mut values).map(SignInCommand::Logout)
    };
    let warnings = values.finish()?;
    match command {
        Some(command) => Ok(Request::SignIn { command, warnings }),
        None => Err(ConfigError::new(vec!["the settings of the sign-in cannot be used".to_owned()])),
    }
}

/// Returns the file of the sign-in.
fn file(values: &mut Values) -> Option<PathBuf> {
    let file = sign_in::accounts_file(values);
    if file.is_none() {
        values.problem(sign_in::NO_FOLDER.to_owned());
    }
    file
}
