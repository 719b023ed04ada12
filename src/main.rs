//! Connects the modules: settings, log, board, audio, service and session, and returns the exit code.
//!
//! It contains no loop and no algorithm. Exit codes: 0 the user quit, 1 failed at run time, 2 wrong configuration, and
//! 75, under a service manager only: a device is missing.

mod cli;
mod devices;
mod doctor_console;
mod logging;
mod login;

use std::error::Error;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use mynah::audio::{
    self, AlsaDevices, AudioError, AudioIo, CaptureLayout, DeviceCanceller, EchoKeeper, EchoStatus,
    ReferenceSink, ReferenceUpload, StreamFormat, WavDevices,
};
use mynah::background::{self, Background};
use mynah::board::{Board, PrintedLines};
use mynah::config::{
    self, Config, ECHO_FILE, HostInfo, MicrophoneView, RECORDINGS, RecordConfig, Request, SYSTEM_FILE,
    SavedState, ServiceTarget, WordGate, WordRequest,
};
use mynah::conversation::Exit;
use mynah::model::{Choice, EchoCancellation, Mode};
use mynah::parrot::ParrotConfig;
use mynah::printable;
use mynah::protocol::SessionConfig;
use mynah::session::{self, RecordingConfig, ServiceEndpoint, ServiceOrigins, SessionParts};
use mynah::transport::Tls;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};

use cli::{FAILED, MISCONFIGURED, StartError};
use zeroizing_alloc::ZeroAlloc;

/// Wipes what is freed: a request with the key, sent or resent, and words and sound.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<std::alloc::System> = ZeroAlloc(std::alloc::System);

/// What happens to the mode open if nothing shows a live microphone.
const UNSEEN: &str = "this board has no light that would show a live microphone, so the mode is tap: press to talk; to have \
    it live all the time, add a [[light]], or set --no-light, or no_light = true in your settings";

/// What happens to `echo_cancellation = "client"` where nothing is known of what is played when.
const NO_REFERENCE: &str = "WAV files do not show what is played when, so the service removes the echo with its own sound, as \
    with echo_cancellation = \"server\"; without --speech and --speaker-file it gets this device's";

/// Signals that end the program.
const EXIT_SIGNALS: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

fn main() -> ExitCode {
    session::install_panic_hook(logging::write_unlocked);
    let dir = match std::env::current_dir() {
        Ok(dir) => dir,
        Err(error) => {
            cli::print_error(&format!(
                "mynah: the working directory cannot be read: {error}; start mynah in another directory"
            ));
            return ExitCode::from(MISCONFIGURED);
        }
    };
    // Whatever is read and quoted below may repeat one.
    config::environment_secrets(std::env::vars_os()).for_each(|secret| printable::redact(secret.reveal()));
    let host = HostInfo::read(Path::new("/"));
    let request = config::read(std::env::args_os(), std::env::vars_os(), &dir, Path::new(SYSTEM_FILE), &host);
    match request {
        Ok(Request::Help(text) | Request::Boards(text) | Request::Page(text)) => {
            let mut out = cli::Output::default();
            out.write(text);
            out.finish(0)
        }
        Ok(Request::Settings(report)) => {
            let mut out = cli::Output::default();
            out.write(report.text);
            out.finish(if report.is_wrong { MISCONFIGURED } else { 0 })
        }
        Ok(Request::Version) => {
            let mut out = cli::Output::default();
            out.write(format_args!("mynah {}\n", env!("CARGO_PKG_VERSION")));
            out.finish(0)
        }
        Ok(Request::Devices(request)) => devices::list(*request),
        Ok(Request::Doctor(request)) => {
            let session = session_config(&request.config);
            doctor_console::check(*request, &session)
        }
        Ok(Request::SignIn { command, warnings }) => login::run(&command, &warnings),
        Ok(Request::Replay(request)) => cli::replay(&request),
        Ok(Request::Run(config)) => run(*config),
        Err(problems) => {
            cli::print_error(&problems.to_string());
            match signals(&EXIT_SIGNALS) {
                Ok(signals) if problems.is_missing_device_only() => {
                    cli::wait_for_device(&problems.to_string(), None, &signals)
                }
                Ok(_) | Err(_) => ExitCode::from(MISCONFIGURED),
            }
        }
    }
}

