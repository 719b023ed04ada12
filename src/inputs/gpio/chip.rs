//! GPIO lines by the kernel's character device: finding them, asking for them, driving them.
//!
//! A line is found by its name on whichever chip has it, or by a chip and a number. Nothing here knows what
//! a line is for; what cannot be had is refused with the reason (`trouble`).

use std::io;
use std::path::{Path, PathBuf};

use gpiocdev::Request;
use gpiocdev::chip::{Chip, chips};
use gpiocdev::line::{Value, Values};
use gpiocdev::request::Builder;

use super::owner;
use crate::config::GpioLine;
use crate::inputs::error::{LineError, LineProblem};

/// What other programs are told of who uses a line.
const CONSUMER: &str = "mynah";

/// Where a line was found.
#[derive(Clone, Debug, PartialEq, Eq)]
struct LineAddress {
    chip: PathBuf,
    offset: u32,
}

/// Lines that are driven, in the order in which they were named.
pub(crate) struct GpioOutputs {
    banks: Vec<OutputBank>,
}

/// The lines of one chip: they change together.
struct OutputBank {
    request: Request,
    values: Values,
    /// Which of all lines each is, and its number on the chip.
    lines: Vec<(usize, u32)>,
}

/// Takes `lines` as outputs that are `initial` from the first moment, or off where that does not say; `user` is who
/// wants them.
///
/// # Errors
/// Returns which line cannot be had and why.
pub(crate) fn output(
    user: &str,
    lines: &[&GpioLine],
    active_low: bool,
    initial: &[bool],
) -> Result<GpioOutputs, LineError> {
    let mut banks: Vec<(PathBuf, Vec<(usize, u32)>)> = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let address = find(user, line)?;
        match banks.iter_mut().find(|(chip, _)| *chip == address.chip) {
            Some((_, lines)) => lines.push((index, address.offset)),
            None => banks.push((address.chip, vec![(index, address.offset)])),
        }
    }
    let banks = banks.into_iter().map(|(chip, members)| {
        let mut values = Values::default();
        for (index, offset) in &members {
            values.set(*offset, level(initial.get(*index).copied().unwrap_or_default()));
        }
        let mut builder = Request::builder();
        if active_low {
            builder.as_active_low();
        }
        builder.with_output_lines(&values);
        // The first that is busy is the one to name.
        let addresses: Vec<_> = members
            .iter()
            .map(|(index, offset)| (lines[*index], LineAddress { chip: chip.clone(), offset: *offset }))
            .collect();
        let request = request(user, &mut builder, &addresses)?;
        Ok(OutputBank { request, values, lines: members })
    });
    Ok(GpioOutputs { banks: banks.collect::<Result<_, _>>()? })
}

impl GpioOutputs {
    /// Drives each line as `lit` says, in the order in which they were named.
    ///
    /// # Errors
    /// Returns what the kernel says, such as that the chip is gone.
    pub(crate) fn drive(&mut self, active: &[bool]) -> io::Result<()> {
        for bank in &mut self.banks {
            for (index, offset) in &bank.lines {
                if let Some(active) = active.get(*index) {
                    bank.values.set(*offset, level(*active));
                }
            }
            bank.request.set_values(&bank.values).map_err(io::Error::other)?;
        }
        Ok(())
    }
}

/// Takes `line` as the input that `builder` describes; `user` is who wants it.
///
/// # Errors
/// Returns why the line cannot be had.
pub(crate) fn input(user: &str, line: &GpioLine, builder: &mut Builder) -> Result<(Request, u32), LineError> {
    let address = find(user, line)?;
    let offset = address.offset;
    builder.with_line(offset);
    Ok((request(user, builder, &[(line, address)])?, offset))
}

