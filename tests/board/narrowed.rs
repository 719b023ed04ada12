//! A terminal that is made narrower wraps the status line into several rows: all of them are replaced.

use super::*;

const GREEN: &str = "\x1b[38;2;0;255;85m";

#[test]
fn a_wrapped_status_line_is_erased_from_its_first_row() {
    for (before, after, rows) in [
        (100, 100, 0),
        (100, 86, 0),
        // The line has 85 columns.
        (100, 85, 1),
        (100, 60, 1),
        (100, 42, 2),
        (100, 20, 4),
        (100, 1, 85),
        (30, 60, 0),
    ] {
        let mut screen = Rows::new(before);
        let mut fixture = fixture(before);
        fixture.terminal.print_line("you", "before");
        fixture.terminal.show(&view(State::Listening, 0, 0), NOW);
        screen.write(&fixture.written());
        screen.resize(after);
        fixture.terminal.set_width(after);
        fixture.terminal.show(&muted(view(State::Muted, 0, 0)), NOW);
        let written = fixture.written();
        let up = if rows == 0 { "\r".to_owned() } else { format!("\r\x1b[{rows}A\x1b[J") };
        assert!(written.starts_with(&up), "{before} to {after}: {written:?}");
        screen.write(&written);
        assert!(!screen.text().contains("listening"), "{before} to {after}: {}", screen.text());
        // In one column, the test's terminal breaks the line of the speaker too.
        assert!(
            after == 1 || screen.text().starts_with("you: before\n"),
            "{before} to {after}: {}",
            screen.text()
        );
    }
}

#[test]
fn a_line_that_is_printed_or_logged_after_it_leaves_nothing_green() {
    for is_logged in [false, true] {
        let mut screen = Rows::new(100);
        let mut fixture = fixture(100);
        fixture.terminal.show(&view(State::Listening, 0, 0), NOW);
        screen.write(&fixture.written());
        screen.resize(60);
        fixture.terminal.set_width(60);
        if is_logged {
            let log = Screen::default();
            let mut console = ConsoleLog::new(log.clone(), fixture.status_line.clone());
            console.set_width(|| Some(60));
            console.write_all(b"WARN something\n").unwrap();
            screen.write(&log.take());
        } else {
            fixture.terminal.print_line("you", "hello");
        }
        fixture.terminal.show(&muted(view(State::Muted, 0, 0)), NOW);
        screen.write(&fixture.written());
        let text = screen.text();
        assert!(!text.contains("listening") && !text.contains(GREEN), "{text}");
        assert!(text.contains(if is_logged { "WARN something\n" } else { "you: hello\n" }), "{text}");
        assert!(text.contains("muted"), "{text}");
    }
}

#[test]
fn a_resize_is_reported_and_the_same_state_drawn_again() {
    let (controller, slave) = terminal();
    let mut board = on(&slave, &slave, Some(PLAIN));
    board.show(&view(State::Idle, 0, 0), NOW);
    read(&controller);
    assert!(!board.take_resized());
    tcsetwinsize(&slave, Winsize { ws_row: 24, ws_col: 12, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    // The pseudoterminal is not this process's own, so the kernel does not send the signal.
    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::WINCH).unwrap();
    assert_eq!(read_events(&mut board), []);
    assert!(board.take_resized() && !board.take_resized());
    board.show(&view(State::Idle, 0, 0), NOW);
    assert_eq!(read(&controller), "\r\x1b[2A\x1b[J● idle     \x1b[K");
    assert_eq!(board.deadline(), None);
}

fn fixture(width: u16) -> Fixture {
    let mut fixture = Fixture::new(Some(PLAIN));
    fixture.terminal.set_width(width);
    fixture
}

/// A terminal that wraps long rows again when its width changes, as most do. It knows only what mynah writes.
struct Rows {
    width: usize,
    /// The lines, each of which takes as many rows as it needs. The cursor is in the last one.
    lines: Vec<Vec<char>>,
    column: usize,
}

impl Rows {
    fn new(width: u16) -> Self {
        Self { width: width.into(), lines: vec![Vec::new()], column: 0 }
    }

    fn resize(&mut self, width: u16) {
        self.width = width.into();
    }

    fn text(&self) -> String {
        let lines = self.lines.iter().map(|line| line.iter().collect::<String>().trim_end().to_owned());
        lines.collect::<Vec<_>>().join("\n")
    }

    fn write(&mut self, text: &str) {
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            rest = &rest[character.len_utf8()..];
            match character {
                '\r' => self.column -= self.column % self.width,
                '\n' => {
                    self.lines.push(Vec::new());
                    self.column = 0;
                }
                '\x1b' => {
                    let end = rest.find(|c: char| c.is_ascii_alphabetic()).unwrap();
                    self.obey(&rest[1..=end]);
                    rest = &rest[end + 1..];
                }
                _ => {
                    let line = self.lines.last_mut().unwrap();
                    line.resize(line.len().max(self.column + 1), ' ');
                    line[self.column] = character;
                    self.column += 1;
                }
            }
        }
    }

    fn obey(&mut self, sequence: &str) {
        match sequence.split_at(sequence.len() - 1) {
            ("", "K" | "J") => self.lines.last_mut().unwrap().truncate(self.column),
            (rows, "A") => {
                let up = rows.parse::<usize>().unwrap() * self.width;
                assert!(up <= self.column, "it would erase what is above the line");
                self.column -= up;
            }
            (_, "m") => {}
            _ => panic!("{sequence:?}"),
        }
    }
}