fn run(config: Config) -> ExitCode {
    if let ServiceTarget::Azure(azure) = &config.service.target {
        azure.secrets().for_each(|secret| printable::redact(secret.reveal()));
    }
    let parts = match logging::start(&config.log).map_err(StartError::Fatal).and_then(|()| parts(config)) {
        Ok(parts) => parts,
        Err(error) => return cli::report_start_error(error),
    };
    match session::run(parts) {
        Ok(_) if session::has_panicked() => ExitCode::from(FAILED),
        Ok(Exit::Requested) => ExitCode::SUCCESS,
        Ok(Exit::Misconfigured) => ExitCode::from(MISCONFIGURED),
        Err(error) => {
            log::error!("{error}");
            ExitCode::from(FAILED)
        }
    }
}

fn parts(config: Config) -> Result<SessionParts, StartError> {
    log::info!("{}", config.board_summary);
    for warning in &config.warnings {
        log::warn!("{warning}");
    }
    let requested = config.talk.mode;
    let mut session_config = session_config(&config);
    let half_duplex = (config.service.echo_cancellation == Some(EchoCancellation::HalfDuplex))
        .then_some(config.service.half_duplex_tail);
    let origins = origins(&config);
    let latching = requested == Mode::Hold;
    let signals = signals(&EXIT_SIGNALS).map_err(StartError::Fatal)?;
    if let Some(file) = &config.record.file {
        let place = config.origin_of("record").map(ToString::to_string).unwrap_or_default();
        background::require_recordings(file)
            .map_err(|error| StartError::Fatal(format!("{place}: {error}").into()))?;
    }
    let recordings = recordings(&config.saved_state);
    if let Some(notice) = config.record.notice(recordings.as_deref()) {
        log::warn!("{notice}");
    }
    // The board is opened first: opening a sound card may take a while, and the light shows that mynah is starting.
    let mut board = match Board::open(&config.peripherals, latching) {
        Ok(board) => board,
        Err(error) => {
            return Err(StartError::DeviceMissing { reason: error.to_string(), board: None, signals });
        }
    };
    if requested != Mode::Open && !board.can_press(&config.peripherals) {
        return Err(StartError::Fatal(cli::NOTHING_TO_PRESS.into()));
    }
    let log = &config.log;
    let words = WordGate::new(WordRequest {
        print: log.words,
        record: config.record.words,
        is_terminal: board.prints_to_terminal(),
        is_service: cli::has_service_manager(),
    });
    let recording = recording(&config.record, recordings, words).map_err(StartError::Fatal)?;
    // With --verbose, the log has the delays, and what is printed is not repeated there.
    board.print_only(PrintedLines { words: words.prints(), timings: log.timings || log.verbose });
    session::show_startup(&mut board, config.record.records_speech(), |time| pause(&signals, time));
    let mode = config.talk.mode_for(MicrophoneView {
        is_real: config.audio.has_microphone(),
        is_shown: board.shows_microphone(),
        has_button: board.can_press(&config.peripherals),
    });
    let echo = EchoConfig {
        canceller: config.service.echo_cancellation,
        ducks_replies: config.talk.ducks_replies,
        file: config.saved_state.file.as_deref().map(|file| file.with_file_name(ECHO_FILE)),
    };
    let audio = match open_audio(config.audio, config.service.input_rate_hz, &echo) {
        Ok(audio) => audio,
        Err(error) => {
            let Some(direction) = error.missing_device() else { return Err(error.into()) };
            let reason = format!("{error}; to run without a sound card, set --speech and --speaker-file");
            return Err(StartError::DeviceMissing {
                reason,
                board: Some(Box::new((board, direction))),
                signals,
            });
        }
    };
    if session_config.echo_cancellation == Some(EchoCancellation::Client)
        && audio.capture_layout() != CaptureLayout::WithReference
    {
        log::warn!("{NO_REFERENCE}");
        session_config.echo_cancellation = Some(EchoCancellation::Server);
    }
    // Only now: a missing device is waited for, whatever the mode.
    let mode = mode.map_err(|reason| StartError::Fatal(reason.into()))?;
    if mode != requested {
        log::warn!("{UNSEEN}");
    }
    let file = config.saved_state.file.clone();
    let (service, background) = service(config.service.target, file, origins).map_err(StartError::Fatal)?;
    let watchdog_timeout = sd_notify::watchdog_enabled();
    let seed = RandomState::new().build_hasher().finish();
    Ok(SessionParts {
        mode,
        config: session_config,
        service,
        audio,
        earcons: config.talk.earcons,
        resumes_replies: config.talk.resumes_replies,
        half_duplex,
        board,
        background,
        saved_state: config.saved_state,
        signals,
        watchdog_timeout,
        retry_refusals: cli::has_service_manager(),
        seed,
        recording,
    })
}

