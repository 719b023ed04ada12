//! Explains from alsa-lib's messages and the user's ALSA configuration why a name leads to no device: file, line and
//! remedy.
//!
//! It reads files below a root passed as an argument. It does not look at cards, and opens nothing.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::asoundrc::{AsoundEntry, AsoundFile};
use crate::audio::error::{Direction, list_command};
use crate::sys::proc::file_names;

/// The maximum size of a configuration file that is read, in bytes.
const FILE_BYTES: u64 = 64 * 1024;
/// Characters of a message of alsa-lib that are shown.
const MESSAGE_CHARACTERS: usize = 200;
/// The types of devices that are part of alsa-lib (`src/pcm`).
const TYPES: [&str; 26] = [
    "adpcm",
    "alaw",
    "asym",
    "copy",
    "dmix",
    "dshare",
    "dsnoop",
    "empty",
    "extplug",
    "file",
    "hooks",
    "hw",
    "iec958",
    "ioplug",
    "ladspa",
    "lfloat",
    "linear",
    "mmap_emul",
    "mulaw",
    "multi",
    "null",
    "plug",
    "rate",
    "route",
    "share",
    "softvol",
];
/// Plug-ins and the Debian package of each.
const PACKAGES: [(&str, &str); 15] = [
    ("pipewire", "pipewire-alsa"),
    ("bluealsa", "libasound2-plugin-bluez"),
    ("equal", "libasound2-plugin-equal"),
    ("smixer", "libasound2-plugin-smixer"),
    ("pulse", "libasound2-plugins"),
    ("jack", "libasound2-plugins"),
    ("oss", "libasound2-plugins"),
    ("a52", "libasound2-plugins"),
    ("upmix", "libasound2-plugins"),
    ("vdownmix", "libasound2-plugins"),
    ("speex", "libasound2-plugins"),
    ("speexrate", "libasound2-plugins"),
    ("samplerate", "libasound2-plugins"),
    ("lavrate", "libasound2-plugins"),
    ("usb_stream", "libasound2-plugins"),
];

/// Why a name leads to no device.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoDevice {
    /// ALSA's configuration is wrong: what, where, and the remedy.
    Misconfigured(String),
    /// It stands for a card that does not exist.
    NoCard(String),
}

/// The names that alsa-lib could not make a device of, and what it said.
pub(super) struct FailedName<'a> {
    pub(super) device: &'a str,
    pub(super) direction: Direction,
    /// One message a line.
    pub(super) messages: &'a str,
}

