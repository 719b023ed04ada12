//! The background thread: connections with a fresh credential each time, saved state, recordings, heartbeat.

mod echo_file;
mod proxy;
mod tokens;

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use mynah::background::{
    Background, BackgroundEvent, ConnectError, ConnectRequest, Connection, FILE_BYTES, KEPT_FILES,
    RESET_MARK, RecordingWrite, Socket, StateWrite,
};
use mynah::config::{Credential, MEASURED_FILE, Secret};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::time::Timespec;

use crate::process_exit::make_fifo;

/// The first line of a recording.
const FIRST: &[u8] = b"{\"recording\":3,\"why\":\"record\"}\n";
const OF_THE_LAST_RUN: &str = "{\"recording\":2,\"why\":\"the last run\"}\n";

#[test]
fn a_connection_carries_the_key_as_its_header() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let key = Credential::Key(Secret::new("k3y-of-a-user").unwrap());
    let background = Background::start(Some(key), None).unwrap();
    assert!(background.connect(request(7, port)));
    let (number, result) = connect_result(&background);
    assert_eq!(number, 7);
    let connection = result.unwrap();
    let Socket::Tcp(socket) = &connection.socket else { panic!("not a TCP socket") };
    assert_eq!(socket.peer_addr().unwrap().port(), port);
    assert_eq!(connection.credential, ("api-key", "k3y-of-a-user".to_owned()));
    let shown = format!("{connection:?}");
    assert!(shown.contains("api-key") && !shown.contains("k3y"), "{shown}");
}

#[test]
fn a_refused_connection_is_transient_and_names_the_address() {
    let port = free_port();
    let background = Background::start(Some(Credential::Token(Secret::new("t").unwrap())), None).unwrap();
    assert!(background.connect(request(1, port)));
    let error = connect_result(&background).1.unwrap_err();
    assert!(!error.is_setup, "a retry may succeed");
    assert!(error.message.contains("localhost at "), "{error}");
    assert!(error.message.contains("refused"), "{error}");
}

#[test]
fn the_token_file_is_read_again_for_every_connection() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let background = Background::start(Some(Credential::TokenFile(file.clone())), None).unwrap();
    assert!(background.connect(request(1, port)));
    let error = connect_result(&background).1.unwrap_err();
    assert!(error.is_setup && error.message.contains("token"), "{error}");
    for (number, token) in [(2, "first"), (3, "second")] {
        fs::write(&file, token).unwrap();
        assert!(background.connect(request(number, port)));
        let connection = connect_result(&background).1.unwrap();
        assert_eq!(connection.credential, ("Authorization", format!("Bearer {token}")));
    }
}

#[test]
fn dropping_the_handle_ends_the_thread_with_a_result_unread() {
    let background = Background::start(Some(Credential::Key(Secret::new("k").unwrap())), None).unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    assert!(background.connect(request(1, listener.local_addr().unwrap().port())));
    drop(background);
}

#[test]
fn dropping_the_handle_saves_the_latest_state_atomically() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("deep/state.toml");
    let background = Background::start(None, Some(file.clone())).unwrap();
    for state in ["first", "second", "third"] {
        background.save_state(StateWrite::Save(state.to_owned()));
    }
    drop(background);
    assert_eq!(fs::read_to_string(&file).unwrap(), "third");
    assert_eq!(file_names(file.parent().unwrap()), ["state.toml"], "a temporary file is left");
}

