//! What the service refuses: while the session is configured, in a session, instead of a reply, and over the standby
//! link.

use mynah::conversation::{Exit, Mode};
use serde_json::{Value, json};

use super::{Device, KEY, TAP, after_one_turn, constant};
use crate::service::Step::{Close, Expect, ExpectAudio, Send};
use crate::service::{Behaviour, Service, Step, events};

#[test]
fn a_reply_that_fails_for_the_quota_exits_and_is_told_once() {
    let details =
        json!({"type": "failed", "error": {"code": "insufficient_quota", "message": "No credit left."}});
    let service = Service::start([Behaviour::script(failed_reply("failed", details))]);
    let device = Device::start(&service, Mode::Open);
    let lines = notices_at_exit(device, Exit::Misconfigured);
    assert_eq!(count(&lines, "No credit left."), 1, "{lines:?}");
    assert_eq!(count(&lines, "the quota of the account is used up"), 1, "{lines:?}");
    assert_eq!(lines.len(), 1, "nothing else: {lines:?}");
    assert_eq!(service.connections().len(), 1);
}

#[test]
fn a_reply_that_fails_otherwise_is_told_and_the_session_goes_on() {
    for (status, details, expected) in [
        ("failed", json!({"error": {"type": "rate_limit_error", "message": "Slow down."}}), "Slow down."),
        ("incomplete", json!({"type": "incomplete", "reason": "content_filter"}), "content filter"),
        ("incomplete", json!({"reason": "max_output_tokens"}), "limit of length"),
        ("failed", json!({"error": {"type": "agent_error", "message": "Tool broke."}}), "Tool broke."),
    ] {
        let next = events::reply("r2", "i2", "Still here.", &constant(1000, 100));
        let turn = [events::user_turn("u2"), next].concat();
        let script = [failed_reply(status, details), vec![ExpectAudio(60)], events::sent(turn)];
        let service = Service::start([Behaviour::script(script.concat())]);
        let device = Device::start(&service, Mode::Open);
        device.wait_for_line("mynah: Still here.", 1);
        let lines = notices(&device);
        let (exit, _) = device.quit();
        assert_eq!(exit, Exit::Requested, "{expected}");
        assert_eq!((count(&lines, expected), lines.len()), (1, 1), "{lines:?}");
        assert_eq!(service.connections().len(), 1, "{expected}");
    }
}

#[test]
fn a_setting_that_is_rejected_is_named_and_exits() {
    for (fields, setting) in [
        (json!({"param": "input_audio_noise_reduction", "event_id": null}), "noise_reduction"),
        (json!({"param": "session.turn_detection.languages[0]", "event_id": "session"}), "language"),
        (
            json!({"param": null, "message": "'input_audio_transcription' is not for this model."}),
            "transcription",
        ),
    ] {
        let mut error = json!({"type": "invalid_request_error", "code": "invalid_value", "message": "No."});
        error.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let service = Service::start([refusing_configuration(error)]);
        let url = service.url();
        let device = Device::start(&service, Mode::Open);
        let lines = notices_at_exit(device, Exit::Misconfigured);
        assert_eq!(count(&lines, &format!("; {setting} is from {setting}; exiting")), 1, "{lines:?}");
        assert_eq!(count(&lines, &url), 1, "{lines:?}");
        assert_eq!(service.connections().len(), 1, "{setting}");
    }
}

#[test]
fn trouble_of_the_service_while_configuring_is_retried() {
    for error in [
        json!({"type": "server_error", "code": null, "message": "Sorry."}),
        json!({"type": "invalid_request_error", "code": "session_expired", "message": "Too late."}),
    ] {
        let service = Service::start([refusing_configuration(error), Behaviour::script(events::opening())]);
        let device = Device::start(&service, Mode::Open);
        device.wait_for_line("listening", 1);
        let (exit, _) = device.quit();
        assert_eq!((exit, service.connections().len()), (Exit::Requested, 2));
    }
}

#[test]
fn a_rejected_request_in_a_session_is_ignored() {
    let rejected = json!({"type": "invalid_request_error", "code": "invalid_value", "message": "No.",
        "param": "input_audio_noise_reduction"});
    let reply = events::reply("r1", "i1", "Still here.", &constant(1000, 100));
    let said = [vec![error(rejected)], events::user_turn("u1"), reply].concat();
    let script = [events::opening(), vec![ExpectAudio(50)], events::sent(said)];
    let service = Service::start([Behaviour::script(script.concat())]);
    let device = Device::start(&service, Mode::Open);
    device.wait_for_line("mynah: Still here.", 1);
    let (exit, _) = device.quit();
    assert_eq!((exit, service.connections().len()), (Exit::Requested, 1));
}

