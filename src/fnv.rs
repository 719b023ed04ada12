//! The hash FNV-1a, 64 bit (RFC 9923, section 2.1), over words of up to 64 bits instead of bytes: it is computed for
//! every sample that is said or heard.
//!
//! It tells blocks of sound apart and is no protection against anyone who chooses them.

/// The hash of nothing.
pub const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// Returns the hash of what `hash` is of, followed by `word`.
#[must_use]
pub const fn add(hash: u64, word: u64) -> u64 {
    (hash ^ word).wrapping_mul(PRIME)
}
