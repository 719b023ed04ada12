//! The board at a terminal, pipe or file: keys become input events, indications become a status line or plain
//! lines.

#![expect(clippy::unwrap_used, reason = "in helpers, too, that is how a test fails")]

mod errors;
mod gesture;
mod keys;
mod leds;
mod narrowed;

use std::io::{self, ErrorKind, Seek, Write};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mynah::board::Board;
use mynah::conversation::State;
use mynah::inputs::{ColourDepth, ConsoleLog, InputEvent, StatusLine, TermCaps, Terminal};
use mynah::light::{Indication, Levels, LightState};
use mynah::model::Time;
use proptest::prelude::*;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

/// Late enough for a state that began some time ago.
const NOW: Time = Time::from_nanos(60_000_000_000);

const PLAIN: TermCaps = TermCaps { colour: ColourDepth::None, unicode: true };

#[test]
fn the_status_line_shows_state_levels_and_keys() {
    let mut fixture = Fixture::new(Some(PLAIN));
    for (view, line) in [
        (
            view(State::Listening, 8000, 0),
            "● listening   mic ████▒▒▒▒  speaker ▒▒▒▒▒▒▒▒  space talk · m mute · + - 100% · q quit",
        ),
        (
            view(State::Speaking, 0, 32768),
            "● speaking    mic ▒▒▒▒▒▒▒▒  speaker ████████  space talk · m mute · + - 100% · q quit",
        ),
        (
            later(view(State::Offline, 0, 0), 500),
            "○ offline     mic ▒▒▒▒▒▒▒▒  speaker ▒▒▒▒▒▒▒▒  space talk · m mute · + - 100% · q quit",
        ),
        (
            muted(view(State::Speaking, 0, 1)),
            "● speaking (muted)  mic ▒▒▒▒▒▒▒▒  speaker █▒▒▒▒▒▒▒  space talk · m mute · + - 100% · q quit",
        ),
        (
            muted(view(State::Muted, 0, 0)),
            "● muted       mic ▒▒▒▒▒▒▒▒  speaker ▒▒▒▒▒▒▒▒  space talk · m mute · + - 100% · q quit",
        ),
    ] {
        fixture.terminal.set_width(120);
        fixture.terminal.show(&view, NOW);
        assert_eq!(fixture.written(), format!("\r{}\x1b[K", line.replace('▒', "░")));
    }
}

#[test]
fn the_status_line_shows_the_volume_and_that_a_mute_is_remembered() {
    let mut fixture = Fixture::new(Some(PLAIN));
    fixture.terminal.set_width(80);
    fixture.terminal.set_remembered(true);
    for (volume, view, state, keys) in [
        (70, view(State::Idle, 0, 0), "● idle        mic", "· + - 70% · q quit"),
        (0, view(State::Idle, 0, 0), "● idle        mic", "· + - 0% · q quit"),
        (100, view(State::Listening, 0, 0), "● listening   mic", "· + - 100% · q quit"),
        (100, muted(view(State::Muted, 0, 0)), "● muted, remembered", "space talk"),
    ] {
        fixture.terminal.set_volume(volume);
        fixture.terminal.show(&view, NOW);
        let written = fixture.written();
        assert!(written.contains(state) && written.contains(keys), "{written:?}");
    }
    let changed = view(State::Idle, 0, 0);
    let changed = Indication { light: LightState { volume: Some((100, NOW)), ..changed.light }, ..changed };
    fixture.terminal.show(&changed, NOW);
    let written = fixture.written();
    assert!(written.contains("volume 100%") && written.contains("q quit"), "{written:?}");
}

