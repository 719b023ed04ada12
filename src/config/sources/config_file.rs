//! Reads the config file: settings above all sections, and those in sections.
//!
//! It rejects unknown names, and names in a wrong place, with the right one. It does not validate values.

use std::io;
use std::path::Path;

use zeroize::Zeroizing;

use super::strict_toml::{Scalar, StrictTable};
use super::{FOLDERS_FILE, Layer, Sources, file, is_same_file};
use crate::config::schema::{Key, KeyRow, ROWS, SECTIONS, ValueKind, is_close, suggest};
use crate::config::secret;

impl Sources {
    pub(super) fn read_config(&mut self, dir: &Path, system: &Path) {
        let (file, display_name, optional) = match self.given.get(&Key::Config) {
            Some(given) => {
                let home = self.state_dirs.get("HOME").map(String::as_str);
                let path = file::path(&given.value, dir, home).unwrap_or_else(|_| dir.join(&*given.value));
                (path, given.value.to_string(), false)
            }
            None if dir.join(FOLDERS_FILE).exists() => {
                self.has_folders_config = !is_same_file(&dir.join(FOLDERS_FILE), system);
                (dir.join(FOLDERS_FILE), FOLDERS_FILE.to_owned(), false)
            }
            None => (system.to_owned(), system.display().to_string(), true),
        };
        self.read_config_file(&file, &display_name, optional);
    }

    /// Reads the settings of `file`, called `name`.
    pub(super) fn read_config_file(&mut self, file: &Path, name: &str, optional: bool) {
        let Some(text) = self.read_config_text(file, name, optional) else { return };
        let mut table = StrictTable::parse(name, &text);
        let base = file.parent().unwrap_or(file);
        let sections = table.take_sections();
        let mut holds_secret = self.read_table(table, None, base);
        for (section, mut table) in sections {
            if !SECTIONS.contains(&&*section) {
                let place = table.place(&section, table.first_line());
                let suggestion = suggest(&section, SECTIONS);
                self.problems.push(format!(
                    "{place}: unknown section{suggestion}; the sections are {}, so remove the line [{section}]",
                    SECTIONS.join(", ")
                ));
                // What stands below it was meant for the whole file.
                holds_secret |= self.read_table(table, None, base);
                continue;
            }
            table.set_header(format!("[{section}]"));
            holds_secret |= self.read_table(table, Some(&section), base);
        }
        if holds_secret {
            self.warnings.extend(secret::permission_warning(file));
        }
    }

    /// Reads the settings in `table`, which is a section or what stands above all sections, and returns whether one is
    /// a secret. What a wrong line sets is not missing.
    fn read_table(&mut self, mut table: StrictTable<'_>, section: Option<&str>, base: &Path) -> bool {
        let rows = || ROWS.iter().filter(|row| row.is_in_files());
        let name_of = |row: &KeyRow| match (section, row.section) {
            (None, _) => Some(row.name),
            (Some(section), Some((own, name))) if own == section => Some(name),
            (Some(_), Some(_) | None) => None,
        };
        let mut entries = Vec::new();
        for (row, name) in rows().filter_map(|row| Some((row, name_of(row)?))) {
            let taken = match row.kind {
                ValueKind::List(_) | ValueKind::Pairs(_) | ValueKind::Json => table.take_json(name),
                ValueKind::Switch
                | ValueKind::Text(_)
                | ValueKind::Secret(_)
                | ValueKind::Seconds
                | ValueKind::Number(_)
                | ValueKind::Wait
                | ValueKind::Loose(_)
                | ValueKind::OneOf(..) => table.take(name),
            };
            entries.extend(taken.map(|entry| (row, name, entry)));
        }
        let meant = |name: &str| rows().find(|row| name_of(row).is_some() && row.is_meant_by(name));
        for (row, name, entry) in table.take_misnamed(meant) {
            let right = name_of(row).unwrap_or(row.name);
            table.refuse(&name, entry.line, &format!("in this file it is called {right}"));
            entries.push((row, right, entry));
        }
        if section.is_some() {
            self.refuse_misplaced(&mut table);
        }
        let mut holds_secret = false;
        for (row, name, entry) in entries {
            holds_secret |= row.is_secret();
            let place = table.place(name, entry.line);
            match value_text(row, name, entry.value) {
                Ok(_) if self.given.get(&row.key).is_some_and(|given| given.layer == Layer::ConfigFile) => {
                    let other = self.given.get(&row.key).map_or("", |given| &given.place);
                    table.refuse(name, entry.line, &format!("is set twice, also by {other}; remove one"));
                }
                Ok(value) => {
                    if section.is_none() && row.section.is_some() {
                        let name = row.name_in_file();
                        self.warnings.push(format!("{place}: is understood; its new name is {name}"));
                    }
                    self.set_if_unset(row.key, Layer::ConfigFile, value, place, base);
                }
                Err(reason) => {
                    table.refuse(name, entry.line, &reason);
                    self.refused.insert(row.key);
                }
            }
        }
        self.has_unread_file |= table.is_incomplete() || table.wrong_keys().contains(&None);
        let names = table.wrong_keys().iter().flatten().map(|name| (*name).to_owned());
        for name in names.chain(table.unread_names()).collect::<Vec<_>>() {
            let close =
                |row: &&KeyRow| row.name == name || row.is_meant_by(&name) || is_close(&name, row.name);
            self.refused.extend(rows().find(close).map(|row| row.key));
        }
        self.problems.extend(table.finish());
        holds_secret
    }

