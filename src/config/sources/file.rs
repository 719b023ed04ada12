//! Reads a text file, up to a maximum length, in the encodings in which editors save one.
//!
//! It does not parse the text. It does not guess a character: a byte that is not UTF-8 becomes U+FFFD, and is named. It also
//! replaces the home folder in a path, as a shell does.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// The maximum length of a configuration file, in bytes; a board file has about two thousand.
const MAX_BYTES: u64 = 1024 * 1024;

/// The text of a file. Every line ends with `\n`, whether it was `\n`, `\r\n` or `\r`.
pub(in crate::config) struct FileText {
    pub(in crate::config) text: Zeroizing<String>,
    pub(in crate::config) encoding: Encoding,
}

/// How a file is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum Encoding {
    Utf8,
    Utf16,
    Utf32,
    /// Not UTF-8: the bytes that are not are U+FFFD in the text.
    Unknown,
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16 => "UTF-16",
            Self::Utf32 => "UTF-32",
            Self::Unknown => "probably Latin-1 or Windows-1252",
        })
    }
}

/// What to do about a file, or a value in it, that is not UTF-8.
pub(in crate::config) const NOT_UTF8: &str =
    "not UTF-8, but probably Latin-1 or Windows-1252; save the file as UTF-8";

/// Returns the path for `raw`, which is relative to `base`; `~/`, `$HOME/` and `${HOME}/` stand for `home`.
///
/// # Errors
/// Returns why the home folder cannot be told.
pub(in crate::config) fn path(raw: &str, base: &Path, home: Option<&str>) -> Result<PathBuf, &'static str> {
    let inside = ["~/", "$HOME/", "${HOME}/"].iter().find_map(|prefix| raw.strip_prefix(prefix));
    if let Some(inside) = inside.or_else(|| (raw == "~").then_some("")) {
        let home = home.map(Path::new).filter(|home| home.is_absolute());
        return home
            .map(|home| home.join(inside))
            .ok_or("has no home folder here (HOME is not set); write the path in full");
    }
    let path = base.join(raw);
    if raw.starts_with('~') && raw.contains('/') && !path.exists() {
        return Err(
            "starts with the home folder of a user, which only a shell knows; write the path in full",
        );
    }
    Ok(path)
}

/// Reads the text of `file`, which must be UTF-8, UTF-16 or UTF-32.
///
/// # Errors
/// When the file cannot be read, is in another encoding, or is longer than 1 MiB.
pub(in crate::config) fn read(file: &Path) -> io::Result<String> {
    let mut read = read_any(file)?;
    read.require_unicode().map_err(|reason| io::Error::new(io::ErrorKind::InvalidData, reason))?;
    Ok(std::mem::take(&mut *read.text))
}

/// Reads the text of `file`, whatever its encoding.
///
/// # Errors
/// When the file cannot be read, or is longer than 1 MiB.
pub(in crate::config) fn read_any(file: &Path) -> io::Result<FileText> {
    let file = File::open(file)?;
    // The file may contain a key, and a buffer that grows would leave copies of it in memory.
    let length = file.metadata()?.len().min(MAX_BYTES) + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(length).unwrap_or(0)));
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(io::Error::other("it is longer than 1 MiB, so it is not a configuration file"));
    }
    Ok(FileText::decode(&bytes))
}

impl FileText {
    /// Decodes a file by its byte order mark; without one, zero bytes show that ASCII was written as UTF-16.
    pub(in crate::config) fn decode(bytes: &[u8]) -> Self {
        let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
            let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
            let chars = char::decode_utf16(units).map(|one| one.unwrap_or(char::REPLACEMENT_CHARACTER));
            Self { text: with_unix_lines(chars, bytes.len()), encoding: Encoding::Utf16 }
        };
        match bytes {
            [0xff, 0xfe, 0, 0, rest @ ..] => {
                let chars = rest.chunks_exact(4).map(|four| {
                    char::from_u32(u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
                        .unwrap_or(char::REPLACEMENT_CHARACTER)
                });
                Self { text: with_unix_lines(chars, rest.len()), encoding: Encoding::Utf32 }
            }
            [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
            [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
            [1..=0x7f, 0, ..] => utf16(bytes, u16::from_le_bytes),
            [0, 1..=0x7f, ..] => utf16(bytes, u16::from_be_bytes),
            [0xef, 0xbb, 0xbf, rest @ ..] | rest => {
                let chunks = rest.utf8_chunks().flat_map(|chunk| {
                    let wrong = (!chunk.invalid().is_empty()).then_some(char::REPLACEMENT_CHARACTER);
                    chunk.valid().chars().chain(wrong)
                });
                let is_utf8 = rest.utf8_chunks().all(|chunk| chunk.invalid().is_empty());
                let encoding = if is_utf8 { Encoding::Utf8 } else { Encoding::Unknown };
                Self { text: with_unix_lines(chunks, rest.len()), encoding }
            }
        }
    }

    /// Returns, as an error, where the first byte is that is not UTF-8.
    pub(in crate::config) fn require_unicode(&self) -> Result<(), String> {
        if self.encoding != Encoding::Unknown {
            return Ok(());
        }
        let line = self.text.lines().position(|line| line.contains(char::REPLACEMENT_CHARACTER));
        Err(format!("line {} is {NOT_UTF8}", line.map_or(1, |index| index + 1)))
    }

    /// Returns a warning if other programs cannot read the file called `name`.
    pub(in crate::config) fn encoding_warning(&self, name: &str) -> Option<String> {
        matches!(self.encoding, Encoding::Utf16 | Encoding::Utf32).then(|| {
            format!("{name} is {}; mynah reads it, other programs may not: save it as UTF-8", self.encoding)
        })
    }
}

/// Collects a text of `length` bytes in its file, and replaces each `\r\n` and `\r` by `\n`.
fn with_unix_lines(chars: impl Iterator<Item = char>, length: usize) -> Zeroizing<String> {
    // A UTF-16 unit has at most three bytes in UTF-8, and so has U+FFFD, which stands for one byte or more.
    let mut text = Zeroizing::new(String::with_capacity(length * 3));
    let mut after_return = false;
    for one in chars {
        if !(after_return && one == '\n') {
            text.push(if one == '\r' { '\n' } else { one });
        }
        after_return = one == '\r';
    }
    text
}