fn request(
    user: &str,
    builder: &mut Builder,
    addresses: &[(&GpioLine, LineAddress)],
) -> Result<Request, LineError> {
    let Some((first, LineAddress { chip, .. })) = addresses.first() else {
        return Err(LineError::new(user, "no line", LineProblem::NoGpio));
    };
    builder.on_chip(chip).with_consumer(CONSUMER).request().map_err(|error| {
        let busy = addresses.iter().find_map(|(line, address)| Some((*line, busy(address)?)));
        let (line, problem) = busy.unwrap_or_else(|| (*first, LineProblem::Refused(error.to_string())));
        LineError::new(user, &describe(line), problem)
    })
}

/// Gives who has the line, if somebody has.
fn busy(address: &LineAddress) -> Option<LineProblem> {
    let info = Chip::from_path(&address.chip).ok()?.line_info(address.offset).ok()?;
    let holder = || owner::of_line(&name_of(&address.chip), address.offset);
    info.used.then(|| LineProblem::Busy { consumer: info.consumer.clone(), holder: holder() })
}

fn find(user: &str, line: &GpioLine) -> Result<LineAddress, LineError> {
    let refuse = |problem| LineError::new(user, &describe(line), problem);
    let paths = chips().unwrap_or_default();
    if paths.is_empty() {
        return Err(refuse(LineProblem::NoGpio));
    }
    let mut forbidden = None;
    let mut open = Vec::new();
    for path in paths {
        match Chip::from_path(&path) {
            Ok(chip) => open.push(chip),
            Err(gpiocdev::Error::Os(errno)) if errno.0 == rustix::io::Errno::ACCESS.raw_os_error() => {
                forbidden.get_or_insert(path);
            }
            // It went away just now.
            Err(_) => {}
        }
    }
    let found = match line {
        GpioLine::Named(name) => named(&open, name),
        GpioLine::At { chip, offset } => numbered(&open, chip, *offset),
    };
    // What could not be looked into may have it.
    found.map_err(|problem| {
        refuse(match (forbidden, problem) {
            (Some(path), LineProblem::NoChip { .. } | LineProblem::NoLine { .. }) => {
                LineProblem::Forbidden(path)
            }
            (_, problem) => problem,
        })
    })
}

fn named(open: &[Chip], name: &str) -> Result<LineAddress, LineProblem> {
    let mut names = Vec::new();
    for chip in open {
        for info in chip.line_info_iter().into_iter().flatten().flatten() {
            if info.name == name {
                return Ok(LineAddress { chip: chip.path().to_owned(), offset: info.offset });
            }
            names.push(info.name);
        }
    }
    names.retain(|name| !name.is_empty());
    Err(LineProblem::NoLine { name: name.to_owned(), names, chips: descriptions(open) })
}

fn numbered(open: &[Chip], wanted: &str, offset: u32) -> Result<LineAddress, LineProblem> {
    let wanted = wanted.trim_start_matches("/dev/");
    let chip = open
        .iter()
        .find(|chip| chip.name() == wanted)
        .or_else(|| open.iter().find(|chip| chip.info().is_ok_and(|info| info.label == wanted)))
        .ok_or_else(|| LineProblem::NoChip { chips: descriptions(open) })?;
    let count = chip.info().map_or(0, |info| info.num_lines);
    if offset >= count {
        return Err(LineProblem::NoOffset { count });
    }
    Ok(LineAddress { chip: chip.path().to_owned(), offset })
}

/// Says of each chip its name, what it is and how many lines it has.
fn descriptions(open: &[Chip]) -> Vec<String> {
    let infos = open.iter().filter_map(|chip| chip.info().ok());
    infos.map(|info| format!("{} ({}, {} lines)", info.name, info.label, info.num_lines)).collect()
}

pub(crate) fn describe(line: &GpioLine) -> String {
    match line {
        GpioLine::Named(name) => format!("line {name}"),
        GpioLine::At { chip, offset } => format!("line {offset} of {chip}"),
    }
}

fn name_of(chip: &Path) -> String {
    chip.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn level(active: bool) -> Value {
    if active { Value::Active } else { Value::Inactive }
}
