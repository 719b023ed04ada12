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
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use mynah::audio::{self, AudioError, Cards, End, Shape, Sound, Tape};
use mynah::board::Board;
use mynah::conversation::Ending;
use mynah::errands::Errands;
use mynah::link::Tls;
use mynah::parrot::Habits;
use mynah::profile::{self, Machine, Mode, Profile, Request, SYSTEM_FILE, Target};
use mynah::session::{self, Absence, Parts, Service};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

const BROKEN: u8 = 1;
const WRONG_SET_UP: u8 = 2;
/// sysexits.h: EX_TEMPFAIL.
const NOT_YET: u8 = 75;

fn main() -> ExitCode {
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
        Ok(Request::Run(profile)) => run(*profile),
        Err(problems) => {
            eprintln!("{problems}");
            match signals() {
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
    let (mode, config) = (session::mode(&profile), session::session(&profile));
    let latching = profile.talk.mode == Mode::Hold;
    let signals = signals().map_err(Unmade::Wrong)?;
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
    let keep = profile.keep;
    Ok(Parts { mode, config, service, sound, board, errands, keep, signals, patience, seed })
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

/// Returns a socket that is readable once the program is asked to end.
fn signals() -> Result<UnixStream, Box<dyn Error>> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::low_level::pipe::register(signal, theirs.try_clone()?)?;
    }
    Ok(ours)
}
