//! A panic on any thread ends the program with one message and exit code 1: seen from outside the process.

use std::fs;
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::Builder;
use std::time::Duration;

use mynah::conversation::Mode;
use mynah::leds::{Leds, OutputLines};
use mynah::parrot::ParrotConfig;
use mynah::session::{has_panicked, install_panic_hook, set_wake_fd};

use tempfile::TempDir;

use super::light::leds_on;
use super::record::{record_to_folder, recording_device, wait_for_recordings_of};
use super::{Device, RECORDING, check_recording, record_to_file, remote};
use crate::service::{Behaviour, Service};

/// Selects what this test program does when it is started as a child process.
const ROLE: &str = "MYNAH_TEST_ROLE";
const FOLDER: &str = "MYNAH_TEST_FOLDER";

#[test]
fn a_panic_of_the_session_exits_with_one_message() {
    let output = run_role("session");
    assert_eq!(panic_lines(&output), one_panic("session::panic::role", "the session broke"));
}

#[test]
fn a_panic_of_a_worker_shuts_the_session_down_with_exit_code_1() {
    for role in ["capture", "background"] {
        let output = run_role(role);
        let thread = if role == "capture" { "mynah-capture" } else { "background" };
        assert_eq!(panic_lines(&output), one_panic(thread, &format!("{role} broke in two lines")));
        assert!(String::from_utf8_lossy(&output.stdout).contains("the session has left"), "{output:?}");
    }
}

#[test]
fn a_panic_of_a_worker_saves_a_recording() {
    let output = run_role("recorded");
    assert_eq!(panic_lines(&output), one_panic("mynah-capture", "recorded broke in two lines"));
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.contains("-broken.jsonl: listening"), "{output:?}");
}

