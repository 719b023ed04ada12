//! Errands: finding and reaching, with a fresh credential each time, and a sentence when it fails.

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
use mynah::config::{Credential, Secret};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::time::Timespec;

use crate::process_exit::make_fifo;

#[test]
fn a_service_that_listens_is_reached_with_the_key_in_hand() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let errands = Background::start(Some(Credential::Key(Secret::new("k").unwrap())), None).unwrap();
    assert!(errands.dial(dial(7, port)));
    let (number, result) = dialled(&errands);
    assert_eq!(number, 7);
    let reached = result.unwrap();
    let Socket::Tcp(socket) = &reached.socket else { panic!("no kernel made it") };
    assert_eq!(socket.peer_addr().unwrap().port(), port);
    assert_eq!(reached.credential, ("api-key", "k".to_owned()));
}

#[test]
fn a_service_that_does_not_listen_is_named_with_its_address() {
    let port = free_port();
    let errands = Background::start(Some(Credential::Token(Secret::new("t").unwrap())), None).unwrap();
    assert!(errands.dial(dial(1, port)));
    let unreached = dialled(&errands).1.unwrap_err();
    assert!(!unreached.is_setup, "another time it may listen");
    assert!(unreached.sentence.starts_with("localhost at "), "{unreached}");
    assert!(unreached.sentence.contains("refused"), "{unreached}");
}

#[test]
fn a_token_file_is_read_anew_for_every_dial_and_its_absence_is_a_matter_of_set_up() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let errands = Background::start(Some(Credential::TokenFile(file.clone())), None).unwrap();
    assert!(errands.dial(dial(1, port)));
    let unreached = dialled(&errands).1.unwrap_err();
    assert!(unreached.is_setup && unreached.sentence.contains("token"), "{unreached}");
    for (number, token) in [(2, "first"), (3, "second")] {
        fs::write(&file, token).unwrap();
        assert!(errands.dial(dial(number, port)));
        let reached = dialled(&errands).1.unwrap();
        assert_eq!(reached.credential, ("Authorization", format!("Bearer {token}")));
    }
}

#[test]
fn dropping_the_errands_ends_their_thread_whatever_is_under_way() {
    let errands = Background::start(Some(Credential::Key(Secret::new("k").unwrap())), None).unwrap();
    // Nobody fetches its outcome.
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    assert!(errands.dial(dial(1, listener.local_addr().unwrap().port())));
    drop(errands);
}

#[test]
fn the_latest_memo_is_kept_whole_even_when_the_program_ends_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("deep/state.toml");
    let errands = Background::start(None, Some(file.clone())).unwrap();
    for memo in ["first", "second", "third"] {
        errands.save_state(StateWrite::Save(memo.to_owned()));
    }
    drop(errands);
    assert_eq!(fs::read_to_string(&file).unwrap(), "third");
    assert_eq!(names(file.parent().unwrap()), ["state.toml"], "nothing half written is left");
}

#[test]
fn what_is_forgotten_leaves_a_mark_for_whoever_owns_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.toml");
    fs::write(&file, "muted = true").unwrap();
    let errands = Background::start(None, Some(file)).unwrap();
    errands.save_state(StateWrite::Delete);
    drop(errands);
    assert_eq!(names(folder.path()), [RESET_MARK]);
}

#[test]
fn a_thread_that_is_well_gives_a_sign_when_asked_and_one_that_hangs_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("token");
    make_fifo(&pipe);
    let errands = Background::start(Some(Credential::TokenFile(pipe)), None).unwrap();
    assert_eq!(errands.heartbeats(), 0, "nobody asked");
    errands.request_heartbeat();
    until("a sign", || errands.heartbeats() == 1);
    // Nobody ever writes the token, so that reading it hangs.
    assert!(errands.dial(dial(1, 9)));
    nap(Duration::from_millis(300));
    errands.request_heartbeat();
    nap(Duration::from_millis(300));
    assert_eq!(errands.heartbeats(), 1);
}

#[test]
fn storage_and_credentials_that_hang_keep_the_errands_from_ending_for_a_second_at_most() {
    let folder = tempfile::tempdir().unwrap();
    let (token, state) = (folder.path().join("token"), folder.path().join("state.toml"));
    make_fifo(&token);
    make_fifo(&state.with_extension("new"));
    for (credential, keeps) in [(true, false), (false, true), (true, true)] {
        let credential = credential.then(|| Credential::TokenFile(token.clone()));
        let errands = Background::start(credential, keeps.then(|| state.clone())).unwrap();
        errands.save_state(StateWrite::Save("volume = 7".to_owned()));
        assert!(errands.dial(dial(1, 9)));
        nap(Duration::from_millis(300));
        let (told, ended) = sync_channel(1);
        let end = std::thread::spawn(move || {
            drop(errands);
            told.send(()).unwrap();
        });
        ended.recv_timeout(Duration::from_secs(10)).expect("it ends");
        end.join().unwrap();
    }
}

