//! Reads which conversation with an agent a session continues (protocol §8.1).
//!
//! It does not judge the id.

use std::borrow::Cow;

use super::json;

/// Returns the id of the conversation with the agent, from the JSON text of an effective session: `agent.thread_id`.
/// `None` for a session with a model.
#[must_use]
pub fn agent_conversation(session: &str) -> Option<Cow<'_, str>> {
    let agent = field(session, "agent")?;
    json::text(field(agent, "thread_id")?).filter(|id| !id.is_empty())
}

/// Returns the JSON text of a field, if `object` is an object that has it.
fn field<'a>(object: &'a str, name: &str) -> Option<&'a str> {
    let mut found = None;
    json::read_object(object, |key, value| {
        if key == name {
            found = Some(value);
        }
    })
    .ok()?;
    found
}
