//! A proxy's answer: a tunnel begins where the header ends and not before, and what is shown is one short line.

use mynah::background::ProxyAnswer;

/// The maximum length of a detail, including up to twice 300 quoted characters.
const DETAIL_CHARS: usize = 700;

pub(super) fn check(bytes: &[u8]) {
    match ProxyAnswer::parse(bytes) {
        ProxyAnswer::Incomplete => {}
        ProxyAnswer::Open(end) => {
            assert!(end <= bytes.len());
            assert_eq!(
                ProxyAnswer::parse(&bytes[..end]),
                ProxyAnswer::Open(end),
                "what follows changes nothing"
            );
            for cut in (0..end).rev().step_by(1 + end / 64) {
                assert_eq!(
                    ProxyAnswer::parse(&bytes[..cut]),
                    ProxyAnswer::Incomplete,
                    "{cut} of {end} bytes"
                );
            }
        }
        ProxyAnswer::Refused { status, detail } => {
            assert!(!(100..300).contains(&status), "{status}");
            assert_is_short(&detail);
        }
        ProxyAnswer::Invalid(what) => assert_is_short(&what),
    }
}

fn assert_is_short(text: &str) {
    assert!(text.chars().count() <= DETAIL_CHARS && !text.contains(char::is_control), "{text:?}");
}
