//! Checks how fast, high and loud a voice speaks, which is written as in SSML (protocol §8.2).
//!
//! It changes nothing: the service reads the text.

/// What rate, pitch or volume may be.
pub(super) struct Prosody {
    words: &'static [&'static str],
    /// The units of a change, such as `%` in `+10%`.
    units: &'static [&'static str],
    /// A number without a unit, from min to max.
    bare: Option<(f64, f64)>,
    /// The allowed values, for messages.
    allowed: &'static str,
}

pub(super) const RATE: Prosody = Prosody {
    words: &["x-slow", "slow", "medium", "fast", "x-fast", "default"],
    units: &["%"],
    bare: Some((0.5, 1.5)),
    allowed: "a number from 0.5 to 1.5, a change such as +10%, or x-slow, slow, medium, fast, x-fast, default",
};
pub(super) const PITCH: Prosody = Prosody {
    words: &["x-low", "low", "medium", "high", "x-high", "default"],
    units: &["%", "st", "Hz"],
    bare: None,
    allowed: "a change such as +10%, -2st or +50Hz, or x-low, low, medium, high, x-high, default",
};
pub(super) const VOLUME: Prosody = Prosody {
    words: &["silent", "x-soft", "soft", "medium", "loud", "x-loud", "default"],
    units: &["%", "dB"],
    bare: Some((0.0, 100.0)),
    allowed: "a number from 0 to 100, a change such as -10%, or silent, x-soft, soft, medium, loud, x-loud, default",
};

impl Prosody {
    /// Returns `text` as it is sent.
    ///
    /// # Errors
    /// Returns what is allowed, if `text` is not.
    pub(super) fn check(&self, text: &str) -> Result<String, String> {
        let text = text.trim();
        let is_number = |number: &str| {
            number.starts_with(|first: char| first.is_ascii_digit())
                && number.parse::<f64>().is_ok_and(f64::is_finite)
        };
        let is_change = |text: &str| {
            let number = text.strip_prefix(['+', '-']).unwrap_or(text);
            self.units.iter().any(|unit| number.strip_suffix(unit).is_some_and(is_number))
        };
        let is_bare = |text: &str| {
            let number = text.parse::<f64>().ok().filter(|_| is_number(text));
            number.is_some_and(|number| self.bare.is_some_and(|(min, max)| (min..=max).contains(&number)))
        };
        if self.words.contains(&text) || is_change(text) || is_bare(text) {
            Ok(text.to_owned())
        } else {
            Err(format!("must be {}", self.allowed))
        }
    }
}
