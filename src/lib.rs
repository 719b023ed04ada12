//! mynah: a smart speaker in one binary. It holds real-time spoken conversations with Azure AI Speech
//! "Voice Live" and links ALSA directly.
//!
//! # The way of a sound
//!
//! A microphone frame is read by the capture thread ([`audio`]), waits in the lane "heard" ([`lane`]) until the
//! session's poll wakes, is spelled as base64 in one `input_audio_buffer.append` ([`wire`]) and leaves through
//! TLS ([`link`]) in the same turn of the loop ([`session`]). An audio delta comes in by the same poll, is told
//! from other events without a JSON tree ([`wire`]), admitted or refused by its reply's name
//! ([`conversation`]), entered in the book by its place ([`ledger`]), and waits in the backlog and the lane
//! "spoken" for the playback thread ([`audio`]), which says what was really heard of it. When the owner
//! interrupts, the conversation decides to cut; the lane's cut is a place, so whatever arrives late
//! stands behind it; and the service is told how many milliseconds were heard.
//!
//! ```text
//!              capture thread (real time)                          playback thread (real time)
//!   mic ─ALSA─▶ audio::capture ─▶ lane "heard" ─┐   ┌─▶ lane "spoken" ─▶ audio::playback ─ALSA─▶ speaker
//!                                     eventfd   ▼   │                     └─▶ what was really heard
//!   button ─fd─▶ board ─Touch──▶ ┌────────── session thread ───────────┐
//!   light ◀───── board ◀─ light ─│  one loop · one clock · one poll(2) │
//!                                │  Event ─▶ conversation ─▶ [Action]  │
//!                                │  text  ◀▶ wire ◀▶ domain            │
//!                                └──────┬───────────────────────▲──────┘
//!                                       ▼                       │ outcomes (channel + eventfd)
//!                          link: TCP · TLS · WebSocket      errands thread (tokio): DNS, TCP, credentials
//!                                       ▲
//!                                       ▼
//!                                  Voice Live   (or the parrot, over a socket pair)
//! ```
//!
//! # The rooms
//!
//! A test reads this table and the sources and compares them. A room uses the rooms in its second column,
//! all of them and no others; the crates in its third column are used by no other room.
//!
//! | room | uses | alone uses | must never |
//! |---|---|---|---|
//! | `conversation` | | | read a clock; know JSON, samples, hardware or threads; fail |
//! | `light` | `conversation` | | hold state; sleep |
//! | `wire` | `conversation` | | own a socket; log; panic on any text |
//! | `lane` | | | know rates or devices; block or allocate after construction |
//! | `convert` | | `rubato` `audioadapter_buffers` | know a device; allocate after construction |
//! | `ledger` | `conversation` | | read a clock |
//! | `profile` | `convert` | `toml` `lexopt` `strsim` `zeroize` | open a device; change after start |
//! | `parrot` | | | own a socket or a clock |
//! | `recorder` | `conversation` | | read a clock; open a file; keep words or samples unasked |
//! | `audio` | `lane` `convert` `profile` | `alsa` `hound` `libc` | know JSON or policy |
//! | `board` | `profile` `light` | `evdev` `gpiocdev` `spidev` | know phases |
//! | `link` | | `tungstenite` `rustls` `webpki_roots` | know what the text means |
//! | `errands` | `profile` | `tokio` | touch sound |
//! | `session` | `audio` `board` `conversation` `errands` `ledger` `light` `link` `parrot` `profile` `recorder` `wire` | `sd_notify` | contain policy |
//!
//! # Promises, as absences
//!
//! 1. There is one call to `Instant::now`, in [`session`] (clippy `disallowed_methods`).
//! 2. There is no queue without a named capacity, unit and fate.
//! 3. Nobody sets a light: it is computed from state and time and written when it differs ([`light`]).
//! 4. After start-up the real-time steps allocate nothing (an allocator that aborts guards them in tests).
//! 5. No sample of a cut reply is heard after the cut's fade, whatever arrives late (property tests).
//! 6. The service is told what was heard, never what was handed over ([`ledger`]).
//! 7. No thread is restarted: if one ends, or panics, the process ends with one clear message and exit code 1.
//! 8. There is no phase but rest without a deadline, and none without a way out (random walks over [`conversation`]).
//! 9. There is no listening port (a test of the sources), and no secret in a URL, a log or a recording.
//! 10. While the microphone is not wanted its device is closed: no sample exists to be sent. (One that had been
//!     unplugged is opened for a moment, and never started, to see that it is back.)
//! 11. There are never two sessions in use, nor more than two links, nor more than 25 dials in a minute, and a second
//!     link only while a session near its end is replaced (random walks and virtual hours over [`conversation`]).
//! 12. There is no `unsafe` in the core, and elsewhere it is fenced in one small place with its reason.

pub mod audio;
pub mod board;
pub mod conversation;
pub mod convert;
pub mod errands;
pub mod lane;
pub mod ledger;
pub mod light;
pub mod link;
pub mod parrot;
pub mod profile;
pub mod recorder;
pub mod session;
pub mod wire;
