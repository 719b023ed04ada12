//! Wires the rooms together: arguments, profile, log, sound, board, service, session, exit code.
//!
//! It holds no loop and no algorithm. Exit codes: 0 the owner left, 1 broken at run time, 2 wrong set-up, and only
//! where a service manager is there to try again, 75: a device is not there yet.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "before the log and the board exist, this is all there is"
)]

mod logging;

use std::error::Error;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use jiff::Timestamp;
use mynah::audio::{self, AudioError, Cards, End, Shape, Sound, Tape};
use mynah::board::Board;
use mynah::conversation::Ending;
use mynah::errands::Errands;
use mynah::link::Tls;
use mynah::model::Mode;
use mynah::parrot::Habits;
use mynah::profile::{self, Keep, Machine, Profile, Record, Replay, Request, SYSTEM_FILE, Target};
use mynah::recorder::{self, Replayed};
use mynah::session::{self, Absence, Parts, Recording, Service};
use mynah::wire::SessionConfig;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};

const BROKEN: u8 = 1;
const WRONG_SET_UP: u8 = 2;
/// sysexits.h: EX_TEMPFAIL.
const NOT_YET: u8 = 75;
/// Whoever sends one of these wants the program to end.
const ENDS: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

fn main() -> ExitCode {
    session::last_words(logging::bare);
    let dir = match std::env::current_dir() {
        Ok(dir) => dir,
        Err(error) => {
            eprintln!("there is no working directory: {error}");
            return ExitCode::from(WRONG_SET_UP);
        }
    };
    let machine = Machine::read(Path::new("/"));
    let request =
        profile::read(std::env::args_os(), std::env::vars_os(), &dir, Path::new(SYSTEM_FILE), &machine);
    match request {
        Ok(Request::Help(text) | Request::Boards(text)) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Ok(Request::Version) => {
            println!("mynah {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        Ok(Request::Replay(asked)) => replay(&asked),
        Ok(Request::Run(profile)) => run(*profile),
        Err(problems) => {
            eprintln!("{problems}");
            match signals(&ENDS) {
                Ok(signals) if problems.is_absence() => lack(&problems.to_string(), None, &signals),
                Ok(_) | Err(_) => ExitCode::from(WRONG_SET_UP),
            }
        }
    }
}

fn run(profile: Profile) -> ExitCode {
    let parts = match logging::start(&profile.log).map_err(Unmade::Wrong).and_then(|()| parts(profile)) {
        Ok(parts) => parts,
        Err(unmade) => return explain(unmade),
    };
    match session::run(parts) {
        Ok(_) if session::is_broken() => ExitCode::from(BROKEN),
        Ok(Ending::Bye) => ExitCode::SUCCESS,
        Ok(Ending::Refused) => ExitCode::from(WRONG_SET_UP),
        Err(error) => {
            log::error!("{error}");
            ExitCode::from(BROKEN)
        }
    }
}

/// Why there is nothing to run.
enum Unmade {
    /// It takes a person to mend it.
    Wrong(Box<dyn Error>),
    /// A device of the board, or one of the sound, is not to be had now.
    Lacking { why: String, board: Option<Box<(Board, End)>>, signals: UnixStream },
}

impl<E: Error + 'static> From<E> for Unmade {
    fn from(error: E) -> Self {
        Unmade::Wrong(error.into())
    }
}

/// Says it, and waits where that may help.
fn explain(unmade: Unmade) -> ExitCode {
    match unmade {
        Unmade::Wrong(error) => {
            eprintln!("mynah: {error}");
            ExitCode::from(WRONG_SET_UP)
        }
        Unmade::Lacking { why, mut board, signals } => {
            eprintln!("mynah: {why}");
            lack(&why, board.as_deref_mut(), &signals)
        }
    }
}

/// Ends without a device, but where a service manager would try again, not before that may help.
fn lack(why: &str, board: Option<&mut (Board, End)>, signals: &UnixStream) -> ExitCode {
    // A person who typed a wrong name is there to see it.
    if std::env::var_os("NOTIFY_SOCKET").is_none() {
        return ExitCode::from(WRONG_SET_UP);
    }
    let board = board.map(|(board, end)| (board, *end));
    match session::absent(why, board, signals, Path::new("/dev"), session::ABSENCE) {
        Absence::Asked => ExitCode::SUCCESS,
        Absence::Changed | Absence::Over => ExitCode::from(NOT_YET),
    }
}

fn parts(profile: Profile) -> Result<Parts, Unmade> {
    log::info!("{}", profile.chosen);
    for warning in &profile.warnings {
        log::warn!("{warning}");
    }
    let mode = profile.talk.mode;
    let config = session_config(&profile);
    let latching = mode == Mode::Hold;
    let signals = signals(&ENDS).map_err(Unmade::Wrong)?;
    let recording = recording(profile.record, &profile.keep).map_err(Unmade::Wrong)?;
    // First, because opening a card may take a while and the owner should see that something is happening.
    let mut board = match Board::open(&profile.body, latching) {
        Ok(board) => board,
        Err(error) => return Err(Unmade::Lacking { why: error.to_string(), board: None, signals }),
    };
    session::greet(&mut board);
    let sound = match sound(profile.sound) {
        Ok(sound) => sound,
        Err(error) => {
            let Some(end) = error.lacks() else { return Err(error.into()) };
            let why = format!("{error}; without a sound card, --speech and --speaker-file stand in for it");
            return Err(Unmade::Lacking { why, board: Some(Box::new((board, end))), signals });
        }
    };
    let file = profile.keep.file.clone();
    let (service, errands) = service(profile.service.target, file).map_err(Unmade::Wrong)?;
    let patience = sd_notify::watchdog_enabled();
    let seed = RandomState::new().build_hasher().finish();
    let (keep, sounds) = (profile.keep, profile.talk.sounds);
    Ok(Parts {
        mode,
        config,
        service,
        sound,
        sounds,
        board,
        errands,
        keep,
        signals,
        patience,
        seed,
        recording,
    })
}

fn session_config(profile: &Profile) -> SessionConfig {
    let service = &profile.service;
    SessionConfig {
        instructions: service.instructions.clone(),
        voice: service.voice.clone(),
        turn_detection: (profile.talk.mode != Mode::Hold).then_some(service.turn_detection),
        noise_reduction: service.noise_reduction,
        echo_cancellation: service.echo_cancellation,
        transcription: service.transcription,
        language: service.language.clone(),
    }
}

fn sound(wanted: profile::Sound) -> Result<Sound, AudioError> {
    let profile::Sound { microphone, speaker, controls, unplugged, speech, speaker_file } = wanted;
    let sound = if speech.is_some() || speaker_file.is_some() {
        audio::tape(Tape { speech, speaker: speaker_file, speed: 1 }, Shape::default())?
    } else {
        let cards = Cards { microphone, speaker, controls, unplugged };
        audio::cards(cards, Shape::default())?
    };
    for control in sound.unset() {
        log::warn!("{control}");
    }
    if let Some(warning) = sound.refused() {
        log::warn!("{warning}");
    }
    for got in sound.granted() {
        log::info!("{got}");
    }
    Ok(sound)
}

fn service(target: Target, file: Option<PathBuf>) -> Result<(Service, Errands), Box<dyn Error>> {
    match target {
        Target::Parrot => Ok((Service::Parrot(Habits::default()), Errands::start(None, file)?)),
        Target::Azure(azure) => {
            let tls = Tls::new(azure.ca_file.as_deref())?;
            let errands = Errands::start(Some(azure.credential), file)?;
            Ok((Service::Remote { endpoint: azure.endpoint, tls }, errands))
        }
    }
}

/// Recordings of faults are kept beside what is remembered.
fn recording(wanted: Record, keep: &Keep) -> Result<Recording, Box<dyn Error>> {
    let Record { file, sound, words } = wanted;
    let folder = keep.file.as_deref().and_then(Path::parent).map(|folder| folder.join("recordings"));
    let started = Some(Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    Ok(Recording { file, folder, sound, words, started, asked: Some(signals(&[SIGUSR1])?) })
}

/// Lives a recording again. Exit codes: 0 all the same, 1 it differs, 2 it is none.
fn replay(asked: &Replay) -> ExitCode {
    let Replay { file, verbose } = asked;
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) => {
            eprintln!("mynah: {}: cannot be read: {error}", file.display());
            return ExitCode::from(WRONG_SET_UP);
        }
    };
    #[expect(clippy::disallowed_methods, reason = "times of a recording are counted from any time")]
    let epoch = Instant::now();
    let mut out = std::io::stdout().lock();
    let tell = |_: usize, line: &recorder::Line<'_>| {
        // Whoever reads may have read enough.
        let _ = if *verbose { writeln!(out, "{line}") } else { Ok(()) };
    };
    let replayed = recorder::replay(&bytes, epoch, tell);
    match replayed {
        Ok(same @ Replayed::Same { .. }) => {
            let _ = writeln!(out, "{same}");
            ExitCode::SUCCESS
        }
        Ok(Replayed::Differs(difference)) => {
            let _ = writeln!(out, "{}: {difference}", file.display());
            ExitCode::from(BROKEN)
        }
        Err(error) => {
            eprintln!("mynah: {}, {error}", file.display());
            ExitCode::from(WRONG_SET_UP)
        }
    }
}

/// Returns a socket that is readable once one of these signals has come.
fn signals(which: &[i32]) -> Result<UnixStream, Box<dyn Error>> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    for signal in which {
        signal_hook::low_level::pipe::register(*signal, theirs.try_clone()?)?;
    }
    session::wake_with(theirs);
    Ok(ours)
}
