//! The file with what was learned of the speaker's echo: replaced as a whole, private, and removed by a reset.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use mynah::background::{Background, BackgroundEvent, StateWrite, read_echo};
use rustix::event::{PollFd, PollFlags, poll};

const NAME: &str = "learned-echo";

#[test]
fn what_is_learned_last_is_kept_beside_the_state_and_only_for_its_owner() {
    let folder = tempfile::tempdir().unwrap();
    let (state, file) = (folder.path().join("new/state.toml"), folder.path().join("new").join(NAME));
    assert_eq!(read_echo(&file).unwrap(), None);
    let background = Background::start(None, Some(state)).unwrap();
    for round in 0..3 {
        background.keep_echo(vec![round; 24_000]);
    }
    drop(background);
    assert_eq!(read_echo(&file).unwrap(), Some(vec![2; 24_000]));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let names: Vec<_> =
        fs::read_dir(file.parent().unwrap()).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(names, [NAME], "and no temporary file");
}

#[test]
fn a_file_that_is_far_too_long_is_not_read_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(NAME);
    fs::write(&file, vec![1; 1_000_000]).unwrap();
    assert_eq!(read_echo(&file).unwrap().map(|bytes| bytes.len()), Some(64 * 1024));
    assert!(read_echo(folder.path()).is_err(), "a folder");
}

#[test]
fn what_cannot_be_kept_is_told_with_the_file_and_without_a_folder_nothing_is() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.toml");
    fs::create_dir(folder.path().join(NAME)).unwrap();
    let background = Background::start(None, Some(state)).unwrap();
    background.keep_echo(vec![1; 100]);
    let _ = poll(&mut [PollFd::new(&background.wake_fd(), PollFlags::IN)], None);
    let Some(BackgroundEvent::StateNotSaved(why)) = background.poll_event() else { panic!("it is told") };
    assert!(why.contains("what was learned of the speaker's echo") && why.contains(NAME), "{why}");
    let background = Background::start(None, None).unwrap();
    background.keep_echo(vec![1; 100]);
    drop(background);
}

#[test]
fn a_reset_removes_it() {
    let folder = tempfile::tempdir().unwrap();
    let (state, file) = (folder.path().join("state.toml"), folder.path().join(NAME));
    fs::write(&file, "learned").unwrap();
    let background = Background::start(None, Some(state)).unwrap();
    background.save_state(StateWrite::Reset("muted = true\n".into()));
    drop(background);
    assert!(!file.exists());
}
