//! `-- picture`: draws `.github/terminal.svg`, the terminal during a conversation with the built-in service.
//!
//! The mynah binary runs on a pseudo-terminal with the recorded voice as its microphone. The picture is its real screen
//! at one moment while a reply plays; only the times differ between runs.

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
/// The arguments, in a folder that contains only the recorded voice.
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

/// Runs mynah and returns what it wrote to its terminal, one chunk per read.
fn run(speech: &Path) -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::copy(speech, folder.path().join("dialogue.wav")).expect("the recorded voice");
    // Read instead of the machine's settings.
    fs::write(folder.path().join("mynah.toml"), "").expect("a settings file");
    let (mut controller, terminal_end) = terminal();
    let mut command = Command::new(MYNAH);
    command.args(ARGUMENTS).current_dir(folder.path()).env_clear();
    command.env("TERM", "xterm-256color").env("COLORTERM", "truecolor").env("LC_ALL", "C.UTF-8");
    command.env("STATE_DIRECTORY", folder.path());
    command.stdin(Stdio::from(terminal_end.try_clone().expect("a second descriptor")));
    // The log on standard error would repeat most of it.
    command.stdout(Stdio::from(terminal_end)).stderr(Stdio::null());
    let mut child = command.spawn().expect("mynah starts");
    // It holds the terminal's end, which would keep the controlling one open.
    drop(command);
    let mut chunks = Vec::new();
    let mut chunk = [0; 4096];
    // Linux returns EIO once the terminal's end is closed.
    while let Ok(length) = controller.read(&mut chunk) {
        chunks.push(chunk[..length].to_vec());
    }
    assert!(child.wait().expect("mynah ends").success(), "mynah failed");
    chunks
}

/// Returns the controlling end and the terminal's end of a pseudo-terminal of fixed width.
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

/// Returns the fullest screen: as late as possible in the conversation while a reply plays, with the highest level.
fn best(chunks: &[Vec<u8>]) -> Option<Screen> {
    let mut screen = Screen::new(COLUMNS);
    screen.type_command(&format!("mynah {}", ARGUMENTS.join(" ")));
    let mut best: Option<((usize, usize), Screen)> = None;
    for chunk in chunks {
        screen.write(chunk);
        let line = screen.last_line();
        // A complete status line ends by erasing the rest of the row.
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
