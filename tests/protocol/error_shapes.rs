//! The sentence of an error or warning is read wherever servers put it (protocol §11).

use mynah::protocol::{self, ServerEvent};

use super::summary;

#[test]
fn an_error_may_be_a_string() {
    for (text, expected) in [
        (r#"{"type":"error","error":"text"}"#, "|text|Service(Refused(Other))"),
        (
            r#"{"type":"error","error":"slow down","code":"rate_limit_exceeded"}"#,
            "rate_limit_exceeded|slow down|Service(Refused(RateLimited))",
        ),
        (r#"{"type":"error","error":"half \ud83d"}"#, "|half \u{fffd}|Service(Refused(Other))"),
    ] {
        assert_eq!(error(text), expected, "{text}");
    }
}

#[test]
fn the_fields_of_an_error_may_be_at_the_top_level() {
    for (text, expected) in [
        (
            r#"{"type":"error","message":"no credit left","code":"insufficient_quota"}"#,
            "insufficient_quota|no credit left|Service(Refused(QuotaExceeded))",
        ),
        (
            r#"{"type":"error","error":null,"message":"time is up","code":"session_expired"}"#,
            "session_expired|time is up|Service(Refused(SessionExpired))",
        ),
        (
            r#"{"type":"error","error":{"message":"time is up"},"code":"session_expired"}"#,
            "session_expired|time is up|Service(Refused(SessionExpired))",
        ),
        (
            r#"{"type":"error","error":{"code":"session_expired","message":null},"message":"time is up"}"#,
            "session_expired|time is up|Service(Refused(SessionExpired))",
        ),
        (
            r#"{"type":"error","message":"no such voice","param":"session.voice"}"#,
            "|no such voice|Link(Misconfigured)",
        ),
        (r#"{"type":"error","detail":"no such model"}"#, "|no such model|Service(Refused(Other))"),
        (
            r#"{"type":"error","error":{"detail":"no such model","details":[]}}"#,
            "|no such model|Service(Refused(Other))",
        ),
        (
            r#"{"type":"error","error":"session_expired","message":"time is up"}"#,
            "session_expired|time is up|Service(Refused(SessionExpired))",
        ),
    ] {
        assert_eq!(error(text), expected, "{text}");
    }
}

#[test]
fn an_error_may_be_nested_deeper() {
    for text in [
        r#"{"type":"error","error":{"error":{"code":"session_expired","message":"time is up"}}}"#,
        r#"{"type":"error","error":{"message":{"code":"session_expired","message":"time is up"}}}"#,
        r#"{"type":"error","message":{"code":"session_expired","message":"time is up"}}"#,
        r#"{"error":{"code":"session_expired","message":"time is up"}}"#,
    ] {
        assert_eq!(error(text), "session_expired|time is up|Service(Refused(SessionExpired))", "{text}");
    }
    let deep = format!(r#"{{"type":"error","error":{}1{}}}"#, r#"{"error":"#.repeat(5000), "}".repeat(5000));
    assert_eq!(error(&deep).split('|').next(), Some(""), "bounded");
}

#[test]
fn codes_may_be_numbers() {
    for (fields, expected) in [
        (r#""code":429,"message":"m""#, "429|m|Service(Refused(RateLimited))"),
        (r#""code":"429","message":"m""#, "429|m|Service(Refused(RateLimited))"),
        (r#""code":503,"message":"m""#, "503|m|Service(Refused(Internal))"),
        (r#""code":400,"message":17"#, "400|17|Service(Refused(Other))"),
        (r#""code":429,"type":"insufficient_quota""#, "429||Service(Refused(QuotaExceeded))"),
        (r#""code":null,"type":"server_error","message":null"#, "server_error||Service(Refused(Internal))"),
        (r#""code":"new_code","type":"rate_limit_error""#, "new_code||Service(Refused(RateLimited))"),
    ] {
        assert_eq!(error(&format!(r#"{{"type":"error","error":{{{fields}}}}}"#)), expected, "{fields}");
    }
}

#[test]
fn a_warning_may_have_any_of_these_shapes() {
    for (text, expected) in [
        (r#"{"type":"warning","warning":"text"}"#, "warning: text"),
        (r#"{"type":"warning","message":"text","code":"c"}"#, "warning: text (c)"),
        (r#"{"type":"warning","warning":{"message":"text","code":null}}"#, "warning: text"),
        (r#"{"type":"warning","warning":{"message":"text","code":7}}"#, "warning: text (7)"),
        (r#"{"type":"warning","warning":{"code":"c"}}"#, "warning: c"),
    ] {
        assert_eq!(summary(text), expected, "{text}");
    }
}

#[test]
fn a_failed_transcription_may_have_any_of_these_shapes() {
    let failed = |fields: &str| {
        summary(&format!(r#"{{"type":"conversation.item.input_audio_transcription.failed"{fields}}}"#))
    };
    let sentence = "warning: the user's speech could not be transcribed";
    for (fields, reason) in [
        (r#","error":"no such model""#, ": no such model"),
        (r#","message":"no such model","code":404"#, ": no such model (404)"),
        (r#","error":{"message":"no such model"}"#, ": no such model"),
        (r#","error":null"#, ""),
        ("", ""),
    ] {
        assert_eq!(failed(fields), format!("{sentence}{reason}"), "{fields}");
    }
}

#[test]
fn an_unknown_event_with_an_error_is_a_warning() {
    let text = r#"{"type":"response.error","error":{"message":"no such voice","code":"c"}}"#;
    assert_eq!(summary(text), "warning: response.error: no such voice (c)");
    assert_eq!(summary(r#"{"type":"response.new","error":null}"#), "unknown response.new");
}

#[test]
fn a_cause_inside_an_error_says_more_than_the_error() {
    for (text, expected) in [
        (
            r#"{"type":"error","error":{"code":"429","message":"too much","innererror":{"code":"insufficient_quota"}}}"#,
            "429|too much|Service(Refused(QuotaExceeded))",
        ),
        (
            r#"{"type":"error","error":{"code":"new_code","innererror":{"code":"ResponsibleAIPolicyViolation","message":"no"}}}"#,
            "new_code|no|Service(Refused(Withheld))",
        ),
        (
            r#"{"type":"error","error":{"message":"m","cause":{"error":{"type":"rate_limit_error"}}}}"#,
            "rate_limit_error|m|Service(Refused(RateLimited))",
        ),
    ] {
        assert_eq!(error(text), expected, "{text}");
    }
}

#[test]
fn several_errors_are_read_together() {
    for (text, expected) in [
        (
            r#"{"type":"error","error":[{"code":"c","message":"one"},{"code":"session_expired","message":"two"}]}"#,
            "c|one; two|Service(Refused(SessionExpired))",
        ),
        (
            r#"{"type":"error","errors":[{"message":"one"},{"message":"one"}],"code":"insufficient_quota"}"#,
            "insufficient_quota|one|Service(Refused(QuotaExceeded))",
        ),
        (r#"{"type":"error","error":["one",7,null]}"#, "|one; 7|Service(Refused(Other))"),
        (r#"{"type":"error","error":[]}"#, "||Service(Refused(Other))"),
    ] {
        assert_eq!(error(text), expected, "{text}");
    }
    let many = format!(r#"{{"type":"error","error":[{}1]}}"#, r#"{"message":"m"},"#.repeat(15_000));
    assert_eq!(error(&many), "|m|Service(Refused(Other))", "bounded");
}

#[test]
fn what_has_failed_in_a_tool_is_told_and_ends_nothing() {
    for (text, expected) in [
        (
            r#"{"type":"response.mcp_call.failed","item_id":"i","error":{"message":"no route"}}"#,
            "warning: response.mcp_call.failed: no route",
        ),
        (r#"{"type":"mcp_list_tools.failed","item_id":"i"}"#, "warning: mcp_list_tools.failed"),
        (
            r#"{"type":"response.function_call_arguments.done","error":{"code":"insufficient_quota","message":"m"}}"#,
            "warning: response.function_call_arguments.done: the quota of the account is used up: m (insufficient_quota)",
        ),
        (
            r#"{"type":"response.output_item.done","item":{"type":"mcp_call","error":{"code":7,"message":"m"}}}"#,
            "warning: a tool of the service failed: m (7)",
        ),
        (r#"{"type":"response.output_item.done","item":{"type":"message","error":null}}"#, "ignored"),
        (r#"{"type":"response.new_call.failed"}"#, "warning: response.new_call.failed"),
    ] {
        assert_eq!(summary(text), expected, "{text}");
    }
}

fn error(text: &str) -> String {
    match protocol::parse(text) {
        Ok(ServerEvent::Error(error)) => format!("{}|{}|{:?}", error.code, error.message, error.event),
        other => panic!("{other:?}"),
    }
}
