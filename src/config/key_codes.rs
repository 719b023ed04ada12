//! Names and codes of keys, from `linux/input-event-codes.h`.
//!
//! Only keys that buttons have are listed; a board file gives any other key by its code.

/// The largest code of a key (`KEY_MAX`).
pub(super) const LARGEST: u32 = 0x2ff;

/// The code of `KEY_SYSRQ`, Print Screen: with Alt, the kernel takes the next key as a command.
pub(super) const SYSRQ: u16 = 99;

pub(super) const KEYS: &[(&str, u16)] = &[
    ("KEY_ESC", 1),
    ("KEY_ENTER", 28),
    ("KEY_SPACE", 57),
    ("KEY_F1", 59),
    ("KEY_F2", 60),
    ("KEY_F3", 61),
    ("KEY_F4", 62),
    ("KEY_KPENTER", 96),
    ("KEY_HOME", 102),
    ("KEY_UP", 103),
    ("KEY_LEFT", 105),
    ("KEY_RIGHT", 106),
    ("KEY_DOWN", 108),
    ("KEY_MUTE", 113),
    ("KEY_VOLUMEDOWN", 114),
    ("KEY_VOLUMEUP", 115),
    ("KEY_POWER", 116),
    ("KEY_PAUSE", 119),
    ("KEY_STOP", 128),
    ("KEY_MENU", 139),
    ("KEY_SETUP", 141),
    ("KEY_PROG1", 148),
    ("KEY_PROG2", 149),
    ("KEY_BACK", 158),
    ("KEY_NEXTSONG", 163),
    ("KEY_PLAYPAUSE", 164),
    ("KEY_PREVIOUSSONG", 165),
    ("KEY_STOPCD", 166),
    ("KEY_PHONE", 169),
    ("KEY_CONFIG", 171),
    ("KEY_PROG3", 202),
    ("KEY_PROG4", 203),
    ("KEY_PLAY", 207),
    ("KEY_MEDIA", 226),
    ("KEY_MICMUTE", 248),
    ("BTN_0", 0x100),
    ("BTN_1", 0x101),
    ("BTN_2", 0x102),
    ("BTN_3", 0x103),
    ("KEY_OK", 0x160),
    ("KEY_SELECT", 0x161),
    ("KEY_RESTART", 0x198),
    ("KEY_PICKUP_PHONE", 0x1bd),
    ("KEY_HANGUP_PHONE", 0x1be),
    ("KEY_WPS_BUTTON", 0x211),
    ("KEY_VOICECOMMAND", 0x246),
    ("KEY_ASSISTANT", 0x247),
];
