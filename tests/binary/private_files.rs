//! Every file that the program writes is readable by its owner alone.

use std::os::unix::fs::PermissionsExt;

use super::*;

#[test]
fn every_file_that_is_written_is_readable_by_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    // A file of an earlier version.
    fs::write(folder.path().join("out.wav"), "").unwrap();
    fs::set_permissions(folder.path().join("out.wav"), fs::Permissions::from_mode(0o644)).unwrap();
    // Without a mask, a file has the permissions that the program asks for.
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "umask 0 && exec \"$0\" \"$@\"", MYNAH, "--parrot", "--speech", DIALOGUE]);
    command.args([
        "--speaker-file",
        "out.wav",
        "--state-file",
        "state.toml",
        "--log",
        "--record",
        "run.jsonl",
    ]);
    command.current_dir(folder.path()).env_clear().stdout(Stdio::null()).stderr(Stdio::null());
    // A change of the volume is saved; the end of the speech ends the program.
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(child.stdin.as_mut().unwrap(), b"-").unwrap();
    assert_eq!(wait(&mut child).code(), Some(0));
    let mut seen = Vec::new();
    let mut folders = vec![folder.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
                continue;
            }
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{:o}: {}", mode, entry.path().display());
            seen.push(entry.path());
        }
    }
    for kind in ["wav", "toml", "log", "jsonl"] {
        assert!(
            seen.iter().any(|file| file.extension().is_some_and(|name| name == kind)),
            "{kind}: {seen:?}"
        );
    }
}
