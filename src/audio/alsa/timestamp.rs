//! Reads the time that alsa-lib writes for a snapshot of a PCM, whatever its width.
//!
//! `snd_htimestamp_t` is a `struct timespec` of the C library that alsa-lib was built for: 16 bytes on 64-bit boards; on
//! 32-bit ones 8 bytes, or 16 since Debian 13. The program may have been built for the other one. So alsa-lib writes into
//! a buffer that is large enough, and its layout is found from what was written. It calls no function of alsa-lib.

use alsa_sys::snd_htimestamp_t;

/// No nanoseconds within a second have these bytes, and nothing but a second time field is written there.
const UNTOUCHED: [u8; 4] = [0xff; 4];
const NS_PER_S: u64 = 1_000_000_000;

/// What alsa-lib writes a time into.
#[repr(C, align(16))]
pub(super) struct TimestampBuffer([u8; 64]);

// The largest layout fits, with room for one that is twice as large, and is aligned.
const _: () = assert!(size_of::<TimestampBuffer>() >= 2 * 16 && align_of::<TimestampBuffer>() >= 8);
const _: () = assert!(size_of::<snd_htimestamp_t>() <= 16 && align_of::<snd_htimestamp_t>() <= 8);
// Both fields of the wide layout begin with their lower half.
const _: () = assert!(cfg!(target_endian = "little"));

/// A time as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WrittenTime {
    /// Nanoseconds of CLOCK_MONOTONIC; `None` if the fields are no time, or all zero.
    pub(super) ns: Option<u64>,
    /// The size of the structure that alsa-lib wrote.
    pub(super) bytes: usize,
}

impl TimestampBuffer {
    pub(super) fn new() -> TimestampBuffer {
        TimestampBuffer([0xff; 64])
    }

    pub(super) fn as_mut_ptr(&mut self) -> *mut snd_htimestamp_t {
        (&raw mut self.0).cast()
    }

    /// Returns what was written.
    pub(super) fn time(&self) -> WrittenTime {
        let bytes = &self.0;
        let word = |at: usize| i32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let is_narrow = bytes[8..12] == UNTOUCHED;
        let (low, high) = (i64::from(word(0)) & 0xffff_ffff, i64::from(word(4)));
        let (seconds, nanoseconds) =
            if is_narrow { (i64::from(word(0)), word(4)) } else { (high << 32 | low, word(8)) };
        WrittenTime { ns: nanoseconds_of(seconds, nanoseconds), bytes: if is_narrow { 8 } else { 16 } }
    }
}

fn nanoseconds_of(seconds: i64, nanoseconds: i32) -> Option<u64> {
    let (seconds, nanoseconds) = (u64::try_from(seconds).ok()?, u64::try_from(nanoseconds).ok()?);
    let total = seconds.checked_mul(NS_PER_S)?.checked_add(nanoseconds)?;
    (nanoseconds < NS_PER_S && total > 0).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns what is read after `bytes` were written.
    fn written(bytes: &[u8]) -> WrittenTime {
        let mut buffer = TimestampBuffer::new();
        buffer.0[..bytes.len()].copy_from_slice(bytes);
        buffer.time()
    }

    fn narrow(seconds: i32, nanoseconds: i32) -> Vec<u8> {
        [seconds.to_le_bytes(), nanoseconds.to_le_bytes()].concat()
    }

    #[test]
    fn a_time_of_each_width_is_read() {
        assert_eq!(written(&narrow(7, 250)), WrittenTime { ns: Some(7_000_000_250), bytes: 8 });
        // 64-bit seconds, 32-bit nanoseconds and padding that is not written, as on armhf with 64-bit time.
        let padded = [&5_000_000_000_i64.to_le_bytes()[..], &9_i32.to_le_bytes()].concat();
        assert_eq!(written(&padded), WrittenTime { ns: Some(5_000_000_000_000_000_009), bytes: 16 });
        let wide = [8_i64.to_le_bytes(), 999_999_999_i64.to_le_bytes()].concat();
        assert_eq!(written(&wide), WrittenTime { ns: Some(8_999_999_999), bytes: 16 });
    }

    #[test]
    fn what_is_no_time_is_none() {
        assert_eq!(written(&narrow(0, 0)).ns, None);
        assert_eq!(written(&narrow(-1, 5)).ns, None);
        assert_eq!(written(&narrow(5, 1_000_000_000)).ns, None);
        assert_eq!(written(&[]).ns, None);
        assert_eq!(written(&[i64::MAX.to_le_bytes(), 1_i64.to_le_bytes()].concat()).ns, None);
    }
}
