//! Where the value of a setting comes from, for messages about it.
//!
//! It holds no value: an origin may be shown.

use std::collections::BTreeMap;
use std::fmt;

use super::sources::Layer;

/// Where a value comes from. `Display` writes the place, such as `.env, line 3: AZURE_VOICELIVE_ENDPOINT`,
/// `option --model`, or `default of model`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    pub(super) place: String,
    pub(super) layer: Layer,
}

impl Origin {
    /// Returns whether nobody has set the value.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.layer == Layer::Default
    }

    /// Returns whether the user has set the value; else it is the default or was measured.
    #[must_use]
    pub fn is_users(&self) -> bool {
        self.layer > Layer::Measured
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
