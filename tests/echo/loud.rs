//! `-- loud FOLDER`: the recorded voice talks over the replies of a loud device in a room, with and without the
//! canceller; the microphone, the reference and what is sent are kept as WAV files.
//!
//! The program's own threads run in real time, over WAV files in place of the devices: the same steps, ring, timestamps
//! and canceller as on a sound card. The room is synthesised. The built-in service repeats what it hears.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};
use mynah::audio::{
    CaptureFrame, DeviceCanceller, ReferenceBlock, ReferenceSink, StreamFormat, WavDevices, WavRoom,
    open_wav_with_reference,
};
use mynah::background::Background;
use mynah::board::{Board, PrintedLines};
use mynah::config::{self, HostInfo, Request};
use mynah::echo::{DELAY_FRAMES, FRAME};
use mynah::model::{Choice, EchoCancellation, TurnDetection};
use mynah::parrot::ParrotConfig;
use mynah::protocol::SessionConfig;
use mynah::session::{self, RecordingConfig, ServiceEndpoint, SessionParts};

use crate::scenes::RATE;
use crate::scenes::echo_path::{BLOCK, EchoPath};
use crate::scenes::measure::{audible, db, energy};
use crate::scenes::room::{Distortion, Room, play};

const VOICE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/dialogue.wav");
/// The sentences of the recorded voice.
const SENTENCES: usize = 3;
/// A device that hears itself never stops talking.
const LIMIT: Duration = Duration::from_secs(24);
/// Where the talker is: 10 dB below the echo of a reply, which repeats him at half his amplitude.
const TALKER: f32 = 0.3;
const ECHO_DB: f32 = 16.0;
/// The noise of the room, as an amplitude.
const NOISE: f32 = 0.0003;
/// The files of a run, beside what the speaker plays.
const FILES: [&str; 4] = ["voice", "microphone", "reference", "cleaned"];

/// Holds both conversations, and prints what was heard and where it can be listened to.
pub(crate) fn compare(folder: &Path) {
    println!(
        "a recorded voice says three sentences over the replies of a loud device in a room (about 20 s)"
    );
    let mut off = start(folder, "off");
    let mut device = start(folder, "device");
    let heard = turns(&mut device, true);
    let heard_off = turns(&mut off, false);
    println!(
        "\nturns that the service heard, of {SENTENCES} sentences: {heard}; with echo_cancellation = \"off\": {heard_off}"
    );
    let files = run_folder(folder, "device");
    println!(
        "the echo is {:.0} dB weaker in what is sent, from the first reply on, where nobody talks over it",
        removed_db(&files)
    );
    for name in FILES {
        println!("  {}", files.join(name).with_extension("wav").display());
    }
    println!(
        "to hear one: aplay FILE, or copy it to a machine with a sound card; those of \"off\" are beside them"
    );
}

/// Holds one conversation, in a process of its own.
pub(crate) fn hold(folder: &Path, cancellation: &str) {
    let folder = run_folder(folder, cancellation);
    std::fs::create_dir_all(&folder).expect("the folder can be written");
    let kept = Arc::<Mutex<Kept>>::default();
    let (signals, leave) = UnixStream::pair().expect("a socket");
    signals.set_nonblocking(true).expect("a socket");
    std::thread::spawn(move || leave_in_time(&leave));
    session::run(parts(&folder, cancellation, &kept, signals)).expect("a conversation over files");
    kept.lock().expect("no thread panics").write(&folder);
}

#[expect(clippy::disallowed_methods, reason = "it waits for no part of the program")]
fn leave_in_time(mut leave: &UnixStream) {
    std::thread::sleep(LIMIT);
    // The conversation may be over.
    let _ = leave.write_all(&[0]);
}

fn run_folder(folder: &Path, cancellation: &str) -> PathBuf {
    folder.join(format!("loud-{cancellation}"))
}

