//! The boards: what each one's card is like, and its shipped board file as far as the machine can follow it.
//!
//! The manners are those of public reports about the drivers (board/*.toml, and the kernel's and vendors' trackers). It
//! knows nothing of mixer controls, buttons and lights of the boards.

/// A board, as parameters of the card's driver and a board file of mynah.
pub(super) struct Profile {
    pub(super) name: &'static str,
    pub(super) parameters: &'static str,
    /// The board files of the microphone and the speaker, and the ids of their cards.
    pub(super) microphone: (&'static str, &'static str),
    pub(super) speaker: (&'static str, &'static str),
    /// The numbers of the cards, microphone and speaker.
    pub(super) cards: (usize, usize),
    /// Whether its user can mute it by hand, which gives exact zeros.
    pub(super) has_mute_key: bool,
}

const CODEC_ZERO: &str = include_str!("../../../board/codec-zero.toml");
const VOICE_HAT: &str = include_str!("../../../board/aiy-voice-hat.toml");
const VOICE_BONNET: &str = include_str!("../../../board/adafruit-voice-bonnet.toml");
const SPEAKERPHONE: &str = include_str!("../../../board/usb-speakerphone.toml");
/// Its loudspeaker is the headphone jack.
const FOUR_MICROPHONES: &str = include_str!("../../../board/respeaker-4mic.toml");

pub(super) const PROFILES: &[Profile] = &[
    Profile {
        name: "codec-zero",
        parameters: "id=Zero channels=2 symmetric=1 prefetch=64 prepare_ms=1000",
        microphone: (CODEC_ZERO, "Zero"),
        speaker: (CODEC_ZERO, "Zero"),
        cards: (0, 0),
        has_mute_key: false,
    },
    Profile {
        name: "voice-hat",
        parameters: "id=sndrpigooglevoi rate=48000 bits=32 channels=2 symmetric=1 prefetch=64 amplifier_ms=5",
        microphone: (VOICE_HAT, "sndrpigooglevoi"),
        speaker: (VOICE_HAT, "sndrpigooglevoi"),
        cards: (0, 0),
        has_mute_key: false,
    },
    Profile {
        name: "wm8960",
        parameters: "id=wm8960soundcard rate=48000 channels=2 symmetric=1 prefetch=64 needs_clock=1",
        microphone: (VOICE_BONNET, "wm8960soundcard"),
        speaker: (VOICE_BONNET, "wm8960soundcard"),
        cards: (0, 0),
        has_mute_key: false,
    },
    Profile {
        name: "usb",
        parameters: "id=Array rate=16000 bits=16 channels=2 symmetric=1 burst_us=6000 delay=1 usb=1",
        microphone: (SPEAKERPHONE, "Array"),
        speaker: (SPEAKERPHONE, "Array"),
        cards: (0, 0),
        has_mute_key: true,
    },
    Profile {
        name: "headphones",
        parameters: "cards=2 id=Headphones,Array no_capture=1,0 no_playback=0,1 rate=48000,16000 bits=16,16 \
                     channels=0,2 period_bytes=1024,0 period_us=10000,0 copies_ahead=1,0 burst_us=0,6000",
        microphone: (SPEAKERPHONE, "Array"),
        speaker: (FOUR_MICROPHONES, "Headphones"),
        cards: (1, 0),
        has_mute_key: false,
    },
    Profile {
        name: "pi-5",
        parameters: "id=sndrpigooglevoi rate=48000 bits=32 channels=2 symmetric=1 prefetch=64 silent_after_stop=1",
        microphone: (VOICE_HAT, "sndrpigooglevoi"),
        speaker: (VOICE_HAT, "sndrpigooglevoi"),
        cards: (0, 0),
        has_mute_key: false,
    },
];

impl Profile {
    /// Returns a board file: the shipped audio settings, and two buttons of the machine. No switch: it may close
    /// the microphone, which boards cannot bear while they play.
    pub(super) fn board(&self) -> String {
        let microphone = table(self.microphone.0, "[microphone]").replace("{card}", self.microphone.1);
        // The driver of every profile has one name, by which it counts as one that reads its buffer late.
        let cut = if self.parameters.contains("copies_ahead") { "cut = \"run-out\"\n" } else { "" };
        let speaker = table(self.speaker.0, "[speaker]").replace("{card}", self.speaker.1) + cut;
        format!(
            "[board]\nname = \"vm\"\nabout = \"{} in the machine\"\n{microphone}{speaker}\
             [[button]]\nname = \"talk\"\ngpio = \"TALK\"\nbias = \"as-is\"\ndebounce_ms = 0\npress = \"talk\"\n\
             [[button]]\nname = \"mute\"\ngpio = \"MUTE\"\nbias = \"as-is\"\ndebounce_ms = 0\npress = \"mute\"\n",
            self.name
        )
    }

    /// Returns the duration of a frame of its loudspeaker.
    pub(super) fn frame_s(&self) -> f64 {
        let rate_hz = if self.speaker.1 == "Array" { 16_000.0 } else { 48_000.0 };
        1.0 / rate_hz
    }
}

/// Returns the table `heading` of a board file, with its heading.
fn table(file: &str, heading: &str) -> String {
    let lines = file.lines().skip_while(|line| *line != heading);
    let others = lines.enumerate().take_while(|(number, line)| *number == 0 || !line.starts_with('['));
    others.map(|(_, line)| format!("{line}\n")).collect()
}
