//! A service gone bad: its events and frames, mutated, as raw bytes.
//!
//! It begins with true events (the vectors of the protocol). What it never does is what a good service may do to
//! stop a device: to close for a breach of its policy (1008).

use fastrand::Rng;
use serde_json::{Value, json};

const VECTORS: [&str; 2] = [
    include_str!("../vectors/server-events.jsonl"),
    include_str!("../vectors/server-events-openai-ga.jsonl"),
];

const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const FIN: u8 = 0x80;

/// One thing that no service should say, and whether it is meant to end the link.
pub(super) fn utterance(luck: &mut Rng, reply: &str) -> (Vec<u8>, bool) {
    let event = event(luck, reply);
    if luck.u32(0..150) == 0 { (deadly(luck, event), true) } else { (bearable(luck, event, reply), false) }
}

fn bearable(luck: &mut Rng, event: String, reply: &str) -> Vec<u8> {
    match luck.u32(0..89) {
        0..=69 => frame(FIN | TEXT, event.as_bytes()),
        70..=79 => frame(FIN | TEXT, ascii(luck, event).as_bytes()),
        80..=83 => fragments(luck, event.as_bytes()),
        84 => frame(FIN | BINARY, event.as_bytes()),
        85 => frame(FIN | BINARY, &noise(luck, 300)),
        86 => frame(FIN | PING, &noise(luck, 125)),
        87 => frame(FIN | 10, &noise(luck, 125)),
        88 => frame(FIN | TEXT, b""),
        _ => frame(FIN | TEXT, nonsense(luck, reply).to_string().as_bytes()),
    }
}

/// Frames that end a link, or should.
fn deadly(luck: &mut Rng, text: String) -> Vec<u8> {
    match luck.u32(0..16) {
        0 => frame(FIN | TEXT, &bytes(luck, text.into_bytes())),
        1 => frame(FIN | [3, 4, 5, 6, 7, 11, 12, 13, 14, 15][luck.usize(0..10)], text.as_bytes()),
        2 => frame(FIN | TEXT | [0x10, 0x20, 0x40, 0x70][luck.usize(0..4)], text.as_bytes()),
        3 => {
            let mut frame = vec![FIN | TEXT, 0x80 | 4];
            frame.extend(noise(luck, 8));
            frame
        }
        4 => headed(FIN | TEXT, [u64::MAX, 1 << 63, 11 << 20][luck.usize(0..3)], text.as_bytes()),
        // All that comes after is taken for its payload, until nothing has been heard for too long.
        5 if luck.u32(0..8) == 0 => headed(FIN | TEXT, 9 << 20, text.as_bytes()),
        5 | 6 => frame(FIN | PING, &[7; 126]),
        7 => frame(PING, b"in two parts"),
        8 => frame(FIN, b"a continuation of nothing"),
        9 => [frame(TEXT, b"{"), frame(FIN | TEXT, b"}")].concat(),
        10 => frame(FIN | CLOSE, &[3]),
        11 => {
            let code = [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65_535][luck.usize(0..9)];
            frame(FIN | CLOSE, &u16::to_be_bytes(code))
        }
        12 => frame(FIN | CLOSE, &[3, 0xe8, 0xff, 0xfe]),
        13 => frame(FIN | CLOSE, b"\x03\xf3bad\x1b[2J\nnews"),
        14 => frame(FIN | CLOSE, &[7; 130]),
        _ => noise(luck, 600),
    }
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    headed(first, payload.len() as u64, payload)
}

/// A frame that says that it has so many bytes.
fn headed(first: u8, length: u64, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match length {
        0..126 => frame.push(length as u8),
        126..65_536 => {
            frame.push(126);
            frame.extend((length as u16).to_be_bytes());
        }
        _ => {
            frame.push(127);
            frame.extend(length.to_be_bytes());
        }
    }
    frame.extend(payload);
    frame
}

