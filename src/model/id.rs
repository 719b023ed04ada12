//! Identifiers assigned by the service. They are compared and never interpreted.
//!
//! They name a conversation at the service, so that a recording holds hashes of them only: equal ones stay equal, and a
//! replay decides the same.

use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Serialize, Serializer};

use crate::fnv;

/// Maximum length in bytes.
const ID_BYTES: usize = 64;
/// The first character of a hash, before 16 hexadecimal digits.
const HASH_MARK: char = '#';
const HASH_DIGITS: usize = 16;

/// The service's identifier of a response or an item, e.g. `resp_Jd05yTq7Xn2E`; at most 64 bytes. It is serialised as
/// its hash.
#[derive(Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(transparent)]
pub struct Id(heapless::String<ID_BYTES>);

impl Id {
    /// Returns the identifier as the service writes it, or its hash if it was read from a recording.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn is_hash(&self) -> bool {
        self.0.strip_prefix(HASH_MARK).is_some_and(|digits| {
            digits.len() == HASH_DIGITS && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
        })
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_hash() {
            return serializer.serialize_str(&self.0);
        }
        let hash = self.0.bytes().fold(fnv::BASIS, |hash, byte| fnv::add(hash, byte.into()));
        serializer.collect_str(&format_args!("{HASH_MARK}{hash:016x}"))
    }
}

impl Deref for Id {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl TryFrom<&str> for Id {
    /// It is too long.
    type Error = heapless::CapacityError;

    fn try_from(text: &str) -> Result<Self, Self::Error> {
        heapless::String::try_from(text).map(Self)
    }
}

impl PartialEq<str> for Id {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Id {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