impl FailedName<'_> {
    /// Returns why the name leads to no device, if that can be told. `exists` returns whether there is a card of a name
    /// or number.
    pub(super) fn explain(&self, root: &Path, exists: impl Fn(&str) -> bool) -> Option<NoDevice> {
        if let Some(reason) = malformed_file(self.messages, root) {
            return Some(NoDevice::Misconfigured(reason));
        }
        let definitions = Definitions::read(root);
        if let Some(explained) = self.messages.lines().find_map(|line| self.explain_line(line, &definitions))
        {
            return Some(explained);
        }
        // alsa-lib says nothing about a card number that no card has.
        let missing =
            definitions.reachable(self.device, self.direction).into_iter().find_map(|(file, entry)| {
                let card = card_of(entry)?;
                (!exists(card)).then(|| format!("{}: there is no card {card}", place(file, entry.line)))
            });
        missing.map(NoDevice::NoCard)
    }

    fn explain_line(&self, line: &str, definitions: &Definitions) -> Option<NoDevice> {
        let defined = || definitions.place_of(self.device);
        let setting =
            format!("set --{} to a card that `{}` lists", self.direction, list_command(self.direction));
        if let Some(rest) = line.strip_prefix("Cannot open shared library ") {
            return Some(NoDevice::Misconfigured(missing_library(rest, &defined(), &setting)));
        }
        if line.contains("(looped?)") {
            return Some(NoDevice::Misconfigured(format!(
                "{}its definition leads back to itself; name a card in it, such as \"hw:0\", or {setting}",
                defined()
            )));
        }
        if line.ends_with(" slave is not defined") {
            let side = if self.direction == Direction::Capture { "capture" } else { "playback" };
            return Some(NoDevice::Misconfigured(format!(
                "{}its definition of type `asym` has no {side}.pcm, so it has no {}; add one, or {setting}",
                defined(),
                self.direction
            )));
        }
        if let Some(card) = missing_card(line) {
            let is_meant = |entry: &AsoundEntry| card_of(entry) == Some(card);
            let place = definitions.place_of_entry(self.device, self.direction, is_meant);
            return Some(NoDevice::NoCard(format!("{place}there is no card {card}")));
        }
        if let Some(name) = line.strip_prefix("Unknown PCM ") {
            return self.unknown_name(name, definitions, &setting);
        }
        if let Some(file) =
            line.strip_prefix("Cannot access file ").filter(|file| file.ends_with("alsa.conf"))
        {
            return Some(NoDevice::Misconfigured(format!(
                "ALSA's own configuration {} cannot be read; install libasound2-data, or correct ALSA_CONFIG_PATH",
                shortened(file)
            )));
        }
        let other = [
            line.starts_with("Cannot access file "),
            // Of a file in place of a device; of a device node it ends differently.
            line.contains(" for reading failed") || line.contains(" for writing failed"),
            line.starts_with("Unknown field ") || line.starts_with("missing field "),
            line.starts_with("unknown format ") || line.starts_with("Invalid "),
            line.ends_with(" is not defined") || line.contains("IPC") || line.contains("shmget"),
        ];
        other.contains(&true).then(|| {
            let word = line.rsplit(' ').next().unwrap_or_default();
            let is_meant = |entry: &AsoundEntry| {
                entry.path.rsplit('.').next() == Some(word) || entry.value.as_deref() == Some(word)
            };
            NoDevice::Misconfigured(format!(
                "{}alsa-lib says: {}; correct its definition, or {setting}",
                definitions.place_of_entry(self.device, self.direction, is_meant),
                shortened(line)
            ))
        })
    }

    /// Returns why a name is unknown that the device leads to; `None` for the device itself, unless a package has it.
    fn unknown_name(&self, name: &str, definitions: &Definitions, setting: &str) -> Option<NoDevice> {
        let package = PACKAGES.iter().find(|(known, _)| *known == name);
        if let Some((_, package)) = package {
            return Some(NoDevice::Misconfigured(format!(
                "ALSA does not know {name:?}; {}, or {setting}",
                install(package)
            )));
        }
        let reached = definitions.reachable(self.device, self.direction);
        let (file, entry) = reached.into_iter().find(|(_, entry)| entry.value.as_deref() == Some(name))?;
        Some(NoDevice::Misconfigured(format!(
            "{}: no device {} is defined; define pcm.{}, or write a card there, such as \"hw:0\"",
            place(file, entry.line),
            shortened(name),
            shortened(name)
        )))
    }
}

/// Returns a warning if the user's configuration makes the device the null device, which has no sound.
pub(super) fn null_warning(device: &str, direction: Direction, root: &Path) -> Option<String> {
    let definitions = Definitions::read(root);
    let reached = definitions.reachable(device, direction);
    let has = |end: &str, value: &str| {
        reached.iter().find(|(_, entry)| entry.path.ends_with(end) && entry.value.as_deref() == Some(value))
    };
    // A file in place of a device has the null device behind it.
    if has(".type", "file").is_some() {
        return None;
    }
    let (file, entry) = has(".type", "null").or_else(|| has("", "null"))?;
    let does = match direction {
        Direction::Capture => "records silence",
        Direction::Playback => "plays nothing",
    };
    Some(format!(
        "{}: the {direction} {device:?} is ALSA's null device, which {does}; name a card there, or set --{direction} to \
         one that `{}` lists",
        place(file, entry.line),
        list_command(direction)
    ))
}