/// One message in pieces, some of them empty, with pings between.
fn fragments(luck: &mut Rng, text: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    let (mut rest, mut kind) = (text, TEXT);
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(luck.usize(0..=rest.len().min(200)));
        all.extend(frame(kind, piece));
        if luck.u32(0..4) == 0 {
            all.extend(frame(FIN | PING, b"are you there"));
        }
        (rest, kind) = (after, 0);
    }
    all.extend(frame(FIN | kind, b""));
    all
}

/// A true event, mutated as a tree.
fn event(luck: &mut Rng, reply: &str) -> String {
    let mut event = vector(luck);
    for _ in 0..luck.u32(0..4) {
        spoil(luck, &mut event, reply);
    }
    event.to_string()
}

fn vector(luck: &mut Rng) -> Value {
    // Most errors have the device hang up, and whoever is gone hears nothing.
    let errors = luck.u32(0..6) == 0;
    let lines = VECTORS.iter().flat_map(|file| file.lines());
    let lines: Vec<&str> = lines.filter(|line| errors || !line.contains(r#""type": "error""#)).collect();
    serde_json::from_str(lines[luck.usize(0..lines.len())]).unwrap()
}

fn spoil(luck: &mut Rng, value: &mut Value, reply: &str) {
    let children = match value {
        Value::Object(fields) => fields.len(),
        Value::Array(list) => list.len(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    };
    if children == 0 || luck.u32(0..8) == 0 {
        *value = nonsense(luck, reply);
        return;
    }
    let nth = luck.usize(0..children);
    match value {
        Value::Object(fields) => {
            let name = fields.keys().nth(nth).unwrap().clone();
            match luck.u32(0..6) {
                0 => drop(fields.remove(&name)),
                1 => {
                    let moved = fields.remove(&name).unwrap();
                    fields.insert(ascii(luck, name), moved);
                }
                // Audio under a reply that lives would be heard as its own.
                2 if name.ends_with("id") && name != "item_id" => drop(fields.insert(name, json!(reply))),
                3 if name == "type" => drop(fields.insert(name, vector(luck)["type"].take())),
                _ => spoil(luck, &mut fields[&name], reply),
            }
        }
        Value::Array(list) => spoil(luck, &mut list[nth], reply),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn nonsense(luck: &mut Rng, reply: &str) -> Value {
    match luck.u32(0..13) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(-1),
        3 => json!(u64::MAX),
        4 => json!(1e300),
        5 => json!(""),
        6 => json!("x".repeat(luck.usize(0..5000))),
        7 => json!([]),
        8 => json!({"id": {}, "status": []}),
        9 => json!("two\nlines\u{1b}[2J\u{0} and a bell\u{7}"),
        10 => (0..100).fold(json!(0), |inner, _| json!([inner])),
        11 => json!(reply),
        _ => vector(luck),
    }
}

/// Mutates bytes and leaves text that may be sent.
fn ascii(luck: &mut Rng, text: String) -> String {
    let text: Vec<u8> = text.bytes().filter(u8::is_ascii).collect();
    bytes(luck, text).into_iter().map(|byte| char::from(byte & 0x7f)).collect()
}

fn bytes(luck: &mut Rng, mut text: Vec<u8>) -> Vec<u8> {
    for _ in 0..luck.usize(1..5) {
        let at = luck.usize(0..=text.len());
        let to = luck.usize(at..=text.len().min(at + 40));
        match luck.u32(0..5) {
            0 => text.truncate(at),
            1 => drop(text.drain(at..to)),
            2 => text.insert(at, luck.u8(..)),
            3 => text.extend_from_within(at..to),
            _ => text[at..to].iter_mut().for_each(|byte| *byte ^= 1 << luck.u32(0..8)),
        }
    }
    text
}

fn noise(luck: &mut Rng, most: usize) -> Vec<u8> {
    (0..luck.usize(0..=most)).map(|_| luck.u8(..)).collect()
}
