//! Text of others on one line: nothing in it reaches the terminal as a command.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use mynah::printable::{LineRate, Printable, clipped, redact};
use proptest::prelude::*;

#[test]
fn what_could_paint_is_escaped_and_white_space_becomes_a_blank() {
    for (text, shown) in [
        ("a\u{1b}[31mred", "a\\u{1b}[31mred"),
        ("a\u{9b}2Jb", "a\\u{9b}2Jb"),
        ("user \u{202e}nimda", "user \\u{202e}nimda"),
        ("\u{2066}isolated\u{2069}\u{200f}\u{61c}", "\\u{2066}isolated\\u{2069}\\u{200f}\\u{61c}"),
        ("one\ntwo\r\nthree\tfour\u{85}five\u{2028}six\u{2029}seven", "one two  three four five six seven"),
        ("\0\u{7f}\u{8}", "\\u{0}\\u{7f}\\u{8}"),
        ("Grüße, 世界 👩‍👧 שלום", "Grüße, 世界 👩‍👧 שלום"),
    ] {
        assert_eq!(Printable(text).to_string(), shown, "{text:?}");
    }
}

#[test]
fn a_long_text_is_clipped_by_characters() {
    assert_eq!(clipped(&"ä".repeat(301)), "ä".repeat(300));
    assert_eq!(clipped("short"), "short");
    assert_eq!(clipped(&"\0".repeat(300)).len(), 300, "escapes count as they are shown");
}

#[test]
fn a_registered_secret_is_hidden_wherever_it_stands() {
    let (key, longer) = ("q7-registered-key-7q", "q7-registered-key-7q-and-more");
    let quoted = format!("your key \"{key}\" and Bearer {longer}{key}\u{1b}");
    assert!(Printable(&quoted).to_string().contains(key), "it is not registered yet");
    redact(key);
    redact(longer);
    redact("short");
    assert_eq!(Printable(&quoted).to_string(), "your key \"***\" and Bearer ******\\u{1b}");
    assert_eq!(Printable("a short word").to_string(), "a short word", "too short to be a secret only");
    for begin in 270..310 {
        let text = format!("{}{key}{}", "ä".repeat(begin), "x".repeat(40));
        // The other tests of this process register secrets, too, and only so many are kept.
        let shown = loop {
            redact(key);
            let shown = clipped(&text);
            if Printable(key).to_string() == "***" {
                break shown;
            }
        };
        assert!(!shown.contains("q7") && shown.chars().count() <= 300, "{begin}: {shown}");
    }
}

#[test]
fn a_registered_secret_is_hidden_in_every_encoding() {
    let key = "w5/Encoded+key_5w";
    redact(key);
    let shown = |text: &str| Printable(text).to_string();
    let percent = |upper: bool| -> String {
        let digits = |byte: u8| if upper { format!("%{byte:02X}") } else { format!("%{byte:02x}") };
        key.bytes().map(digits).collect()
    };
    let encoded = STANDARD.encode(key);
    let wrapped = encoded.as_bytes().chunks(7).map(String::from_utf8_lossy).collect::<Vec<_>>();
    for (form, what) in [
        (key.to_owned(), "as it is"),
        (key.to_uppercase(), "in capitals"),
        (percent(false), "percent signs"),
        (percent(true), "percent signs with capitals"),
        ("w5%2fEncoded%2Bkey%5f5w".to_owned(), "where an address needs it"),
        (percent(true).replace('%', "%25"), "percent signs twice"),
        (percent(true).replace('%', "%2525"), "percent signs three times"),
        ("w5\\/Encoded+key_5w".to_owned(), "as JSON may write it"),
        ("w5\\\\/Encoded\\u002bkey_5w".to_owned(), "JSON in JSON"),
        (key.bytes().map(|byte| format!("\\u{byte:04x}")).collect(), "escapes of JSON"),
        (key.bytes().map(|byte| format!("\\x{byte:02X}")).collect(), "escapes of C"),
        (key.bytes().map(|byte| format!("{byte:02x}")).collect(), "hexadecimal"),
        (key.bytes().map(|byte| format!("{byte:02X}")).collect(), "hexadecimal capitals"),
        (wrapped.join("\r\n"), "base64 in lines"),
        (wrapped.join("\\n"), "base64 in lines of JSON"),
        (STANDARD.encode(key).replace('/', "%2F").replace('=', "%3D"), "base64 in an address"),
        (key.chars().flat_map(|c| [c, '\u{200b}']).collect(), "with what is invisible"),
    ] {
        let line = shown(&format!("a {form} b"));
        assert!(line.starts_with("a ***") && line.ends_with(" b") && line.len() < 12, "{what}: {line}");
    }
    for before in 0..7 {
        for after in 0..4 {
            let text = [&b"user:pw"[..before], key.as_bytes(), &b"tail"[..after]].concat();
            for form in [STANDARD.encode(&text), URL_SAFE_NO_PAD.encode(&text)] {
                let line = shown(&format!("Basic {form};"));
                let kept = line.chars().filter(char::is_ascii_alphanumeric).count();
                assert!(
                    line.contains("***") && kept < 5 + 4 * before.div_ceil(3) + 4 * after.div_ceil(3) + 1,
                    "{line}"
                );
            }
        }
    }
    for harmless in ["w5/Encoded+key_5", "5/Encoded+key_5w", "100%", "%", "%4", "\\", "\\u12", "%zz"] {
        assert!(!shown(harmless).contains("***"), "{harmless}");
    }
    let clip = clipped(&format!("{}{}", "x".repeat(290), percent(true).replace('%', "%25")));
    assert!(!clip.contains("%2577"), "a secret in 85 characters is not cut in two: {clip}");
}

