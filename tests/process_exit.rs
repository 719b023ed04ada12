//! SIGTERM during any fault ends the program with exit code 0.
//!
//! The tests assert an exit within a bound that a busy machine keeps, and print how long each one took.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::net::{AddressFamily, SocketType, bind, getsockname, listen, socket};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::service::Step::{Expect, ExpectAudio, Send, Silence, Wait};
use crate::service::{Behaviour, Service, events};

/// An exit that takes longer counts as a hang, on any machine.
const HANG_LIMIT: Duration = Duration::from_secs(10);

#[test]
fn exits_while_connecting_to_a_black_hole() {
    let blackhole = Blackhole::open();
    let mut device = Device::connecting_to(&format!("wss://{}", blackhole.address), &[]);
    device.wait_for_line("connecting");
    pause();
    device.assert_exits("dialling into a black hole");
}

#[test]
fn exits_while_the_tls_handshake_stalls() {
    let service = Service::start([Behaviour::Mute]);
    let mut device = Device::connecting_to(&service.url(), &[]);
    service.until("the connection", |all| !all.is_empty());
    pause();
    device.assert_exits("TLS that stalls");
}

#[test]
fn exits_while_the_session_is_not_configured() {
    let script = [Send(events::session_created()), Expect("session.update"), Silence];
    let service = Service::start([Behaviour::script(script)]);
    let mut device =
        Device::connecting_to(&service.url(), &["--ca-file", service.ca_file().to_str().unwrap()]);
    service.wait_for("session.update");
    device.assert_exits("a session that is never configured");
}

#[test]
fn exits_while_a_reply_plays() {
    for (fault, last) in [("mid-reply", Wait(HANG_LIMIT)), ("mid-reply, and the service is gone", Silence)] {
        let reply = [events::reply_begun("r1", "i1"), events::audio_deltas("r1", "i1", &vec![1000; 240_000])];
        let turn = events::sent(events::user_turn("u1"));
        let steps =
            [events::opening(), vec![ExpectAudio(50)], turn, events::sent(reply.concat()), vec![last]];
        let service = Service::start([Behaviour::script(steps.concat())]);
        let mut device =
            Device::connecting_to(&service.url(), &["--ca-file", service.ca_file().to_str().unwrap()]);
        device.wait_for_line("speaking");
        device.assert_exits(fault);
    }
}

#[test]
fn exits_while_a_name_lookup_hangs() {
    let folder = TempDir::new().unwrap();
    let aliases = fifo(folder.path().join("aliases"));
    // The C library looks a name without a dot up in this file first (hostname(7)); reading the FIFO never
    // ends.
    let mut device =
        Device::start(folder, |command| with_endpoint(command, "wss://nobody").env("HOSTALIASES", &aliases));
    device.wait_for_line("connecting");
    pause();
    assert!(!device.output().contains("no address"), "the look-up still hangs: {}", device.output());
    device.assert_exits("a name look-up that hangs");
}

#[test]
fn exits_while_storage_hangs() {
    let folder = TempDir::new().unwrap();
    fifo(folder.path().join("state.new"));
    let mut device = Device::start(folder, |command| {
        command.args(["--parrot", "--state-file", "state.toml", "--speaker-file", "out.wav"])
    });
    device.wait_for_line("listening");
    device.key("m");
    device.wait_for_line("muted");
    pause();
    device.assert_exits("a state file on storage that hangs");
}

#[test]
fn exits_while_the_microphone_is_disconnected() {
    let folder = TempDir::new().unwrap();
    let config = folder.path().join("asound.conf");
    fs::write(&config, "pcm.mic { type null }\npcm.speaker { type null }\n").unwrap();
    let mut device = Device::start(folder, |command| {
        command.args(["--parrot", "--microphone", "mic", "--speaker", "speaker", "--no-light"]);
        command.env("ALSA_CONFIG_PATH", &config)
    });
    device.wait_for_line("notice: the microphone ");
    device.wait_for_line("fault");
    fs::write(&config, "pcm.speaker { type null }\n# and no more\n").unwrap();
    // alsa-lib reads the file again if its modification time, in seconds, has changed.
    let another = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    File::options().append(true).open(&config).unwrap().set_modified(another).unwrap();
    device.key("mm");
    device.wait_for_line("notice: the microphone is ");
    device.assert_exits("a disconnected microphone");
}

