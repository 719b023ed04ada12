//! The secrets that no output shows, and where a text repeats one: as it is, as base64, as hexadecimal digits,
//! percent-encoded, or with the escapes of JSON.
//!
//! It keeps no secret, only lengths and hashes of what each looks like. A text that was disguised on purpose, such as
//! by reversing it, is not recognised.

use std::array;
use std::cmp::Reverse;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::ops::Range;
use std::sync::LazyLock;

/// Secrets that are recognised: key, token, a proxy's password in three forms, and all that look like one in the
/// environment, with room for renewed tokens. The oldest is forgotten.
const SECRETS: usize = 64;
/// Minimum length of a secret, in bytes: a shorter one would hide words that it only looks like.
const SECRET_BYTES: usize = 6;
/// A secret as it is, decoded, without backslashes, in hexadecimal digits, and in base64 after 0, 1 or 2 other bytes.
const FORMS: usize = 7;
/// Maximum number of characters that stand for one byte, as in `\u0071`.
const ESCAPE_CHARACTERS: usize = 6;
/// Characters of base64 that a secret shares with its neighbours: before, and after it with the padding.
const SHARED: [usize; 2] = [1, 3];
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const DIGITS: &[u8; 16] = b"0123456789abcdef";
/// A Mersenne prime: hashes are polynomials modulo it.
const MODULUS: u64 = (1 << 61) - 1;

/// Where the polynomials are evaluated. It differs at each start, so that nobody can construct a text of equal hash.
static POINT: LazyLock<u64> =
    LazyLock::new(|| 256 + RandomState::new().build_hasher().finish() % (MODULUS - 256));

/// The secrets that are recognised.
pub(super) struct Secrets {
    known: [[Fingerprint; FORMS]; SECRETS],
    next: usize,
}

impl Secrets {
    pub(super) const fn new() -> Self {
        Self { known: [[Fingerprint::NONE; FORMS]; SECRETS], next: 0 }
    }

    /// Adds a secret, unless it is too short.
    pub(super) fn add(&mut self, secret: &str) {
        let bytes = secret.as_bytes();
        if bytes.len() < SECRET_BYTES {
            return;
        }
        let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let [first, second, third] = array::from_fn(|before| Fingerprint {
            is_base64: true,
            ..Fingerprint::of(sextets(bytes, before).map(|value| BASE64[usize::from(value)]))
        });
        let forms = [
            Fingerprint::of(bytes.iter().copied()),
            Fingerprint::of(meant(secret).into_iter().map(|unit| unit.byte)),
            Fingerprint::of(bytes.iter().copied().filter(|byte| *byte != b'\\')),
            Fingerprint::of(digits.map(|digit| DIGITS[usize::from(digit)])),
            first,
            second,
            third,
        ];
        if !self.known.contains(&forms) {
            self.known[self.next] = forms;
            self.next = (self.next + 1) % SECRETS;
        }
    }

    /// Returns the maximum number of characters that a secret takes in a text.
    pub(super) fn longest(&self) -> usize {
        self.fingerprints().map(|known| known.length).max().unwrap_or(0) * ESCAPE_CHARACTERS
    }

    /// Returns the ranges of `text`, in bytes, that repeat a secret: in order, and none overlaps another.
    pub(super) fn find(&self, text: &str) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        if self.fingerprints().next().is_none() {
            return found;
        }
        let [written, meant] = [written(text), meant(text)];
        for known in self.fingerprints() {
            known.find(&written, &mut found);
            if meant != written {
                known.find(&meant, &mut found);
            }
        }
        found.sort_by_key(|range| (range.start, Reverse(range.end)));
        found.dedup_by(|next, last| {
            let overlaps = next.start < last.end;
            last.end = if overlaps { last.end.max(next.end) } else { last.end };
            overlaps
        });
        found
    }

    fn fingerprints(&self) -> impl Iterator<Item = &Fingerprint> {
        self.known.iter().flatten().filter(|known| known.length >= SECRET_BYTES)
    }
}

/// What a secret looks like in one of its forms.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Fingerprint {
    /// In bytes.
    length: usize,
    hash: u64,
    /// What the oldest byte of a window counts once another follows it.
    weight: u64,
    is_base64: bool,
}

impl Fingerprint {
    const NONE: Self = Self { length: 0, hash: 0, weight: 1, is_base64: false };

    fn of(bytes: impl Iterator<Item = u8>) -> Self {
        bytes.fold(Self::NONE, |known, byte| Self {
            length: known.length + 1,
            hash: appended(known.hash, fold(byte)),
            weight: product(known.weight, *POINT),
            is_base64: false,
        })
    }

    /// Adds to `found` where the units look like the secret.
    fn find(&self, units: &[Unit], found: &mut Vec<Range<usize>>) {
        let mut hash = 0;
        for (last, unit) in units.iter().enumerate() {
            hash = appended(hash, unit.byte);
            if let Some(left) = last.checked_sub(self.length) {
                hash = difference(hash, product(self.weight, term(units[left].byte)));
            }
            if last + 1 >= self.length && hash == self.hash {
                let [first, last] = self.widened(last + 1 - self.length, last, units);
                found.push(units[first].start..units[last].end);
            }
        }
    }