/// Returns which file alsa-lib could not read, and where and why.
pub(super) fn malformed_file(messages: &str, root: &Path) -> Option<String> {
    let lines = messages.lines();
    let file =
        lines.clone().find_map(|line| line.split_once(" may be old or corrupted").map(|(file, _)| file))?;
    let stopped = lines.clone().find_map(stop_of)?;
    let cause = match read(&below(root, Path::new(file))) {
        None => format!("line {}: {}", stopped.0, stopped.1),
        Some(bytes) if bytes.starts_with(&[0xff, 0xfe]) || bytes.contains(&0) => {
            "it is not plain text (UTF-16?); save it as UTF-8".to_owned()
        }
        Some(bytes) => match AsoundFile::parse(&String::from_utf8_lossy(&bytes)).fault {
            Some(fault) if fault.line != stopped.0 => format!(
                "line {}: {} (alsa-lib stops at line {}: {})",
                fault.line, fault.reason, stopped.0, stopped.1
            ),
            Some(fault) => format!("line {}: {}", fault.line, fault.reason),
            None => match lines.clone().find_map(|line| line.strip_prefix("Cannot access file ")) {
                Some(other) => {
                    format!("line {}: it includes {}, which cannot be read", stopped.0, shortened(other))
                }
                None => format!("line {}: {}", stopped.0, stopped.1),
            },
        },
    };
    Some(format!(
        "{}, {cause}; ALSA reads nothing while this file is wrong: correct it, or move it away (`mv {file} {file}.off`)",
        file
    ))
}

/// Returns the line and the reason of `_toplevel_:18:1:Unexpected char`.
fn stop_of(line: &str) -> Option<(usize, String)> {
    let mut parts = line.splitn(4, ':');
    let (_, at, column) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?);
    column.parse::<usize>().ok()?;
    Some((at, shortened(parts.next()?)))
}

/// Explains why a plug-in of alsa-lib cannot be loaded; `rest` is `FILE (REASON)`.
fn missing_library(rest: &str, defined: &str, setting: &str) -> String {
    let (library, why) = rest.split_once(" (").unwrap_or((rest, ""));
    let why = why.trim_end_matches(')');
    let stem = library.rsplit('/').next().unwrap_or(library).trim_end_matches(".so");
    let (_, name) = stem.trim_start_matches("libasound_module_").split_once('_').unwrap_or(("", stem));
    let is_absent = why.is_empty() || (why.contains(library) && why.contains("No such file"));
    if !is_absent {
        return format!("{defined}the plug-in `{name}` cannot be loaded: {}; or {setting}", shortened(why));
    }
    match PACKAGES.iter().find(|(known, _)| *known == name) {
        Some((_, package)) => {
            format!("{defined}the plug-in `{name}` is not installed; {}, or {setting}", install(package))
        }
        None => {
            let close = TYPES.iter().min_by_key(|known| strsim::damerau_levenshtein(known, name));
            let meant = close.filter(|known| strsim::damerau_levenshtein(known, name) <= 1 + name.len() / 3);
            let meant = meant.map(|known| format!(" (did you mean {known}?)")).unwrap_or_default();
            format!(
                "{defined}alsa-lib has no type `{}`{meant}, and no plug-in {} is installed; correct the type, install the \
                 plug-in, or {setting}",
                shortened(name),
                shortened(library)
            )
        }
    }
}

fn install(package: &str) -> String {
    format!("install {package} (`sudo apt install {package}`)")
}

/// Returns the card that a message says does not exist.
fn missing_card(line: &str) -> Option<&str> {
    let named = line.strip_prefix("Cannot get card index for ");
    named.or_else(|| line.strip_prefix("cannot find card '")?.strip_suffix('\''))
}

/// The user's and the machine's configuration files, strongest first.
struct Definitions {
    files: Vec<(PathBuf, AsoundFile)>,
}

impl Definitions {
    /// Reads the files that `/usr/share/alsa/alsa.conf` loads, below `root`. A file that cannot be read is left out.
    fn read(root: &Path) -> Definitions {
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let config = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
        let config = config.or_else(|| home.as_ref().map(|home| home.join(".config")));
        let mut paths: Vec<PathBuf> = home.into_iter().map(|home| home.join(".asoundrc")).collect();
        paths.extend(config.map(|config| config.join("alsa/asoundrc")));
        paths.push("/etc/asound.conf".into());
        let folder = Path::new("/etc/alsa/conf.d");
        let mut packaged: Vec<_> = file_names(&below(root, folder)).map(|name| folder.join(name)).collect();
        packaged.sort();
        paths.extend(packaged.into_iter().rev());
        let files = paths.into_iter().filter_map(|path| {
            let bytes = read(&below(root, &path))?;
            Some((path, AsoundFile::parse(&String::from_utf8_lossy(&bytes))))
        });
        Definitions { files: files.collect() }
    }

