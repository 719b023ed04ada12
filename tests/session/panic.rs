//! A thread that breaks ends the program with one message and exit code 1, as seen from outside it.

use std::fs;
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::Builder;
use std::time::Duration;

use mynah::conversation::Mode;
use mynah::leds::OutputLines;
use mynah::parrot::ParrotConfig;
use mynah::session::{has_panicked, install_panic_hook, set_wake_fd};

use tempfile::TempDir;

use super::light::on_lines;
use super::record::{ended, into_folder, kept};
use super::{Device, FLIGHT, check_recording, into_file, remote};
use crate::service::{Behaviour, Service};

/// Says to this very test which part it plays in a program of its own.
const PART: &str = "MYNAH_TEST_PART";
const FOLDER: &str = "MYNAH_TEST_FOLDER";

#[test]
fn a_panic_on_the_sessions_own_thread_ends_the_program_with_one_message() {
    let output = play("session");
    assert_eq!(told(&output), ["mynah is broken: the session broke (session::last_words::part at "]);
}

#[test]
fn a_panic_on_any_other_thread_has_the_session_leave_and_the_exit_code_is_1_all_the_same() {
    for part in ["sound", "errand"] {
        let output = play(part);
        let thread = if part == "sound" { "mynah-capture" } else { "errands" };
        assert_eq!(told(&output), [format!("mynah is broken: {part} broke in two lines ({thread} at ")]);
        assert!(String::from_utf8_lossy(&output.stdout).contains("the session has left"), "{output:?}");
    }
}

#[test]
fn a_panic_beside_the_session_leaves_a_recording_of_what_led_to_it() {
    let output = play("recorded");
    assert_eq!(told(&output), ["mynah is broken: recorded broke in two lines (mynah-capture at "]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("-broken.jsonl: listening"), "{output:?}");
}

#[test]
fn a_panic_of_the_session_itself_leaves_a_recording_wherever_recordings_are_kept() {
    for (part, ending) in [("its own, noted", "-broken.jsonl"), ("its own, followed", FLIGHT)] {
        let folder = TempDir::new().unwrap();
        let output = play_in(part, folder.path());
        assert_eq!(told(&output), ["mynah is broken: the lamp broke (a thread without a name at "]);
        let [file] = &jsonl(folder.path())[..] else { panic!("{:?}", jsonl(folder.path())) };
        assert!(file.to_string_lossy().ends_with(ending), "{file:?}");
        check_recording(file);
        let text = fs::read_to_string(file).unwrap();
        assert!(text.contains(r#""what":"broken""#) && text.contains(r#""state":"listening""#), "{text}");
    }
}

#[test]
fn a_session_that_does_not_leave_is_not_waited_for() {
    let output = play("hang");
    assert_eq!(told(&output).len(), 1);
    assert!(!String::from_utf8_lossy(&output.stdout).contains("the session has left"));
}

#[test]
fn two_threads_that_break_at_once_say_one_message() {
    assert_eq!(told(&play("two")).len(), 1);
}

/// The other side of the tests above; by itself it does nothing.
#[test]
#[allow(clippy::exit, clippy::disallowed_methods, reason = "it is a program of its own")]
fn part() {
    let Ok(part) = std::env::var(PART) else { return };
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    install_panic_hook(say);
    if part == "session" {
        panic!("the session broke");
    }
    if let Some(how) = part.strip_prefix("its own, ") {
        let folder = tempfile::tempdir_in(std::env::var_os(FOLDER).unwrap()).unwrap();
        let service = Service::start([Behaviour::Parrot(ParrotConfig::default())]);
        let place = if how == "noted" { into_folder } else { into_file };
        let lamps = on_lines(Spoilt);
        let device = Device::made(folder, remote(&service), Mode::Open, None, false, lamps, place);
        let _ = device.thread.join();
    }
    if part == "recorded" {
        let service = Service::start([Behaviour::Parrot(ParrotConfig::default())]);
        let device = kept(&service, Mode::Open, into_folder);
        device.until("listening", 1);
        set_wake_fd(device.signals.try_clone().unwrap());
        Builder::new().name("mynah-capture".to_owned()).spawn(move || break_as(&part)).unwrap();
        for (name, text) in ended(device).1 {
            let listened = text.contains(r#""state":"listening""#);
            println!("{name}: {}", if listened { "listening" } else { "nothing" });
        }
        std::process::exit(1);
    }
    set_wake_fd(theirs);
    for _ in 0..if part == "two" { 2 } else { 1 } {
        let part = part.clone();
        let name = if part == "errand" { "errands" } else { "mynah-capture" };
        Builder::new().name(name.to_owned()).spawn(move || break_as(&part)).unwrap();
    }
    if part == "hang" {
        nap(Duration::from_secs(60));
    }
    assert_eq!(ours.read(&mut [0]).unwrap(), 1, "it is woken");
    println!("the session has left");
    assert!(has_panicked());
    // As main does.
    std::process::exit(1);
}

fn break_as(part: &str) {
    if part == "errand" {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let errand = tokio::spawn(async { panic!("errand broke\nin two lines") });
            errand.await.unwrap();
        });
    }
    panic!("{part} broke\nin two lines");
}

/// What was said at the end, each line to its place in the sources.
fn told(output: &Output) -> Vec<String> {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8_lossy(&output.stderr);
    let lines = text.lines().filter(|line| line.contains("broke") || line.contains("panicked"));
    let ends = "); it ends now, and begins anew if it runs as a service: please report this line, and what was done \
                before it";
    lines
        .map(|line| {
            assert!(line.ends_with(ends), "{line}");
            let at = line.find("tests/session/last_words.rs:").expect("it names the place");
            line[..at].to_owned()
        })
        .collect()
}

/// Breaks the session's thread as soon as it listens.
struct Spoilt;

impl OutputLines for Spoilt {
    fn set(&mut self, lit: &[bool]) -> io::Result<()> {
        install_panic_hook(say);
        assert!(lit != [false, true, false], "the lamp broke");
        Ok(())
    }
}

#[allow(clippy::print_stderr, reason = "the last words of a program go there")]
fn say(words: &str) {
    eprintln!("{words}");
}

/// Finds every recording in a folder and those in it.
fn jsonl(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => jsonl(&path),
            false => vec![path],
        })
        .filter(|path| path.extension().is_some_and(|ending| ending == "jsonl"))
        .collect()
}

fn play(part: &str) -> Output {
    play_in(part, Path::new("/"))
}

/// Plays a part in a program of its own, which must end, and may write in this folder.
fn play_in(part: &str, folder: &Path) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "session::last_words::part", "--nocapture"]).env(PART, part).env(FOLDER, folder);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = rustix::process::Pid::from_child(&child);
    let (ended, end) = std::sync::mpsc::sync_channel::<()>(1);
    let watch = std::thread::spawn(move || {
        if end.recv_timeout(Duration::from_secs(10)).is_err() {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    });
    let output = child.wait_with_output().unwrap();
    let _ = ended.send(());
    watch.join().unwrap();
    output
}

#[allow(clippy::disallowed_methods, reason = "a session that hangs")]
fn nap(time: Duration) {
    std::thread::sleep(time);
}
