//! A disk that is full for a while: a file that cannot be written is reported once with its remedy, and again when it
//! can.

use std::fs;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

use super::{MYNAH, until, wait};

#[test]
fn a_log_file_on_a_full_disk_is_reported_once_and_when_it_works_again() {
    let mut device = Device::start(&["--log-dir", "logs"]);
    device.limit(Some(100));
    device.press_until("the warning", |told| told.contains("cannot be written"));
    let lines = device.told().lines().count();
    device.press_until("more lines", |told| told.lines().count() > lines + 5);
    device.limit(None);
    device.press_until("that it works again", |told| told.contains("are missing in it"));
    let log = fs::read_dir(device.folder.path().join("logs")).unwrap().next().unwrap().unwrap().path();
    let told = device.end();
    assert_eq!(told.matches("cannot be written").count(), 1, "{told}");
    assert_eq!(told.matches("are missing in it").count(), 1, "{told}");
    let warning = told.lines().find(|line| line.contains("cannot be written")).unwrap();
    for fact in ["WARN", "/logs/", "_voicelive.log", "Make room", "log_dir"] {
        assert!(warning.contains(fact), "no {fact} in {warning}");
    }
    assert!(fs::read_to_string(log).unwrap().contains("lines are missing here)\n"));
}

#[test]
fn a_state_file_on_a_full_disk_is_reported_once_and_when_it_works_again() {
    let mut device = Device::start(&[]);
    device.limit(Some(3));
    device.key("m");
    until("the warning", || device.told().contains("cannot save settings"));
    device.key("mm-+m");
    device.press_until("lines after the next failures", |told| told.matches("is muted").count() > 3);
    device.limit(None);
    device.key("m");
    until("that it works again", || device.told().contains("saved again"));
    let file = device.folder.path().join("state/s.toml");
    let told = device.end();
    assert_eq!(told.matches("cannot save settings").count(), 1, "{told}");
    assert_eq!(told.matches("saved again").count(), 1, "{told}");
    assert!(
        told.lines().any(|line| line.contains("cannot save") && line.contains("/state/s.toml")),
        "{told}"
    );
    assert!(fs::read_to_string(file).unwrap().contains("muted"));
}

/// The program with the built-in service, whose files may be given a limit as by a full disk.
struct Device {
    child: Child,
    folder: tempfile::TempDir,
    told: Arc<Mutex<String>>,
}

impl Device {
    /// Starts the program; each press of the space bar then logs a line, because it is muted.
    fn start(args: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        // Without the trap, the kernel would end the program instead of refusing the write.
        command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\"", MYNAH, "--parrot", "--config=/dev/null"]);
        command.args(["--verbose", "--state-file=state/s.toml", "--speaker-file=/dev/null"]).args(args);
        command.current_dir(folder.path()).env_clear();
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let told = Arc::<Mutex<String>>::default();
        let (mut errors, heard) = (child.stderr.take().unwrap(), Arc::clone(&told));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = errors.read(&mut bytes) {
                heard.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        });
        let mut device = Self { child, folder, told };
        device.key("m");
        let state = device.folder.path().join("state/s.toml");
        until("the mute", || fs::read_to_string(&state).is_ok_and(|text| text.contains("true")));
        device.press_until("a line", |told| told.contains("is muted"));
        device
    }

    /// Limits every file to so many bytes, or no longer.
    fn limit(&self, bytes: Option<u64>) {
        let maximum = getrlimit(Resource::Fsize).maximum;
        let limit = Rlimit { current: bytes.or(maximum), maximum };
        prlimit(Some(Pid::from_child(&self.child)), Resource::Fsize, limit).unwrap();
    }

    fn key(&mut self, keys: &str) {
        self.child.stdin.as_mut().unwrap().write_all(keys.as_bytes()).unwrap();
    }

    fn told(&self) -> String {
        self.told.lock().unwrap().clone()
    }

    /// Presses the space bar until the log says so.
    fn press_until(&mut self, what: &str, is_so: impl Fn(&str) -> bool) {
        let told = Arc::clone(&self.told);
        let mut stdin = self.child.stdin.take().unwrap();
        until(what, || {
            stdin.write_all(b" ").unwrap();
            is_so(&told.lock().unwrap())
        });
        self.child.stdin = Some(stdin);
    }

    /// Quits, and returns what it has told.
    fn end(&mut self) -> String {
        self.key("q");
        assert!(wait(&mut self.child).success(), "{}", self.told());
        self.told()
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}
