//! Text of others on one line: nothing in it reaches the terminal as a command.

use mynah::printable::{Printable, clipped};
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

proptest! {
    #[test]
    fn nothing_shown_is_a_command(text: String) {
        let shown = Printable(&text).to_string();
        prop_assert!(!shown.contains(|c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c)), "{shown:?}");
        let harmless = |c: &char| c.is_alphanumeric();
        prop_assert!(text.chars().filter(harmless).all(|c| shown.contains(c)), "no letter is lost");
    }
}
