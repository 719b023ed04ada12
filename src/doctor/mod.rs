//! `mynah doctor`: checks what a conversation needs, topic by topic, and says of each thing whether it is good or what to
//! do about it.
//!
//! It changes nothing, except mixer controls and what is done about the echo if that is asked for, and it starts no
//! conversation: the one session that it opens with the service hears and says nothing.

mod controls;
mod echo;
mod kernel_log;
mod level;
mod peripherals;
mod service;
mod sound;
mod sound_path;
mod system;
mod test_sound;

use std::fmt;
use std::time::Duration;

use crate::config::{DoctorRequest, DoctorTopic};
use crate::printable::Printable;
use crate::protocol::SessionConfig;

pub use echo::{EchoChoice, EchoExamination, EchoSetup, check_echo};
pub use kernel_log::judge as judge_kernel_log;
pub use sound::check_path;
pub use sound_path::{Captured, SoundPath};

/// One thing that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub topic: DoctorTopic,
    /// What was checked, in a word or two.
    pub what: String,
    /// What was found.
    pub value: String,
    pub verdict: Verdict,
}

/// What a finding means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Good,
    /// It works, and could be better; what to do. Empty if the value says it.
    Advice(String),
    /// It does not work; what to do. Empty if the value says it.
    Wrong(String),
    /// It was not checked, for the reason that is the value.
    NotChecked,
}

impl fmt::Display for Finding {
    /// Writes one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { topic, what, value, verdict } = self;
        let (mark, remedy) = match verdict {
            Verdict::Good => ("good ", None),
            Verdict::Advice(remedy) => ("hint ", Some(remedy)),
            Verdict::Wrong(remedy) => ("WRONG", Some(remedy)),
            Verdict::NotChecked => ("-    ", None),
        };
        let line = match remedy {
            None => format!("{what}: {value}"),
            Some(remedy) if remedy.is_empty() => format!("{what}: {value}"),
            Some(remedy) => format!("{what}: {value}; {remedy}"),
        };
        write!(f, "{mark} {:<8} {}", topic.name(), Printable(&line))
    }
}

/// Where findings go, and who may be asked to speak or press.
pub trait DoctorConsole {
    /// Shows a finding.
    fn show(&mut self, finding: &Finding);
    /// Shows what the user is to do or will hear now. Nothing is shown if [`is_attended`](Self::is_attended) is false.
    fn instruct(&mut self, instruction: &str);
    /// Shows how much has passed of a measurement that takes so long. Nothing is shown if nobody watches.
    fn progress(&mut self, passed: Duration, whole: Duration);
    /// Returns whether somebody is there to press a button and to speak.
    fn is_attended(&self) -> bool;
    /// Returns the time by this machine's clock, in seconds of the Unix epoch.
    fn clock_s(&self) -> i64;
}

/// What all checks have found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoctorReport {
    pub findings: Vec<Finding>,
    /// The picture of the echo, as SVG, if it was measured.
    pub picture: Option<String>,
}

/// Runs the checks. `session` is what the service is asked for.
pub fn run(request: DoctorRequest, session: &SessionConfig, console: &mut dyn DoctorConsole) -> DoctorReport {
    let mut findings = Findings { all: Vec::new(), console };
    let mut picture = None;
    let DoctorRequest { topics, controls, config, problems, .. } = request;
    let has = |topic| topics.contains(&topic);
    if has(DoctorTopic::Settings) {
        settings(&mut findings, &config.board_summary, &problems, &config.warnings);
    }
    if has(DoctorTopic::System) {
        system::check(&mut findings);
    }
    if has(DoctorTopic::Sound) {
        sound::check(&mut findings, config.audio.clone(), controls, config.saved_state.file.as_deref());
    }
    if has(DoctorTopic::Echo) {
        picture = echo::check(&mut findings, &config, controls);
    }
    if has(DoctorTopic::Board) {
        peripherals::check(&mut findings, &config.peripherals);
    }
    if has(DoctorTopic::Service) {
        service::check(&mut findings, config.service.target, session, !problems.is_empty());
    }
    DoctorReport { findings: findings.all, picture }
}

/// Collects and shows findings.
struct Findings<'a> {
    all: Vec<Finding>,
    console: &'a mut dyn DoctorConsole,
}

impl Findings<'_> {
    fn add(&mut self, topic: DoctorTopic, what: &str, value: impl Into<String>, verdict: Verdict) {
        self.push(Finding { topic, what: what.to_owned(), value: value.into(), verdict });
    }

    fn push(&mut self, finding: Finding) {
        self.console.show(&finding);
        self.all.push(finding);
    }
}

fn settings(findings: &mut Findings<'_>, board: &str, problems: &[String], warnings: &[String]) {
    let topic = DoctorTopic::Settings;
    findings.add(topic, "board", board, Verdict::Good);
    for problem in problems {
        findings.add(topic, "setting", problem, Verdict::Wrong(String::new()));
    }
    for warning in warnings {
        findings.add(topic, "setting", warning, Verdict::Advice(String::new()));
    }
    if problems.is_empty() && warnings.is_empty() {
        findings.add(topic, "settings", "all are understood", Verdict::Good);
    }
}
