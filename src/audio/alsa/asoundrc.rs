//! Reads ALSA's configuration files (`~/.asoundrc`, `/etc/asound.conf`) as far as an error message needs them: which
//! line defines a device, what it leads to, and where the file is malformed.
//!
//! The syntax is that of alsa-lib's `src/conf.c`. It evaluates nothing, follows no `<file>`, and decides nothing: whether
//! a device can be opened is up to alsa-lib.

use std::iter::Peekable;
use std::str::Chars;

/// Nesting at which reading stops; a definition has about four levels.
const DEPTH_MAX: usize = 32;
/// Bytes of a path at which reading stops: each entry has a copy of its own.
const PATH_MAX: usize = 512;

/// The contents of a configuration file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AsoundFile {
    pub entries: Vec<AsoundEntry>,
    /// The first place at which it is malformed; the entries before it are complete.
    pub fault: Option<AsoundFault>,
}

/// A value and the names that lead to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsoundEntry {
    /// The names joined by dots, such as `pcm.default.slave.pcm`.
    pub path: String,
    /// The value; `None` for the start of a block.
    pub value: Option<String>,
    /// Counted from 1.
    pub line: usize,
}

/// Why a file is malformed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsoundFault {
    /// Counted from 1.
    pub line: usize,
    pub reason: String,
}

impl AsoundFile {
    /// Reads `text` to its end or its first fault.
    #[must_use]
    pub fn parse(text: &str) -> AsoundFile {
        let mut reader = AsoundReader {
            tokens: Tokens { characters: text.chars().peekable(), line: 1 },
            blocks: Vec::new(),
            entries: Vec::new(),
            suspect: None,
        };
        let fault = reader.read().err().map(|fault| match reader.suspect {
            // alsa-lib notices it only later, for example at the end of the file.
            Some(suspect) if suspect.line <= fault.line => suspect,
            Some(_) | None => fault,
        });
        AsoundFile { entries: reader.entries, fault }
    }
}

enum AsoundToken {
    Word(String),
    Open(char),
    Close(char),
    Equals,
    Separator,
    UnclosedQuote,
}

/// A block or list that is open.
struct OpenBlock {
    path: String,
    close: char,
    line: usize,
}

struct AsoundReader<'t> {
    tokens: Tokens<'t>,
    blocks: Vec<OpenBlock>,
    entries: Vec<AsoundEntry>,
    /// What is allowed, but is probably the cause of a fault further on.
    suspect: Option<AsoundFault>,
}

impl AsoundReader<'_> {
    fn read(&mut self) -> Result<(), AsoundFault> {
        while let Some((token, line)) = self.tokens.next() {
            let in_list = self.blocks.last().is_some_and(|block| block.close == ']');
            match token {
                AsoundToken::Separator => {}
                AsoundToken::Word(value) if in_list => self.add(self.path_of(""), Some(value), line),
                AsoundToken::Word(name) => self.definition(&name, line)?,
                AsoundToken::Open(open) if in_list => self.open(self.path_of(""), open, line)?,
                AsoundToken::Open(open) => {
                    return Err(fault(line, format!("the {open} has no name before it")));
                }
                AsoundToken::Close(close) => match self.blocks.pop() {
                    Some(block) if block.close == close => {}
                    Some(block) => {
                        let reason =
                            format!("{close} where the block of line {} needs {}", block.line, block.close);
                        return Err(fault(line, reason));
                    }
                    None => return Err(fault(line, format!("{close} closes no block"))),
                },
                AsoundToken::Equals => return Err(fault(line, "the = has no name before it")),
                AsoundToken::UnclosedQuote => return Err(unclosed_quote(line)),
            }
        }
        match self.blocks.first() {
            None => Ok(()),
            Some(block) => Err(fault(
                block.line,
                format!(
                    "the block `{}` that starts here is not closed: a {} is missing",
                    block.path, block.close
                ),
            )),
        }
    }

    /// Reads what follows the `name` of a definition: a value or a block.
    fn definition(&mut self, name: &str, line: usize) -> Result<(), AsoundFault> {
        if name.starts_with('/') {
            self.suspect(line, || "a comment starts with #, not with /".to_owned());
        }
        let path = self.path_of(name);
        if path.len() > PATH_MAX {
            return Err(fault(line, "the name is too long"));
        }
        let mut next = self.tokens.next();
        if matches!(next, Some((AsoundToken::Equals, _))) {
            next = self.tokens.next();
        }
        match next {
            Some((AsoundToken::Open(open), _)) => self.open(path, open, line),
            Some((AsoundToken::Word(value), value_line)) => {
                if value_line > line {
                    self.suspect(line, || no_value(name));
                }
                self.add(path, Some(value), line);
                Ok(())
            }
            Some((AsoundToken::UnclosedQuote, line)) => Err(unclosed_quote(line)),
            Some((AsoundToken::Close(_) | AsoundToken::Equals | AsoundToken::Separator, _)) | None => {
                Err(fault(line, no_value(name)))
            }
        }
    }

    fn open(&mut self, path: String, open: char, line: usize) -> Result<(), AsoundFault> {
        if self.blocks.len() == DEPTH_MAX {
            return Err(fault(line, format!("more than {DEPTH_MAX} blocks inside each other")));
        }
        self.add(path.clone(), None, line);
        self.blocks.push(OpenBlock { path, close: if open == '{' { '}' } else { ']' }, line });
        Ok(())
    }

    fn add(&mut self, path: String, value: Option<String>, line: usize) {
        self.entries.push(AsoundEntry { path, value, line });
    }

    fn suspect(&mut self, line: usize, reason: impl FnOnce() -> String) {
        self.suspect.get_or_insert_with(|| AsoundFault { line, reason: reason() });
    }

    /// Returns the path of `name` in the current block, without the characters that say how to merge it.
    fn path_of(&self, name: &str) -> String {
        let names = name.split('.').map(|part| part.trim_start_matches(['!', '+', '-', '?']));
        let outer = self.blocks.last().map(|block| block.path.as_str());
        outer.into_iter().chain(names).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(".")
    }
}