#[test]
fn a_reset_removes_recordings_and_sign_in_and_leaves_the_new_state_and_the_mark() {
    let folder = tempfile::tempdir().unwrap();
    let (file, recordings) = (folder.path().join("state.toml"), folder.path().join("recordings"));
    fs::write(&file, "muted = false").unwrap();
    fs::create_dir(&recordings).unwrap();
    let recording = "{\"recording\":9}\nwords";
    for (name, text) in [
        ("2026-01-01T00-00-00Z-request.jsonl", recording),
        ("2026-01-02T00-00-00Z-stall.jsonl", recording),
        ("letters.jsonl", "Dear Sir"),
        ("mine.txt", recording),
    ] {
        fs::write(recordings.join(name), text).unwrap();
    }
    for _ in 0..2 {
        fs::write(folder.path().join("sign-in"), "of the user before").unwrap();
        fs::write(folder.path().join(MEASURED_FILE), "of the room before").unwrap();
        let background = Background::start(None, Some(file.clone())).unwrap();
        background.save_state(StateWrite::Reset("muted = true".to_owned()));
        drop(background);
        assert_eq!(fs::read_to_string(&file).unwrap(), "muted = true");
        let names: BTreeSet<String> = file_names(folder.path()).into_iter().collect();
        assert_eq!(names, [RESET_MARK, "recordings", "state.toml"].map(str::to_owned).into());
        let left: BTreeSet<String> = file_names(&recordings).into_iter().collect();
        assert_eq!(left, ["letters.jsonl", "mine.txt"].map(str::to_owned).into());
    }
}

#[test]
fn a_reset_without_recordings_leaves_the_mark_too() {
    let folder = tempfile::tempdir().unwrap();
    let background = Background::start(None, Some(folder.path().join("state.toml"))).unwrap();
    background.save_state(StateWrite::Reset("muted = true".to_owned()));
    drop(background);
    let names: BTreeSet<String> = file_names(folder.path()).into_iter().collect();
    assert_eq!(names, [RESET_MARK, "state.toml"].map(str::to_owned).into());
}

#[test]
fn a_hung_thread_answers_no_heartbeat_request() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("token");
    make_fifo(&pipe);
    let background = Background::start(Some(Credential::TokenFile(pipe)), None).unwrap();
    assert_eq!(background.heartbeats(), 0, "no heartbeat was requested");
    background.request_heartbeat();
    wait_until("a heartbeat", || background.heartbeats() == 1);
    // The token is a FIFO without a writer, so that reading it hangs.
    assert!(background.connect(request(1, 9)));
    pause(Duration::from_millis(300));
    background.request_heartbeat();
    pause(Duration::from_millis(300));
    assert_eq!(background.heartbeats(), 1);
}

#[test]
fn hung_storage_or_credential_delays_the_end_by_1_s_at_most() {
    let folder = tempfile::tempdir().unwrap();
    let (token, state) = (folder.path().join("token"), folder.path().join("state.toml"));
    make_fifo(&token);
    make_fifo(&state.with_extension("new"));
    for (credential, saves) in [(true, false), (false, true), (true, true)] {
        let credential = credential.then(|| Credential::TokenFile(token.clone()));
        let background = Background::start(credential, saves.then(|| state.clone())).unwrap();
        background.save_state(StateWrite::Save("volume = 7".to_owned()));
        assert!(background.connect(request(1, 9)));
        pause(Duration::from_millis(300));
        let (done, ended) = sync_channel(1);
        let end = std::thread::spawn(move || {
            drop(background);
            done.send(()).unwrap();
        });
        ended.recv_timeout(Duration::from_secs(10)).expect("dropping the handle hangs");
        end.join().unwrap();
    }
}

#[test]
fn a_failed_save_names_the_state_file() {
    let folder = tempfile::tempdir().unwrap();
    let not_a_folder = folder.path().join("wall");
    fs::write(&not_a_folder, "").unwrap();
    let background = Background::start(None, Some(not_a_folder.join("state.toml"))).unwrap();
    background.save_state(StateWrite::Save("x".to_owned()));
    let BackgroundEvent::StateNotSaved(reason) = poll_event(&background) else {
        panic!("saved below a regular file")
    };
    assert!(reason.contains("wall/state.toml"), "{reason}");
}

