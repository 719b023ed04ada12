//! GPIO lines of the kernel's character devices (uAPI v2): finding, requesting and driving them.
//!
//! A line is found by its name on any chip, or by chip and offset. It does not know what a line is used for.

use std::io;
use std::path::{Path, PathBuf};

use gpiocdev::Request;
use gpiocdev::chip::{Chip, chips};
use gpiocdev::line::{Value, Values};
use gpiocdev::request::Builder;

use super::owner;
use crate::config::GpioLine;
use crate::inputs::error::{LineError, LineProblem, spelling};

/// The consumer name that the kernel shows to other programs.
const CONSUMER: &str = "mynah";

/// The chip and offset of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct LineAddress {
    chip: PathBuf,
    offset: u32,
}

/// Requested output lines, in the caller's order.
pub(crate) struct GpioOutputs {
    banks: Vec<OutputBank>,
}

/// The output lines of one chip, which change together.
struct OutputBank {
    request: Request,
    values: Values,
    /// For each line its index in the caller's order, and its offset on the chip.
    lines: Vec<(usize, u32)>,
}

/// Requests `lines` as outputs with the values `initial`; missing values are inactive. `user` is what the
/// lines are for, in error messages.
///
/// # Errors
/// Returns the first line that cannot be used, and why.
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
        // For the error message: the first busy line.
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
    /// Sets each line to its value in `active`, in the caller's order.
    ///
    /// # Errors
    /// Returns the kernel's error, such as that the chip was removed.
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

/// Requests `line` as the input that `builder` describes and returns it with its offset. `user` is what the
/// line is for, in error messages.
///
/// # Errors
/// Returns why the line cannot be used.
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

/// Returns the consumer of the line if it is in use.
fn busy(address: &LineAddress) -> Option<LineProblem> {
    let info = Chip::from_path(&address.chip).ok()?.line_info(address.offset).ok()?;
    let holder = || owner::of_line(&name_of(&address.chip), address.offset);
    info.used.then(|| LineProblem::Busy { consumer: info.consumer.clone(), owner: holder() })
}

fn find(user: &str, line: &GpioLine) -> Result<LineAddress, LineError> {
    let refuse = |problem| LineError::new(user, &describe(line), problem);
    let paths = chips().unwrap_or_default();
    if paths.is_empty() {
        return Err(refuse(LineProblem::NoGpio));
    }
    let (mut forbidden, mut refused) = (None, None);
    let mut open = Vec::new();
    for path in paths {
        match Chip::from_path(&path) {
            Ok(chip) => open.push(chip),
            Err(gpiocdev::Error::Os(errno)) if errno.0 == rustix::io::Errno::ACCESS.raw_os_error() => {
                forbidden.get_or_insert(path);
            }
            Err(error) => {
                refused.get_or_insert(error.to_string());
            }
        }
    }
    let found = match line {
        GpioLine::Named(name) => named(&open, name),
        GpioLine::At { chip, offset } => numbered(&open, chip, *offset),
    };
    // A chip that could not be opened may have the line.
    found.map_err(|problem| {
        refuse(match (problem, forbidden, refused) {
            (LineProblem::NoChip { .. } | LineProblem::NoLine { .. }, Some(path), _) => {
                LineProblem::Forbidden(path)
            }
            (LineProblem::NoChip { .. } | LineProblem::NoLine { .. }, None, Some(error)) => {
                LineProblem::Refused(error)
            }
            (problem, _, _) => problem,
        })
    })
}

fn named(open: &[Chip], name: &str) -> Result<LineAddress, LineProblem> {
    let (mut names, mut similar) = (Vec::new(), Vec::new());
    for chip in open {
        for info in chip.line_info_iter().into_iter().flatten().flatten() {
            let address = LineAddress { chip: chip.path().to_owned(), offset: info.offset };
            if info.name == name {
                return Ok(address);
            }
            if spelling(&info.name) == spelling(name) {
                similar.push(address);
            }
            names.push(info.name);
        }
    }
    // Some machines spell it GPIO_17 or gpio17.
    if let [only] = similar.as_slice() {
        return Ok(only.clone());
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

/// Returns each chip's name, label and number of lines.
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