    /// Returns the entries that a device consists of, directly and through the devices that it names.
    fn reachable(&self, device: &str, direction: Direction) -> Vec<(&Path, &AsoundEntry)> {
        let other_side = match direction {
            Direction::Capture => ".playback.",
            Direction::Playback => ".capture.",
        };
        let (mut seen, mut reached) = (BTreeSet::new(), Vec::new());
        let mut names = vec![base_name(device)];
        while let Some(name) = names.pop() {
            if !seen.insert(name) {
                continue;
            }
            let inner = format!("pcm.{name}.");
            for (file, entry) in self.entries() {
                let is_own = entry.path.strip_suffix(name).is_some_and(|before| before == "pcm.");
                let is_inner = entry.path.starts_with(&inner) && !entry.path.contains(other_side);
                if !is_own && !is_inner {
                    continue;
                }
                reached.push((file, entry));
                let is_reference = is_own || entry.path.ends_with(".pcm");
                names
                    .extend(entry.value.as_deref().filter(|_| is_reference).into_iter().flat_map(references));
            }
        }
        reached
    }

    /// Returns where the device is defined, as the start of a message; empty if no file of the user defines it.
    fn place_of(&self, device: &str) -> String {
        let name = format!("pcm.{}", base_name(device));
        let inner = format!("{name}.");
        let mut entries = self.entries();
        let found = entries.find(|(_, entry)| entry.path == name || entry.path.starts_with(&inner));
        found.map(|(file, entry)| format!("{}: ", place(file, entry.line))).unwrap_or_default()
    }

    /// Returns where the device has the entry that `is_meant`, or else where it is defined, as the start of a message.
    fn place_of_entry(
        &self,
        device: &str,
        direction: Direction,
        is_meant: impl Fn(&AsoundEntry) -> bool,
    ) -> String {
        let mut reached = self.reachable(device, direction);
        // These choose the card of ALSA's own definition of `default`.
        reached.extend(self.entries().filter(|(_, entry)| entry.path.starts_with("defaults.pcm.")));
        let found = reached.iter().find(|(_, entry)| is_meant(entry));
        found.map_or_else(|| self.place_of(device), |(file, entry)| format!("{}: ", place(file, entry.line)))
    }

    fn entries(&self) -> impl Iterator<Item = (&Path, &AsoundEntry)> {
        self.files
            .iter()
            .flat_map(|(path, file)| file.entries.iter().map(move |entry| (path.as_path(), entry)))
    }
}

/// Returns the card that an entry names: `card 1`, or a device such as `hw:1,0` or `plughw:CARD=S330`.
fn card_of(entry: &AsoundEntry) -> Option<&str> {
    let value = entry.value.as_deref()?;
    if entry.path.ends_with(".card") {
        return Some(value);
    }
    let is_device = entry.path.ends_with(".pcm") || entry.path.matches('.').count() == 1;
    let arguments =
        is_device.then(|| value.strip_prefix("plughw:").or_else(|| value.strip_prefix("hw:")))??;
    arguments.split(',').next().map(|card| card.trim_start_matches("CARD="))
}

/// Returns the name of a device without its arguments.
fn base_name(device: &str) -> &str {
    device.split(':').next().unwrap_or(device)
}

/// Returns the names in a reference such as `output` or `plug:'output'`.
fn references(value: &str) -> impl Iterator<Item = &str> {
    let argument = value.split_once(':').map(|(_, argument)| argument.trim_start_matches("SLAVE="));
    [Some(base_name(value)), argument.map(|name| name.trim_matches(['\'', '"']))].into_iter().flatten()
}

fn place(file: &Path, line: usize) -> String {
    format!("{}, line {line}", file.display())
}

fn shortened(text: &str) -> String {
    text.chars().take(MESSAGE_CHARACTERS).collect()
}

fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

fn read(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(FILE_BYTES).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}
