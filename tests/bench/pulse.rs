//! A PulseAudio server of the bench's own, with null sinks: one whose monitor is the microphone, and one for the
//! speaker.
//!
//! It talks over a socket in the bench's directory and knows nothing of a server that the user runs.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const STARTS_WITHIN: Duration = Duration::from_secs(5);

/// The running server; it ends when dropped.
pub(crate) struct PulseAudio {
    process: Child,
    socket: PathBuf,
    /// Keeps the speaker's sink running.
    warm: Option<Playing>,
}

impl PulseAudio {
    /// Starts a server; `None` if it is not installed or does not start.
    pub(crate) fn start(dir: &Path) -> Option<Self> {
        let socket = dir.join("pulse-socket");
        let native = format!("module-native-protocol-unix auth-anonymous=1 socket={}", socket.display());
        let process = Command::new("pulseaudio")
            .args(["-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", "--log-level=error"])
            .args(["-L", &native, "-L", "module-null-sink sink_name=voice rate=48000"])
            .args(["-L", "module-null-sink sink_name=loudspeaker rate=48000"])
            .env("HOME", dir)
            .env("XDG_RUNTIME_DIR", dir)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut server = Self { process, socket, warm: None };
        let began = Instant::now();
        while !server.socket.exists() {
            if began.elapsed() > STARTS_WITHIN {
                return None;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        // A null sink that plays for nobody renders two seconds at once, which no sound card does.
        server.warm = Some(server.client("pacat", "loudspeaker", &["--latency-msec=20", "/dev/zero"]));
        Some(server)
    }

    /// Returns the environment in which ALSA's plugin uses the server.
    pub(crate) fn environment(&self) -> [(&'static str, String); 3] {
        let server = format!("unix:{}", self.socket.display());
        [
            ("PULSE_SERVER", server),
            ("PULSE_SOURCE", "voice.monitor".to_owned()),
            ("PULSE_SINK", "loudspeaker".to_owned()),
        ]
    }

    /// Plays a WAV file to a sink, until the result is dropped.
    pub(crate) fn play(&self, sink: &str, file: &Path) -> Playing {
        self.client("paplay", sink, &[file.to_str().expect("a readable name")])
    }

    fn client(&self, program: &str, sink: &str, arguments: &[&str]) -> Playing {
        let mut command = Command::new(program);
        command.arg(format!("--device={sink}")).args(arguments).envs(self.environment());
        Playing(command.stderr(Stdio::null()).spawn().expect("it comes with pulseaudio"))
    }
}

impl Drop for PulseAudio {
    fn drop(&mut self) {
        drop(self.warm.take());
        end(&mut self.process);
    }
}

/// A file that is being played.
pub(crate) struct Playing(Child);

impl Drop for Playing {
    fn drop(&mut self) {
        end(&mut self.0);
    }
}

fn end(process: &mut Child) {
    let _ = process.kill();
    let _ = process.wait();
}
