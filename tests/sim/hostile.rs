//! What a hostile service sends: valid events and frames, mutated, as raw bytes.
//!
//! It starts from the protocol's vectors. It never closes with 1008 (policy violation), which stops a device for good.

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

/// Returns the bytes of one malformed message, and whether it is meant to end the link.
pub(super) fn hostile_frame(rng: &mut Rng, reply: &str) -> (Vec<u8>, bool) {
    let event = event(rng, reply);
    if rng.u32(0..150) == 0 { (fatal(rng, event), true) } else { (survivable(rng, event, reply), false) }
}

/// Returns a frame that means nothing, to be repeated without end.
pub(super) fn flood_frame(rng: &mut Rng) -> Vec<u8> {
    match rng.u32(0..5) {
        0 => frame(FIN | PING, b""),
        1 => frame(FIN | PING, &random_bytes(rng, 125)),
        2 => frame(FIN | 10, b""),
        3 => frame(FIN | TEXT, br#"{"type":"no.such.event"}"#),
        _ => frame(FIN | BINARY, &[0xff; 40]),
    }
}

fn survivable(rng: &mut Rng, event: String, reply: &str) -> Vec<u8> {
    match rng.u32(0..89) {
        0..=69 => frame(FIN | TEXT, event.as_bytes()),
        70..=79 => frame(FIN | TEXT, mutate_ascii(rng, event).as_bytes()),
        80..=83 => fragments(rng, event.as_bytes()),
        84 => frame(FIN | BINARY, event.as_bytes()),
        85 => frame(FIN | BINARY, &random_bytes(rng, 300)),
        86 => frame(FIN | PING, &random_bytes(rng, 125)),
        87 => frame(FIN | 10, &random_bytes(rng, 125)),
        88 => frame(FIN | TEXT, b""),
        _ => frame(FIN | TEXT, wrong_value(rng, reply).to_string().as_bytes()),
    }
}

/// Returns frames after which a client has to close the link.
fn fatal(rng: &mut Rng, text: String) -> Vec<u8> {
    match rng.u32(0..16) {
        0 => frame(FIN | TEXT, &mutate_bytes(rng, text.into_bytes())),
        1 => frame(FIN | [3, 4, 5, 6, 7, 11, 12, 13, 14, 15][rng.usize(0..10)], text.as_bytes()),
        2 => frame(FIN | TEXT | [0x10, 0x20, 0x40, 0x70][rng.usize(0..4)], text.as_bytes()),
        3 => {
            let mut frame = vec![FIN | TEXT, 0x80 | 4];
            frame.extend(random_bytes(rng, 8));
            frame
        }
        4 => frame_of_length(FIN | TEXT, [u64::MAX, 1 << 63, 5 << 20][rng.usize(0..3)], text.as_bytes()),
        // Everything after it is read as its payload, until the client times out.
        5 if rng.u32(0..8) == 0 => frame_of_length(FIN | TEXT, 3 << 20, text.as_bytes()),
        5 | 6 => frame(FIN | PING, &[7; 126]),
        7 => frame(PING, b"in two parts"),
        8 => frame(FIN, b"a continuation of nothing"),
        9 => [frame(TEXT, b"{"), frame(FIN | TEXT, b"}")].concat(),
        10 => frame(FIN | CLOSE, &[3]),
        11 => {
            let code = [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65_535][rng.usize(0..9)];
            frame(FIN | CLOSE, &u16::to_be_bytes(code))
        }
        12 => frame(FIN | CLOSE, &[3, 0xe8, 0xff, 0xfe]),
        13 => frame(FIN | CLOSE, b"\x03\xf3bad\x1b[2J\nnews"),
        14 => frame(FIN | CLOSE, &[7; 130]),
        _ => random_bytes(rng, 600),
    }
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    frame_of_length(first, payload.len() as u64, payload)
}

/// Returns a frame whose header claims `length` bytes.
fn frame_of_length(first: u8, length: u64, payload: &[u8]) -> Vec<u8> {
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

/// Returns one message in fragments, some of them empty, with pings in between.
fn fragments(rng: &mut Rng, text: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    let (mut rest, mut kind) = (text, TEXT);
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rng.usize(0..=rest.len().min(200)));
        all.extend(frame(kind, piece));
        if rng.u32(0..4) == 0 {
            all.extend(frame(FIN | PING, b"are you there"));
        }
        (rest, kind) = (after, 0);
    }
    all.extend(frame(FIN | kind, b""));
    all
}