fn session_config(config: &Config) -> SessionConfig {
    let service = &config.service;
    SessionConfig {
        instructions: service.instructions.clone(),
        voice: service.voice.clone(),
        voice_options: service.voice_options.clone(),
        turn_detection: match service.turn_detection {
            _ if config.talk.mode == Mode::Hold => Choice::Off,
            None => Choice::Unset,
            Some(detection) => Choice::On(detection),
        },
        turn: service.turn.clone(),
        noise_reduction: service.noise_reduction,
        echo_cancellation: service.echo_cancellation,
        transcription: service.transcription,
        transcription_options: service.transcription_options.clone(),
        reply: service.reply.clone(),
        input_rate_hz: service.input_rate_hz,
        extra: service.extra.clone(),
    }
}

/// What becomes of the speaker's echo.
struct EchoConfig {
    canceller: Option<EchoCancellation>,
    ducks_replies: bool,
    /// Where what the device's own canceller learns is kept.
    file: Option<PathBuf>,
}

impl EchoConfig {
    fn new_canceller(&self) -> (DeviceCanceller, Arc<EchoStatus>) {
        let (canceller, status) = DeviceCanceller::new();
        (if self.ducks_replies { canceller } else { canceller.without_duck() }, status)
    }
}

fn open_audio(
    requested: config::AudioConfig,
    capture_hz: u32,
    echo: &EchoConfig,
) -> Result<AudioIo, AudioError> {
    let config::AudioConfig { microphone, speaker, controls, unplugged, speech, speaker_file } = requested;
    let format = StreamFormat { capture_hz, ..StreamFormat::default() };
    let opened = if speech.is_some() || speaker_file.is_some() {
        open_files(WavDevices { microphone: speech, speaker: speaker_file, speed: 1 }, format, echo)?
    } else {
        open_cards(AlsaDevices { microphone, speaker, controls, unplugged }, format, echo)?
    };
    for control in opened.failed_controls() {
        log::warn!("{control}");
    }
    for warning in opened.device_warnings() {
        log::warn!("{warning}");
    }
    if let Some(warning) = opened.denied_privileges() {
        log::warn!("{warning}");
    }
    if let Some(warning) = opened.input_warning() {
        log::warn!("{warning}");
    }
    for params in opened.granted() {
        log::info!("{params}");
    }
    Ok(opened)
}

/// Opens WAV files in place of the cards. Their set-up is not that of any room, so that nothing learned is kept.
fn open_files(files: WavDevices, format: StreamFormat, echo: &EchoConfig) -> Result<AudioIo, AudioError> {
    if echo.canceller != Some(EchoCancellation::Device) {
        return audio::open_wav(files, format);
    }
    let (canceller, status) = echo.new_canceller();
    let mut opened = audio::open_wav_with_reference(files, format, None, Box::new(canceller))?;
    opened.watch_echo(status);
    Ok(opened)
}