#[test]
fn recordings_are_private_and_the_oldest_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    for year in 1990..2010 {
        fs::write(folder.path().join(format!("{year}-01-01T00-00-00Z-reply.jsonl")), OF_THE_LAST_RUN)
            .unwrap();
    }
    fs::write(folder.path().join("1989.txt"), "unrelated").unwrap();
    fs::write(folder.path().join("1988.jsonl"), "unrelated").unwrap();
    let background = Background::start(None, None).unwrap();
    let text = b"line\n".to_vec();
    assert!(background.record(RecordingWrite::Whole {
        folder: folder.path().to_owned(),
        reason: "asked",
        text
    }));
    let BackgroundEvent::Recorded(file) = poll_event(&background) else { panic!("not recorded") };
    assert!(file.to_str().unwrap().ends_with("Z-asked.jsonl"), "{file:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "line\n");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let mut files = file_names(folder.path());
    files.sort();
    assert_eq!(files.len(), KEPT_FILES + 2);
    assert_eq!((&files[0][..], &files[1][..], &files[2][..4]), ("1988.jsonl", "1989.txt", "2001"));
}

#[test]
fn the_continuous_recording_rotates_where_a_file_may_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("flight.jsonl");
    let previous = folder.path().join("flight.jsonl.1");
    fs::write(&file, OF_THE_LAST_RUN).unwrap();
    let background = Background::start(None, None).unwrap();
    let append = |begins, text: Vec<u8>| {
        let first_line = FIRST.to_vec();
        assert!(background.record(RecordingWrite::Append { file: file.clone(), first_line, begins, text }));
    };
    append(Some(0), b"a\n".to_vec());
    assert!(
        matches!(poll_event(&background), BackgroundEvent::Recorded(file_started) if file_started == file)
    );
    assert_eq!(fs::read_to_string(&previous).unwrap(), OF_THE_LAST_RUN);
    append(None, vec![b'x'; FILE_BYTES as usize]);
    append(None, b"b\n".to_vec());
    append(Some(4), b"end\nbeginning\n".to_vec());
    drop(background);
    assert_eq!(fs::read_to_string(&file).unwrap(), format!("{}beginning\n", String::from_utf8_lossy(FIRST)));
    assert!(fs::read_to_string(&previous).unwrap().ends_with("xb\nend\n"));
    assert_eq!(fs::metadata(&previous).unwrap().len(), FILE_BYTES + (FIRST.len() + 8) as u64);
}

#[test]
fn a_recording_replaces_nothing_but_recordings() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("flight.jsonl");
    let victim = folder.path().join("letter");
    for (name, what) in [
        ("flight.jsonl", "is not a recording"),
        ("flight.jsonl.1", "is not a recording"),
        ("flight.jsonl.new", ""),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, "Dear Sir").unwrap();
        let reason = record_one(&file).unwrap_err();
        assert!(reason.contains(&format!("{name} {what}")) && reason.contains("another path"), "{reason}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "Dear Sir");
        assert!(mynah::background::require_recordings(&file).is_err());
        fs::remove_file(path).unwrap();
        assert!(file_names(folder.path()).is_empty());
    }
    fs::create_dir(&file).unwrap();
    assert!(record_one(&file).unwrap_err().contains("is not a file"));
    fs::remove_dir(&file).unwrap();
    // A link beside it leads to no other file.
    fs::write(&victim, "").unwrap();
    std::os::unix::fs::symlink(&victim, folder.path().join("flight.jsonl.new")).unwrap();
    record_one(&file).unwrap();
    assert_eq!(fs::read(&victim).unwrap(), b"");
    for fresh in [&b""[..], &FIRST[..5], FIRST] {
        fs::write(&file, fresh).unwrap();
        record_one(&file).unwrap();
    }
}

#[test]
fn a_failed_recording_is_reported_once_with_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let not_a_folder = folder.path().join("wall");
    fs::write(&not_a_folder, "").unwrap();
    let background = Background::start(None, None).unwrap();
    for text in [b"a\n".to_vec(), b"b\n".to_vec()] {
        let (file, first_line) = (not_a_folder.join("flight.jsonl"), Vec::new());
        assert!(background.record(RecordingWrite::Append { file, first_line, begins: None, text }));
    }
    assert!(background.record(RecordingWrite::Whole {
        folder: not_a_folder.clone(),
        reason: "reply",
        text: Vec::new()
    }));
    for path in ["wall/flight.jsonl: ", "wall: "] {
        let BackgroundEvent::NotRecorded(reason) = poll_event(&background) else {
            panic!("recorded below a regular file")
        };
        assert!(reason.contains(path), "{reason}");
    }
}