#[test]
fn a_secret_with_backslashes_and_percent_signs_is_hidden_as_it_is_and_escaped() {
    for (password, escaped) in [
        (r"9p\n\\pass-word", r"9p\\n\\\\pass-word"),
        (r"9p\u0041\pass-word", r"9p\\u0041\\pass-word"),
        ("9q%41pass%25", "9q%2541pass%2525"),
    ] {
        redact(password);
        for form in [password, escaped] {
            assert_eq!(Printable(form).to_string(), "***", "{form}");
        }
    }
}

#[test]
fn a_line_has_a_maximum_length_and_says_how_much_is_missing() {
    let words = "wörds ".repeat(500_000);
    let line = Printable(&words).to_string();
    assert!(
        line.starts_with("wörds wörds") && line.ends_with("… (2990000 more characters)"),
        "{}",
        line.len()
    );
    assert_eq!(line.chars().count(), 10_000 + "… (2990000 more characters)".chars().count());
    let painting = "\u{1b}".repeat(3_000_000);
    assert!(Printable(&painting).to_string().chars().count() < 10_050, "escapes count as they are shown");
    let whole = "x".repeat(10_000);
    assert_eq!(Printable(&whole).to_string(), whole, "ten minutes of speech are shown whole");
}

#[test]
fn lines_are_let_through_in_a_burst_and_then_20_a_second_and_the_rest_is_counted() {
    let mut rate = LineRate::default();
    let at = Duration::from_secs(1000);
    let admitted = (0..5000).filter(|_| rate.admit(at).is_some()).count();
    assert_eq!(admitted, 100);
    assert_eq!(rate.admit(at + Duration::from_millis(49)), None);
    assert_eq!(rate.admit(at + Duration::from_millis(50)), Some(4901), "the next says what is missing");
    let second = (51..1051).filter(|ms| rate.admit(at + Duration::from_millis(*ms)).is_some()).count();
    assert_eq!(second, 20);
    let quiet = at + Duration::from_secs(60);
    let admitted = (0..5000).filter(|_| rate.admit(quiet).is_some()).count();
    assert_eq!(admitted, 100, "after a pause there is no more room than for a burst");
}

#[test]
fn secrets_that_are_renewed_for_ever_take_bounded_room_and_the_newest_are_hidden() {
    let token = |number: usize| format!("renewed-token-{number:04}-renewed");
    (0..1000).for_each(|number| redact(&token(number)));
    for number in 990..1000 {
        assert_eq!(Printable(&token(number)).to_string(), "***");
    }
    assert_eq!(Printable(&token(1)).to_string(), token(1), "the oldest are forgotten");
}

proptest! {
    #[test]
    fn nothing_shown_is_a_command(text: String) {
        let shown = Printable(&text).to_string();
        prop_assert!(!shown.contains(|c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c)), "{shown:?}");
        let harmless = |c: &char| c.is_alphanumeric();
        prop_assert!(text.chars().filter(harmless).all(|c| shown.contains(c)), "no letter is lost");
    }
}