/// Opens the sound cards, with a reference if the echo cancellation needs one.
fn open_cards(cards: AlsaDevices, format: StreamFormat, echo: &EchoConfig) -> Result<AudioIo, AudioError> {
    let (sink, status, layout, keeper): (Box<dyn ReferenceSink>, _, _, _) = match echo.canceller {
        Some(EchoCancellation::Device) => {
            let (mut canceller, status) = echo.new_canceller();
            let keeper = restore_echo(&mut canceller, cards.echo_setup(Path::new("/")), echo.file.as_deref());
            (Box::new(canceller), status, CaptureLayout::Microphone, Some(keeper))
        }
        Some(EchoCancellation::Client) => {
            let (upload, status) = ReferenceUpload::new();
            (Box::new(upload), status, CaptureLayout::WithReference, None)
        }
        Some(EchoCancellation::Server | EchoCancellation::HalfDuplex | EchoCancellation::Off) | None => {
            return audio::open_alsa(cards, format);
        }
    };
    let mut opened = audio::open_alsa_with_reference(cards, StreamFormat { layout, ..format }, sink)?;
    opened.watch_echo(status);
    if let Some(keeper) = keeper {
        opened.keep_echo(keeper);
    }
    Ok(opened)
}

/// Lets the canceller start from what an earlier run with the same set-up has kept in the file, and returns what keeps
/// more.
fn restore_echo(canceller: &mut DeviceCanceller, setup: String, file: Option<&Path>) -> EchoKeeper {
    let mut keeper = EchoKeeper::new(setup);
    let Some(file) = file else { return keeper };
    let restored = match background::read_echo(file) {
        Ok(None) => Ok(()),
        Ok(Some(bytes)) => keeper.restore(&bytes, canceller).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    if let Err(why) = restored {
        let file = file.display();
        log::info!("{file}: what was learned of the speaker's echo is not used: {why}; it is learned anew");
    }
    keeper
}

/// Returns where the settings of the service come from.
fn origins(config: &Config) -> ServiceOrigins {
    match &config.service.target {
        ServiceTarget::Parrot => ServiceOrigins::default(),
        ServiceTarget::Azure(azure) => {
            ServiceOrigins::new(&azure.credential_origin, |name| config.origin_of(name))
        }
    }
}

fn service(
    target: ServiceTarget,
    file: Option<PathBuf>,
    origins: ServiceOrigins,
) -> Result<(ServiceEndpoint, Background), Box<dyn Error>> {
    match target {
        ServiceTarget::Parrot => {
            Ok((ServiceEndpoint::Parrot(ParrotConfig::default()), Background::start(None, file)?))
        }
        ServiceTarget::Azure(azure) => {
            let tls = Tls::new(azure.ca_file.as_deref())?;
            let background = Background::start(Some(azure.credential), file)?;
            let remote =
                ServiceEndpoint::Remote { endpoint: azure.endpoint, proxy: azure.proxy, tls, origins };
            Ok((remote, background))
        }
    }
}

/// Returns the folder of the recordings of faults, beside the saved state.
fn recordings(saved_state: &SavedState) -> Option<PathBuf> {
    saved_state.file.as_deref().and_then(Path::parent).map(|dir| dir.join(RECORDINGS))
}

/// Returns the recording settings. Recordings of faults go to `folder`.
fn recording(
    requested: &RecordConfig,
    folder: Option<PathBuf>,
    words: WordGate,
) -> Result<RecordingConfig, Box<dyn Error>> {
    let RecordConfig { file, sound, .. } = requested;
    let started = Some(Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    let on_request = Some(signals(&[SIGUSR1])?);
    Ok(RecordingConfig {
        file: file.clone(),
        folder,
        sound: *sound,
        words: words.records(),
        started,
        on_request,
    })
}

/// Waits for `time`, or until a signal to exit has arrived.
fn pause(signals: &UnixStream, time: Duration) {
    let timeout = Timespec::try_from(time).unwrap_or_default();
    // An interrupted wait only shortens what is shown.
    let _ = poll(&mut [PollFd::new(signals, PollFlags::IN)], Some(&timeout));
}

/// Returns a socket that becomes readable when one of `signals` arrives.
fn signals(signals: &[i32]) -> Result<UnixStream, Box<dyn Error>> {
    let (receiver, sender) = UnixStream::pair()?;
    receiver.set_nonblocking(true)?;
    for signal in signals {
        signal_hook::low_level::pipe::register(*signal, sender.try_clone()?)?;
    }
    session::set_wake_fd(sender);
    Ok(receiver)
}
