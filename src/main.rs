//! Wires the rooms together: arguments, profile, log, sound, board, service, session, exit code.
//!
//! It holds no loop and no algorithm. Exit codes: 0 the owner left, 1 broken at run time, 2 wrong set-up.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "before the log and the board exist, this is all there is"
)]

mod logging;

use std::error::Error;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;

use mynah::audio::{self, Cards, Drain, Form, Format, Shape, Sound, Source, Tape};
use mynah::board::Board;
use mynah::conversation::Ending;
use mynah::errands::Errands;
use mynah::link::Tls;
use mynah::parrot::Habits;
use mynah::profile::{self, Mode, Profile, Request, SYSTEM_FILE, Target};
use mynah::session::{self, Parts, Service};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

const BROKEN: u8 = 1;
const WRONG_SET_UP: u8 = 2;

fn main() -> ExitCode {
    let request = std::env::current_dir()
        .map_err(|error| format!("there is no working directory: {error}"))
        .and_then(|dir| {
            profile::read(std::env::args_os(), std::env::vars_os(), &dir, Path::new(SYSTEM_FILE))
                .map_err(|problems| problems.to_string())
        });
    match request {
        Ok(Request::Help(text)) => {
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
            ExitCode::from(WRONG_SET_UP)
        }
    }
}

fn run(profile: Profile) -> ExitCode {
    let parts = logging::start(&profile.log).and_then(|()| parts(profile));
    let parts = match parts {
        Ok(parts) => parts,
        Err(error) => {
            eprintln!("mynah: {error}");
            return ExitCode::from(WRONG_SET_UP);
        }
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

fn parts(profile: Profile) -> Result<Parts, Box<dyn Error>> {
    for warning in &profile.warnings {
        log::warn!("{warning}");
    }
    let (mode, config) = (session::mode(&profile), session::session(&profile));
    let latching = profile.talk.mode == Mode::Hold;
    let signals = signals()?;
    let sound = sound(profile.sound)?;
    let service = service(profile.service.target)?;
    let board = Board::open(&profile.body, latching)?;
    let seed = RandomState::new().build_hasher().finish();
    Ok(Parts { mode, config, service, sound, board, signals, seed })
}

fn sound(names: profile::Sound) -> Result<Sound, Box<dyn Error>> {
    let profile::Sound { microphone, speaker, speech, speaker_file, .. } = names;
    let sound = if speech.is_some() || speaker_file.is_some() {
        audio::tape(Tape { speech, speaker: speaker_file, speed: 1 }, Shape::default())?
    } else {
        let cards = Cards {
            microphone: Source {
                device: microphone.device,
                form: form(microphone.form),
                channels: microphone.channels,
                gain_db: microphone.gain_db,
            },
            speaker: Drain { device: speaker.device, form: form(speaker.form), channels: speaker.channels },
        };
        audio::cards(cards, Shape::default()).map_err(|error| {
            format!("{error}; without a sound card, --speech and --speaker-file stand in for it")
        })?
    };
    if let Some(warning) = sound.refused() {
        log::warn!("{warning}");
    }
    for got in sound.granted() {
        log::info!("{got}");
    }
    Ok(sound)
}

fn form(form: profile::Form) -> Form {
    let profile::Form { rate_hz, format, channels, period } = form;
    let format = format.map(|format| match format {
        profile::Format::S16 => Format::S16,
        profile::Format::S24 => Format::S24,
        profile::Format::S24In3 => Format::S24In3,
        profile::Format::S32 => Format::S32,
    });
    Form { rate_hz, format, channels, period }
}

fn service(target: Target) -> Result<Service, Box<dyn Error>> {
    match target {
        Target::Parrot => Ok(Service::Parrot(Habits::default())),
        Target::Azure(azure) => {
            let tls = Tls::new(azure.ca_file.as_deref())?;
            let errands = Errands::start(azure.credential)?;
            Ok(Service::Remote { endpoint: azure.endpoint, tls, errands })
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
