//! The command `mynah help`: explains one topic on a page of the terminal.
//!
//! Options are in the table of settings; a test compares the lights and the exit codes with `README.md`.

use std::ffi::OsString;

use super::schema::{self, HelpGroup, ROWS, suggest};

/// A topic: its name, other words for it, what it explains, and the text. The options have no text here.
type Topic = (&'static str, &'static [&'static str], &'static str, &'static str);

const TOPICS: [Topic; 10] = [
    (
        "settings",
        &["options", "option", "config", "flags", "env", "environment", "variables", "volume", "language"],
        "options and environment variables",
        "",
    ),
    (
        "session",
        &["voice", "voices", "turn", "turns", "hearing", "reply", "replies", "agent", "agents", "extra"],
        "agents, and how the service hears and speaks",
        SESSION,
    ),
    (
        "azure",
        &["service", "key", "endpoint", "account", "token", "model", "parrot", "connect"],
        "how to reach the service",
        AZURE,
    ),
    (
        "sign-in",
        &["login", "logout", "entra", "credential", "credentials", "az", "managed-identity", "tenant"],
        "how to use Azure without a key",
        SIGN_IN,
    ),
    (
        "modes",
        &["mode", "tap", "hold", "open", "push-to-talk", "ptt", "talk"],
        "when the microphone is live",
        MODES,
    ),
    (
        "buttons",
        &["button", "keys", "keyboard", "terminal", "mute"],
        "buttons of the board, and keys on a terminal",
        BUTTONS,
    ),
    (
        "lights",
        &["light", "led", "leds", "blink", "blinks", "colours", "colors", "faults"],
        "what the light shows",
        LIGHTS,
    ),
    (
        "devices",
        &["device", "audio", "sound", "microphone", "mic", "speaker", "alsa", "cards", "board", "boards"],
        "microphone, speaker and board",
        DEVICES,
    ),
    (
        "files",
        &["file", "paths", "logs", "log", "recordings", "state", ".env"],
        "the files that are read and written",
        FILES,
    ),
    ("exit", &["exit-codes", "exit-code", "codes", "code", "status"], "exit codes", EXIT),
];

const SESSION: &str = "\
What is not set here is left to the service; an agent gets only what is set. Each option has an environment
variable, such as AZURE_VOICELIVE_VOICE_RATE for --voice-rate, and a place in a section of the config file:

  [voice]           name, and the options under Voice without voice_, as in: rate = 1.1
  [turn]            detection, end_of_utterance, and the options under Turns without turn_: silence_ms = 700
  [hearing]         language, transcription, noise_reduction, echo_cancellation, and the options under Hearing
  [reply]           instructions, and the options under Replies without reply_: max_tokens = 400
  [agent]           the options under Agent without agent_, as in: version = 3
  [session.extra]   fields of the session object for which there is no setting; they win over the settings
";

const AZURE: &str = "\
mynah needs the address of a Foundry resource and its key; both are on the page of the resource in the portal.

  export AZURE_VOICELIVE_ENDPOINT=https://NAME.services.ai.azure.com
  export AZURE_VOICELIVE_API_KEY=...        (or --api-key-file FILE)

Without a key: --use-token-credential signs in, after az login or mynah login; mynah help sign-in tells all ways.
The model is gpt-realtime; --model NAME chooses another. Transcription follows the model unless it is set.
Without an account: mynah --parrot talks with a built-in service that repeats what it hears.
mynah config shows which address and which key are used, and where each is set.
";

const SIGN_IN: &str = "\
With --use-token-credential mynah sends a token instead of a key. The first of these that is set up gives it:

  AZURE_VOICELIVE_TOKEN, --token-file FILE         a token that you renew yourself
  AZURE_TENANT_ID and AZURE_CLIENT_ID, with        an application:
    AZURE_CLIENT_SECRET, --client-secret-file        with a secret
    AZURE_CLIENT_CERTIFICATE_PATH                    with a certificate and its RSA key, in a PEM file
    AZURE_FEDERATED_TOKEN_FILE                       that trusts another issuer
  IDENTITY_ENDPOINT, the agent of Azure Arc        the identity of this machine
  mynah login                                      you, with a browser on any machine; also over ssh
  az login                                         you, on a terminal; a service does not use it

--credential KIND, or AZURE_TOKEN_CREDENTIALS, names one of them, or prod or dev; the log says which one is used.
Only managed-identity and prod ask the metadata service of a virtual machine in Azure.

For the service: sudo mynah login --state-file /var/lib/mynah/state.toml, and use_token_credential = true in mynah.toml.
For the card: mynah login on another machine, and the line of the file sign-in as sign-in = in mynah.txt.
mynah login uses the application of the Azure CLI unless --client-id names yours: what is kept then opens as much as
az login does. mynah logout deletes it.
";

const MODES: &str = "\
  open   the microphone is always live; the service detects the end of a turn. The default.
         Without a light or terminal that shows it: tap if there is a button; --no-light allows it.
  tap    live from a press until 8 s of quiet (tap_quiet_s), 15 minutes at most.
  hold   live while the button is down: push to talk. On a terminal, hold space, or tap it twice.

Set it with --mode MODE, or mode = \"MODE\" in the file of settings.
";

const BUTTONS: &str = "\
  button of the board         key            does
  press                       space          talks; during a reply, stops it at once
  hold for 1.5 s              m              mutes or unmutes (in the mode hold only m does)
                              +  -           changes the volume
                              q              quits

A board file can give other buttons and gestures other meanings.
Mute and volume are remembered over a restart.
";

const LIGHTS: &str = "\
  green                       the microphone is live, and only then
  following your voice        listening
  breathing                   thinking
  following the reply         speaking
  blinking slowly             offline
  red                         muted: the microphone's device is closed
  three long red flashes      at the start: words or sound are recorded

A light of one colour is on while the microphone is live, and only flashes otherwise. Repeated blinks are a fault:

  1   The key, model, address or a setting is rejected: exit code 2; as a service, what has worked is retried.
  2   The account has no quota left.
  3   No reply came, or only part of one: a limit or a filter of the service, or silence.
  4   Microphone missing, stalled, silent, repeated xruns, or hung driver. mynah reopens it, unless muted by hand.
  5   Speaker missing, stalled, repeated xruns, or hung driver. mynah keeps reopening it.
  6   A button is stuck or bounces; it is ignored.
  7   The service reports an error.
";

const DEVICES: &str = "\
mynah detects the board, which names microphone and speaker; mynah boards marks it, --board NAME chooses another.
--microphone PCM and --speaker PCM choose devices by their ALSA names, such as plughw:CARD=Device.
mynah devices, arecord -L and aplay -L list them.

  It hears you badly     --gain-db 12 (-20 to 60)
  It is too loud         --volume 60
  It answers itself      a speakerphone that cancels echo, headphones, or --mode hold
  No sound card          --speech FILE.wav and --speaker-file FILE.wav, each instead of a device
";

const FILES: &str = "\
Read:
  .env                              variables, in the working directory, with a key if with an address
  mynah.toml                        settings, in the working directory; --config FILE names another
  /etc/mynah/mynah.toml             settings, if there is neither
  /usr/share/mynah/board            board files, to choose from and to copy
  /etc/credstore/mynah.api-key      the key, for the service

Written:
  the saved state (state_file)      mute, volume and the last conversation with an agent; in /var/lib/mynah
  measured.toml, beside it          what is best about the echo, by mynah doctor echo --fix
  the sign-in of mynah login        beside it, readable by its owner only; renewed there
  recordings, beside it             the last minutes of a fault, for mynah replay, without words and sound
  --log-dir DIR                     a log; --record FILE: all events

mynah config check FILE judges a file of settings, a .env file or a board file.
";

const EXIT: &str = "\
  0    you quit
  1    failed at run time
  2    wrong configuration or set-up; the message names it
  75   as a service: a device is missing, and systemd tries again
";

/// Returns the page for the arguments after `mynah help`.
///
/// # Errors
/// Returns a sentence with the topics, if there is no such one.
pub(super) fn request(args: &[OsString]) -> Result<String, Vec<String>> {
    let words: Vec<_> = args.iter().map(|word| word.to_string_lossy().to_lowercase()).collect();
    let wanted = words.join("-");
    if wanted.is_empty() {
        return Ok(overview());
    }
    let topic = TOPICS.iter().find(|(name, others, ..)| *name == wanted || others.contains(&wanted.as_str()));
    match topic {
        Some((_, _, _, "")) => Ok(options()),
        Some(("session", ..)) => Ok(session()),
        Some((.., text)) => Ok((*text).to_owned()),
        None => {
            let all = TOPICS.iter().flat_map(|(name, others, ..)| std::iter::once(name).chain(*others));
            let suggestion = suggest(&wanted, all.copied());
            let shown = crate::printable::clipped(&wanted);
            Err(vec![format!("mynah help {shown}: unknown topic{suggestion}; the topics are {}", topics())])
        }
    }
}

/// Returns the text of `--help`.
pub(super) fn options() -> String {
    let mut text = format!(
        "mynah, a smart speaker for Azure Voice Live\n\nUsage: {}\n",
        schema::USAGE.join("\n       ")
    );
    list_options(&mut text, false);
    entry(&mut text, "--help, --version", "print this help, or the version");
    text.push_str("\nAgents, and how the service hears and speaks: mynah help session.\n");
    text.push_str(
        "\nSettings are read from, strongest first: options, environment, .env, and the config file (TOML,\n",
    );
    text.push_str("with _ instead of -: tap_quiet_s = 8). Environment variables:\n");
    for name in ROWS.iter().filter(|row| !row.group.is_of_session()).filter_map(|row| row.env) {
        text.push_str(&format!("  {name}\n"));
    }
    text.push_str("Credentials from systemd's LoadCredential=: api-key, token, client-secret and sign-in.\n");
    text
}

/// Returns the page about the options that concern the session.
fn session() -> String {
    let mut text = String::from(SESSION);
    list_options(&mut text, true);
    text
}

fn list_options(text: &mut String, of_session: bool) {
    for (group, title) in
        HelpGroup::TITLES.into_iter().filter(|(group, _)| group.is_of_session() == of_session)
    {
        text.push_str(&format!("\n{title}\n"));
        for row in ROWS.iter().filter(|row| row.group == group && row.has_option()) {
            let head = match row.value_name() {
                None => format!("--{}", row.option()),
                Some(value) => format!("--{} {value}", row.option()),
            };
            entry(text, &head, &row.full_help());
        }
    }
}

fn entry(text: &mut String, head: &str, help: &str) {
    const INDENT: usize = 28;
    const WIDTH: usize = 96;
    let mut line = format!("  {head:<width$}", width = INDENT - 3);
    for word in help.split(' ') {
        if line.len() + 1 + word.len() > WIDTH {
            text.push_str(&line);
            text.push('\n');
            line = " ".repeat(INDENT - 1);
        }
        line.push(' ');
        line.push_str(word);
    }
    text.push_str(&line);
    text.push('\n');
}

/// Returns the names of the topics, with blanks between them.
pub(super) fn topics() -> String {
    TOPICS.map(|(name, ..)| name).join(" ")
}

fn overview() -> String {
    let mut text = format!(
        "mynah, a smart speaker for Azure Voice Live\n\nUsage: {}\n",
        schema::USAGE.join("\n       ")
    );
    text.push_str("\nTopics of mynah help:\n");
    for (name, _, about, _) in TOPICS {
        text.push_str(&format!("  {name:<12} {about}\n"));
    }
    text.push_str("\nmynah config shows every setting and what is wrong. mynah --parrot needs no account.\n");
    text
}
