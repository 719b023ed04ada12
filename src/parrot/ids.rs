//! Generates ids like the service's: a prefix and base62 characters, reproducible from a seed. They are not
//! secret.

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ID_CHARS: usize = 18;

#[derive(Debug)]
pub(super) struct Ids {
    state: u64,
}

impl Ids {
    pub(super) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Returns the next id: `prefix`, `_` and 18 letters or digits.
    pub(super) fn next(&mut self, prefix: &str) -> String {
        let mut id = String::with_capacity(prefix.len() + 1 + ID_CHARS);
        id.push_str(prefix);
        id.push('_');
        for _ in 0..ID_CHARS {
            id.push(char::from(BASE62[(self.next_random() % 62) as usize]));
        }
        id
    }

    /// SplitMix64, which accepts every seed, zero included.
    fn next_random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mix = self.state;
        mix = (mix ^ (mix >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mix = (mix ^ (mix >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mix ^ (mix >> 31)
    }
}