#[test]
fn a_memo_that_cannot_be_kept_is_told_of_with_the_file_and_the_consequence() {
    let folder = tempfile::tempdir().unwrap();
    let wall = folder.path().join("wall");
    fs::write(&wall, "").unwrap();
    let errands = Background::start(None, Some(wall.join("state.toml"))).unwrap();
    errands.save_state(StateWrite::Save("x".to_owned()));
    let BackgroundEvent::StateNotSaved(why) = outcome(&errands) else { panic!("kept where nothing can be") };
    assert!(why.contains("wall/state.toml") && why.contains("forgotten at the next start"), "{why}");
}

#[test]
fn recordings_are_kept_whole_for_their_owner_alone_and_the_oldest_make_room() {
    let folder = tempfile::tempdir().unwrap();
    for year in 1990..2010 {
        fs::write(folder.path().join(format!("{year}-01-01T00-00-00Z-reply.jsonl")), "old").unwrap();
    }
    fs::write(folder.path().join("1989.txt"), "somebody else's").unwrap();
    let errands = Background::start(None, None).unwrap();
    let text = b"line\n".to_vec();
    assert!(errands.record(RecordingWrite::Whole { folder: folder.path().to_owned(), why: "asked", text }));
    let BackgroundEvent::Recorded(file) = outcome(&errands) else { panic!("not recorded") };
    assert!(file.to_str().unwrap().ends_with("Z-asked.jsonl"), "{file:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "line\n");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let mut left = names(folder.path());
    left.sort();
    assert_eq!(left.len(), KEPT_FILES + 1);
    assert_eq!((&left[0][..], &left[1][..4]), ("1989.txt", "2001"));
}

#[test]
fn a_recording_that_goes_on_moves_the_older_half_aside_where_a_file_may_begin() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("flight.jsonl");
    let before = folder.path().join("flight.jsonl.1");
    fs::write(&file, "of the last run").unwrap();
    let errands = Background::start(None, None).unwrap();
    let more = |begins, text: Vec<u8>| {
        let first_line = b"first\n".to_vec();
        assert!(errands.record(RecordingWrite::Append { file: file.clone(), first_line, begins, text }));
    };
    more(Some(0), b"a\n".to_vec());
    assert!(matches!(outcome(&errands), BackgroundEvent::Recorded(begun) if begun == file));
    assert_eq!(fs::read_to_string(&before).unwrap(), "of the last run");
    more(None, vec![b'x'; FILE_BYTES as usize]);
    more(None, b"b\n".to_vec());
    more(Some(4), b"end\nbeginning\n".to_vec());
    drop(errands);
    assert_eq!(fs::read_to_string(&file).unwrap(), "first\nbeginning\n");
    assert!(fs::read_to_string(&before).unwrap().ends_with("xb\nend\n"));
    assert_eq!(fs::metadata(&before).unwrap().len(), FILE_BYTES + 14);
}

#[test]
fn a_recording_that_cannot_be_written_is_told_of_once_with_its_place_and_what_to_see_to() {
    let folder = tempfile::tempdir().unwrap();
    let wall = folder.path().join("wall");
    fs::write(&wall, "").unwrap();
    let errands = Background::start(None, None).unwrap();
    for text in [b"a\n".to_vec(), b"b\n".to_vec()] {
        let (file, first_line) = (wall.join("flight.jsonl"), Vec::new());
        assert!(errands.record(RecordingWrite::Append { file, first_line, begins: None, text }));
    }
    assert!(errands.record(RecordingWrite::Whole { folder: wall.clone(), why: "reply", text: Vec::new() }));
    for place in ["wall/flight.jsonl: no recording can be written (", "wall: no recording can be written ("] {
        let BackgroundEvent::NotRecorded(why) = outcome(&errands) else {
            panic!("recorded where nothing can be")
        };
        assert!(why.contains(place) && why.contains("see that the disk has room"), "{why}");
    }
}

fn until(what: &str, truth: impl Fn() -> bool) {
    for _ in 0..500 {
        if truth() {
            return;
        }
        nap(Duration::from_millis(20));
    }
    panic!("{what} never came");
}

#[allow(clippy::disallowed_methods, reason = "a test lets time pass for another thread")]
fn nap(time: Duration) {
    std::thread::sleep(time);
}

fn names(folder: &Path) -> Vec<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn dial(number: u64, port: u16) -> ConnectRequest {
    ConnectRequest { number, host: "localhost".to_owned(), port, limit: Duration::from_secs(5) }
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

fn dialled(errands: &Background) -> (u64, Result<Connection, ConnectError>) {
    match outcome(errands) {
        BackgroundEvent::Dialled { number, result } => (number, result),
        BackgroundEvent::StateNotSaved(why) | BackgroundEvent::NotRecorded(why) => panic!("{why}"),
        BackgroundEvent::Recorded(file) => panic!("{}", file.display()),
    }
}

fn outcome(errands: &Background) -> BackgroundEvent {
    // The bell rings once for two that come close together.
    if let Some(outcome) = errands.next_event() {
        return outcome;
    }
    let mut fds = [PollFd::from_borrowed_fd(errands.wake_fd(), PollFlags::IN)];
    assert_eq!(poll(&mut fds, Some(&Timespec { tv_sec: 10, tv_nsec: 0 })), Ok(1), "the bell never rang");
    errands.next_event().expect("the bell rang for an outcome")
}