    /// Refuses the settings of a section that belong elsewhere, with the place for each.
    fn refuse_misplaced(&mut self, table: &mut StrictTable<'_>) {
        for name in table.unread_names() {
            let row = ROWS.iter().filter(|row| row.is_in_files()).find(|row| {
                row.name == name || row.section.is_some_and(|(_, own)| own == name) || row.is_meant_by(&name)
            });
            let Some(row) = row else { continue };
            let line = table.line_at(&name);
            table.discard(&name);
            self.refused.insert(row.key);
            let reason = match row.section {
                Some((section, own)) => format!("belongs under [{section}], as {own}"),
                None => "belongs above the first line in brackets".to_owned(),
            };
            table.refuse(&name, line, &reason);
        }
    }

    fn read_config_text(&mut self, file: &Path, name: &str, optional: bool) -> Option<Zeroizing<String>> {
        self.files_read.push((name.to_owned(), file.to_owned()));
        let problem = match file::read_any(file) {
            Err(error) if optional && error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => format!("{name}: cannot be read: {error}"),
            Ok(found) => match found.require_unicode() {
                Err(reason) => format!("{name}, {reason}"),
                Ok(()) => {
                    self.warnings.extend(found.encoding_warning(name));
                    return Some(found.text);
                }
            },
        };
        self.problems.push(problem);
        self.has_unread_file = true;
        None
    }
}

/// Returns the text of a value in the config file, whose type must be that of the key: `"true"` is not a switch.
fn value_text(row: &KeyRow, name: &str, value: Scalar) -> Result<String, String> {
    match (row.kind, value) {
        (ValueKind::Switch, Scalar::Switch(switch)) => Ok(switch.to_string()),
        (ValueKind::Switch, Scalar::Text(_) | Scalar::Number(_)) => {
            Err("must be true or false, without quotes".to_owned())
        }
        (ValueKind::Seconds | ValueKind::Number(_) | ValueKind::Wait, Scalar::Number(number)) => Ok(number),
        (ValueKind::Wait, Scalar::Text(word)) => Ok(word),
        (ValueKind::Loose(_), Scalar::Text(text) | Scalar::Number(text)) => Ok(text),
        (ValueKind::Loose(_), Scalar::Switch(_)) => Err("must be a number, or a string in quotes".to_owned()),
        // A list or a table is JSON by now.
        (ValueKind::List(_) | ValueKind::Pairs(_) | ValueKind::Json, Scalar::Text(text)) => Ok(text),
        (ValueKind::List(_), Scalar::Number(_) | Scalar::Switch(_)) => {
            Err(format!("must be a list of strings in quotes: {name} = [\"...\"]"))
        }
        (ValueKind::Pairs(_) | ValueKind::Json, Scalar::Number(_) | Scalar::Switch(_)) => {
            Err(format!("must be a table: {name} = {{ NAME = \"...\" }}"))
        }
        (ValueKind::Seconds | ValueKind::Number(_), Scalar::Text(text)) => Err(match leading_number(&text) {
            Some(number) => format!("must be a number, without quotes and unit: write {name} = {number}"),
            None => "must be a number, without quotes".to_owned(),
        }),
        (ValueKind::Seconds | ValueKind::Number(_), Scalar::Switch(_))
        | (ValueKind::Wait, Scalar::Switch(_)) => Err("must be a number, without quotes".to_owned()),
        (ValueKind::Text(_) | ValueKind::Secret(_) | ValueKind::OneOf(..), Scalar::Text(text)) => Ok(text),
        (
            ValueKind::Text(_) | ValueKind::Secret(_) | ValueKind::OneOf(..),
            Scalar::Number(_) | Scalar::Switch(_),
        ) => Err("must be a string in quotes".to_owned()),
    }
}

/// Returns the number with which `text` starts, such as the 80 of `80%`.
fn leading_number(text: &str) -> Option<&str> {
    let text = text.trim().trim_start_matches('+');
    let end = text.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '-')).unwrap_or(text.len());
    text[..end].parse::<f64>().ok().map(|_| &text[..end])
}
