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

use super::light::leds_on;
use super::record::{record_to_folder, recording_device, wait_for_recordings_of};
use super::{Device, RECORDING, check_recording, record_to_file, remote};
use crate::service::{Behaviour, Service};

/// Says to this very test which part it plays in a program of its own.
const ROLE: &str = "MYNAH_TEST_ROLE";
const FOLDER: &str = "MYNAH_TEST_FOLDER";

#[test]
fn a_panic_on_the_sessions_own_thread_ends_the_program_with_one_message() {
    let output = run_role("session");
    assert_eq!(panic_lines(&output), ["mynah is broken: the session broke (session::panic::role at "]);
}

#[test]
fn a_panic_on_any_other_thread_has_the_session_leave_and_the_exit_code_is_1_all_the_same() {
    for role in ["sound", "errand"] {
        let output = run_role(role);
        let thread = if role == "sound" { "mynah-capture" } else { "errands" };
        assert_eq!(
            panic_lines(&output),
            [format!("mynah is broken: {role} broke in two lines ({thread} at ")]
        );
        assert!(String::from_utf8_lossy(&output.stdout).contains("the session has left"), "{output:?}");
    }
}

#[test]
fn a_panic_beside_the_session_leaves_a_recording_of_what_led_to_it() {
    let output = run_role("recorded");
    assert_eq!(panic_lines(&output), ["mynah is broken: recorded broke in two lines (mynah-capture at "]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("-broken.jsonl: listening"), "{output:?}");
}

#[test]
fn a_panic_of_the_session_itself_leaves_a_recording_wherever_recordings_are_kept() {
    for (role, suffix) in [("its own, noted", "-broken.jsonl"), ("its own, followed", RECORDING)] {
        let folder = TempDir::new().unwrap();
        let output = run_role_in(role, folder.path());
        assert_eq!(panic_lines(&output), ["mynah is broken: the lamp broke (a thread without a name at "]);
        let [file] = &jsonl(folder.path())[..] else { panic!("{:?}", jsonl(folder.path())) };
        assert!(file.to_string_lossy().ends_with(suffix), "{file:?}");
        check_recording(file);
        let text = fs::read_to_string(file).unwrap();
        assert!(text.contains(r#""what":"broken""#) && text.contains(r#""state":"listening""#), "{text}");
    }
}

#[test]
fn a_session_that_does_not_leave_is_not_waited_for() {
    let output = run_role("hang");
    assert_eq!(panic_lines(&output).len(), 1);
    assert!(!String::from_utf8_lossy(&output.stdout).contains("the session has left"));
}

#[test]
fn two_threads_that_break_at_once_say_one_message() {
    assert_eq!(panic_lines(&run_role("two")).len(), 1);
}

/// The other side of the tests above; by itself it does nothing.
#[test]
#[allow(clippy::exit, clippy::disallowed_methods, reason = "it is a program of its own")]
fn role() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    install_panic_hook(print_line);
    if role == "session" {
        panic!("the session broke");
    }
    if let Some(recording) = role.strip_prefix("its own, ") {
        let folder = tempfile::tempdir_in(std::env::var_os(FOLDER).unwrap()).unwrap();
        let service = Service::start([Behaviour::Parrot(ParrotConfig::default())]);
        let recording_in = if recording == "noted" { record_to_folder } else { record_to_file };
        let leds = leds_on(PanickingLed);
        let device = Device::build(folder, remote(&service), Mode::Open, None, false, leds, recording_in);
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
        let name = if role == "errand" { "errands" } else { "mynah-capture" };
        Builder::new().name(name.to_owned()).spawn(move || panic_as(&role)).unwrap();
    }
    if role == "hang" {
        sleep(Duration::from_secs(60));
    }
    assert_eq!(ours.read(&mut [0]).unwrap(), 1, "it is woken");
    println!("the session has left");
    assert!(has_panicked());
    // As main does.
    std::process::exit(1);
}

fn panic_as(role: &str) {
    if role == "errand" {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let errand = tokio::spawn(async { panic!("errand broke\nin two lines") });
            errand.await.unwrap();
        });
    }
    panic!("{role} broke\nin two lines");
}

/// What was said at the end, each line to its place in the sources.
fn panic_lines(output: &Output) -> Vec<String> {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8_lossy(&output.stderr);
    let lines = text.lines().filter(|line| line.contains("broke") || line.contains("panicked"));
    let ends = "); it ends now, and begins anew if it runs as a service: please report this line, and what was done \
                before it";
    lines
        .map(|line| {
            assert!(line.ends_with(ends), "{line}");
            let at = line.find("tests/session/panic.rs:").expect("it names the place");
            line[..at].to_owned()
        })
        .collect()
}

/// Breaks the session's thread as soon as it listens.
struct PanickingLed;

impl OutputLines for PanickingLed {
    fn set(&mut self, lit: &[bool]) -> io::Result<()> {
        install_panic_hook(print_line);
        assert!(lit != [false, true, false], "the lamp broke");
        Ok(())
    }
}

#[allow(clippy::print_stderr, reason = "the last words of a program go there")]
fn print_line(words: &str) {
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

fn run_role(role: &str) -> Output {
    run_role_in(role, Path::new("/"))
}

/// Plays a part in a program of its own, which must end, and may write in this folder.
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

#[allow(clippy::disallowed_methods, reason = "a session that hangs")]
fn sleep(time: Duration) {
    std::thread::sleep(time);
}
