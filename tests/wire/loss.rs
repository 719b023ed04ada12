//! What every documented end and error means (protocol §4.1, §4.3, §11), and when a session says that it will end.

use std::time::Duration;

use mynah::conversation::{Event, Loss, PATIENCE, Refusal, ServerEvent};
use mynah::wire::{self, Incoming};
use serde_json::{Value, json};

/// Every HTTP status of protocol §4.1, and what comes of it; the last column with a `Retry-After` of 20 s.
const STATUSES: &[(u16, Loss, Loss)] = &[
    (301, Loss::Refused, Loss::Refused),
    (302, Loss::Refused, Loss::Refused),
    (303, Loss::Refused, Loss::Refused),
    (307, Loss::Refused, Loss::Refused),
    (308, Loss::Refused, Loss::Refused),
    (400, Loss::Refused, Loss::Refused),
    (401, Loss::Denied, Loss::Denied),
    (403, Loss::Refused, Loss::Refused),
    (404, Loss::Refused, Loss::Refused),
    (408, Loss::Broken, LATER),
    (425, Loss::Broken, LATER),
    (429, Loss::Later(PATIENCE), LATER),
    (500, Loss::Broken, LATER),
    (502, Loss::Broken, LATER),
    (503, Loss::Broken, LATER),
    (504, Loss::Broken, LATER),
    (599, Loss::Broken, LATER),
];
/// What a `Retry-After` of 20 s makes of it.
const LATER: Loss = Loss::Later(Duration::from_secs(20));

/// Every close code of protocol §4.3 and RFC 6455 §7.4.1, and some that nobody has documented here.
const CLOSE_CODES: &[(u16, Loss)] = &[
    (1000, Loss::Broken),
    (1001, Loss::Broken),
    (1002, Loss::Broken),
    (1003, Loss::Broken),
    (1005, Loss::Broken),
    (1006, Loss::Broken),
    (1007, Loss::Broken),
    (1008, Loss::Refused),
    (1009, Loss::Broken),
    (1010, Loss::Broken),
    (1011, Loss::Broken),
    (1012, Loss::Broken),
    (1013, Loss::Later(PATIENCE)),
    (1014, Loss::Broken),
    (1015, Loss::Broken),
    (4000, Loss::Broken),
    (4429, Loss::Broken),
];

#[test]
fn the_end_of_a_link_is_weighed_by_status_and_code() {
    for (status, bare, named) in STATUSES {
        assert_eq!(wire::loss_of_status(*status, None), *bare, "{status}");
        assert_eq!(wire::loss_of_status(*status, Some(Duration::from_secs(20))), *named, "{status}");
    }
    for (code, loss) in CLOSE_CODES {
        assert_eq!(wire::loss_of_close(*code), *loss, "{code}");
    }
}

#[test]
fn a_service_that_asks_for_a_week_is_asked_again_in_an_hour() {
    let hour = Loss::Later(Duration::from_secs(3600));
    for asked in [Duration::from_secs(7 * 86_400), Duration::MAX] {
        assert_eq!(wire::loss_of_status(429, Some(asked)), hour);
        assert_eq!(wire::loss_of_status(503, Some(asked)), hour);
    }
}

/// Every error of protocol §11: type, code, what it means.
const ERRORS: &[(&str, Option<&str>, Refusal)] = &[
    ("invalid_request_error", Some("response_cancel_not_active"), Refusal::NothingToCancel),
    ("invalid_request_error", Some("conversation_already_has_active_response"), Refusal::ReplyInProgress),
    ("invalid_request_error", Some("input_audio_buffer_commit_empty"), Refusal::NothingToCommit),
    ("invalid_request_error", Some("unknown_parameter"), Refusal::Other),
    ("invalid_request_error", Some("missing_required_parameter"), Refusal::Other),
    ("invalid_request_error", Some("invalid_value"), Refusal::Other),
    ("invalid_request_error", Some("invalid_event"), Refusal::Other),
    ("invalid_request_error", Some("cannot_update_voice"), Refusal::Other),
    ("invalid_request_error", Some("unsupported_content_type"), Refusal::Other),
    ("invalid_request_error", Some("invalid_ec_channels_requires_client"), Refusal::Other),
    ("invalid_request_error", Some("invalid_ec_reference_channels"), Refusal::Other),
    ("invalid_request_error", Some("session_expired"), Refusal::SessionExpired),
    ("server_error", Some("session_expired"), Refusal::SessionExpired),
    ("insufficient_quota", Some("insufficient_quota"), Refusal::NoQuota),
    ("invalid_request_error", Some("rate_limit_exceeded"), Refusal::TooMuch),
    ("rate_limit_error", None, Refusal::TooMuch),
    ("invalid_request_error", Some("bad_response_create"), Refusal::Other),
    ("server_error", Some("message_creation_failed"), Refusal::Other),
    ("invalid_request_error", Some("missing_sdp"), Refusal::Other),
    ("server_error", None, Refusal::Trouble),
    ("server_error", Some("something_new"), Refusal::Trouble),
    ("something_new", Some("something_new"), Refusal::Other),
];

#[test]
fn every_documented_error_is_classed() {
    for (kind, code, refusal) in ERRORS {
        let error =
            json!({"type": "error", "error": {"type": kind, "code": code, "message": "m", "param": null}});
        let text = error.to_string();
        let Ok(Incoming::Error(error)) = wire::read(&text) else { panic!("{text}") };
        assert_eq!(error.event, Event::Server(ServerEvent::Refused(*refusal)), "{text}");
    }
}

#[test]
fn a_session_says_when_it_ends_or_nothing_of_the_kind() {
    let of = |session: Value| {
        let text = json!({"type": "session.created", "session": session}).to_string();
        match wire::read(&text) {
            Ok(Incoming::SessionCreated { expires_at_s, .. }) => expires_at_s,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(of(json!({"id": "s", "expires_at": 1_793_003_600})), Some(1_793_003_600));
    assert_eq!(of(json!({"expires_at": 1_793_003_600.0})), Some(1_793_003_600));
    for nothing in [
        json!({}),
        json!(null),
        json!({"expires_at": null}),
        json!({"expires_at": -5}),
        json!({"expires_at": 1e30}),
    ] {
        assert_eq!(of(nothing.clone()), None, "{nothing}");
    }
}
