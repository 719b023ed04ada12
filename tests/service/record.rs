//! What the service saw: written by its thread, read and waited on by the test's.

use mynah::parrot::Item;
use serde_json::Value;
use std::sync::{Condvar, Mutex};
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;

/// One connection, from its TCP accept on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Connection {
    /// Path and query of the upgrade request; empty before it.
    pub(crate) uri: String,
    /// Headers of the upgrade request, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// Client events in order. Text that is not JSON is kept as a JSON string.
    pub(crate) received: Vec<Value>,
    /// Audio appended, in milliseconds, as far as it was base64 of whole samples.
    pub(crate) audio_ms: u64,
    /// Frames that were no text: `ping`, `pong`, `binary`.
    pub(crate) frames: Vec<&'static str>,
    /// The client's close code and reason; 1005 when it gave none.
    pub(crate) close: Option<(u16, String)>,
    /// The conversation, when a parrot held it.
    pub(crate) items: Vec<Item>,
    /// Whether it has ended, in whatever way.
    pub(crate) is_over: bool,
}

impl Connection {
    /// How many client events of this type came.
    pub(crate) fn count(&self, kind: &str) -> usize {
        self.received.iter().filter(|event| event["type"] == kind).count()
    }

    /// Types of the client events in order, without audio.
    pub(crate) fn story(&self) -> Vec<&str> {
        let types = self.received.iter().filter_map(|event| event["type"].as_str());
        types.filter(|kind| *kind != "input_audio_buffer.append").collect()
    }

    /// An upgrade request's header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Takes down one message.
    pub(super) fn record(&mut self, message: &Message) {
        match message {
            Message::Text(text) => {
                let event = serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.as_str()));
                if event["type"] == "input_audio_buffer.append" {
                    // Four letters are three bytes, and 48 bytes are a millisecond.
                    self.audio_ms +=
                        event["audio"].as_str().map_or(0, |audio| audio.len() as u64 * 3 / 4 / 48);
                }
                self.received.push(event);
            }
            Message::Binary(_) => self.frames.push("binary"),
            Message::Ping(_) => self.frames.push("ping"),
            Message::Pong(_) => self.frames.push("pong"),
            Message::Close(frame) => {
                self.close = Some(match frame {
                    Some(frame) => (frame.code.into(), frame.reason.to_string()),
                    None => (1005, String::new()),
                });
            }
            Message::Frame(_) => {}
        }
    }
}

/// All connections, shared between the two threads.
#[derive(Debug, Default)]
pub(super) struct Record {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    connections: Vec<Connection>,
    failures: Vec<String>,
}

impl Record {
    /// Opens the next connection's entry and returns its number.
    pub(super) fn open(&self) -> usize {
        let mut state = self.state.lock().unwrap();
        state.connections.push(Connection::default());
        self.changed.notify_all();
        state.connections.len() - 1
    }

    pub(super) fn write<R>(&self, number: usize, change: impl FnOnce(&mut Connection) -> R) -> R {
        let result = change(&mut self.state.lock().unwrap().connections[number]);
        self.changed.notify_all();
        result
    }

    pub(super) fn read<R>(&self, read: impl FnOnce(&[Connection]) -> R) -> R {
        read(&self.state.lock().unwrap().connections)
    }

    pub(super) fn forget(&self) {
        self.state.lock().unwrap().connections.iter_mut().for_each(|one| one.received = Vec::new());
    }

    pub(super) fn until(&self, what: &str, patience: Duration, is_so: impl Fn(&[Connection]) -> bool) {
        let state = self.state.lock().unwrap();
        let pending = |state: &mut State| !is_so(&state.connections);
        let (state, waited) = self.changed.wait_timeout_while(state, patience, pending).unwrap();
        if waited.timed_out() {
            let seen: Vec<_> = state.connections.iter().map(Connection::story).collect();
            let text = format!("the service waited in vain for {what}; it saw {seen:?}");
            drop(state);
            panic!("{text}");
        }
    }

    pub(super) fn add_failure(&self, failure: String) {
        self.state.lock().unwrap().failures.push(failure);
        self.changed.notify_all();
    }

    pub(super) fn failures(&self) -> Vec<String> {
        self.state.lock().unwrap().failures.clone()
    }
}
