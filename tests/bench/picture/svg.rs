//! Draws a screen as SVG that looks the same in every viewer.
//!
//! Each run of characters is stretched to its columns, because fonts differ in width; bars and dots are drawn as shapes,
//! because fonts differ in those too.

use std::fmt::Write;

use super::screen::{Cell, Screen, Style};

const COLUMN: usize = 9;
const ROW: usize = 21;
const MARGIN: usize = 18;
/// From the top of a row to the baseline of its text.
const BASELINE: usize = 15;
const BACKGROUND: &str = "#14171f";
const FOREGROUND: &str = "#d5dae4";

pub(super) fn draw(screen: &Screen, columns: u16) -> String {
    let rows = screen.rows();
    let (width, height) = (2 * MARGIN + usize::from(columns) * COLUMN, 2 * MARGIN + rows.len() * ROW);
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">
<title>mynah on a terminal, during a conversation with its built-in service</title>
<rect width="{width}" height="{height}" rx="10" fill="{BACKGROUND}"/>
<g xml:space="preserve" font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="15" fill="{FOREGROUND}">
"#
    );
    for (index, row) in rows.iter().enumerate() {
        let top = MARGIN + index * ROW;
        for (column, run) in runs(row) {
            draw_run(&mut svg, run, MARGIN + column * COLUMN, top);
        }
    }
    svg.push_str("</g>\n</svg>\n");
    svg
}

/// Splits a row into runs of equal style, each shape on its own, without the blanks at the ends. Yields their columns.
fn runs(row: &[Cell]) -> impl Iterator<Item = (usize, &[Cell])> {
    let together = |a: &Cell, b: &Cell| a.style == b.style && !is_shape(a) && !is_shape(b);
    let mut column = 0;
    row.chunk_by(together).filter_map(move |run| {
        let from = column;
        column += run.len();
        let is_text = |cell: &Cell| cell.character != ' ';
        let (first, last) = (run.iter().position(is_text)?, run.iter().rposition(is_text)?);
        Some((from + first, &run[first..=last]))
    })
}

fn is_shape(cell: &Cell) -> bool {
    "●○█░".contains(cell.character)
}

fn draw_run(svg: &mut String, run: &[Cell], x: usize, top: usize) {
    let Style { bold, colour } = run[0].style;
    let colour = colour.map(|[red, green, blue]| format!("#{red:02x}{green:02x}{blue:02x}"));
    let fill = colour.as_deref().unwrap_or(FOREGROUND);
    let (centre_x, centre_y) = (x + COLUMN / 2, top + ROW / 2);
    let (bar_top, bar_width, bar_height) = (top + 3, COLUMN - 1, ROW - 6);
    let written = match run[0].character {
        '●' => writeln!(svg, r#"<circle cx="{centre_x}" cy="{centre_y}" r="5" fill="{fill}"/>"#),
        '○' => {
            writeln!(svg, r#"<circle cx="{centre_x}" cy="{centre_y}" r="4" fill="none" stroke="{fill}"/>"#)
        }
        '█' => writeln!(
            svg,
            r#"<rect x="{x}" y="{bar_top}" width="{bar_width}" height="{bar_height}" fill="{fill}"/>"#
        ),
        '░' => writeln!(
            svg,
            r#"<rect x="{x}" y="{bar_top}" width="{bar_width}" height="{bar_height}" fill="{fill}" opacity="0.2"/>"#
        ),
        _ => {
            let text: String = run.iter().map(|cell| escaped(cell.character)).collect();
            let (y, length) = (top + BASELINE, run.len() * COLUMN);
            let weight = if bold { r#" font-weight="bold""# } else { "" };
            let fill = colour.map(|colour| format!(r#" fill="{colour}""#)).unwrap_or_default();
            writeln!(
                svg,
                r#"<text x="{x}" y="{y}" textLength="{length}" lengthAdjust="spacingAndGlyphs"{weight}{fill}>{text}</text>"#
            )
        }
    };
    written.expect("a string takes everything");
}

fn escaped(character: char) -> String {
    match character {
        '<' => "&lt;".to_owned(),
        '&' => "&amp;".to_owned(),
        _ => character.to_string(),
    }
}