/// Returns a valid event with up to three of its JSON values mutated.
fn event(rng: &mut Rng, reply: &str) -> String {
    let mut event = true_event(rng);
    for _ in 0..rng.u32(0..4) {
        mutate(rng, &mut event, reply);
    }
    event.to_string()
}

fn true_event(rng: &mut Rng) -> Value {
    // Most errors make the device disconnect, and the frames after them would test nothing.
    let errors = rng.u32(0..6) == 0;
    let lines = VECTORS.iter().flat_map(|file| file.lines());
    let lines: Vec<&str> = lines.filter(|line| errors || !line.contains(r#""type": "error""#)).collect();
    serde_json::from_str(lines[rng.usize(0..lines.len())]).unwrap()
}

fn mutate(rng: &mut Rng, value: &mut Value, reply: &str) {
    let children = match value {
        Value::Object(fields) => fields.len(),
        Value::Array(list) => list.len(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    };
    if children == 0 || rng.u32(0..8) == 0 {
        *value = wrong_value(rng, reply);
        return;
    }
    let nth = rng.usize(0..children);
    match value {
        Value::Object(fields) => {
            let name = fields.keys().nth(nth).unwrap().clone();
            match rng.u32(0..6) {
                0 => drop(fields.remove(&name)),
                1 => {
                    let moved = fields.remove(&name).unwrap();
                    fields.insert(mutate_ascii(rng, name), moved);
                }
                // An `item_id` stays: audio under the current reply would play as that reply's own.
                2 if name.ends_with("id") && name != "item_id" => drop(fields.insert(name, json!(reply))),
                3 if name == "type" => drop(fields.insert(name, true_event(rng)["type"].take())),
                _ => mutate(rng, &mut fields[&name], reply),
            }
        }
        Value::Array(list) => mutate(rng, &mut list[nth], reply),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn wrong_value(rng: &mut Rng, reply: &str) -> Value {
    match rng.u32(0..13) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(-1),
        3 => json!(u64::MAX),
        4 => json!(1e300),
        5 => json!(""),
        6 => json!("x".repeat(rng.usize(0..5000))),
        7 => json!([]),
        8 => json!({"id": {}, "status": []}),
        9 => json!("two\nlines\u{1b}[2J\u{0} and a bell\u{7}"),
        10 => (0..100).fold(json!(0), |inner, _| json!([inner])),
        11 => json!(reply),
        _ => true_event(rng),
    }
}

/// Returns `text` with some bytes mutated, as valid UTF-8.
fn mutate_ascii(rng: &mut Rng, text: String) -> String {
    let text: Vec<u8> = text.bytes().filter(u8::is_ascii).collect();
    mutate_bytes(rng, text).into_iter().map(|byte| char::from(byte & 0x7f)).collect()
}

fn mutate_bytes(rng: &mut Rng, mut text: Vec<u8>) -> Vec<u8> {
    for _ in 0..rng.usize(1..5) {
        let at = rng.usize(0..=text.len());
        let to = rng.usize(at..=text.len().min(at + 40));
        match rng.u32(0..5) {
            0 => text.truncate(at),
            1 => drop(text.drain(at..to)),
            2 => text.insert(at, rng.u8(..)),
            3 => text.extend_from_within(at..to),
            _ => text[at..to].iter_mut().for_each(|byte| *byte ^= 1 << rng.u32(0..8)),
        }
    }
    text
}

fn random_bytes(rng: &mut Rng, most: usize) -> Vec<u8> {
    (0..rng.usize(0..=most)).map(|_| rng.u8(..)).collect()
}