#[test]
fn the_status_line_shortens_bars_and_drops_fields_from_the_right() {
    let listening = view(State::Listening, 32768, 0);
    for (width, line) in [
        (86, "● listening   mic ████████  speaker ▒▒▒▒▒▒▒▒  space talk · m mute · + - 100% · q quit"),
        (85, "● listening   mic █████  speaker ▒▒▒▒▒  space talk · m mute · + - 100% · q quit"),
        (80, "● listening   mic █████  speaker ▒▒▒▒▒  space talk · m mute · + - 100% · q quit"),
        (78, "● listening   mic ████  speaker ▒▒▒▒  space talk · m mute · + - 100% · q quit"),
        (77, "● listening   mic ████████  speaker ▒▒▒▒▒▒▒▒  space talk · m mute · + - 100%"),
        (75, "● listening   mic ████████  speaker ▒▒▒▒▒▒▒▒  space talk · m mute"),
        (45, "● listening   mic ████████  speaker ▒▒▒▒▒▒▒▒"),
        (44, "● listening   mic ████████"),
        (20, "● listening "),
        (8, "● liste"),
        (2, "●"),
        (1, ""),
        (0, ""),
    ] {
        let mut fixture = Fixture::new(Some(PLAIN));
        fixture.terminal.set_width(width);
        fixture.terminal.show(&listening, NOW);
        let line = line.replace('▒', "░");
        let expected = if line.is_empty() { String::new() } else { format!("\r{line}\x1b[K") };
        assert_eq!(fixture.written(), expected, "width {width}");
    }
}

#[test]
fn in_hold_mode_the_status_line_says_hold_space() {
    let screen = Screen::default();
    let mut terminal = Terminal::new(screen.clone(), Some(PLAIN), true, StatusLine::default());
    terminal.show(&view(State::Idle, 0, 0), NOW);
    assert!(screen.take().contains("hold space · m mute"));
}

#[test]
fn the_dot_has_the_colour_that_the_terminal_supports() {
    let shown = |colour, unicode, view: Indication| {
        let mut fixture = Fixture::new(Some(TermCaps { colour, unicode }));
        fixture.terminal.set_width(3);
        fixture.terminal.show(&view, NOW);
        fixture.written().replace('\r', "").replace("\x1b[K", "")
    };
    let loud = || view(State::Listening, u16::MAX, 0);
    let dark = || later(view(State::Offline, 0, 0), 500);
    assert_eq!(shown(ColourDepth::True, true, loud()), "\x1b[38;2;0;255;85m●\x1b[0m ");
    assert_eq!(shown(ColourDepth::Palette, true, loud()), "\x1b[38;5;48m●\x1b[0m ");
    assert_eq!(shown(ColourDepth::True, true, dark()), "○ ");
    assert_eq!(shown(ColourDepth::None, false, view(State::Idle, 0, 0)), "* ");
    assert_eq!(shown(ColourDepth::None, false, dark()), "o ");
    assert_eq!(shown(ColourDepth::True, true, view(State::Idle, 0, 0)), "\x1b[38;2;61;61;105m●\x1b[0m ");
}

#[test]
fn without_unicode_the_status_line_is_ascii() {
    let mut fixture = Fixture::new(Some(TermCaps { colour: ColourDepth::None, unicode: false }));
    fixture.terminal.show(&view(State::Idle, 8000, 0), NOW);
    assert_eq!(
        fixture.written(),
        "\r* idle        mic ###..  speaker .....  space talk - m mute - + - 100% - q quit\x1b[K"
    );
}

