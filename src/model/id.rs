//! Identifiers assigned by the service. They are compared and never interpreted.

/// The service's identifier of a response or an item, e.g. `resp_Jd05yTq7Xn2E`; at most 64 bytes.
pub type Id = heapless::String<64>;