fn fault(line: usize, reason: impl Into<String>) -> AsoundFault {
    AsoundFault { line, reason: reason.into() }
}

fn no_value(name: &str) -> String {
    match name.rsplit('.').next() {
        Some("card") => format!("`{name}` has no number or name"),
        Some(_) | None => format!("`{name}` has no value"),
    }
}

fn unclosed_quote(line: usize) -> AsoundFault {
    fault(line, "the text that starts with a quotation mark has no second one")
}

/// The tokens of a file, each with its line.
struct Tokens<'t> {
    characters: Peekable<Chars<'t>>,
    line: usize,
}

impl Iterator for Tokens<'_> {
    type Item = (AsoundToken, usize);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let line = self.line;
            let token = match self.characters.peek()? {
                '#' => {
                    self.skip_to('\n');
                    continue;
                }
                // Another file, whose definitions stand for this.
                '<' => {
                    self.skip_to('>');
                    continue;
                }
                space if space.is_ascii_whitespace() => {
                    self.take();
                    continue;
                }
                '=' => AsoundToken::Equals,
                ',' | ';' => AsoundToken::Separator,
                open @ ('{' | '[') => AsoundToken::Open(*open),
                close @ ('}' | ']') => AsoundToken::Close(*close),
                _ => return Some((self.word(), line)),
            };
            self.take();
            return Some((token, line));
        }
    }
}

impl Tokens<'_> {
    fn take(&mut self) -> Option<char> {
        let taken = self.characters.next();
        self.line += usize::from(taken == Some('\n'));
        taken
    }

    fn skip_to(&mut self, end: char) {
        while self.take().is_some_and(|taken| taken != end) {}
    }

    /// Reads a word; a part of it may be in quotes, as in `pcm."my card"`.
    fn word(&mut self) -> AsoundToken {
        let mut word = String::new();
        while let Some(next) = self.characters.peek().copied() {
            match next {
                '"' | '\'' if word.is_empty() || word.ends_with('.') => {
                    self.take();
                    if !self.quoted(next, &mut word) {
                        return AsoundToken::UnclosedQuote;
                    }
                    if self.characters.peek() != Some(&'.') {
                        break;
                    }
                }
                '=' | ',' | ';' | '{' | '}' | '[' | ']' | '"' | '\'' | '#' => break,
                space if space.is_ascii_whitespace() => break,
                _ => word.extend(self.take()),
            }
        }
        AsoundToken::Word(word)
    }

    /// Reads to the closing quotation mark and returns whether there is one.
    fn quoted(&mut self, mark: char, word: &mut String) -> bool {
        while let Some(next) = self.take() {
            match next {
                _ if next == mark => return true,
                '\\' => word.extend(self.take()),
                _ => word.push(next),
            }
        }
        false
    }
}
