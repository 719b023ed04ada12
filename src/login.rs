//! The commands `mynah login` and `mynah logout` on the terminal: what the user reads, and the exit code.
//!
//! The code and the address are all that is shown of the sign-in.

use std::path::Path;
use std::process::ExitCode;

use mynah::background;
use mynah::config::{LoginRequest, SignInCommand};
use mynah::credentials::TokenErrorKind;

use crate::cli::{FAILED, MISCONFIGURED, Output, print_error};

pub(crate) fn run(command: &SignInCommand, warnings: &[String]) -> ExitCode {
    warnings.iter().for_each(|warning| print_error(&format!("warning: {warning}")));
    match command {
        SignInCommand::Login(request) => log_in(request),
        SignInCommand::Logout(file) => log_out(file),
    }
}

fn log_in(request: &LoginRequest) -> ExitCode {
    let LoginRequest { application, is_default_application, authority, file, .. } = request;
    let mut out = Output::default();
    let named = if *is_default_application {
        format!("{}, that of the Azure CLI (another: --client-id)", application.client_id)
    } else {
        application.client_id.clone()
    };
    out.write(format_args!(
        "Signing in at {}, tenant {} (another: --tenant), with the application {named}.\n",
        authority.address, application.tenant
    ));
    let result = background::log_in(request, |code| {
        out.write(format_args!(
            "Open {} in a browser, on any machine, and enter the code {}.\nWaiting, for {} minutes at most ...\n",
            code.page,
            code.user_code,
            code.lifetime.as_secs().div_ceil(60)
        ));
    });
    match result {
        Ok(()) => {
            out.write(format_args!(
                "Signed in. It is kept in {}; --use-token-credential uses it, and mynah logout deletes it.\n",
                file.display()
            ));
            out.finish(0)
        }
        Err(error) => {
            print_error(&format!("mynah: {error}"));
            ExitCode::from(if error.kind == TokenErrorKind::Transient { FAILED } else { MISCONFIGURED })
        }
    }
}

fn log_out(file: &Path) -> ExitCode {
    let mut out = Output::default();
    match background::remove_sign_in(file) {
        Ok(true) => out.write(format_args!(
            "Deleted {}. To end the sign-in at Microsoft too, sign out everywhere on your account's page.\n",
            file.display()
        )),
        Ok(false) => out.write(format_args!("Nobody is signed in: there is no {}.\n", file.display())),
        Err(error) => {
            print_error(&format!("mynah: {}: cannot be deleted: {error}", file.display()));
            return ExitCode::from(MISCONFIGURED);
        }
    }
    out.finish(0)
}
