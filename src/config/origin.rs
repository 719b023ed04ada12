//! Where the value of a setting comes from, for messages about it.
//!
//! It holds no value: an origin may be shown.

use std::collections::BTreeMap;
use std::fmt;

/// Where a value comes from. `Display` writes the place, such as `.env, line 3: AZURE_VOICELIVE_ENDPOINT`,
/// `option --model`, or `default of model`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    pub(super) place: String,
    pub(super) is_default: bool,
}

impl Origin {
    /// Returns whether the user has not set the value.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.is_default
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place)
    }
}

/// The origin of each setting that has a value, by the name in the config file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Origins(pub(super) BTreeMap<&'static str, Origin>);