#[test]
fn a_panic_of_the_session_saves_the_recording() {
    for (role, suffix) in [("light to folder", "-broken.jsonl"), ("light to file", RECORDING)] {
        let folder = TempDir::new().unwrap();
        let output = run_role_in(role, folder.path());
        assert_eq!(panic_lines(&output), one_panic("without a name", "the LED broke"));
        let text = final_recording(folder.path(), suffix);
        assert!(text.contains(r#""state":"listening""#), "{text}");
    }
}

#[test]
fn a_panic_inside_an_action_leaves_its_event_in_the_recording() {
    for (role, suffix) in [("clear to folder", "-broken.jsonl"), ("clear to file", RECORDING)] {
        let folder = TempDir::new().unwrap();
        let output = run_role_in(role, folder.path());
        assert_eq!(panic_lines(&output), one_panic("without a name", "the action broke"));
        let text = final_recording(folder.path(), suffix);
        let press = text.lines().find(|line| line.contains(r#""is":{"input":"press"}"#)).expect(&text);
        assert!(press.contains(r#""do":["cut","clear"]"#), "{press}");
    }
}

#[test]
fn a_session_that_does_not_shut_down_is_killed() {
    let output = run_role("hang");
    assert_eq!(panic_lines(&output).len(), 1);
    assert!(!String::from_utf8_lossy(&output.stdout).contains("the session has left"));
}

#[test]
fn two_panics_at_once_report_one_message() {
    assert_eq!(panic_lines(&run_role("two")).len(), 1);
}

/// The child process of the tests above. Does nothing by itself.
#[test]
#[allow(clippy::exit, clippy::disallowed_methods, reason = "it runs as a process of its own")]
fn role() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    install_panic_hook(print_line);
    if role == "session" {
        panic!("the session broke");
    }
    if let Some((place, target)) = role.split_once(" to ") {
        let folder = tempfile::tempdir_in(std::env::var_os(FOLDER).unwrap()).unwrap();
        let service = Service::start([Behaviour::Parrot(ParrotConfig::default())]);
        let recording_in = if target == "folder" { record_to_folder } else { record_to_file };
        let in_light = place == "light";
        let (mode, leds) =
            if in_light { (Mode::Open, leds_on(PanickingLed)) } else { (Mode::Hold, Leds::default()) };
        let device =
            Device::build(folder, remote(&service), mode, None, false, leds, recording_in, super::HEARING);
        if !in_light {
            log::set_logger(&PanickingLogger).unwrap();
            log::set_max_level(log::LevelFilter::Debug);
            device.wait_for_line("idle", 1);
            device.press();
        }
        let _ = device.thread.join();
    }
    if role == "recorded" {
        let service = Service::start([Behaviour::Parrot(ParrotConfig::default())]);
        let device = recording_device(&service, Mode::Open, record_to_folder);
        device.wait_for_line("listening", 1);
        set_wake_fd(device.signals.try_clone().unwrap());
        Builder::new().name("mynah-capture".to_owned()).spawn(move || panic_as(&role)).unwrap();
        for (name, text) in wait_for_recordings_of(device).1 {
            let listened = text.contains(r#""state":"listening""#);
            println!("{name}: {}", if listened { "listening" } else { "nothing" });
        }
        std::process::exit(1);
    }
    set_wake_fd(theirs);
    for _ in 0..if role == "two" { 2 } else { 1 } {
        let role = role.clone();
        let name = if role == "background" { "background" } else { "mynah-capture" };
        Builder::new().name(name.to_owned()).spawn(move || panic_as(&role)).unwrap();
    }
    if role == "hang" {
        sleep(Duration::from_secs(60));
    }
    assert_eq!(ours.read(&mut [0]).unwrap(), 1, "the session is woken");
    println!("the session has left");
    assert!(has_panicked());
    // As main does.
    std::process::exit(1);
}

fn panic_as(role: &str) {
    if role == "background" {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let task = tokio::spawn(async { panic!("background broke\nin two lines") });
            task.await.unwrap();
        });
    }
    panic!("{role} broke\nin two lines");
}

/// Returns the thread and the message of each panic that was reported, each with a place in this file.
fn panic_lines(output: &Output) -> Vec<(String, String)> {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8_lossy(&output.stderr);
    let lines = text.lines().filter(|line| line.contains("broke") || line.contains("panicked"));
    lines
        .map(|line| {
            let report = line.strip_prefix("internal error in thread ").expect(line);
            let (thread, rest) = report.split_once(": ").expect(line);
            let (message, place) = rest.split_once(" (tests/session/panic.rs:").expect(line);
            let (number, _) = place.split_once(')').expect(line);
            assert!(number.parse::<u32>().is_ok(), "{line}");
            (thread.to_owned(), message.to_owned())
        })
        .collect()
}

fn one_panic(thread: &str, message: &str) -> [(String, String); 1] {
    [(thread.to_owned(), message.to_owned())]
}

/// Panics on the session's thread as soon as the light shows that it listens.
struct PanickingLed;

impl OutputLines for PanickingLed {
    fn set(&mut self, lit: &[bool]) -> io::Result<()> {
        install_panic_hook(print_line);
        assert!(lit != [false, true, false], "the LED broke");
        Ok(())
    }
}

/// Panics on the session's thread while it clears the audio of the last turn, as a press in hold mode does.
struct PanickingLogger;

impl log::Log for PanickingLogger {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        if record.args().to_string().starts_with("sending Clear") {
            install_panic_hook(print_line);
            panic!("the action broke");
        }
    }

    fn flush(&self) {}
}

#[allow(clippy::print_stderr, reason = "the panic message goes there")]
fn print_line(words: &str) {
    eprintln!("{words}");
}

/// Returns the only recording below a folder: it replays identically, and holds the panic.
fn final_recording(folder: &Path, suffix: &str) -> String {
    let [file] = &jsonl(folder)[..] else { panic!("{:?}", jsonl(folder)) };
    assert!(file.to_string_lossy().ends_with(suffix), "{file:?}");
    check_recording(file);
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(r#""what":"broken""#), "{text}");
    text
}

/// Finds the recordings below a folder.
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

fn run_role(role: &str) -> Output {
    run_role_in(role, Path::new("/"))
}

/// Runs a role in a child process that may write to `folder`, and kills it after 10 s.
fn run_role_in(role: &str, folder: &Path) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "session::panic::role", "--nocapture"]).env(ROLE, role).env(FOLDER, folder);
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

#[allow(clippy::disallowed_methods, reason = "it simulates a session that hangs")]
fn sleep(time: Duration) {
    std::thread::sleep(time);
}
