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
//! # Four passages
//!
//! Each is told hop by hop; a test checks that every name here exists in the sources. A function of a type is named
//! below its type or below its file.
//!
//! ## A microphone frame, to the service
//!
//! The capture thread runs `audio::Listener`: `audio::loops::listen_on` waits for a period (`audio::pcm::Line::wait`)
//! and calls `audio::Capture::turn`. `audio::pcm::Line::read` asks ALSA how much there is and reads whole periods;
//! `convert::Frames::hear` makes one channel of floats of them. `audio::capture::keep` first shows the samples to
//! `audio::deaf::Hearing::note`, which finds a dead input; then `audio::intake::Intake::take` filters, amplifies,
//! resamples, limits and rounds to 16 bit, and `lane::Writer::write` puts the frames into the lane.
//! `audio::Doorbell::ring` wakes the session thread from `session::Session::wait`; `session::Session::turn` calls
//! `session::voice::say_what_was_heard` before anything else. `session::uplink::pump` takes the frames with
//! `audio::Ears::read`, copies them with `session::uplink::keep` for a session that is still to come, and sends 20 ms
//! at a time: `session::uplink::append` lets `wire::append` write the JSON and the base64 into the buffer of
//! `link::Link::send`, and `recorder::Recorder::sent_sound` records the size and a hash. `session::service::flush`
//! ends the turn with `link::Link::flush`, through `link::tls` to the socket.
//!
//! ## An audio delta, to the speaker
//!
//! poll(2) reports the socket. `session::intake::take_messages` fetches at most 64 messages with `link::Link::next`;
//! `wire::read` tells their type without a JSON tree, and `session::record::note_message` records them. A
//! `wire::AudioDelta` goes to `session::intake::take_audio`: `conversation::Conversation::admits` decides by the name
//! of the reply, and what it refuses ends in `ledger::Ledger::refused`. `session::downlink::Downlink::take` reserves
//! the item's entry with `ledger::Ledger::queue`, decodes with `wire::Samples::decode`, writes to the lane with
//! `audio::Mouth::write` and what does not fit to `session::backlog::Backlog::push` (`session::downlink::top_up` moves
//! it later), then queues the frames in the ledger. `conversation::Event::Audio` starts the phase of speaking. The
//! playback thread runs `audio::Talker`: `audio::Playback::turn` asks the device for its delay and calls
//! `audio::playback::top_up`. `audio::playback::stage` takes frames from the lane (`audio::waiting::Staged::refill`),
//! notes their place (`audio::sent::Sent::note_stream`) and converts them (`audio::outlet::Outlet::take`);
//! `audio::pcm::Line::write` writes them with `convert::Frames::speak`. `audio::playback::publish_heard` says how far
//! the device has played, `session::voice::take_receipts` passes that to `ledger::Ledger::heard`, and when all was
//! played `conversation::Event::Drained` ends the turn.
//!
//! ## A button press, to silence and light
//!
//! poll(2) reports the descriptor of `board::hub::Hub`. `session::Session::turn` first moves what the microphone has
//! heard, then `session::touches::take_touches` calls `board::Board::touches`: `board::buttons::Buttons::read` takes
//! the edges with their kernel times (`board::lines::Watched::read`, `board::input`), `board::contact::Contact::edge`
//! removes the bounce and `board::gesture::Gesture::edge` makes `board::Touch::Down` of the first edge.
//! `session::Session::on` hands `conversation::Event::Press` to `conversation::Conversation::handle`;
//! `conversation::up::press` returns `conversation::Action::Cut`, and `conversation::Action::Cancel` if a reply is
//! under way. `session::record::note` records both, then `session::Session::act` carries them out:
//! `session::voice::cut` clears the backlog and calls `audio::Mouth::cut`, which is `lane::Writer::cut` and a ring.
//! The playback thread finds the cut in `audio::playback::look_for_cut`; `audio::playback::obey` drops what the device
//! holds and plays a fade instead (`audio::sent::Sent::fade`), and `audio::playback::acknowledge` returns
//! `audio::Silenced`, from which `ledger::Ledger::next_correction` makes `wire::Command::Truncate`. Meanwhile
//! `session::voice::settle` calls `session::sight::follow`, which updates `light::Facts`; `session::sight::show` draws
//! them through `board::Board::show`, `light::picture` and `board::lamp::Lamps::show`.
//!
//! ## A lost link, to the next session
//!
//! `link::Link::next`, `link::Link::tick` or `link::Link::flush` returns `link::Lost`. `session::service::lose` drops
//! the link and `session::line::weigh` turns the reason into a `conversation::Loss` (`wire::loss_of_close`,
//! `wire::loss_of_status`). `session::service::down` reports it, voids the ledger's items with
//! `ledger::Ledger::estrange`, marks what was sent as unsent with `session::uplink::resend` and raises
//! `conversation::Event::LinkDown`. If the standby link exists, `conversation::Action::Move` puts it in place
//! (`session::rotate::move_over`). Otherwise `conversation::link::down` waits for `conversation::Loss::respite` and a
//! jitter; at the deadline `session::Session::take_time` raises `conversation::Event::Tick` and
//! `conversation::link::tick_down` returns `conversation::Action::Dial`. `session::line::Line::dial` gives the address
//! to `errands::Errands::dial`; `errands::dial::reach` resolves and connects on its own thread, and
//! `errands::Outcome::Dialled` comes back through a channel and an eventfd to `session::service::take_outcomes`.
//! `session::line::dialled` starts TLS and the WebSocket upgrade (`link::Link::upgrade`); when `link::News::Up`
//! arrives, `conversation::link::up` returns `conversation::Action::Configure`, sent by `wire::session_update`. The
//! service answers with its settings; `session::intake::check` compares them (`wire::differences`),
//! `session::rotate::remind` repeats the talk so far, and after `conversation::Event::Configured` the next pump sends
//! what was kept (`session::uplink::send_kept`).
//!
//! # The rooms
//!
//! A test reads this table and the sources and compares them. A room uses the rooms in its second column,
//! all of them and no others; the crates in its third column are used by no other room. A room within a room has a row
//! of its own, which names its siblings too. In the last column, a name in backticks (of a room, a crate or an item of
//! either) is an absence that the test enforces: no path in the room leads there. The rest of that column is prose.
//!
//! | room | uses | alone uses | must never |
//! |---|---|---|---|
//! | `model` | | | read a clock; know a device |
//! | `conversation` | `model` | | read a clock; know JSON (`serde_json`), samples, hardware or threads (`std::thread`); fail |
//! | `light` | `conversation` | | hold state; sleep |
//! | `wire` | `conversation` `model` | | own a socket (`std::net`); log (`log`); panic on any text |
//! | `lane` | | | know rates or devices; block or allocate after construction |
//! | `convert` | | `rubato` `audioadapter_buffers` | know a device; allocate after construction |
//! | `ledger` | `model` | | read a clock |
//! | `profile` | `convert` `model` | `toml` `lexopt` `strsim` `zeroize` | open a device; change after start |
//! | `profile::board` | `profile::body` `profile::codes` `profile::document` `profile::keys` `profile::machine` `profile::sound` `profile::text` `profile::values` | | open a device (`std::fs::OpenOptions`) |
//! | `parrot` | | | own a socket (`std::net`) or a clock |
//! | `recorder` | `conversation` | | read a clock; open a file (`std::fs`); keep words or samples unasked |
//! | `audio` | `lane` `convert` `profile` | `alsa` `hound` `libc` | know JSON (`serde_json`) or policy |
//! | `audio::capture` | `audio` `audio::counters` `audio::deaf` `audio::ends` `audio::intake` `audio::trouble` `lane` | | know a device (`alsa` `audio::cards` `audio::pcm`); allocate |
//! | `audio::playback` | `audio` `audio::counters` `audio::ends` `audio::outlet` `audio::sent` `audio::trouble` `audio::waiting` `lane` | | know a device (`alsa` `audio::cards` `audio::pcm`); allocate |
//! | `audio::deaf` | | | open a device (`alsa` `audio::cards` `audio::pcm` `std::fs::File` `std::fs::OpenOptions`) |
//! | `audio::vigil` | `audio::trouble` | | open a device (`alsa` `audio::cards` `audio::pcm` `std::fs::File` `std::fs::OpenOptions`) |
//! | `board` | `profile` `light` | `evdev` `gpiocdev` `spidev` | know phases |
//! | `board::lamp` | `board::refused` `light` `profile` | | read a clock |
//! | `link` | | `tungstenite` `rustls` `webpki_roots` | know what the text means (`serde_json`) |
//! | `errands` | `profile` | `tokio` | touch sound |
//! | `session` | `audio` `board` `conversation` `errands` `ledger` `light` `link` `model` `parrot` `profile` `recorder` `wire` | `sd_notify` | contain policy |
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
pub mod fnv;
pub mod history;
pub mod lane;
pub mod ledger;
pub mod light;
pub mod link;
pub mod model;
pub mod parrot;
pub mod profile;
pub mod recorder;
pub mod session;
pub mod sys;
pub mod wire;
