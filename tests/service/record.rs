//! Records what the service received: its thread writes, the test reads and waits.

use mynah::parrot::Item;
use serde_json::Value;
use std::sync::{Condvar, Mutex};
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;

/// One accepted TCP connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Connection {
    /// Path and query of the upgrade request; empty before the upgrade.
    pub(crate) uri: String,
    /// Headers of the upgrade request, with names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// Client events in order; text that is not JSON is a JSON string.
    pub(crate) received: Vec<Value>,
    /// Duration of the appended audio in milliseconds, computed from the length of the base64.
    pub(crate) audio_ms: u64,
    /// Frames other than text: `ping`, `pong`, `binary`.
    pub(crate) frames: Vec<&'static str>,
    /// The client's close code and reason; 1005 for a close frame without a code.
    pub(crate) close: Option<(u16, String)>,
    /// The parrot's items, for [`super::Behaviour::Parrot`].
    pub(crate) items: Vec<Item>,
    /// Whether the connection has ended.
    pub(crate) is_over: bool,
}

impl Connection {
    /// Returns the number of client events of this type.
    pub(crate) fn count(&self, kind: &str) -> usize {
        self.received.iter().filter(|event| event["type"] == kind).count()
    }

    /// Returns the types of the client events in order, without `append`.
    pub(crate) fn story(&self) -> Vec<&str> {
        let types = self.received.iter().filter_map(|event| event["type"].as_str());
        types.filter(|kind| *kind != "input_audio_buffer.append").collect()
    }

    /// Returns a header of the upgrade request.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Records one message.
    pub(super) fn record(&mut self, message: &Message) {
        match message {
            Message::Text(text) => {
                let event = serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.as_str()));
                if event["type"] == "input_audio_buffer.append" {
                    // Four characters are three bytes, and 48 bytes are a millisecond.
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

/// All connections, shared by the service's thread and the test.
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
    /// Adds a connection and returns its number.
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

    pub(super) fn until(&self, what: &str, limit: Duration, is_so: impl Fn(&[Connection]) -> bool) {
        let state = self.state.lock().unwrap();
        let pending = |state: &mut State| !is_so(&state.connections);
        let (state, waited) = self.changed.wait_timeout_while(state, limit, pending).unwrap();
        if waited.timed_out() {
            let seen: Vec<_> = state.connections.iter().map(Connection::story).collect();
            let text = format!("timed out waiting for {what}; the service received {seen:?}");
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