#[test]
fn a_standby_that_is_refused_ends_no_conversation() {
    let invalid = json!({"type": "invalid_request_error", "code": "invalid_value", "message": "No.",
        "param": "voice"});
    for refusal in [
        refusing_configuration(invalid),
        refusing_configuration(json!({"type": "insufficient_quota", "message": "No credit left."})),
        refusing_configuration(json!({"type": "server_error", "message": "Sorry."})),
        Behaviour::refuse(401, ""),
    ] {
        let standby = events::opening();
        let service = Service::start([
            Behaviour::script(events::opening_with(601)),
            refusal,
            Behaviour::script(standby),
        ]);
        let device = Device::start(&service, TAP);
        service.until("the next standby", |all| all.len() == 3 && all[2].count("session.update") == 1);
        let lines = device.lines();
        let (exit, _) = device.quit();
        assert_eq!(exit, Exit::Requested);
        assert!(!lines.contains(&"offline".to_owned()), "{lines:?}");
    }
}

#[test]
fn a_close_reason_that_names_the_credential_is_a_refusal() {
    for (code, reason) in [
        (3000, "invalid_request_error.invalid_api_key"),
        (4001, "Unauthorized"),
        (1008, "your credential has expired"),
    ] {
        let service = Service::start([Behaviour::script([Close(code, reason)])]);
        let device = Device::start(&service, Mode::Open);
        let lines = notices_at_exit(device, Exit::Misconfigured);
        assert_eq!(count(&lines, reason), 1, "{lines:?}");
        assert_eq!(count(&lines, "does not accept the key"), 1, "{lines:?}");
        assert_eq!(service.connections().len(), 1, "{reason}");
    }
}

#[test]
fn a_web_page_that_answers_is_told_and_retried() {
    let headers = vec![("content-type", "text/html; charset=utf-8".to_owned())];
    for body in ["<!doctype html><title>Guest network</title>", ""] {
        let page = Behaviour::Refuse { status: 200, headers: headers.clone(), body: body.to_owned() };
        let service = Service::start([page, Behaviour::script(events::opening())]);
        let device = Device::start(&service, Mode::Open);
        device.wait_for_line("listening", 1);
        let (exit, _) = device.quit();
        assert_eq!((exit, service.connections().len()), (Exit::Requested, 2));
    }
}

#[test]
fn a_service_retries_what_has_worked_before_every_ten_minutes() {
    let working = Service::start([
        Behaviour::script(events::opening()),
        Behaviour::refuse(401, r#"{"error":{"code":"401","message":"Access denied"}}"#),
    ]);
    let device = Device::start(&working, TAP);
    device.wait_for_line("idle", 1);
    let folder = device.quit_keeping_files();
    let state = std::fs::read_to_string(folder.path().join("state.toml")).unwrap();
    assert!(state.contains("accepted = ") && !state.contains(KEY), "{state}");
    let device = Device::restart(folder, &working, TAP);
    device.wait_for_line("notice: ", 1);
    let lines = notices(&device);
    assert_eq!(count(&lines, "retrying every 10 minutes"), 1, "{lines:?}");
    device.wait_for_line("fault", 1);
    let folder = device.quit_keeping_files();
    // Another address has never worked.
    let other = Service::start([Behaviour::refuse(401, "")]);
    let device = Device::restart(folder, &other, TAP);
    let (exit, _) = device.wait_for_exit();
    assert_eq!(exit, Exit::Misconfigured);
}

#[test]
fn a_refusal_names_the_address_and_at_most_the_end_of_the_key() {
    for status in [401, 403] {
        let body = r#"{"error":{"code":"403","message":"Not from here."}}"#;
        let service = Service::start([Behaviour::refuse(status, body)]);
        let url = service.url();
        let device = Device::start(&service, Mode::Open);
        let lines = notices_at_exit(device, Exit::Misconfigured);
        assert_eq!((count(&lines, &url), count(&lines, "a key that ends in -see")), (1, 1), "{lines:?}");
        assert_eq!((count(&lines, "Not from here."), count(&lines, "{\"")), (1, 0), "{lines:?}");
        assert_eq!(count(&lines, &KEY[KEY.len() - 5..]), 0, "{lines:?}");
    }
}

/// A service that answers the configuration with this error.
fn refusing_configuration(body: Value) -> Behaviour {
    let steps = [Send(events::session_created()), Expect("session.update"), Send(error(body))];
    Behaviour::script(steps)
}

/// A session in which the reply to the first turn ends with these details.
fn failed_reply(status: &str, details: Value) -> Vec<Step> {
    let response = json!({"id": "r1", "status": status, "status_details": details});
    let done = events::event("response.done", json!({"response": response}));
    after_one_turn([events::response_created("r1"), done])
}

fn error(body: Value) -> Value {
    events::event("error", json!({"error": body}))
}

fn notices(device: &Device) -> Vec<String> {
    device.lines().into_iter().filter(|line| line.starts_with("notice: ")).collect()
}

/// Waits until the session exits by itself, and returns what it told.
fn notices_at_exit(device: Device, expected: Exit) -> Vec<String> {
    let exit = device.thread.join().unwrap().unwrap();
    assert_eq!(exit, expected);
    let text = std::fs::read_to_string(device.folder.path().join("lines")).unwrap();
    text.lines().filter(|line| line.starts_with("notice: ")).map(str::to_owned).collect()
}

fn count(lines: &[String], text: &str) -> usize {
    lines.iter().filter(|line| line.contains(text)).count()
}
