//! `-- picture`: draws `.github/terminal.svg`, the terminal during a conversation with the built-in service.
//!
//! The real program runs on a pseudo-terminal with the recorded voice as its microphone. Nothing in the picture is
//! made up: it is the screen at one moment of that run, while a reply plays. Only the times differ from run to run.

mod screen;
mod svg;

use std::fs;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::child::MYNAH;
use screen::Screen;

const COLUMNS: u16 = 113;
/// What is typed, in a folder that holds the recorded voice and nothing of the caller's.
const ARGUMENTS: [&str; 5] = ["--parrot", "--speech", "dialogue.wav", "--speaker-file", "speaker.wav"];

pub(crate) fn print() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let chunks = run(&root.join("tests/dialogue.wav"));
    let screen = best(&chunks).expect("a reply is played");
    let file = ".github/terminal.svg";
    fs::write(root.join(file), svg::draw(&screen, COLUMNS)).expect("the picture can be written");
    println!("wrote {file}: the terminal while a reply plays\n");
    for row in screen.rows() {
        println!("    {}", row.iter().map(|cell| cell.character).collect::<String>().trim_end());
    }
}

/// Returns what the program writes to its terminal, piece by piece.
fn run(speech: &Path) -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::copy(speech, folder.path().join("dialogue.wav")).expect("the recorded voice");
    // Read instead of the machine's own settings.
    fs::write(folder.path().join("mynah.toml"), "").expect("a settings file");
    let (mut controller, terminal_end) = terminal();
    let mut command = Command::new(MYNAH);
    command.args(ARGUMENTS).current_dir(folder.path()).env_clear();
    command.env("TERM", "xterm-256color").env("COLORTERM", "truecolor").env("LC_ALL", "C.UTF-8");
    command.env("STATE_DIRECTORY", folder.path());
    command.stdin(Stdio::from(terminal_end.try_clone().expect("a second descriptor")));
    // The log goes to standard error and would tell most things twice.
    command.stdout(Stdio::from(terminal_end)).stderr(Stdio::null());
    let mut child = command.spawn().expect("mynah starts");
    // It holds the terminal's other end, which would keep this one open.
    drop(command);
    let mut chunks = Vec::new();
    let mut chunk = [0; 4096];
    // EIO is how Linux says that the other end is closed.
    while let Ok(length) = controller.read(&mut chunk) {
        chunks.push(chunk[..length].to_vec());
    }
    assert!(child.wait().expect("mynah ends").success(), "mynah failed");
    chunks
}

/// Returns both ends of a terminal of a fixed width.
fn terminal() -> (fs::File, OwnedFd) {
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
    grantpt(&controller).expect("its permission");
    unlockpt(&controller).expect("its lock");
    let name = ptsname(&controller, Vec::new()).expect("its name");
    let terminal_end =
        rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("its other end");
    let size = Winsize { ws_row: 40, ws_col: COLUMNS, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&terminal_end, size).expect("its size");
    (controller.into(), terminal_end)
}

/// Returns the screen at the moment that shows most: as late in the conversation as a reply plays, at its loudest.
fn best(chunks: &[Vec<u8>]) -> Option<Screen> {
    let mut screen = Screen::new(COLUMNS);
    screen.type_command(&format!("mynah {}", ARGUMENTS.join(" ")));
    let mut best: Option<((usize, usize), Screen)> = None;
    for chunk in chunks {
        screen.write(chunk);
        let line = screen.last_line();
        // The status line ends with erasing what is left of the one before; anything else may be half a line.
        if !chunk.ends_with(b"\x1b[K") || !line.contains(" speaking ") {
            continue;
        }
        let score = (screen.rows().len(), line.matches('█').count());
        if best.as_ref().is_none_or(|(before, _)| score > *before) {
            best = Some((score, screen.clone()));
        }
    }
    best.map(|(_, screen)| screen)
}
