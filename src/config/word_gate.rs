//! Where the words of a conversation may go: decided here only, once at the start.
//!
//! It reads no setting and looks at no terminal. The log has no part in it: no word is ever logged.

/// What the user asked for, and who reads what is printed.
#[derive(Clone, Copy, Debug)]
pub struct WordRequest {
    /// Whether words are printed wherever standard output leads.
    pub print: bool,
    /// Whether words are recorded.
    pub record: bool,
    /// Whether standard output is a terminal.
    pub is_terminal: bool,
    /// Whether a service manager has started the program: what it shows may be kept, and read by others.
    pub is_service: bool,
}

/// Where words go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WordGate {
    prints: bool,
    records: bool,
}

impl WordGate {
    /// Decides: words are printed for somebody at a terminal, elsewhere only if asked for, and recorded only if asked
    /// for.
    #[must_use]
    pub fn new(request: WordRequest) -> Self {
        let WordRequest { print, record, is_terminal, is_service } = request;
        Self { prints: print || (is_terminal && !is_service), records: record }
    }

    /// Returns whether words are written to standard output.
    #[must_use]
    pub fn prints(self) -> bool {
        self.prints
    }

    /// Returns whether words are written to recordings.
    #[must_use]
    pub fn records(self) -> bool {
        self.records
    }
}