#[test]
fn a_failed_recording_goes_on_where_a_file_may_start_and_keeps_the_older_half() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("flight.jsonl");
    let (older, new) = (folder.path().join("flight.jsonl.1"), folder.path().join("flight.jsonl.new"));
    fs::write(&file, OF_THE_LAST_RUN).unwrap();
    // Nothing can be written over a folder.
    fs::create_dir(&new).unwrap();
    let background = Background::start(None, None).unwrap();
    let append = |begins, text: &[u8]| {
        let (first_line, text) = (FIRST.to_vec(), text.to_vec());
        assert!(background.record(RecordingWrite::Append { file: file.clone(), first_line, begins, text }));
    };
    append(Some(0), b"a\n");
    assert!(matches!(poll_event(&background), BackgroundEvent::NotRecorded(_)));
    append(Some(0), b"b\n");
    append(None, b"c\n");
    wait_until("the queue", || background.can_record());
    pause(Duration::from_millis(100));
    assert_eq!(fs::read_to_string(&file).unwrap(), OF_THE_LAST_RUN, "a failure destroys nothing");
    fs::remove_dir(&new).unwrap();
    append(None, b"d\n");
    append(Some(4), b"end\nbeginning\n");
    assert!(matches!(poll_event(&background), BackgroundEvent::Recorded(started) if started == file));
    append(None, b"e\n");
    drop(background);
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        format!("{}beginning\ne\n", String::from_utf8_lossy(FIRST))
    );
    assert_eq!(fs::read_to_string(&older).unwrap(), OF_THE_LAST_RUN);
}

/// Writes a part of the continuous recording at `file`, and returns why it was not written.
fn record_one(file: &Path) -> Result<(), String> {
    let background = Background::start(None, None).unwrap();
    let (file, first_line) = (file.to_owned(), FIRST.to_vec());
    let part = RecordingWrite::Append { file, first_line, begins: Some(0), text: b"a\n".to_vec() };
    assert!(background.record(part));
    match poll_event(&background) {
        BackgroundEvent::Recorded(_) => Ok(()),
        BackgroundEvent::NotRecorded(reason) => Err(reason),
        other => panic!("{other:?}"),
    }
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..500 {
        if condition() {
            return;
        }
        pause(Duration::from_millis(20));
    }
    panic!("timed out waiting for {what}");
}

#[allow(clippy::disallowed_methods, reason = "the test waits for another thread")]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

fn file_names(folder: &Path) -> Vec<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn request(number: u64, port: u16) -> ConnectRequest {
    ConnectRequest {
        number,
        host: "localhost".to_owned(),
        port,
        proxy: None,
        renews_token: false,
        limit: Duration::from_secs(5),
    }
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

fn connect_result(background: &Background) -> (u64, Result<Connection, ConnectError>) {
    match poll_event(background) {
        BackgroundEvent::Connected { number, result } => (number, result),
        BackgroundEvent::StateNotSaved(reason) | BackgroundEvent::NotRecorded(reason) => panic!("{reason}"),
        BackgroundEvent::Recorded(file) | BackgroundEvent::StateSaved(file) => panic!("{}", file.display()),
    }
}

fn poll_event(background: &Background) -> BackgroundEvent {
    // Two events in quick succession are announced once.
    if let Some(event) = background.poll_event() {
        return event;
    }
    let mut fds = [PollFd::from_borrowed_fd(background.wake_fd(), PollFlags::IN)];
    assert_eq!(poll(&mut fds, Some(&Timespec { tv_sec: 10, tv_nsec: 0 })), Ok(1), "no event within 10 s");
    background.poll_event().expect("the eventfd was set without an event")
}
