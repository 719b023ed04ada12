//! A terminal emulator: the screen that results from the bytes a program writes.
//!
//! It supports only the control sequences that mynah writes and panics on any other, so that a picture is never wrong.
//! It adds rows as needed and never scrolls.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) character: char,
    pub(super) style: Style,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Style {
    pub(super) bold: bool,
    /// Red, green and blue; `None` is the terminal's default foreground.
    pub(super) colour: Option<[u8; 3]>,
}

const BLANK: Cell = Cell { character: ' ', style: Style { bold: false, colour: None } };

/// The style of the shell prompt.
const PROMPT: Style = Style { bold: false, colour: Some([120, 130, 150]) };

#[derive(Clone, Debug)]
pub(super) struct Screen {
    columns: usize,
    rows: Vec<Vec<Cell>>,
    /// The cursor's column; its row is always the last one.
    column: usize,
    style: Style,
    /// The bytes of an incomplete character or sequence.
    rest: Vec<u8>,
}

impl Screen {
    pub(super) fn new(columns: u16) -> Self {
        let columns = usize::from(columns);
        Self {
            columns,
            rows: vec![vec![BLANK; columns]],
            column: 0,
            style: Style::default(),
            rest: Vec::new(),
        }
    }

    pub(super) fn rows(&self) -> &[Vec<Cell>] {
        &self.rows
    }

    pub(super) fn last_line(&self) -> String {
        self.rows.last().map(|row| row.iter().map(|cell| cell.character).collect()).unwrap_or_default()
    }

    /// Writes a command after a prompt, as a shell does.
    pub(super) fn type_command(&mut self, command: &str) {
        self.style = PROMPT;
        self.put('$');
        self.style = Style::default();
        " ".chars().chain(command.chars()).for_each(|character| self.put(character));
        self.start_row();
    }

    pub(super) fn write(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
        let written = std::mem::take(&mut self.rest);
        let mut left = match std::str::from_utf8(&written) {
            Ok(text) => text,
            Err(error) => {
                assert!(error.error_len().is_none(), "not UTF-8");
                self.rest = written[error.valid_up_to()..].to_vec();
                std::str::from_utf8(&written[..error.valid_up_to()]).expect("UTF-8 up to there")
            }
        };
        while let Some(character) = left.chars().next() {
            let length = match character {
                '\x1b' => match left.find(|c: char| c.is_ascii_alphabetic()) {
                    Some(end) => {
                        self.obey_sequence(&left[1..=end]);
                        end + 1
                    }
                    None => {
                        self.rest.splice(0..0, left.bytes());
                        return;
                    }
                },
                _ => {
                    self.put_or_move(character);
                    character.len_utf8()
                }
            };
            left = &left[length..];
        }
    }

    fn put_or_move(&mut self, character: char) {
        match character {
            '\r' => self.column = 0,
            '\n' => self.start_row(),
            _ => {
                assert!(!character.is_control(), "unsupported control character {character:?}");
                self.put(character);
            }
        }
    }

    fn obey_sequence(&mut self, sequence: &str) {
        match sequence {
            "[K" => {
                let column = self.column;
                self.current()[column..].fill(BLANK);
            }
            "[0m" => self.style = Style::default(),
            "[1m" => self.style.bold = true,
            _ => {
                let colour = sequence.strip_prefix("[38;2;").and_then(|rest| rest.strip_suffix('m'));
                let parts = colour.into_iter().flat_map(|colour| colour.split(';'));
                let parts: Vec<u8> = parts.map_while(|part| part.parse().ok()).collect();
                let colour = <[u8; 3]>::try_from(parts);
                self.style.colour =
                    Some(colour.unwrap_or_else(|_| panic!("unsupported sequence {sequence:?}")));
            }
        }
    }

    fn put(&mut self, character: char) {
        if self.column == self.columns {
            self.start_row();
        }
        let (column, style) = (self.column, self.style);
        self.current()[column] = Cell { character, style };
        self.column += 1;
    }

    /// The terminal driver (ONLCR) adds a carriage return to each newline.
    fn start_row(&mut self) {
        self.rows.push(vec![BLANK; self.columns]);
        self.column = 0;
    }

    fn current(&mut self) -> &mut [Cell] {
        self.rows.last_mut().expect("there is always a row")
    }
}
