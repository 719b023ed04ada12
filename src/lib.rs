//! mynah is a smart speaker in one binary: real-time spoken conversations with Azure AI Speech "Voice Live", over
//! ALSA directly.
//!
//! Two real-time threads move samples between the sound card and two lock-free lanes. One session thread owns the
//! socket, the clock and the conversation, and blocks only in one poll(2). One background thread (tokio) does
//! everything slow: DNS, TCP connect, tokens, files. What to do is decided by pure functions of events and time
//! ([`conversation`], [`ledger`], [`light`]); the session carries their decisions out.
//!
//! ```text
//!              capture thread (real time)                            playback thread (real time)
//!   mic ─ALSA─▶ audio::rt ─▶ capture lane ─┐              ┌─▶ playback lane ─▶ audio::rt ─ALSA─▶ speaker
//!                                 eventfd  ▼              │                        └─▶ played position
//!   button ─fd─▶ inputs ─InputEvent─▶ ┌────── session thread ──────────────┐
//!   LED    ◀──── leds ◀─── light ◀─── │  one loop · one clock · one poll(2) │
//!                                     │  Event ─▶ conversation ─▶ [Action]  │
//!                                     │  JSON  ◀▶ protocol ◀▶ types         │
//!                                     └──────┬───────────────────────▲──────┘
//!                                            ▼                       │ events (channel + eventfd)
//!                          transport: TCP · TLS · WebSocket      background thread (tokio)
//!                                            ▲
//!                                            ▼
//!                                  Voice Live, or the built-in server over a socket pair
//! ```
//!
//! # Four passages
//!
//! Each is told hop by hop; a test checks that every name here exists in the sources. A method is named below its
//! type or below its file.
//!
//! ## A microphone frame, to the service
//!
//! The capture thread takes steps and waits in turn (`audio::alsa::device::run`): it waits for a period
//! (`audio::alsa::pcm::Pcm::wait`), or for more while it is quiet (`audio::rt::capture::batch_ms`), and
//! `audio::CaptureLoop::step` calls `audio::Capture::step`. `audio::alsa::pcm::Pcm::read` asks ALSA how much is available and reads whole periods; `dsp::FrameCodec::decode` picks and mixes the channels into one
//! channel of floats. `audio::rt::capture::keep` first shows the samples to
//! `audio::health::dead_input::DeadInputDetector::push`, and discards them if nobody wants them
//! (`audio::rt::capture::follow_request`); then `audio::chain::capture_chain::CaptureChain::process`
//! filters, amplifies, resamples, limits and rounds to 16 bits, and `lane::Writer::write` puts the frames into the
//! lane (each with what the speaker played at that instant, from `audio::rt::capture::pair`, if the service is to have it); `audio::chain::loudness::LoudnessDetector::push` finds out whether it is still quiet. If this device removes the echo itself,
//! `audio::device_canceller::DeviceCanceller::block` does so before the lane, and what it hears of a talker becomes
//! `conversation::DeviceEvent::Talk` in `session::shell::Shell::report_talk`; `audio::PlaybackHandle::set_duck` then turns the
//! reply down. `sys::EventFd::notify` wakes the session thread from `session::Session::wait`; in `session::Session::turn`,
//! the source `session::shell::Source::Microphone` is `session::shell::Shell::pump`. `session::player::uplink::pump`
//! takes the frames with `audio::CaptureHandle::read`, copies them with `session::player::uplink::push` for a session
//! that is still to come, and passes on 80 ms at most at a time: `session::links::send::send_audio` lets `protocol::append`
//! write the JSON and the base64 into the buffer of `transport::WsClient::send`, and `recorder::Recorder::sent_audio`
//! records the size and a hash. `session::links::send::flush` ends the turn with `transport::WsClient::flush`, through
//! `transport::tls` to the socket.
//!
//! ## An audio delta, to the speaker
//!
//! poll(2) reports the socket. `session::links::receive::poll_message` fetches messages with `transport::WsClient::next`,
//! which ends the turn after 64 messages, pings among them, or 32 KiB from the socket (`transport::budget::Metered`); what
//! is left makes the next turn due at once, after buttons and signals. In `session::shell::Shell::receive`, `protocol::parse` finds their type without a JSON
//! tree, and `session::report::recorder::record_received` records them. A `protocol::AudioDelta` goes to
//! `session::shell::receive::receive_audio`: `conversation::Conversation::accepts_audio_of` decides by the reply's id,
//! and what it rejects is counted by `ledger::Ledger::discarded`. A reply that is not known begins with its first delta, which
//! is taken once the conversation has handled `conversation::ServiceEvent::ReplyCreated`.
//! `session::player::downlink::Downlink::push` reserves the item's entry with `ledger::Ledger::reserve`, decodes with `protocol::Pcm16Decoder::decode`, writes to the lane
//! with `audio::PlaybackHandle::write` and what does not fit to `session::player::reply_queue::ReplyQueue::push`
//! (`session::player::downlink::top_up` moves it later), then records the frames with `ledger::Ledger::extend`.
//! `conversation::ServiceEvent::Audio` starts the phase of speaking. The playback thread takes the steps
//! of `audio::PlaybackLoop`: `audio::Playback::run` asks the device for its delay and calls `audio::rt::playback::top_up`.
//! `audio::rt::playback::stage` takes frames from the lane (`audio::chain::fades::FrameBlock::refill`), records their
//! position (`audio::chain::position::LanePositions::record_stream`) and converts them
//! (`audio::chain::playback_chain::PlaybackChain::process`); `audio::rt::playback::write` applies the volume, and keeps
//! the samples until they are heard (`audio::chain::device_queue::DeviceQueue`); `audio::alsa::pcm::Pcm::write` encodes them with
//! `dsp::FrameCodec::encode` and writes them. `audio::rt::playback::publish_position` publishes how far the device has
//! played, `session::player::Player::poll_played` passes that to `ledger::Ledger::played`, from which
//! `history::History::heard` learns how much of each item was heard, and when all was played
//! `conversation::DeviceEvent::Drained` ends the turn.
//!
//! ## A button press, to silence and light
//!
//! poll(2) reports the descriptor of `inputs::poll::InputPoll`. `session::ui::Ui::handle_inputs` calls
//! `board::Board::read_inputs`: `inputs::buttons::Buttons::read` takes the edges with their kernel timestamps
//! (`inputs::gpio::edges::WatchedLine::read`, `inputs::evdev::device`), `inputs::debounce::Debouncer::edge` removes the
//! bounce and `inputs::gesture::Gesture::edge` makes `inputs::InputEvent::Down` of the first edge.
//! `session::shell::collect::take_input` queues `conversation::UserInput::Press`, and `session::Session::settle` lets
//! the conversation handle it (`session::core::Core::handle_next`, `conversation::Conversation::handle`):
//! `conversation::online::press` returns `conversation::Action::Cut`, and `conversation::Action::Cancel` if a reply is
//! under way. `session::report::recorder::record_event` copies both into a ring, then `session::shell::Shell::apply`
//! carries them out: `session::player::Player::cut` clears the reply queue and calls `audio::PlaybackHandle::cut`,
//! which is `lane::Writer::cut` and a notification. The playback thread finds the cut in
//! `audio::rt::playback::take_cut`; `audio::rt::playback::apply_cut` drops or takes back what the device holds, as its
//! `audio::CutMode` says, and plays a fade instead (`audio::chain::device_queue::DeviceQueue::fade`), and `audio::rt::playback::send_receipt` returns
//! `audio::CutReceipt`, from which `ledger::Ledger::next_correction` makes `protocol::ClientEvent::Truncate`. Meanwhile
//! `session::shell::outputs::update_outputs` calls `session::shell::outputs::update_light`, which updates
//! `light::LightState`; `session::ui::Ui::show` draws it through `board::Board::show`, `light::render` and
//! `leds::Leds::show`. At the end of the turn `recorder::Recorder::turn` encodes what was recorded.
//!
//! ## A lost link, to the next session
//!
//! `transport::WsClient::next`, `transport::WsClient::tick` or `transport::WsClient::flush` returns
//! `transport::TransportError`; so does a peer that sends too much of no use (`transport::budget::FloodDetector::add`,
//! `session::links::receive::record_use`). `session::links::Links::lose` drops the link and `session::links::loss::classify`
//! finds its `protocol::Refusal` (`protocol::refusal_of_close`, `protocol::refusal_of_upgrade`), and with it a
//! `conversation::CloseReason`. `session::shell::Shell::handle_loss` reports it and queues
//! `conversation::LinkChange::Down`, for which `session::player::Player::handle_event` voids the ledger's items with
//! `ledger::Ledger::session_lost` and marks what was sent as unsent with `session::player::uplink::resend`
//! (`conversation::KeptAudio::SendAgain`). If the standby link exists, `conversation::Action::SwitchToStandby` puts it
//! in place (`session::links::Links::switch_to_standby`). Otherwise `conversation::offline::link_down` waits for
//! `conversation::CloseReason::retry_after` and a jitter; at the deadline `session::shell::Source::Conversation` is
//! `conversation::Event::Tick` and `conversation::offline::tick_offline` returns `conversation::Action::Dial`.
//! `session::links::Links::dial` returns the address for `background::Background::connect`;
//! `background::connect::reach` resolves and connects on the background thread, and
//! `background::BackgroundEvent::Connected` comes back through a channel and an eventfd to
//! `session::shell::collect::take_background_event`. `session::links::Links::handle_connection` starts TLS and the
//! WebSocket upgrade (`transport::WsClient::upgrade`); when `transport::LinkEvent::Up` arrives,
//! `conversation::offline::go_online` returns `conversation::Action::Configure`, sent by
//! `session::links::form::configure`, which waits for the first event of the session
//! (`session::links::form::begin_session`) until the service has shown its `protocol::SessionForm`. It answers with its
//! settings; `session::shell::receive::check_config` compares them (`protocol::SessionForm::mismatches`),
//! `history::History::replay` repeats the conversation so far, and after `conversation::LinkChange::Configured` the next
//! pump sends the kept speech
//! (`session::player::uplink::send_buffered`).
//!
//! # The rooms
//!
//! A test compares this table with the sources. A room uses the rooms in its second column, all of them and no
//! others. The crates in its third column are used by no other room. A room inside a room has a row of its own, which
//! names its siblings too. In the last column, a name in backticks (a room, a crate or one of its items) is an absence
//! that the test enforces: no path in the room leads there. The rest of that column is prose.
//!
//! | room | uses | alone uses | must never |
//! |---|---|---|---|
//! | `model` | `fnv` | | read a clock; know a device |
//! | `sys` | | | know sound, policy or the session |
//! | `fnv` | | | know what is hashed |
//! | `conversation` | `model` | | read a clock; know JSON (`serde_json`), samples, hardware or threads (`std::thread`); fail |
//! | `printable` | | | know who reads the text; print it |
//! | `history` | `model` `protocol` | | read a clock; know JSON (`serde_json`) |
//! | `light` | `conversation` `model` | | hold state; sleep |
//! | `protocol` | `conversation` `model` | | own a socket (`std::net`); log (`log`); panic on any text |
//! | `lane` | | | know rates or devices; block or allocate after construction |
//! | `doctor` | `audio` `background` `board` `config` `conversation` `echo` `inputs` `light` `model` `printable` `protocol` `session` `sys` `transport` | | capture or play by another way than the session's; keep what it hears |
//! | `doctor::echo` | `audio` `config` `doctor` `doctor::level` `doctor::sound_path` `echo` `model` `sys` | | capture or play (`session`); keep what it hears; reach a service (`background`) |
//! | `dsp` | | `rubato` `audioadapter_buffers` | know a device; allocate after construction |
//! | `echo` | `fnv` | | know a device, a clock or a file (`std::fs`); align its two signals; allocate after construction |
//! | `ledger` | `model` | | read a clock |
//! | `config` | `dsp` `model` `printable` `sys` | `toml` `lexopt` `zeroize` | open a device; change after start |
//! | `config::boards` | `config::audio` `config::host` `config::key_codes` `config::peripherals` `config::schema` `config::sources` `config::values` `sys` | | open a device (`std::fs::OpenOptions`) |
//! | `config::session_options` | `config::model_family` `config::schema` `config::values` `model` `printable` | | send a default of the service; read a file (`std::fs`) |
//! | `config::sources` | `config::pasted` `config::proxy` `config::saved_state` `config::schema` `config::secret` `config::values` | | validate a value |
//! | `credentials` | `config` `model` `printable` | `ring` | open a socket (`std::net::TcpStream`) or a file (`std::fs`); start a program (`std::process`); read a clock |
//! | `parrot` | | | own a socket (`std::net`) or a clock |
//! | `recorder` | `conversation` `fnv` `model` `printable` | | read a clock; open a file (`std::fs`); keep words or samples unasked |
//! | `audio` | `config` `dsp` `echo` `fnv` `lane` `model` `sys` | `alsa` `alsa_sys` `hound` `libc` | know JSON (`serde_json`) or policy |
//! | `audio::rt` | `audio` `audio::chain` `audio::error` `audio::handles` `audio::health` `audio::reference` `config` `dsp` `lane` `model` `sys` | | know ALSA (`alsa` `alsa_sys` `audio::alsa`); allocate in a step |
//! | `audio::chain` | `audio` `audio::reference` `dsp` `lane` | | know ALSA (`alsa` `alsa_sys` `audio::alsa`) or a device; allocate after construction |
//! | `audio::alsa` | `audio` `audio::chain` `audio::error` `audio::health` `audio::reference` `audio::rt` `config` `dsp` `sys` | `alsa` `alsa_sys` | decide what is captured or played |
//! | `audio::reference` | | | know ALSA (`alsa` `alsa_sys` `audio::alsa`) or a device; read a clock (`std::time`); block or allocate after construction |
//! | `audio::health` | `audio::error` `fnv` `model` | | open a device (`alsa` `alsa_sys` `audio::alsa` `std::fs::File` `std::fs::OpenOptions`) |
//! | `inputs` | `config` `light` `model` `printable` `sys` | `evdev` `gpiocdev` | know phases or lamps (`leds`) |
//! | `inputs::gpio` | `config` `inputs::error` `inputs::timestamp` `model` `sys` | `gpiocdev` | know gestures (`inputs::gesture`) |
//! | `inputs::evdev` | `inputs::error` `inputs::timestamp` `model` | `evdev` | know gestures (`inputs::gesture`) |
//! | `inputs::terminal` | `inputs` `light` `model` `printable` | | decide what is shown (`conversation`) |
//! | `leds` | `config` `light` `model` | `spidev` | read a clock; decide what is shown (`conversation`) |
//! | `board` | `config` `inputs` `leds` `light` `model` | | know phases (`conversation`) |
//! | `transport` | `model` `printable` | `tungstenite` `rustls` `webpki_roots` | know what the text means (`serde_json`) |
//! | `background` | `config` `credentials` `model` `printable` `sys` `transport` | `tokio` | touch sound (`audio`) |
//! | `session` | `audio` `background` `board` `config` `conversation` `fnv` `history` `inputs` `ledger` `light` `model` `parrot` `printable` `protocol` `recorder` `transport` | `sd_notify` | contain policy |
//! | `session::core` | `conversation` `model` `session::event_queue` | | act (`session::shell`) |
//! | `session::shell` | `audio` `background` `conversation` `history` `inputs` `ledger` `light` `model` `protocol` `recorder` `session::core` `session::links` `session::panic` `session::player` `session::poll` `session::report` `session::ui` | | decide; run a handler (`session::core::Core` `session::Session`) |
//! | `session::links` | `background` `config` `conversation` `fnv` `model` `parrot` `printable` `protocol` `session::clock` `transport` | | touch sound (`audio`); know another component (`session::player` `session::ui` `session::report` `session::shell` `background::Background`) |
//! | `session::player` | `audio` `conversation` `ledger` `model` `protocol` | | own a socket (`std::net` `transport`); know another component (`session::links` `session::ui` `session::report` `session::shell`) |
//! | `session::ui` | `background` `board` `config` `conversation` `inputs` `light` `model` `printable` | | write to the link (`transport`); know another component (`session::links` `session::player` `session::report` `session::shell` `background::Background`) |
//! | `session::report` | `audio` `background` `conversation` `inputs` `ledger` `light` `model` `printable` `protocol` `recorder` `transport` | | change what happens; print or write (`board` `std::fs`); know another component (`session::links` `session::player` `session::ui` `session::shell` `background::Background`) |
//!
//! # Promises, as absences
//!
//! Each is watched by a test, a lint or a benchmark.
//!
//! 1. There is one call to `Instant::now`, in [`session`] (clippy `disallowed_methods`).
//! 2. There is no queue without a named capacity, unit and fate.
//! 3. Nobody sets a light: it is computed from state and time and written when it differs ([`light`]).
//! 4. After start-up the real-time steps allocate nothing (an allocator that aborts guards them in tests), and neither
//!    does the session thread for a captured frame.
//! 5. No sample of a cut reply is played after the cut's fade, whatever arrives late (property tests).
//! 6. The service is told what was played, never what was handed over ([`ledger`]).
//! 7. No thread is restarted: if one ends, or panics, the process ends with one clear message and exit code 1.
//! 8. Every phase except idle has a deadline, and every phase can be left (random walks over [`conversation`]).
//! 9. There is no listening port (a test of the sources), and no secret in a URL, a log or a recording.
//! 10. While the microphone is not wanted, no sample of it is converted, recorded or sent. Its device is closed; or,
//!     with `keep_open`, it runs on, and each block is counted and forgotten as it is read, before the conversion and
//!     the lane, with the block that was under way when it is wanted again. Muting closes the device in both cases,
//!     except with `keep_open = "always"`. In half duplex it is not wanted while the speaker is heard, and for a while after
//!     that. Green light means that sound may leave. (A device that was unplugged is
//!     opened for a moment, and never started, to see that it is back.)
//! 11. There are never two sessions in use, nor more than two links, nor more than 25 dials in a minute, and a second
//!     link only while a session near its end is replaced (random walks and virtual hours over [`conversation`]).
//! 12. There is no `unsafe` in the core, and elsewhere it is fenced in one small place with its reason.
//! 13. Nothing is sent before the session is configured. Speech meanwhile, or while offline, is kept (the newest ten
//!     seconds) and sent first.
//! 14. The end of a session does not end the conversation: a second session takes over before the service's hour is
//!     over, with the history.
//! 15. From a press to the cut of the reply nothing is pumped, encoded or written, however much audio is kept.

pub mod audio;
pub mod background;
pub mod board;
pub mod config;
pub mod conversation;
pub mod credentials;
pub mod doctor;
pub mod dsp;
pub mod echo;
pub mod fnv;
pub mod history;
pub mod inputs;
pub mod lane;
pub mod ledger;
pub mod leds;
pub mod light;
pub mod model;
pub mod parrot;
pub mod printable;
pub mod protocol;
pub mod recorder;
pub mod session;
pub mod sys;
pub mod transport;
