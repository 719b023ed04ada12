//! `mynah doctor` in a terminal: prints the findings, tells the user what to do, and writes the report with its picture.
//!
//! It checks nothing.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use jiff::Timestamp;
use mynah::config::{DoctorRequest, ServiceTarget};
use mynah::doctor::{self, DoctorConsole, DoctorReport, Finding, Verdict};
use mynah::printable;
use mynah::protocol::SessionConfig;
use mynah::sys::create_private_file;

use crate::cli::{FAILED, MISCONFIGURED, Output, is_attended, print_error};

/// Runs the checks. The exit code is 0 if nothing is wrong, or 1; 2 if the report cannot be written.
pub(crate) fn check(request: DoctorRequest, session: &SessionConfig) -> ExitCode {
    if let ServiceTarget::Azure(azure) = &request.config.service.target {
        azure.secrets().for_each(|secret| printable::redact(secret.reveal()));
    }
    let report = request.report.clone();
    let mut console = TerminalConsole { out: Output::default(), is_attended: is_attended() };
    let DoctorReport { findings, picture } = doctor::run(request, session, &mut console);
    let wrong = findings.iter().filter(|finding| matches!(finding.verdict, Verdict::Wrong(_))).count();
    let summary = match wrong {
        0 => "nothing is wrong".to_owned(),
        1 => "one thing is wrong".to_owned(),
        count => format!("{count} things are wrong"),
    };
    console.out.write(format_args!("\n{summary}\n"));
    if let Some(file) = report
        && let Err((file, error)) = write_report(&file, &findings, picture.as_deref())
    {
        print_error(&format!("mynah: {}: cannot be written: {error}", file.display()));
        return ExitCode::from(MISCONFIGURED);
    }
    console.out.finish(if wrong == 0 { 0 } else { FAILED })
}

/// Writes the report, and the picture beside it. On failure, returns the file that could not be written.
fn write_report(
    file: &Path,
    findings: &[Finding],
    picture: Option<&str>,
) -> Result<(), (PathBuf, io::Error)> {
    let mut text = format!("mynah {} doctor\n", env!("CARGO_PKG_VERSION"));
    for finding in findings {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{finding}");
    }
    let write = |file: PathBuf, text: &str| {
        let written = create_private_file(&file).and_then(|mut to| to.write_all(text.as_bytes()));
        written.map_err(|error| (file, error))
    };
    write(file.to_owned(), &text)?;
    picture.map_or(Ok(()), |picture| {
        let mut name = file.as_os_str().to_owned();
        name.push(".svg");
        write(name.into(), picture)
    })
}

struct TerminalConsole {
    out: Output,
    is_attended: bool,
}

impl DoctorConsole for TerminalConsole {
    fn show(&mut self, finding: &Finding) {
        self.out.write(format_args!("{finding}\n"));
    }

    fn instruct(&mut self, instruction: &str) {
        if self.is_attended {
            self.out.write(format_args!("      >> {instruction}\n"));
        }
    }

    fn progress(&mut self, passed: Duration, whole: Duration) {
        if self.is_attended {
            self.out.write_progress(passed.as_secs_f32(), whole.as_secs_f32());
        }
    }

    fn is_attended(&self) -> bool {
        self.is_attended
    }

    fn clock_s(&self) -> i64 {
        Timestamp::now().as_second()
    }
}
