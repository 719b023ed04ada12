//! The file with what was learned of the speaker's echo, as the program finds it at its start.

use std::fs;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use super::{mynah, until, wait};

#[test]
fn a_damaged_file_is_told_in_one_line_and_learned_anew() {
    for (contents, told) in [
        (None, None),
        (Some("damaged"), Some("not an echo's response of this version")),
        (Some("MYNECHO1 and no more"), Some("bytes instead of")),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        fs::create_dir(&state).unwrap();
        if let Some(contents) = contents {
            fs::write(state.join("learned-echo"), contents).unwrap();
        }
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let mut command = mynah(folder.path());
        command.args([
            "--parrot",
            "--config=/dev/null",
            "--no-light",
            "--verbose",
            "--state-file=state/s.toml",
        ]);
        command.args(["--microphone=null", "--speaker=null", "--echo-cancellation=device"]);
        let mut child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let printed = || fs::read_to_string(folder.path().join("log")).unwrap();
        until("the session", || printed().contains("session"));
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        assert_eq!(wait(&mut child).code(), Some(0), "{}", printed());
        let lines: Vec<_> =
            printed().lines().filter(|line| line.contains("speaker's echo")).map(str::to_owned).collect();
        match told {
            None => assert!(lines.is_empty(), "{lines:?}"),
            Some(told) => assert!(
                lines.len() == 1
                    && lines[0].contains("state/learned-echo")
                    && lines[0].contains(told)
                    && lines[0].contains("it is learned anew"),
                "{lines:?}"
            ),
        }
    }
}