    /// Returns the first and last unit to hide: in base64, bits of a secret are in its neighbours too.
    fn widened(&self, first: usize, last: usize, units: &[Unit]) -> [usize; 2] {
        if !self.is_base64 {
            return [first, last];
        }
        let is_base64 = |unit: &&Unit| unit.byte == b'=' || BASE64.contains(&unit.byte);
        let before = units[..first].iter().rev().take(SHARED[0]).take_while(is_base64).count();
        let after = units[last + 1..].iter().take(SHARED[1]).take_while(is_base64).count();
        [first - before, last + after]
    }
}

/// A byte that a text means, folded, and the range of bytes that means it.
#[derive(PartialEq, Eq)]
struct Unit {
    byte: u8,
    start: usize,
    end: usize,
}

/// Returns the bytes of a text as it is written.
fn written(text: &str) -> Vec<Unit> {
    let mut units = Vec::with_capacity(text.len());
    text.char_indices()
        .for_each(|(at, character)| push(character, at..at + character.len_utf8(), &mut units));
    units
}

/// Returns the bytes that a text means: percent signs and escapes are decoded, backslashes and what is invisible are
/// left out.
fn meant(text: &str) -> Vec<Unit> {
    let mut units = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let start = text.len() - rest.len();
        let (meaning, length) = match character {
            '%' => percent(rest).map_or((Some(Meaning::Character('%')), 1), |(byte, length)| {
                (Some(Meaning::Byte(byte)), length)
            }),
            '\\' => escape(rest),
            _ if is_left_out(character) => (None, character.len_utf8()),
            _ => (Some(Meaning::Character(character)), character.len_utf8()),
        };
        let range = start..start + length;
        match meaning {
            Some(Meaning::Byte(byte)) => units.push(Unit { byte: fold(byte), start, end: range.end }),
            Some(Meaning::Character(character)) => push(character, range, &mut units),
            None => {}
        }
        rest = &rest[length..];
    }
    units
}

/// What a part of a text stands for.
enum Meaning {
    Byte(u8),
    Character(char),
}

/// Decodes the percent sign at the beginning, also one that was encoded again, and returns its length too.
fn percent(text: &str) -> Option<(u8, usize)> {
    let digits = |at: usize| u8::from_str_radix(text.get(at..at + 2).filter(|two| is_hex(two))?, 16).ok();
    let (mut byte, mut length) = (digits(1)?, 3);
    while byte == b'%'
        && let Some(next) = digits(length)
    {
        (byte, length) = (next, length + 2);
    }
    Some((byte, length))
}

/// Decodes backslashes at the beginning with the escape that they begin, and returns their length too. Those before
/// another character stand for that, which is left for the next.
fn escape(text: &str) -> (Option<Meaning>, usize) {
    let after = text.trim_start_matches('\\');
    let slashes = text.len() - after.len();
    let code = |digits: usize| {
        let digits = after.get(1..1 + digits).filter(|digits| is_hex(digits))?;
        char::from_u32(u32::from_str_radix(digits, 16).ok()?)
    };
    match after.chars().next() {
        Some('u') => code(4).map_or((None, slashes), |meant| (Some(Meaning::Character(meant)), slashes + 5)),
        Some('x') => code(2).map_or((None, slashes), |meant| (Some(Meaning::Character(meant)), slashes + 3)),
        Some('n' | 'r') if slashes == 1 => (None, 2),
        Some(_) | None => (None, slashes),
    }
}

fn is_hex(digits: &str) -> bool {
    digits.bytes().all(|digit| digit.is_ascii_hexdigit())
}

/// Returns whether a character can stand between those of a secret and not be seen.
fn is_left_out(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn push(character: char, Range { start, end }: Range<usize>, units: &mut Vec<Unit>) {
    let mut bytes = [0; 4];
    let bytes = character.encode_utf8(&mut bytes).bytes();
    units.extend(bytes.map(|byte| Unit { byte: fold(byte), start, end }));
}

/// Returns a byte without what may differ in another writing: capitals, and the alphabet of base64 for addresses.
fn fold(byte: u8) -> u8 {
    match byte {
        b'-' => b'+',
        b'_' => b'/',
        _ => byte.to_ascii_lowercase(),
    }
}

/// Returns the groups of six bits that lie in `bytes` as a whole, if `before` other bytes come first.
fn sextets(bytes: &[u8], before: usize) -> impl Iterator<Item = u8> {
    let first = (8 * before).div_ceil(6);
    let end = 8 * (before + bytes.len()) / 6;
    (first..end).map(move |index| {
        let bit = 6 * index - 8 * before;
        let pair = [bytes[bit / 8], bytes.get(bit / 8 + 1).copied().unwrap_or(0)];
        let [_, value] = (u16::from_be_bytes(pair) >> (10 - bit % 8) & 63).to_be_bytes();
        value
    })
}

/// Returns what a byte adds to a hash: not 0, which would be the same as no byte.
fn term(byte: u8) -> u64 {
    u64::from(byte) + 1
}

fn appended(hash: u64, byte: u8) -> u64 {
    reduced(u128::from(product(hash, *POINT)) + u128::from(term(byte)))
}

fn product(a: u64, b: u64) -> u64 {
    reduced(u128::from(a) * u128::from(b))
}

fn difference(a: u64, b: u64) -> u64 {
    reduced(u128::from(a) + u128::from(MODULUS) - u128::from(b))
}

/// Returns the value modulo [`MODULUS`]. A division of 128 bits would be slow on a small processor.
fn reduced(value: u128) -> u64 {
    let folded = (value & u128::from(MODULUS)) + (value >> 61);
    let value = u64::try_from(folded).unwrap_or(MODULUS);
    if value >= MODULUS { value - MODULUS } else { value }
}
