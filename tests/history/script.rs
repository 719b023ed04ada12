//! Three turns as events, the orders that the protocol guarantees between them (§9.2 to §9.4), and what the items
//! themselves say the history is.
//!
//! The reference is made from the items: it does not use mynah's code.

use serde_json::{Value, json};

/// Duration of one audio delta.
const DELTA_MS: u64 = 400;

/// An event of the service or of the device.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) kind: &'static str,
    pub(super) reply: &'static str,
    pub(super) item: &'static str,
    /// Its place among the events of its kind and item.
    pub(super) step: usize,
    pub(super) is_repeat: bool,
    /// What is lost with it, unless another event says so too.
    pub(super) says: &'static [Fact],
    pub(super) what: What,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    /// A message of the service.
    Text(Value),
    /// Audio of a reply.
    Audio { ms: u64 },
    /// So much more was heard.
    Heard { ms: u64 },
    /// The reply was cut.
    Cut,
}

/// A fact about an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fact {
    Place,
    Words,
    End,
    Call,
    Result,
    /// Must not be lost: it happens in the device, or nothing else says it.
    Device,
}

use Fact::{Call, Device, End, Place, Result, Words};

/// An order in words, and whether it keeps one event before another.
type Order = (&'static str, fn(&Event, &Event) -> bool);

/// The orders that are kept between two events; every other pair occurs in both orders.
pub(super) const ORDERS: [Order; 11] = [
    ("response.created comes before everything of its response", |a, b| {
        a.kind == "response.created"
            && a.reply == b.reply
            && b.kind != a.kind
            && b.kind.starts_with("response.")
    }),
    ("committed comes before the response.created that answers it", |a, b| {
        a.kind == "input_audio_buffer.committed" && b.kind == "response.created" && a.reply == b.reply
    }),
    ("output_item.added comes before the parts of its item", |a, b| {
        a.kind == "response.output_item.added" && a.item == b.item && is_inside(b)
    }),
    ("deltas of one kind and item keep their order, and so does what is heard", |a, b| {
        a.kind == b.kind && a.item == b.item && a.step < b.step
    }),
    ("a .done comes after its deltas", |a, b| {
        let ends = b.kind.strip_suffix(".done").or(b.kind.strip_suffix(".completed"));
        a.item == b.item && ends.is_some_and(|stem| a.kind.strip_suffix(".delta") == Some(stem))
    }),
    ("output_item.done comes after the parts of its item", |a, b| {
        b.kind == "response.output_item.done" && a.item == b.item && is_inside(a)
    }),
    ("response.done is the last of its response", |a, b| {
        b.kind == "response.done" && a.reply == b.reply && a.kind != b.kind && a.kind.starts_with("response.")
    }),
    ("a repeat follows its original", |a, b| {
        a.kind == b.kind
            && a.item == b.item
            && a.reply == b.reply
            && a.step == b.step
            && !a.is_repeat
            && b.is_repeat
    }),
    ("audio is heard after it has come", |a, b| {
        a.kind == "response.audio.delta" && b.kind == "heard" && a.item == b.item && a.step <= b.step
    }),
    ("nothing is heard of an item after its cut", |a, b| {
        a.kind == "heard" && b.kind == "cut" && a.item == b.item
    }),
    ("a result follows its call", |a, b| {
        a.kind == "response.output_item.done" && b.kind == "conversation.item.created" && is_result(a, b)
    }),
];

fn is_result(call: &Event, result: &Event) -> bool {
    matches!((&call.what, &result.what), (What::Text(call), What::Text(result))
        if call["item"]["call_id"].is_string() && result["item"]["type"] == "function_call_output"
            && call["item"]["call_id"] == result["item"]["call_id"])
}

fn is_inside(event: &Event) -> bool {
    event.kind.starts_with("response.")
        && !event.kind.starts_with("response.output_item")
        && !event.item.is_empty()
}

/// What a new session is to be told of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    User(String),
    Reply { words: String, whole: bool },
    Call(&'static str),
}

/// An item of the conversation.
#[derive(Clone, Copy, Debug)]
pub(super) enum Item {
    /// What the user said; `None` if the transcription fails.
    User { id: &'static str, words: Option<&'static str> },
    /// A spoken item of a reply.
    Spoken(Spoken),
    /// A written item of a reply.
    Written { id: &'static str, words: &'static str },
    /// A call with its result.
    Call { id: &'static str, result: Option<&'static str> },
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Spoken {
    pub(super) id: &'static str,
    /// All its words: the service writes them before it speaks them.
    pub(super) words: &'static str,
    /// Duration of them all.
    pub(super) whole_ms: u64,
    /// Duration of what the service sends.
    pub(super) sent_ms: u64,
    pub(super) heard_ms: u64,
    pub(super) is_timed: bool,
}

impl Item {
    pub(super) fn id(&self) -> &'static str {
        match self {
            Self::User { id, .. } | Self::Written { id, .. } | Self::Call { id, .. } => id,
            Self::Spoken(spoken) => spoken.id,
        }
    }

    /// Returns what the history is of this item.
    pub(super) fn told(&self) -> Option<Told> {
        match self {
            Self::User { words, .. } => words.map(|words| Told::User(words.to_owned())),
            Self::Written { words, .. } => Some(Told::Reply { words: (*words).to_owned(), whole: true }),
            Self::Call { id, result } => result.map(|_| Told::Call(id)),
            Self::Spoken(spoken) => spoken.told(),
        }
    }
}

impl Spoken {
    fn told(&self) -> Option<Told> {
        let words: Vec<&str> = self.words.split(' ').collect();
        let is_complete = self.sent_ms == self.whole_ms;
        let heard = if self.heard_ms == self.whole_ms {
            words.len()
        } else if self.is_timed {
            (1..=words.len()).take_while(|count| self.word_end_ms(*count) <= self.heard_ms).count()
        } else if is_complete {
            // Every word of the scripts is as long as the others.
            words.len() * self.heard_ms as usize / self.whole_ms as usize
        } else {
            // Half of the usual pace: half a second for a word and 60 ms for each of its characters.
            let ms = |count: usize| 500 * count + 60 * words[..count].join(" ").len();
            (1..=words.len()).take_while(|count| ms(*count) <= self.heard_ms as usize).count()
        };
        let whole = self.heard_ms == self.whole_ms;
        (heard > 0).then(|| Told::Reply { words: words[..heard].join(" "), whole })
    }

    /// Returns when a word ends: all take the same time.
    pub(super) fn word_end_ms(&self, count: usize) -> u64 {
        self.whole_ms * count as u64 / self.words.split(' ').count() as u64
    }
}

/// A turn: the reply's id, and its items, of which the first is the user's.
pub(super) struct Turn {
    pub(super) reply: &'static str,
    pub(super) items: Vec<Item>,
}

/// Returns the events of the turns in the order of protocol §9.2.
pub(super) fn events(turns: &[Turn]) -> Vec<Event> {
    let mut events = Vec::new();
    let mut previous = None;
    for Turn { reply, items } in turns {
        let mut output = Vec::new();
        let mut is_completed = true;
        for item in items {
            let script = Script { reply, id: item.id(), previous };
            match item {
                Item::User { words, .. } => {
                    script.user(*words, &mut events);
                    events.push(script.text("response.created", 0, &[], json!({"response": {"id": reply}})));
                }
                Item::Spoken(spoken) => {
                    is_completed &= spoken.sent_ms == spoken.whole_ms;
                    output.push(script.spoken(spoken, &mut events));
                }
                Item::Written { words, .. } => output.push(script.written(words, &mut events)),
                Item::Call { result, .. } => output.push(script.call(*result, &mut events)),
            }
            previous = Some(item.id());
        }
        let status = if is_completed { "completed" } else { "cancelled" };
        // Some services list no items.
        let listed = if *reply == "r2" { Vec::new() } else { output };
        let done = json!({"response": {"id": reply, "status": status, "output": listed}});
        let script = Script { reply, id: "", previous };
        events.push(script.text("response.done", 0, &[End], done));
    }
    events
}

struct Script {
    reply: &'static str,
    id: &'static str,
    previous: Option<&'static str>,
}

impl Script {
    fn text(&self, kind: &'static str, step: usize, says: &'static [Fact], mut body: Value) -> Event {
        body["type"] = json!(kind);
        body["event_id"] = json!(format!("{kind} {} {} {step}", self.reply, self.id));
        let Self { reply, id: item, .. } = *self;
        Event { kind, reply, item, step, is_repeat: false, says, what: What::Text(body) }
    }

    fn device(&self, kind: &'static str, step: usize, what: What) -> Event {
        let Self { reply, id: item, .. } = *self;
        Event { kind, reply, item, step, is_repeat: false, says: &[Device], what }
    }

    /// An event of one content part.
    fn part(&self, kind: &'static str, step: usize, says: &'static [Fact], key: &str, value: Value) -> Event {
        let mut body =
            json!({"response_id": self.reply, "item_id": self.id, "output_index": 0, "content_index": 0});
        body[key] = value;
        self.text(kind, step, says, body)
    }

    fn user(&self, words: Option<&str>, events: &mut Vec<Event>) {
        let item = json!({"id": self.id, "type": "message", "role": "user", "status": "completed",
            "content": [{"type": "input_audio", "transcript": null}]});
        let placed = json!({"previous_item_id": self.previous, "item": item});
        let named = json!({"item_id": self.id, "audio_end_ms": 1});
        events.push(self.text("input_audio_buffer.speech_stopped", 0, &[], named));
        let named = json!({"item_id": self.id, "previous_item_id": self.previous});
        events.push(self.text("input_audio_buffer.committed", 0, &[Place], named));
        events.push(self.text("conversation.item.created", 0, &[Place], placed.clone()));
        events.push(self.text("conversation.item.done", 0, &[Place], placed));
        let Some(words) = words else {
            let kind = "conversation.item.input_audio_transcription.delta";
            events.push(self.part(kind, 0, &[], "delta", json!("Never mind")));
            let failed = json!({"item_id": self.id, "content_index": 0, "error": {"message": "no"}});
            events.push(self.text(
                "conversation.item.input_audio_transcription.failed",
                0,
                &[Device],
                failed,
            ));
            return;
        };
        for (step, word) in words.split_inclusive(' ').enumerate() {
            let kind = "conversation.item.input_audio_transcription.delta";
            events.push(self.part(kind, step, &[], "delta", json!(word)));
        }
        let kind = "conversation.item.input_audio_transcription.completed";
        events.push(self.part(kind, 0, &[Device], "transcript", json!(words)));
    }

    fn spoken(&self, spoken: &Spoken, events: &mut Vec<Event>) -> Value {
        let part = json!({"type": "audio", "transcript": spoken.words});
        self.begin(events);
        for (step, word) in spoken.words.split_inclusive(' ').enumerate() {
            events.push(self.part("response.audio_transcript.delta", step, &[], "delta", json!(word)));
            if spoken.is_timed {
                let (from, to) = (spoken.word_end_ms(step), spoken.word_end_ms(step + 1));
                let timed = json!({"item_id": self.id, "response_id": self.reply, "content_index": 0, "text": word.trim(),
                    "audio_offset_ms": from, "audio_duration_ms": to - from, "timestamp_type": "word"});
                events.push(self.text("response.audio_timestamp.delta", step, &[Device], timed));
            }
        }
        let mut left_ms = spoken.heard_ms;
        for (step, from) in (0..spoken.sent_ms).step_by(DELTA_MS as usize).enumerate() {
            let ms = DELTA_MS.min(spoken.sent_ms - from);
            events.push(self.device("response.audio.delta", step, What::Audio { ms }));
            let heard = ms.min(left_ms);
            left_ms -= heard;
            if heard > 0 {
                events.push(self.device("heard", step, What::Heard { ms: heard }));
            }
        }
        if spoken.heard_ms < spoken.whole_ms {
            events.push(self.device("cut", 0, What::Cut));
            let end = json!({"item_id": self.id, "content_index": 0, "audio_end_ms": spoken.heard_ms});
            events.push(self.text("conversation.item.truncated", 0, &[], end));
        }
        events.push(self.part("response.audio.done", 0, &[], "x", Value::Null));
        let words = json!(spoken.words);
        events.push(self.part("response.audio_transcript.done", 0, &[Words], "transcript", words));
        events.push(self.part("response.content_part.done", 0, &[Words], "part", part.clone()));
        self.end(if spoken.sent_ms == spoken.whole_ms { "completed" } else { "incomplete" }, part, events)
    }

    fn written(&self, words: &str, events: &mut Vec<Event>) -> Value {
        self.begin(events);
        for (step, word) in words.split_inclusive(' ').enumerate() {
            events.push(self.part("response.text.delta", step, &[], "delta", json!(word)));
        }
        events.push(self.part("response.text.done", 0, &[Words], "text", json!(words)));
        // The real service sends no text here.
        events.push(self.part(
            "response.content_part.done",
            0,
            &[],
            "part",
            json!({"type": "text", "text": ""}),
        ));
        self.end("completed", json!({"type": "text", "text": words}), events)
    }

    fn begin(&self, events: &mut Vec<Event>) {
        let item = json!({"id": self.id, "type": "message", "role": "assistant", "status": "in_progress", "content": []});
        self.announce(&item, events);
    }

    fn end(&self, status: &str, part: Value, events: &mut Vec<Event>) -> Value {
        let item = json!({"id": self.id, "type": "message", "role": "assistant", "status": status, "content": [part]});
        let done = json!({"response_id": self.reply, "item": item});
        events.push(self.text("response.output_item.done", 0, &[Words, End], done));
        // Azure OpenAI sends it, in places without the item before.
        let done = json!({"previous_item_id": null, "item": item});
        events.push(self.text("conversation.item.done", 0, &[], done));
        item
    }

    fn announce(&self, item: &Value, events: &mut Vec<Event>) {
        let added = json!({"response_id": self.reply, "output_index": 0, "item": item});
        events.push(self.text("response.output_item.added", 0, &[], added));
        let created = json!({"previous_item_id": self.previous, "item": item});
        events.push(self.text("conversation.item.created", 0, &[Place], created.clone()));
        events.push(self.text("conversation.item.added", 0, &[Place], created));
    }

    fn call(&self, result: Option<&str>, events: &mut Vec<Event>) -> Value {
        let call = |status: &str, arguments: &str| {
            json!({"id": self.id, "type": "function_call", "status": status,
            "name": "f", "call_id": self.id, "arguments": arguments})
        };
        self.announce(&call("in_progress", ""), events);
        let done = json!({"response_id": self.reply, "item_id": self.id, "call_id": self.id, "arguments": "{ }", "name": "f"});
        events.push(self.text("response.function_call_arguments.done", 0, &[Call], done));
        let item = call("completed", "{ }");
        let done = json!({"response_id": self.reply, "item": item});
        events.push(self.text("response.output_item.done", 0, &[Device, Call], done));
        if let Some(output) = result {
            let output = json!({"previous_item_id": self.id, "item": {"id": format!("output {}", self.id),
                "type": "function_call_output", "call_id": self.id, "output": output}});
            events.push(self.text("conversation.item.created", 1, &[Result], output));
        }
        item
    }
}
