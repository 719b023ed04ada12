//! The topic `service`: the way to the service, step by step, up to a session.
//!
//! It sends no sound and asks for no reply.

use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{Findings, Verdict};
use crate::background::{Background, BackgroundEvent, ConnectRequest, Connection};
use crate::config::{AzureConfig, DoctorTopic, ServiceTarget};
use crate::model::Time;
use crate::protocol::{self, ServerEvent, SessionConfig, SessionForm};
use crate::session;
use crate::transport::{LinkEvent, Tls, TransportError, WsClient, utc_date};

const TOPIC: DoctorTopic = DoctorTopic::Service;
/// How long each step may take.
const STEP_LIMIT: Duration = Duration::from_secs(15);
/// How long a connection takes at most that is of use for a conversation.
const SLOW: Duration = Duration::from_secs(3);
/// Differences of the clocks that are not told, in seconds.
const CLOCK_S: u64 = 300;

/// Connects to the service, and opens a session.
pub(super) fn check(
    findings: &mut Findings<'_>,
    target: ServiceTarget,
    config: &SessionConfig,
    is_misconfigured: bool,
) {
    match target {
        _ if is_misconfigured => {
            findings.add(TOPIC, "service", "not reached: the settings are wrong", Verdict::NotChecked);
        }
        ServiceTarget::Parrot => {
            findings.add(TOPIC, "service", "the built-in one needs no network", Verdict::NotChecked);
        }
        ServiceTarget::Azure(azure) => {
            if let Err(Failure { step, reason }) = reach(findings, azure, config) {
                findings.add(TOPIC, step, "failed", Verdict::Wrong(reason));
            }
        }
    }
}

/// The step that failed, and why.
struct Failure {
    step: &'static str,
    reason: String,
}

fn reach(findings: &mut Findings<'_>, azure: AzureConfig, config: &SessionConfig) -> Result<(), Failure> {
    let fail = |step| move |reason: String| Failure { step, reason };
    let AzureConfig { endpoint, credential, ca_file, proxy, .. } = azure;
    let tls = Tls::new(ca_file.as_deref()).map_err(|error| fail("certificates")(error.to_string()))?;
    let background =
        Background::start(Some(credential), None).map_err(|error| fail("system")(error.to_string()))?;
    let start = session::uptime();
    let request = ConnectRequest {
        number: 1,
        host: endpoint.host.clone(),
        port: endpoint.port,
        proxy,
        limit: STEP_LIMIT,
        renews_token: false,
    };
    let connection = connect(&background, request).map_err(fail("connection"))?;
    took(findings, "connection", &format!("{}:{}", endpoint.host, endpoint.port), start);
    let start = session::uptime();
    let mut link = session::upgrade(connection, &endpoint, &tls, now())
        .map_err(|error| fail("certificate")(error.to_string()))?;
    expect(&mut link, |event| matches!(event, LinkEvent::Up)).map_err(fail("key"))?;
    took(findings, "key", "certificate and key are accepted", start);
    clock(findings, &link, &tls);
    let start = session::uptime();
    let mut refusal = None;
    let mut is_of = |event: &LinkEvent, wanted: fn(&ServerEvent<'_>) -> bool| {
        let LinkEvent::Text(text) = event else { return false };
        match protocol::parse(text) {
            Ok(ServerEvent::Error(error)) => {
                refusal = Some(format!("{}: {}", error.code, error.message));
                true
            }
            Ok(event) => wanted(&event),
            Err(_) => false,
        }
    };
    expect(&mut link, |event| is_of(event, |event| matches!(event, ServerEvent::SessionCreated { .. })))
        .map_err(fail("session"))?;
    let form = SessionForm::of(endpoint.dialect);
    let sent = link.send(|text| form.session_update(config, text)).and_then(|()| link.flush());
    sent.map_err(|error| fail("session")(error.to_string()))?;
    expect(&mut link, |event| is_of(event, |event| matches!(event, ServerEvent::SessionUpdated(_))))
        .map_err(fail("session"))?;
    if let Some(refusal) = refusal {
        return Err(fail("session")(refusal));
    }
    took(findings, "session", "it is open with these settings", start);
    link.close();
    Ok(())
}

fn connect(background: &Background, request: ConnectRequest) -> Result<Connection, String> {
    if !background.connect(request) {
        return Err("too many requests are waiting".to_owned());
    }
    let start = session::uptime();
    loop {
        match background.poll_event() {
            Some(BackgroundEvent::Connected { result, .. }) => return result.map_err(|error| error.message),
            Some(_) => {}
            None => {
                let left = (STEP_LIMIT + Duration::from_secs(1))
                    .saturating_sub(session::uptime().saturating_sub(start));
                if left.is_zero() {
                    return Err(format!("no answer within {} s", STEP_LIMIT.as_secs()));
                }
                let left = Timespec::try_from(left).unwrap_or_default();
                let _ = poll(&mut [PollFd::new(&background.wake_fd(), PollFlags::IN)], Some(&left));
            }
        }
    }
}

/// Waits for the event that `is_wanted`.
fn expect(link: &mut WsClient, mut is_wanted: impl FnMut(&LinkEvent) -> bool) -> Result<(), String> {
    let start = session::uptime();
    loop {
        let text = |error: TransportError| error.to_string();
        while let Some(event) = link.next(now()).map_err(text)? {
            if is_wanted(&event) {
                return Ok(());
            }
        }
        let left = STEP_LIMIT.saturating_sub(session::uptime().saturating_sub(start));
        if left.is_zero() {
            return Err(format!("no answer within {} s", STEP_LIMIT.as_secs()));
        }
        if link.has_unread() {
            continue;
        }
        let left = Timespec::try_from(left).unwrap_or_default();
        if let Some(fd) = link.fd() {
            let _ = poll(&mut [PollFd::new(&fd, link.interest())], Some(&left));
        }
    }
}

fn now() -> Time {
    Time::ZERO + session::uptime()
}

fn took(findings: &mut Findings<'_>, what: &str, value: &str, start: Duration) {
    let elapsed = session::uptime().saturating_sub(start);
    let verdict = if elapsed > SLOW {
        Verdict::Advice("that is slow: a conversation will stumble".to_owned())
    } else {
        Verdict::Good
    };
    findings.add(TOPIC, what, format!("{value}, in {} ms", elapsed.as_millis()), verdict);
}

fn clock(findings: &mut Findings<'_>, link: &WsClient, tls: &Tls) {
    let Some(service_s) = link.server_date_s() else { return };
    let clock_s = tls.clock_s();
    let value = format!("the service's says {}", utc_date(service_s));
    let verdict = if clock_s.abs_diff(service_s) <= CLOCK_S {
        Verdict::Good
    } else {
        let own = utc_date(clock_s);
        Verdict::Wrong(format!(
            "this machine's says {own}; let it be set from the network (timedatectl), or set it"
        ))
    };
    findings.add(TOPIC, "clock", value, verdict);
}
