//! 64-bit FNV-1a (RFC 9923, section 2.1) over words of up to 64 bits instead of bytes, because it runs for
//! every sample.
//!
//! It distinguishes blocks of audio; it is not a cryptographic hash.

/// The hash of the empty input.
pub const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// Returns `hash` extended by `word`.
#[must_use]
pub const fn add(hash: u64, word: u64) -> u64 {
    (hash ^ word).wrapping_mul(PRIME)
}
