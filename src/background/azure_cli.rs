//! Runs the Azure CLI to get a token of its user: without a shell, with a time limit, in a process group that ends with
//! it.
//!
//! `az` is looked for in the absolute folders of `PATH` only, and runs in `/`, so that no working folder brings its own.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::time::{sleep, timeout};

use crate::credentials::{AzureCliAnswer, TokenError};

/// Time limit of `az`, which takes several seconds on a small board: less than that of a dial.
const RUN_LIMIT: Duration = Duration::from_secs(25);
/// Limit of what it prints, in bytes.
const PRINTED_BYTES: usize = 256 * 1024;
/// How often its end is looked for, once it has closed its output.
const LOOK: Duration = Duration::from_millis(20);

/// Runs `az` with `arguments`.
pub(super) async fn run(path: &OsStr, arguments: Vec<String>) -> Result<AzureCliAnswer, TokenError> {
    run_within(path, arguments, RUN_LIMIT).await
}

async fn run_within(
    path: &OsStr,
    arguments: Vec<String>,
    limit: Duration,
) -> Result<AzureCliAnswer, TokenError> {
    let program =
        find(path).ok_or_else(|| TokenError::unavailable("the Azure CLI (az) is in no folder of PATH"))?;
    let failed = |error: &dyn std::fmt::Display| {
        TokenError::refused(format!("{}: cannot be run: {error}", program.display()))
    };
    let mut command = Command::new(&program);
    command.args(arguments).current_dir("/").env("AZURE_CORE_NO_COLOR", "true").process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = ProcessGroup(command.spawn().map_err(|error| failed(&error))?);
    let printed = [
        child.0.stdout.take().map(|pipe| tokio::task::spawn_blocking(move || read(pipe))),
        child.0.stderr.take().map(|pipe| tokio::task::spawn_blocking(move || read(pipe))),
    ];
    let work = async {
        let mut texts = [Vec::new(), Vec::new()];
        for (text, task) in texts.iter_mut().zip(printed) {
            if let Some(task) = task {
                *text = task.await.map_err(io::Error::other)??;
            }
        }
        let status = child.end().await?;
        let [output, errors] = texts;
        io::Result::Ok(AzureCliAnswer { success: status.success(), output, errors })
    };
    match timeout(limit, work).await {
        Ok(answer) => answer.map_err(|error| failed(&error)),
        Err(_) => Err(TokenError::transient(format!(
            "the Azure CLI ({}) did not answer within {} s and was ended",
            program.display(),
            limit.as_secs()
        ))),
    }
}

/// Returns the first `az` in a folder of `path` with an absolute name.
fn find(path: &OsStr) -> Option<PathBuf> {
    std::env::split_paths(path).filter(|folder| folder.is_absolute()).map(|folder| folder.join("az")).find(
        |file| {
            fs::metadata(file).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
        },
    )
}

fn read(pipe: impl Read) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let limit = u64::try_from(PRINTED_BYTES).unwrap_or(u64::MAX);
    pipe.take(limit + 1).read_to_end(&mut text)?;
    if text.len() > PRINTED_BYTES {
        return Err(io::Error::other("it prints more than 256 KiB"));
    }
    Ok(text)
}

/// A program and all that it has started: they end when this is dropped.
struct ProcessGroup(Child);

impl ProcessGroup {
    async fn end(&mut self) -> io::Result<ExitStatus> {
        loop {
            if let Some(status) = self.0.try_wait()? {
                return Ok(status);
            }
            sleep(LOOK).await;
        }
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        // Its number is its own until it was waited for, which only this type does.
        if let Ok(None) = self.0.try_wait() {
            let _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
            let _ = self.0.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn az_is_found_in_absolute_folders_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("az");
        let path = |text: &str| OsStr::new(text).to_owned();
        let own = folder.path().to_str().expect("a name");
        assert_eq!(find(&path(own)), None, "there is none");
        fs::write(&file, "#!/bin/sh\n").expect("a file");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("a mode");
        assert_eq!(find(&path(own)), None, "nobody may run it");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("a mode");
        assert_eq!(find(&path(&format!(":.:bin:{own}"))), Some(file));
        assert_eq!(find(&path(".::")), None);
    }

    #[test]
    fn a_program_that_hangs_ends_with_all_that_it_has_started() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, mark) = (folder.path().join("az"), folder.path().join("child"));
        let script =
            format!("#!/bin/sh\nsleep 300 &\necho $! >{0}.new\nmv {0}.new {0}\nwait\n", mark.display());
        fs::write(&file, script).expect("a file");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("a mode");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let error = runtime
            .block_on(async {
                let path = folder.path().as_os_str();
                run_within(path, Vec::new(), Duration::from_secs(5)).await.map(|_| ())
            })
            .expect_err("it hangs");
        assert!(error.message.contains("did not answer within 5 s and was ended"), "{error}");
        let child = fs::read_to_string(&mark).expect("the child was started before the limit");
        let stat = Path::new("/proc").join(child.trim()).join("stat");
        // Whoever adopts it may not have waited for it yet.
        let is_gone = || fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z "));
        assert!((0..500).any(|_| is_gone()
            || runtime.block_on(async {
                sleep(LOOK).await;
                false
            })));
    }
}
