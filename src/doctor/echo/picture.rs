//! Draws what was measured of an echo: the impulse response, and what the canceller removes over time, as SVG.
//!
//! The picture needs nothing besides itself, and names no device.

use std::fmt::Write;
use std::ops::Range;

use super::measurement::{CancellerGain, EchoMeasurement, GAIN_FRAMES, SHOWN_MS};
use super::sounds::RATE_HZ;

/// Width and height of the picture, and of each of the two diagrams in it, in pixels.
const SIZE: (u32, u32) = (760, 560);
const DIAGRAM: (f32, f32) = (660.0, 180.0);
/// Where the diagrams begin.
const LEFT: f32 = 70.0;
const TOPS: (f32, f32) = (60.0, 320.0);
/// What is shown of the levels, in decibels.
const RESPONSE_DB: Range<f32> = -80.0..0.0;
const GAIN_DB: Range<f32> = 0.0..60.0;
/// The least time that is shown of the gain, in seconds.
const TIME_S: f32 = 7.5;

/// Returns the picture.
pub(super) fn draw(measured: &EchoMeasurement) -> String {
    let (width, height) = SIZE;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <title>mynah doctor echo</title>\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"24\" font-size=\"17\">mynah doctor echo: what the microphone hears of the speaker</text>\n"
    );
    let response = Diagram {
        title: "Impulse response",
        top: TOPS.0,
        across: ("ms after the first sound", SHOWN_MS.start as f32..SHOWN_MS.end as f32, 50.0),
        up: ("dB of its peak", RESPONSE_DB, 20.0),
    };
    let points = (SHOWN_MS.start..).map(|ms| ms as f32).zip(measured.response_db.iter().copied());
    response.draw(&mut svg, points);
    let course: &[f32] = measured.gain.as_ref().map_or(&[], |gain: &CancellerGain| &gain.course_db);
    let step_s = GAIN_FRAMES as f32 / RATE_HZ as f32;
    let gain = Diagram {
        title: match course {
            [] => "Echo removed (ERLE): not known, without a reference",
            [..] => "Echo removed (ERLE), while two sweeps and noise are played",
        },
        top: TOPS.1,
        across: ("s after the start", 0.0..TIME_S.max(course.len() as f32 * step_s), 1.0),
        up: ("dB", GAIN_DB, 20.0),
    };
    gain.draw(&mut svg, course.iter().enumerate().map(|(part, db)| (part as f32 * step_s, *db)));
    svg.push_str("</svg>\n");
    svg
}

/// A line over two axes. Each axis has its unit, what is shown of it, and the distance of its marks.
struct Diagram {
    title: &'static str,
    top: f32,
    across: (&'static str, Range<f32>, f32),
    up: (&'static str, Range<f32>, f32),
}

impl Diagram {
    fn draw(&self, svg: &mut String, points: impl Iterator<Item = (f32, f32)>) {
        let Self { title, top, across: (unit, across, step), up: (level, up, level_step) } = self;
        let (width, height) = DIAGRAM;
        let x = |value: f32| LEFT + width * (value - across.start) / (across.end - across.start);
        let y = |value: f32| top + height * (up.end - value.clamp(up.start, up.end)) / (up.end - up.start);
        let (right, bottom) = (LEFT + width, top + height);
        // Writing to a string does not fail.
        let _ = writeln!(svg, "<text x=\"{LEFT}\" y=\"{}\">{title}</text>", top - 10.0);
        for value in marks(across, *step) {
            let at = x(value);
            let _ = writeln!(
                svg,
                "<path d=\"M{at:.1} {top}V{bottom}\" stroke=\"#ddd\"/>\
                 <text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{value:.0}</text>",
                bottom + 16.0
            );
        }
        for value in marks(up, *level_step) {
            let at = y(value);
            let _ = writeln!(
                svg,
                "<path d=\"M{LEFT} {at:.1}H{right}\" stroke=\"#ddd\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{value:.0}</text>",
                LEFT - 6.0,
                at + 4.0
            );
        }
        let (middle, below) = (LEFT + width / 2.0, bottom + 34.0);
        let _ = writeln!(svg, "<text x=\"{middle}\" y=\"{below}\" text-anchor=\"middle\">{unit}</text>");
        let side = top + height / 2.0;
        let _ = writeln!(
            svg,
            "<text x=\"20\" y=\"{side}\" text-anchor=\"middle\" transform=\"rotate(-90 20 {side})\">{level}</text>"
        );
        let mut line = String::new();
        for (at, value) in points {
            let _ = write!(line, "{:.1},{:.1} ", x(at), y(value));
        }
        let line = line.trim_end();
        let _ = writeln!(
            svg,
            "<polyline points=\"{line}\" fill=\"none\" stroke=\"#0a58ca\" stroke-width=\"1.5\"/>"
        );
    }
}

/// Returns the values of the marks of an axis.
fn marks(shown: &Range<f32>, step: f32) -> impl Iterator<Item = f32> {
    let (first, last) = ((shown.start / step).ceil() as i32, (shown.end / step).floor() as i32);
    (first..=last).map(move |mark| mark as f32 * step)
}