#[test]
fn capabilities_come_from_the_environment() {
    let caps = |vars: &[(&str, &str)]| {
        TermCaps::from_env(|name| {
            vars.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    };
    let found = |colour, unicode| Some(TermCaps { colour, unicode });
    assert_eq!(caps(&[]), None);
    assert_eq!(caps(&[("TERM", "dumb")]), None);
    assert_eq!(caps(&[("TERM", "xterm")]), found(ColourDepth::Palette, false));
    assert_eq!(caps(&[("TERM", "xterm"), ("COLORTERM", "truecolor")]), found(ColourDepth::True, false));
    assert_eq!(
        caps(&[("TERM", "x"), ("COLORTERM", "24bit"), ("NO_COLOR", "1")]),
        found(ColourDepth::None, false)
    );
    assert_eq!(caps(&[("TERM", "x"), ("LANG", "C.UTF-8")]), found(ColourDepth::Palette, true));
    assert_eq!(
        caps(&[("TERM", "x"), ("LANG", "C.UTF-8"), ("LC_ALL", "C")]),
        found(ColourDepth::Palette, false)
    );
}

#[test]
fn nothing_is_written_without_a_visible_change() {
    for caps in [Some(PLAIN), None] {
        let mut fixture = Fixture::new(caps);
        let idle = view(State::Idle, 100, 0);
        fixture.terminal.show(&idle, NOW);
        assert_ne!(fixture.written(), "");
        fixture.terminal.show(&idle, NOW);
        fixture.terminal.show(&Indication { levels: Levels { microphone: 101, speaker: 0 }, ..idle }, NOW);
        assert_eq!(fixture.written(), "", "{caps:?}");
    }
}

#[test]
fn transcripts_scroll_above_the_status_line() {
    let mut fixture = Fixture::new(Some(PLAIN));
    fixture.terminal.set_width(14);
    fixture.terminal.print_line("you", "before");
    assert_eq!(fixture.written(), "\r\x1b[Kyou: before\n");
    fixture.terminal.show(&view(State::Idle, 0, 0), NOW);
    fixture.written();
    fixture.terminal.print_line("mynah", " hello\nthere ");
    assert_eq!(fixture.written(), "\r\x1b[Kmynah: hello there\n● idle      ");
    drop(fixture.terminal);
    assert_eq!(fixture.screen.take(), "\r\x1b[K");
}

#[test]
fn a_pipe_or_file_gets_plain_lines_without_escape_codes() {
    let mut fixture = Fixture::new(None);
    fixture.terminal.show(&view(State::Listening, 0, 0), NOW);
    fixture.terminal.show(&view(State::Listening, 9999, 0), NOW);
    fixture.terminal.print_line("you", "good\x1b[31m morning\u{9b}1m\u{2028}\u{202e}gnp.exe");
    fixture.terminal.show(&view(State::Thinking, 0, 0), NOW);
    fixture.terminal.show(&muted(view(State::Thinking, 0, 0)), NOW);
    assert_eq!(
        fixture.written(),
        "listening\nyou: good\\u{1b}[31m morning\\u{9b}1m \\u{202e}gnp.exe\nthinking\nthinking (muted)\n"
    );
    drop(fixture.terminal);
    assert_eq!(fixture.screen.take(), "");
}

#[test]
fn log_lines_do_not_break_the_status_line() {
    let mut fixture = Fixture::new(Some(PLAIN));
    let log = Screen::default();
    let mut console = ConsoleLog::new(log.clone(), fixture.status_line.clone());
    console.write_all(b"WARN early\n").unwrap();
    assert_eq!(log.take(), "WARN early\n");
    fixture.terminal.set_width(14);
    fixture.terminal.show(&view(State::Idle, 0, 0), NOW);
    console.write_all(b"WARN something\n").unwrap();
    assert_eq!(log.take(), "\r\x1b[KWARN something\n● idle      ");
    drop(fixture.terminal);
    console.write_all(b"WARN late\n").unwrap();
    assert_eq!(log.take(), "WARN late\n");
}

#[test]
fn a_slow_reader_misses_whole_lines_and_learns_their_number() {
    let mut fixture = Fixture::new(None);
    fixture.screen.allow(8);
    fixture.terminal.print_line("you", "one two three");
    fixture.terminal.print_line("you", "four");
    fixture.terminal.print_line("you", "five");
    assert_eq!(fixture.written(), "you: one");
    fixture.screen.allow(usize::MAX);
    fixture.terminal.print_line("you", "six");
    let written = fixture.written();
    assert!(written.starts_with(" two three\n(2 lines "), "{written:?}");
    assert!(written.ends_with("\nyou: six\n"), "{written:?}");
}

#[test]
fn a_closed_output_is_ignored() {
    let mut fixture = Fixture::new(Some(PLAIN));
    fixture.screen.close();
    fixture.terminal.show(&view(State::Idle, 0, 0), NOW);
    fixture.terminal.print_line("you", "hello");
    fixture.terminal.show(&view(State::Thinking, 0, 0), NOW);
    assert_eq!(fixture.written(), "");
}

#[test]
fn raw_mode_is_restored_on_drop_and_by_a_panic() {
    let (controller, slave) = terminal();
    let canonical = || tcgetattr(&slave).unwrap().local_modes.contains(LocalModes::ICANON | LocalModes::ECHO);
    assert!(canonical());
    let mut board = on(&slave, &slave, Some(PLAIN));
    assert!(!canonical());
    assert!(tcgetattr(&slave).unwrap().local_modes.contains(LocalModes::ISIG));
    rustix::io::write(&controller, b" q").unwrap();
    assert_eq!(read_events(&mut board), [InputEvent::Down, InputEvent::Up, InputEvent::Quit]);
    assert!(board.fd().is_some());
    board.show(&view(State::Idle, 0, 0), NOW);
    assert_eq!(read(&controller), "\r● idle        mic ░░░░░░░░\x1b[K", "40 columns, no echo");
    drop(board);
    assert!(canonical());
    assert_eq!(read(&controller), "\r\x1b[K");

    // The release build aborts on panic, so the hook must restore the mode; the board is not dropped here.
    let board = on(&slave, &slave, Some(PLAIN));
    assert!(!canonical());
    std::thread::spawn(|| panic!("on purpose: the hook must restore the terminal")).join().unwrap_err();
    assert!(canonical());
    drop(board);
}

#[test]
fn with_output_to_a_pipe_the_terminal_mode_is_unchanged() {
    let (_owner, slave) = terminal();
    let (reader, writer) = pipe();
    let mut board = on(&slave, &writer, Some(PLAIN));
    assert!(tcgetattr(&slave).unwrap().local_modes.contains(LocalModes::ICANON | LocalModes::ECHO));
    board.show(&view(State::Idle, 0, 0), NOW);
    board.print("you", "hello");
    assert_eq!(read(&reader), "idle\nyou: hello\n");
    assert!(board.fd().is_some());
}

#[test]
fn a_full_pipe_does_not_block() {
    let (reader, writer) = pipe();
    let (keys, _typist) = pipe();
    let mut board = on(&keys, &writer, None);
    for _ in 0..2000 {
        board.print("mynah", "a line of some forty letters, more or less");
    }
    assert!(read(&reader).starts_with("mynah: a line of some"));
}

#[test]
fn after_end_of_file_there_is_no_descriptor_to_poll() {
    let (keys, typist) = pipe();
    let (_reader, writer) = pipe();
    let mut board = on(&keys, &writer, None);
    rustix::io::write(&typist, b"m").unwrap();
    drop(typist);
    assert_eq!(read_events(&mut board), [InputEvent::Mute]);
    assert!(board.fd().is_some());
    assert_eq!(read_events(&mut board), []);
    assert!(board.fd().is_none());
    assert_eq!(read_events(&mut board), []);
}

#[test]
fn a_file_as_input_is_read_to_its_end() {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"m q").unwrap();
    file.rewind().unwrap();
    let (_reader, writer) = pipe();
    let mut board = on(&file.into(), &writer, None);
    assert!(board.fd().is_some());
    assert_eq!(
        read_events(&mut board),
        [InputEvent::Mute, InputEvent::Down, InputEvent::Up, InputEvent::Quit]
    );
    assert!(board.fd().is_some());
    assert_eq!(read_events(&mut board), []);
    assert!(board.fd().is_none());
}

proptest! {
    #[test]
    fn no_status_line_is_wider_than_the_terminal(
        width in 0..200u16, state in prop::sample::select(vec![State::Idle, State::Listening, State::Connecting]),
        microphone in any::<u16>(), speaker in any::<u16>(), is_muted in any::<bool>()
    ) {
        let mut fixture = Fixture::new(Some(PLAIN));
        fixture.terminal.set_width(width);
        let indication = view(state, microphone, speaker);
        fixture.terminal.show(&if is_muted { muted(indication) } else { indication }, NOW);
        let written = fixture.written();
        let line = written.trim_start_matches('\r').trim_end_matches("\x1b[K");
        prop_assert!(line.chars().count() < usize::from(width.max(1)), "{width} {line:?}");
        prop_assert!(!line.contains(char::is_control), "{line:?}");
    }
}

/// Returns the indication of a device that has just entered `state`.
fn view(state: State, microphone: u16, speaker: u16) -> Indication {
    let live = state == State::Listening;
    let facts = LightState { microphone_live: live, ..LightState::begin(state, NOW) };
    Indication { light: facts, levels: Levels { microphone, speaker } }
}

fn muted(view: Indication) -> Indication {
    Indication { light: LightState { muted: true, ..view.light }, ..view }
}

/// Returns the same indication of a state entered `ms` milliseconds ago.
fn later(view: Indication, ms: u64) -> Indication {
    Indication {
        light: LightState { since: view.light.since - Duration::from_millis(ms), ..view.light },
        ..view
    }
}

fn read_events(board: &mut Board) -> Vec<InputEvent> {
    if let Some(fd) = board.fd() {
        let limit = Timespec { tv_sec: 5, tv_nsec: 0 };
        poll(&mut [PollFd::from_borrowed_fd(fd, PollFlags::IN)], Some(&limit)).unwrap();
    }
    let mut found = Vec::new();
    board.read_inputs(true, NOW, |event| found.push(event));
    found
}

fn on(input: &OwnedFd, output: &OwnedFd, caps: Option<TermCaps>) -> Board {
    let clone = |fd: &OwnedFd| fd.try_clone().unwrap();
    Board::on(clone(input), clone(output), caps, false, StatusLine::default()).unwrap()
}

/// Opens a pseudoterminal of 40 columns: the controller's end and the program's.
fn terminal() -> (OwnedFd, OwnedFd) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let controller = openpt(flags).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let slave = ioctl_tiocgptpeer(&controller, flags).unwrap();
    tcsetwinsize(&slave, Winsize { ws_row: 24, ws_col: 40, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    (controller, slave)
}

fn pipe() -> (OwnedFd, OwnedFd) {
    let (reader, writer) = io::pipe().unwrap();
    (reader.into(), writer.into())
}

fn read(fd: &OwnedFd) -> String {
    let mut bytes = [0; 4096];
    let count = rustix::io::read(fd, &mut bytes).unwrap();
    String::from_utf8(bytes[..count].to_vec()).unwrap()
}

/// A terminal that writes to a [`Screen`].
struct Fixture {
    screen: Screen,
    status_line: StatusLine,
    terminal: Terminal<Screen>,
}

impl Fixture {
    fn new(caps: Option<TermCaps>) -> Self {
        let (screen, status_line) = (Screen::default(), StatusLine::default());
        let terminal = Terminal::new(screen.clone(), caps, false, status_line.clone());
        Self { screen, status_line, terminal }
    }

    fn written(&self) -> String {
        self.screen.take()
    }
}

/// An output that can block or be closed.
#[derive(Clone, Default)]
struct Screen(Arc<Mutex<ScreenState>>);

#[derive(Default)]
struct ScreenState {
    written: Vec<u8>,
    /// The number of bytes it accepts; `None` for any number.
    room: Option<usize>,
    is_closed: bool,
}

impl Screen {
    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut self.0.lock().unwrap().written)).unwrap()
    }

    fn allow(&self, bytes: usize) {
        self.0.lock().unwrap().room = Some(bytes);
    }

    fn close(&self) {
        self.0.lock().unwrap().is_closed = true;
    }
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.lock().unwrap();
        if state.is_closed {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let count = bytes.len().min(state.room.unwrap_or(usize::MAX));
        if count == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        state.room = state.room.map(|room| room - count);
        state.written.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
