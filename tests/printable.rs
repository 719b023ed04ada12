//! Text of others on one line: nothing in it reaches the terminal as a command.

use mynah::printable::{Printable, clipped, redact};
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
        let shown = clipped(&text);
        assert!(!shown.contains("q7") && shown.chars().count() <= 300, "{begin}: {shown}");
    }
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
