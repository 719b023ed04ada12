//! What is requested of the service: something, nothing, or what it does by itself. It decides nothing.

/// A choice that can be left to the service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice<T> {
    /// Left to the service: not sent.
    #[default]
    Unset,
    /// Switched off: sent as `null`.
    Off,
    On(T),
}

impl<T> Choice<T> {
    /// Returns what is requested, if something is.
    pub fn on(self) -> Option<T> {
        match self {
            Self::On(value) => Some(value),
            Self::Unset | Self::Off => None,
        }
    }
}

/// `None` is off.
impl<T> From<Option<T>> for Choice<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Off, Self::On)
    }
}
