//! The conversation's items in order, and how much audio of each remains after truncation.
//!
//! It keeps no audio, and the newest items only. A deleted item is invisible to the client but stays in the
//! list, for tests to inspect.

use super::error::EventError;
use super::items::text_of;
use serde_json::Value;

/// Limit of items; beyond it the oldest is removed.
const ITEMS_MAX: usize = 256;

/// One item of the conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    pub id: String,
    /// `user`, `assistant` or `system`; the item's type if it is not a message.
    pub role: String,
    /// Audio of the item in milliseconds: of the user's turn, or of the reply as far as it was sent.
    pub audio_ms: u32,
    /// Audio that remains after truncation, in milliseconds; `None` if it was not truncated.
    pub heard_ms: Option<u32>,
    pub deleted: bool,
    pub(super) body: Value,
}

/// The items, oldest first.
#[derive(Debug, Default)]
pub(super) struct ItemHistory {
    items: Vec<Item>,
}

impl ItemHistory {
    pub(super) fn items(&self) -> &[Item] {
        &self.items
    }

    /// Returns the id of the last item, the `previous_item_id` of the next.
    pub(super) fn last_id(&self) -> Option<&str> {
        self.existing().last().map(|item| item.id.as_str())
    }

    /// Returns the newest item that a response answers: a user's message or a function's output.
    pub(super) fn last_input(&self) -> Option<&Item> {
        self.existing().rfind(|item| item.role == "user" || item.role == "function_call_output")
    }

    /// Returns the newest text of a user's or an assistant's message; spoken items have none.
    pub(super) fn last_text(&self) -> Option<&str> {
        let messages = self.existing().filter(|item| matches!(item.role.as_str(), "user" | "assistant"));
        messages.rev().find_map(|item| text_of(&item.body))
    }

    /// Inserts `body` after the item `after`: at the end for `None`, at the start for `root`.
    pub(super) fn insert(
        &mut self,
        body: Value,
        audio_ms: u32,
        after: Option<&str>,
    ) -> Result<(), EventError> {
        let id = body["id"].as_str().unwrap_or_default().to_owned();
        if self.find(&id).is_ok() {
            return Err(EventError::value("item.id", format!("There is already an item '{id}'.")));
        }
        let index = match after {
            None => self.items.len(),
            Some("root") => 0,
            Some(after) => {
                let at = self.items.iter().position(|item| item.id == after && !item.deleted);
                at.ok_or_else(|| {
                    EventError::value("previous_item_id", format!("There is no item '{after}'."))
                })? + 1
            }
        };
        let role = body["role"].as_str().or(body["type"].as_str()).unwrap_or_default().to_owned();
        self.items.insert(index, Item { id, role, audio_ms, heard_ms: None, deleted: false, body });
        if self.items.len() > ITEMS_MAX {
            self.items.remove(0);
        }
        Ok(())
    }

    pub(super) fn find(&mut self, id: &str) -> Result<&mut Item, EventError> {
        let item = self.items.iter_mut().find(|item| item.id == id && !item.deleted);
        item.ok_or_else(|| EventError::value("item_id", format!("There is no item '{id}'.")))
    }

    /// Truncates an assistant's audio at `audio_end_ms`; only once, as in protocol §10.
    pub(super) fn truncate(
        &mut self,
        id: &str,
        content_index: u64,
        audio_end_ms: u64,
    ) -> Result<(), EventError> {
        let item = self.find(id)?;
        if item.role != "assistant" || item.audio_ms == 0 {
            let message = format!("Item '{id}' is not audio of the assistant's.");
            return Err(EventError::new("unsupported_content_type", Some("item_id"), message));
        }
        if content_index != 0 {
            return Err(EventError::value("content_index", "There is only one content part, 0."));
        }
        let remaining_ms = item.heard_ms.unwrap_or(item.audio_ms);
        let end_ms = match u32::try_from(audio_end_ms) {
            Ok(0) => {
                return Err(EventError::value("audio_end_ms", "Nothing would be left; delete the item."));
            }
            Ok(end_ms) if end_ms <= remaining_ms && item.heard_ms.is_none() => end_ms,
            Ok(_) | Err(_) => {
                let message =
                    format!("Audio content of {remaining_ms} ms is already shorter than {audio_end_ms} ms.");
                return Err(EventError::value("audio_end_ms", message));
            }
        };
        item.truncate(end_ms);
        Ok(())
    }

    fn existing(&self) -> impl DoubleEndedIterator<Item = &Item> {
        self.items.iter().filter(|item| !item.deleted)
    }
}

impl Item {
    /// Removes the whole transcript: how much of it belongs to the remaining audio is unknown.
    pub(super) fn truncate(&mut self, heard_ms: u32) {
        self.heard_ms = Some(heard_ms);
        if let Some(transcript) = self.body.pointer_mut("/content/0/transcript") {
            *transcript = Value::Null;
        }
    }
}
