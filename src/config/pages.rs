//! Renders the manual page and the shell completions from the table of options, for packagers: `mynah --man` and
//! `mynah --completions SHELL`, which `--help` does not list.
//!
//! Text that is not about a single option is in the templates in `cross/debian`.

use std::ffi::OsString;

use crate::config::help;
use crate::config::schema::{HelpGroup, KeyRow, ROWS, USAGE, ValueKind};

const MANUAL: &str = include_str!("../../cross/debian/mynah.1.in");
const BASH: &str = include_str!("../../cross/debian/mynah.bash.in");
const ZSH: &str = include_str!("../../cross/debian/_mynah.in");
const FISH: &str = include_str!("../../cross/debian/mynah.fish.in");

/// Returns the page that the arguments request, or `None` if they do not request one.
pub(super) fn request(args: &[OsString]) -> Option<Result<String, Vec<String>>> {
    let args: Vec<&str> = args.iter().map(|arg| arg.to_str().unwrap_or_default()).collect();
    match args[..] {
        ["--man"] => Some(Ok(manual())),
        ["--completions", "bash"] => Some(Ok(bash())),
        ["--completions", "zsh"] => Some(Ok(zsh())),
        ["--completions", "fish"] => Some(Ok(fish())),
        ["--completions", ..] => {
            Some(Err(vec!["option --completions: must be one of bash, zsh, fish".to_owned()]))
        }
        _ => None,
    }
}

fn manual() -> String {
    let mut lines = Vec::new();
    for (group, title) in HelpGroup::TITLES {
        lines.push(format!(".SS {title}"));
        for row in option_rows().filter(|row| row.group == group) {
            let option = roff(&row.option());
            lines.push(match row.value_name() {
                None => format!(".TP\n.B \\-\\-{option}"),
                Some(value) => format!(".TP\n.BI \"\\-\\-{option} \" {value}"),
            });
            lines.push(roff(&row.full_help()));
        }
    }
    let variables: Vec<_> = ROWS.iter().filter_map(|row| row.env).map(|name| format!(".B {name}")).collect();
    MANUAL
        .replace("@USAGE@", &USAGE.map(roff).join("\n"))
        .replace("@OPTIONS@", &lines.join("\n"))
        .replace("@ENVIRONMENT@", &format!(".PP\n{}", variables.join("\n.br\n")))
}

fn bash() -> String {
    let board_names = r#"-W "$(cd "$boards" 2>/dev/null && printf '%s\n' *.toml | sed 's/\.toml$//')" -- "$word"; compgen -f"#;
    let complete = |how: &str| format!("mapfile -t COMPREPLY < <(compgen {how} -- \"$word\") && return ;;");
    let values = option_rows().filter_map(|row| {
        let action = match Value::of(row) {
            Value::None => return None,
            Value::OneOf(words) => complete(&format!("-W '{}'", words.join(" "))),
            Value::File => complete("-f"),
            Value::Folder => complete("-d"),
            Value::Board => complete(board_names),
            Value::Text => "return ;;".to_owned(),
        };
        Some(format!("        --{}) {action}", row.option()))
    });
    let options: Vec<_> = option_rows().map(|row| format!("--{}", row.option())).collect();
    BASH.replace("@TOPICS@", &help::topics())
        .replace("@VALUES@", &values.collect::<Vec<_>>().join("\n"))
        .replace("@FLAGS@", &options.join(" "))
}

fn zsh() -> String {
    let options = option_rows().map(|row| {
        let (option, help) = (row.option(), zsh_text(&row.full_help()));
        let action = match Value::of(row) {
            Value::None => return format!("    '--{option}[{help}]' \\"),
            Value::OneOf(words) => format!("({})", words.join(" ")),
            Value::File => "_files".to_owned(),
            Value::Folder => "_files -/".to_owned(),
            Value::Board => r"{compadd -- /usr/share/mynah/board/*.toml(N\:t\:r); _files}".to_owned(),
            Value::Text => " ".to_owned(),
        };
        format!("    '--{option}=[{help}]:{}:{action}' \\", row.value_name().unwrap_or_default())
    });
    ZSH.replace("@TOPICS@", &help::topics()).replace("@FLAGS@", &options.collect::<Vec<_>>().join("\n"))
}

fn fish() -> String {
    let options = option_rows().map(|row| {
        let action = match Value::of(row) {
            Value::None => String::new(),
            Value::OneOf(words) => format!(" -x -a '{}'", words.join(" ")),
            Value::File => " -r -F".to_owned(),
            Value::Folder => " -x -a '(__fish_complete_directories)'".to_owned(),
            Value::Board => " -r -F -a '(path basename /usr/share/mynah/board/*.toml 2>/dev/null \
                             | string replace .toml \"\")'"
                .to_owned(),
            Value::Text => " -x".to_owned(),
        };
        let help = row.full_help().replace('\\', "\\\\").replace('\'', "\\'");
        format!("complete -c mynah -l {}{action} -d '{help}'", row.option())
    });
    FISH.replace("@TOPICS@", &help::topics()).replace("@FLAGS@", &options.collect::<Vec<_>>().join("\n"))
}

/// What a shell can complete as the value of an option.
enum Value {
    None,
    OneOf(Vec<&'static str>),
    File,
    Folder,
    /// The name of a board, or a file name.
    Board,
    Text,
}

impl Value {
    fn of(row: &KeyRow) -> Self {
        match row.kind {
            ValueKind::Switch => Self::None,
            ValueKind::OneOf(_, words) => Self::OneOf(words()),
            ValueKind::Text("FILE" | "WAV") => Self::File,
            ValueKind::Text("DIR") => Self::Folder,
            ValueKind::Text("BOARD") => Self::Board,
            ValueKind::Text(_)
            | ValueKind::Secret(_)
            | ValueKind::Seconds
            | ValueKind::Number(_)
            | ValueKind::Wait
            | ValueKind::Loose(_)
            | ValueKind::List(_)
            | ValueKind::Pairs(_)
            | ValueKind::Json => Self::Text,
        }
    }
}

fn option_rows() -> impl Iterator<Item = &'static KeyRow> {
    HelpGroup::TITLES
        .into_iter()
        .flat_map(|(group, _)| ROWS.iter().filter(move |row| row.group == group && row.has_option()))
}

fn roff(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq");
    // roff takes a line that starts with a dot as a request.
    if text.starts_with('.') { format!("\\&{text}") } else { text }
}

fn zsh_text(text: &str) -> String {
    text.replace('\'', r"'\''").replace('[', r"\[").replace(']', r"\]").replace(':', r"\:")
}
