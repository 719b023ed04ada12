//! The command `mynah devices`: reads the settings of the sound devices, and why each is what it is.
//!
//! It needs no service and no credential, and opens no device; the caller does.

use std::ffi::OsString;
use std::path::Path;

use super::host::HostInfo;
use super::sources::{self, CommandLine};
use super::values::Values;
use super::{AudioConfig, ConfigError, Request, boards};

const USAGE: &str = "\
Usage: mynah devices [OPTION]...   list microphones and speakers, with the names for --microphone and --speaker,
                                   which ones mynah uses and why, and whether they can be opened now
The options are those of mynah itself, such as --board NAME; mynah --help lists them.
";

/// The sound devices that mynah would use.
#[derive(Debug)]
pub struct DevicesRequest {
    pub audio: AudioConfig,
    /// Why microphone and speaker are what they are, each as the end of a message.
    pub reasons: [String; 2],
    /// What is wrong with the settings, one sentence each.
    pub problems: Vec<String>,
}

/// Runs the command with all arguments of the program.
///
/// # Errors
/// Never: what is wrong with the settings is a part of the request, so that the devices are listed all the same.
pub(super) fn request(
    mut args: Vec<OsString>,
    env: impl IntoIterator<Item = (OsString, OsString)>,
    dir: &Path,
    system: &Path,
    host: &HostInfo,
) -> Result<Request, ConfigError> {
    args.remove(1);
    let sources = match sources::gather(args, env, dir, system) {
        CommandLine::Help => return Ok(Request::Page(USAGE.to_owned())),
        CommandLine::Version => return Ok(Request::Version),
        CommandLine::Run(sources) => *sources,
    };
    let mut values = Values::new(sources);
    let (audio, reasons) = boards::read_audio(&mut values, host);
    let problems = values.finish().err().map(|error| error.problems().to_vec()).unwrap_or_default();
    Ok(Request::Devices(Box::new(DevicesRequest { audio, reasons, problems })))
}