#[test]
fn exits_while_the_speaker_driver_hangs() {
    let folder = TempDir::new().unwrap();
    let (config, pipe) = (folder.path().join("asound.conf"), fifo(folder.path().join("speaker")));
    // Open and never read: once the FIFO is full, writing blocks in the kernel.
    let _reader = OpenOptions::new().read(true).write(true).open(&pipe).unwrap();
    let speaker = format!("{{ type file slave.pcm null format raw file '{}' }}", pipe.display());
    fs::write(&config, format!("pcm.null {{ type null }}\npcm.mic {{ type null }}\npcm.speaker {speaker}\n"))
        .unwrap();
    let mut device = Device::start(folder, |command| {
        command.args(["--parrot", "--microphone", "mic", "--speaker", "speaker", "--no-light"]);
        command.env("ALSA_CONFIG_PATH", &config)
    });
    device.wait_for_line("listening");
    pause();
    device.assert_exits("a speaker whose driver hangs");
}

/// A port that neither accepts nor refuses connections.
struct Blackhole {
    address: SocketAddr,
    _listener: OwnedFd,
    _queue: Vec<TcpStream>,
}

impl Blackhole {
    fn open() -> Self {
        let listener = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        bind(&listener, &SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        listen(&listener, 0).unwrap();
        let address = SocketAddr::try_from(getsockname(&listener).unwrap()).unwrap();
        let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(300)).ok();
        let queue: Vec<_> = std::iter::from_fn(connect).take(16).collect();
        assert!(queue.len() < 16, "the queue of the listener does not fill up");
        Self { address, _listener: listener, _queue: queue }
    }
}

/// A running mynah process with access to its keys and its output.
struct Device {
    child: Child,
    output: PathBuf,
    _folder: TempDir,
}

impl Device {
    fn connecting_to(url: &str, more: &[&str]) -> Self {
        Self::start(TempDir::new().unwrap(), |command| with_endpoint(command, url).args(more))
    }

    fn start(folder: TempDir, with: impl FnOnce(&mut Command) -> &mut Command) -> Self {
        let output = folder.path().join("output");
        let out = File::create(&output).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_mynah"));
        command.current_dir(folder.path()).env_clear().args(["--config", "/dev/null"]);
        command.stdin(Stdio::piped()).stdout(out.try_clone().unwrap()).stderr(out);
        Self { child: with(&mut command).spawn().unwrap(), output, _folder: folder }
    }

    fn key(&mut self, keys: &str) {
        self.child.stdin.as_mut().unwrap().write_all(keys.as_bytes()).unwrap();
    }

    fn output(&self) -> String {
        fs::read_to_string(&self.output).unwrap()
    }

    /// Waits until a line that starts with `line` is printed.
    fn wait_for_line(&self, line: &str) {
        for _ in 0..1000 {
            if self.output().lines().any(|output| output.starts_with(line)) {
                return;
            }
            sleep(Duration::from_millis(20));
        }
        panic!("{line:?} was not printed: {}", self.output());
    }

    /// Sends SIGTERM, and asserts exit code 0.
    fn assert_exits(&mut self, fault: &str) {
        let asked = now();
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        while now() - asked < HANG_LIMIT {
            if let Some(status) = self.child.try_wait().unwrap() {
                println!("{fault}: ended in {} ms", (now() - asked).as_millis());
                assert_eq!(status.code(), Some(0), "{fault}: {}", self.output());
                return;
            }
            sleep(Duration::from_millis(5));
        }
        panic!("{fault}: no exit within {HANG_LIMIT:?}: {}", self.output());
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn with_endpoint<'a>(command: &'a mut Command, url: &str) -> &'a mut Command {
    command.args(["--endpoint", url, "--speaker-file", "out.wav"]).env("AZURE_VOICELIVE_API_KEY", "k")
}

/// Creates a FIFO, and returns its path.
fn fifo(path: PathBuf) -> PathBuf {
    make_fifo(&path);
    path
}

/// Creates a FIFO: opening it blocks like storage that hangs, until the other side is opened.
pub(crate) fn make_fifo(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

/// Waits until the fault has taken effect.
fn pause() {
    sleep(Duration::from_millis(500));
}

#[allow(clippy::disallowed_methods, reason = "a test outside the program waits for it")]
fn sleep(time: Duration) {
    std::thread::sleep(time);
}

#[allow(clippy::disallowed_methods, reason = "the test measures another process")]
fn now() -> Instant {
    Instant::now()
}
