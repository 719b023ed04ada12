//! The impulse response as it is kept across restarts: bytes with a checksum and the set-up that they belong to.
//!
//! It opens no file. It does not know whether the room is still the same; a response that no longer fits is
//! relearned.

use std::fmt;

use crate::fnv;

use super::TAPS;

/// The first bytes of the format, with its version.
const MAGIC: [u8; 8] = *b"MYNECHO1";
const HEADER_BYTES: usize = MAGIC.len() + 8;
const CHECKSUM_BYTES: usize = 8;
/// The length of an encoded response: magic, hash of the set-up, samples, checksum, little endian.
pub const KEPT_BYTES: usize = HEADER_BYTES + 4 * TAPS + CHECKSUM_BYTES;
/// The largest sum of squares that a response can have: an echo 40 dB louder than the reference.
const ENERGY_MAX: f32 = 1e4;

/// What a canceller has learned: the impulse response from the reference to the microphone, 250 ms at 24 kHz.
#[derive(Clone, Debug, PartialEq)]
pub struct EchoResponse {
    pub taps: Box<[f32; TAPS]>,
}

impl EchoResponse {
    /// Returns a response without an echo, to be filled by
    /// [`EchoCanceller::response`](super::EchoCanceller::response).
    #[must_use]
    pub fn silent() -> EchoResponse {
        EchoResponse { taps: Box::new([0.0; TAPS]) }
    }

    /// Encodes the response. `setup` names all that it depends on: the cards, the microphone's gain, the volume.
    #[must_use]
    pub fn encode(&self, setup: &str) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(KEPT_BYTES);
        bytes.extend(MAGIC);
        bytes.extend(hash(setup.as_bytes()).to_le_bytes());
        bytes.extend(self.taps.iter().flat_map(|tap| tap.to_le_bytes()));
        bytes.extend(hash(&bytes).to_le_bytes());
        bytes
    }

    /// Decodes what [`EchoResponse::encode`] has returned for the same `setup`.
    ///
    /// # Errors
    /// Returns why the bytes cannot be used. The canceller then starts without them.
    pub fn decode(bytes: &[u8], setup: &str) -> Result<EchoResponse, KeptResponseError> {
        if !bytes.starts_with(&MAGIC) {
            return Err(KeptResponseError::Unknown);
        }
        if bytes.len() != KEPT_BYTES {
            return Err(KeptResponseError::Length(bytes.len()));
        }
        let (content, checksum) = bytes.split_at(KEPT_BYTES - CHECKSUM_BYTES);
        if checksum != hash(content).to_le_bytes() {
            return Err(KeptResponseError::Damaged);
        }
        let (header, samples) = content.split_at(HEADER_BYTES);
        if header[MAGIC.len()..] != hash(setup.as_bytes()).to_le_bytes() {
            return Err(KeptResponseError::OtherSetup);
        }
        let mut response = EchoResponse::silent();
        for (tap, bytes) in response.taps.iter_mut().zip(samples.as_chunks::<4>().0) {
            *tap = f32::from_le_bytes(*bytes);
        }
        match response.is_plausible() {
            true => Ok(response),
            false => Err(KeptResponseError::Implausible),
        }
    }

    /// Returns whether all samples are numbers, of an energy that a room can have.
    pub(super) fn is_plausible(&self) -> bool {
        let energy: f32 = self.taps.iter().map(|tap| tap * tap).sum();
        energy <= ENERGY_MAX
    }
}

/// Why a kept response cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeptResponseError {
    /// Something else, or another version.
    Unknown,
    /// This number of bytes, where [`KEPT_BYTES`] are due.
    Length(usize),
    /// The checksum does not match.
    Damaged,
    /// Learned with other cards or levels.
    OtherSetup,
    /// Not a number, or louder than any echo.
    Implausible,
}

impl fmt::Display for KeptResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeptResponseError::Unknown => f.write_str("not an echo's response of this version"),
            KeptResponseError::Length(bytes) => write!(f, "{bytes} bytes instead of {KEPT_BYTES}"),
            KeptResponseError::Damaged => f.write_str("the checksum does not match"),
            KeptResponseError::OtherSetup => f.write_str("it belongs to other cards or levels"),
            KeptResponseError::Implausible => f.write_str("its values are no echo of a room"),
        }
    }
}

impl std::error::Error for KeptResponseError {}

fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(fnv::BASIS, |hash, byte| fnv::add(hash, u64::from(*byte)))
}