fn start(folder: &Path, cancellation: &str) -> Child {
    let program = std::env::current_exe().expect("this program has a path");
    let mut command = Command::new(program);
    command.args(["loud".as_ref(), folder.as_os_str(), cancellation.as_ref()]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command.spawn().expect("this program starts again")
}

/// Returns the turns that the service heard, when the conversation is over; prints its lines if they are wanted.
fn turns(child: &mut Child, prints: bool) -> usize {
    let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines().map_while(Result::ok);
    let turns = lines
        .inspect(|line| {
            if prints {
                println!("     {line}")
            }
        })
        .filter(|line| line.contains("you: ("));
    let turns = turns.count();
    let status = child.wait().expect("it ends");
    assert!(status.success(), "the conversation has failed: {status}");
    turns
}

/// Returns by how much the echo is weaker in what was sent, in decibels, in frames with an echo and without a voice.
fn removed_db(folder: &Path) -> f32 {
    let [voice, microphone, reference, cleaned] =
        FILES.map(|name| read(&folder.join(name).with_extension("wav")));
    let (talks, plays) = (audible(&voice), audible(&reference));
    let (mut before, mut after) = (0.0, 0.0);
    let near = |frames: &[bool], frame: usize| frames[frame.saturating_sub(30)..=frame].contains(&true);
    for frame in 0..talks.len().saturating_sub(DELAY_FRAMES) {
        if plays[frame] && !near(&talks, frame) {
            before += energy(&microphone[frame * FRAME..][..FRAME]);
            after += energy(&cleaned[(frame + DELAY_FRAMES) * FRAME..][..FRAME]);
        }
    }
    db(before / after)
}

/// Returns a session as the program starts one, whose microphone is in a room.
fn parts(folder: &Path, cancellation: &str, kept: &Arc<Mutex<Kept>>, signals: UnixStream) -> SessionParts {
    let state = folder.join("state.toml");
    let speaker = folder.join("speaker.wav");
    let words =
        ["mynah", "--parrot", "--config", "/dev/null", "--mode", "open", "--echo-cancellation", cancellation];
    let mut arguments: Vec<OsString> = words.map(OsString::from).to_vec();
    for (name, path) in
        [("--state-file", state.as_path()), ("--speech", Path::new(VOICE)), ("--speaker-file", &speaker)]
    {
        arguments.extend([name.into(), path.into()]);
    }
    let host = HostInfo::read(Path::new("/"));
    let request = config::read(arguments, [], folder, Path::new("/dev/null"), &host);
    let Ok(Request::Run(config)) = request else { unreachable!("these settings are right") };
    let mut board = Board::open(&config.peripherals, false).expect("a board without devices");
    board.print_only(PrintedLines { words: true, timings: false });
    let is_device = cancellation == "device";
    let (canceller, status) = is_device.then(DeviceCanceller::new).unzip();
    let files = WavDevices { microphone: config.audio.speech, speaker: config.audio.speaker_file, speed: 1 };
    let room = Box::new(LoudRoom::new(Arc::clone(kept)));
    let sink = Box::new(KeepingSink { canceller, kept: Arc::clone(kept) });
    let mut audio = open_wav_with_reference(files, StreamFormat::default(), Some(room), sink)
        .expect("the recorded voice can be read");
    if let Some(status) = status {
        audio.watch_echo(status);
    }
    let file = config.saved_state.file.clone();
    SessionParts {
        mode: config.talk.mode,
        config: SessionConfig {
            turn_detection: Choice::On(TurnDetection::ServerVad),
            echo_cancellation: Some(if is_device { EchoCancellation::Device } else { EchoCancellation::Off }),
            voice: config.service.voice.clone(),
            transcription: config.service.transcription,
            ..SessionConfig::default()
        },
        service: ServiceEndpoint::Parrot(ParrotConfig::default()),
        audio,
        earcons: config.talk.earcons,
        resumes_replies: config.talk.resumes_replies,
        half_duplex: None,
        board,
        background: Background::start(None, file).expect("a thread"),
        saved_state: config.saved_state,
        signals,
        watchdog_timeout: None,
        retry_refusals: false,
        seed: 1,
        recording: RecordingConfig::default(),
    }
}

/// What is kept of a run, in step.
#[derive(Default)]
struct Kept {
    /// The voice of what is captured and not yet passed on, and perhaps of what was discarded before it.
    pending: Vec<i16>,
    voice: Vec<i16>,
    microphone: Vec<i16>,
    reference: Vec<i16>,
    cleaned: Vec<i16>,
}

impl Kept {
    fn write(&self, folder: &Path) {
        for (name, samples) in
            FILES.into_iter().zip([&self.voice, &self.microphone, &self.reference, &self.cleaned])
        {
            write(&folder.join(name).with_extension("wav"), samples);
        }
    }
}

fn write(path: &Path, samples: &[i16]) {
    let spec = WavSpec {
        channels: 1,
        sample_rate: RATE as u32,
        bits_per_sample: 16,
        sample_format: SampleFormat::Int,
    };
    let mut file = WavWriter::create(path, spec).expect("the folder can be written");
    samples.iter().for_each(|sample| file.write_sample(*sample).expect("there is space"));
    file.finalize().expect("there is space");
}

fn read(path: &Path) -> Vec<f32> {
    let samples = WavReader::open(path).expect("it was written").into_samples::<i16>();
    samples.map(|sample| f32::from(sample.expect("it was written")) / 32_768.0).collect()
}

/// The room: an echo that is louder than the talker, and noise.
struct LoudRoom {
    path: EchoPath,
    noise: fastrand::Rng,
    kept: Arc<Mutex<Kept>>,
}

impl LoudRoom {
    fn new(kept: Arc<Mutex<Kept>>) -> LoudRoom {
        let mut response = play(&Room::new(1, 0.3, 0.1).echo(), Distortion::None);
        let factor = 10f32.powf(ECHO_DB / 20.0) / energy(&response).sqrt();
        response.iter_mut().for_each(|tap| *tap *= factor);
        LoudRoom { path: EchoPath::new(&response), noise: fastrand::Rng::with_seed(1), kept }
    }
}

impl WavRoom for LoudRoom {
    fn hear(&mut self, played: &[i16], captured: &mut [i16]) {
        let (blocks, rest) = played.as_chunks::<BLOCK>();
        assert!(rest.is_empty(), "periods of 10 ms");
        for (played, captured) in blocks.iter().zip(captured.as_chunks_mut::<BLOCK>().0) {
            let echo = self.path.push(&played.map(|sample| f32::from(sample) / 32_768.0));
            let voice = captured.map(|sample| TALKER * f32::from(sample) / 32_768.0);
            self.kept.lock().expect("no thread panics").pending.extend(voice.map(rounded));
            for ((captured, echo), voice) in captured.iter_mut().zip(echo).zip(voice) {
                *captured = rounded(voice + echo + NOISE * (2.0 * self.noise.f32() - 1.0));
            }
        }
    }
}

/// Keeps what the canceller is given and what it returns. It may allocate: no sound card waits for it.
struct KeepingSink {
    canceller: Option<DeviceCanceller>,
    kept: Arc<Mutex<Kept>>,
}

impl ReferenceSink for KeepingSink {
    fn block(&mut self, captured: &mut [CaptureFrame], reference: ReferenceBlock<'_>) {
        let mut kept = self.kept.lock().expect("no thread panics");
        let first = kept.pending.len().saturating_sub(captured.len());
        let voice = kept.pending.split_off(first);
        kept.pending.clear();
        kept.voice.extend(voice);
        kept.microphone.extend(captured.as_flattened());
        kept.reference.extend(reference.samples.iter().map(|sample| rounded(*sample)));
        if let Some(canceller) = &mut self.canceller {
            canceller.block(captured, reference);
        }
        kept.cleaned.extend(captured.as_flattened());
    }
}

fn rounded(sample: f32) -> i16 {
    // The cast limits what is over full scale.
    (sample * 32_768.0).round() as i16
}
