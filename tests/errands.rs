//! Errands: finding and reaching, with a fresh credential each time, and a sentence when it fails.

use std::fs;
use std::net::TcpListener;
use std::time::Duration;

use mynah::errands::{Dial, Errands, Outcome};
use mynah::profile::{Credential, Secret};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::time::Timespec;

#[test]
fn a_service_that_listens_is_reached_with_the_key_in_hand() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let errands = Errands::start(Credential::Key(Secret::new("k").unwrap())).unwrap();
    assert!(errands.dial(dial(7, port)));
    let outcome = outcome(&errands);
    assert_eq!(outcome.number, 7);
    let reached = outcome.result.unwrap();
    assert_eq!(reached.socket.peer_addr().unwrap().port(), port);
    assert_eq!(reached.credential, ("api-key", "k".to_owned()));
}

#[test]
fn a_service_that_does_not_listen_is_named_with_its_address() {
    let port = free_port();
    let errands = Errands::start(Credential::Token(Secret::new("t").unwrap())).unwrap();
    assert!(errands.dial(dial(1, port)));
    let unreached = outcome(&errands).result.unwrap_err();
    assert!(!unreached.set_up, "another time it may listen");
    assert!(unreached.sentence.starts_with("localhost at "), "{unreached}");
    assert!(unreached.sentence.contains("refused"), "{unreached}");
}

#[test]
fn a_token_file_is_read_anew_for_every_dial_and_its_absence_is_a_matter_of_set_up() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let errands = Errands::start(Credential::TokenFile(file.clone())).unwrap();
    assert!(errands.dial(dial(1, port)));
    let unreached = outcome(&errands).result.unwrap_err();
    assert!(unreached.set_up && unreached.sentence.contains("token"), "{unreached}");
    for (number, token) in [(2, "first"), (3, "second")] {
        fs::write(&file, token).unwrap();
        assert!(errands.dial(dial(number, port)));
        let reached = outcome(&errands).result.unwrap();
        assert_eq!(reached.credential, ("Authorization", format!("Bearer {token}")));
    }
}

#[test]
fn dropping_the_errands_ends_their_thread_whatever_is_under_way() {
    let errands = Errands::start(Credential::Key(Secret::new("k").unwrap())).unwrap();
    // Nobody fetches its outcome.
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    assert!(errands.dial(dial(1, listener.local_addr().unwrap().port())));
    drop(errands);
}

fn dial(number: u64, port: u16) -> Dial {
    Dial { number, host: "localhost".to_owned(), port, limit: Duration::from_secs(5) }
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

fn outcome(errands: &Errands) -> Outcome {
    let mut fds = [PollFd::from_borrowed_fd(errands.bell(), PollFlags::IN)];
    assert_eq!(poll(&mut fds, Some(&Timespec { tv_sec: 10, tv_nsec: 0 })), Ok(1), "the bell never rang");
    errands.outcome().expect("the bell rang for an outcome")
}
