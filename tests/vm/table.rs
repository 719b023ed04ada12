//! The table of measurements: compares them with their goals, prints them, and writes them to a file.

use std::fmt::Write as _;

/// The condition a measurement has to meet.
#[derive(Clone, Copy)]
pub(crate) enum Goal {
    /// The median is at most this.
    Median(f64),
    /// The median without the card's share is at most this.
    MedianWithoutCard(f64),
    /// The 99.9th percentile is at most this.
    P999(f64),
    /// All values are at most this.
    Max(f64),
    /// All values are at least this.
    Min(f64),
    /// There is no goal.
    None,
}

/// All measurements and failures.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
    failures: Vec<String>,
}

struct Row {
    scenario: &'static str,
    what: String,
    count: usize,
    /// Minimum, median, 99th and 99.9th percentile, maximum.
    figures: [f64; 5],
    goal: Goal,
    card: Option<f64>,
}

impl Table {
    /// Adds a measurement; `what` includes its unit, `card` is the card's share of the median.
    pub(crate) fn row(
        &mut self,
        scenario: &'static str,
        what: &str,
        mut values: Vec<f64>,
        goal: Goal,
        card: Option<f64>,
    ) {
        if values.is_empty() {
            return self.fail(scenario, &format!("{what}: no measurement"));
        }
        values.sort_by(f64::total_cmp);
        let figures = [0.0, 0.5, 0.99, 0.999, 1.0].map(|share| quantile(&values, share));
        let row = Row { scenario, what: what.to_owned(), count: values.len(), figures, goal, card };
        if !row.is_met() {
            self.fail(scenario, &format!("{what}: {}, the goal is {}", row.judged_figure(), row.goal_text()));
        }
        self.rows.push(row);
    }

    /// Adds a single number.
    pub(crate) fn number(&mut self, scenario: &'static str, what: &str, value: f64, goal: Goal) {
        self.row(scenario, what, vec![value], goal, None);
    }

    /// Records a failure.
    pub(crate) fn fail(&mut self, scenario: &'static str, what: &str) {
        self.failures.push(format!("{scenario}: {what}"));
    }

    /// Records the failure `what` unless `is_so`.
    pub(crate) fn expect(&mut self, scenario: &'static str, is_so: bool, what: &str) {
        if !is_so {
            self.fail(scenario, what);
        }
    }

    pub(crate) fn failures(&self) -> &[String] {
        &self.failures
    }

    /// Returns the table as aligned text.
    pub(crate) fn to_text(&self) -> String {
        let mut text = format!(
            "{:<12} {:<56} {:>6} {:>9} {:>9} {:>9} {:>9} {:>9}  {:<14} {:>8}\n",
            "", "what", "count", "min", "median", "p99", "p99.9", "max", "goal", "card's"
        );
        for row in &self.rows {
            let [min, median, p99, p999, max] = row.figures.map(short);
            let card = row.card.map_or_else(String::new, short);
            let goal = row.goal_text();
            let Row { scenario, what, count, .. } = row;
            writeln!(
                text,
                "{scenario:<12} {what:<56} {count:>6} {min:>9} {median:>9} {p99:>9} {p999:>9} {max:>9}  {goal:<14} {card:>8}"
            )
            .expect("a String never fails");
        }
        text
    }

    /// Returns the table as tab-separated values.
    pub(crate) fn to_tsv(&self) -> String {
        let mut text = "scenario\twhat\tcount\tmin\tmedian\tp99\tp99.9\tmax\tgoal\tcard\tmet\n".to_owned();
        for row in &self.rows {
            let figures = row.figures.map(|figure| format!("{figure:.4}")).join("\t");
            let card = row.card.map_or_else(String::new, |card| format!("{card:.4}"));
            let Row { scenario, what, count, .. } = row;
            let (goal, met) = (row.goal_text(), row.is_met());
            writeln!(text, "{scenario}\t{what}\t{count}\t{figures}\t{goal}\t{card}\t{met}")
                .expect("a String never fails");
        }
        text
    }
}

impl Row {
    fn judged_figure(&self) -> String {
        let [min, median, _, p999, max] = self.figures;
        short(match self.goal {
            Goal::Median(_) => median,
            Goal::MedianWithoutCard(_) => median - self.card.unwrap_or(0.0),
            Goal::P999(_) => p999,
            Goal::Min(_) => min,
            Goal::Max(_) | Goal::None => max,
        })
    }

    fn is_met(&self) -> bool {
        let [min, median, _, p999, max] = self.figures;
        match self.goal {
            Goal::Median(most) => median <= most,
            Goal::MedianWithoutCard(most) => median - self.card.unwrap_or(0.0) <= most,
            Goal::P999(most) => p999 <= most,
            Goal::Max(most) => max <= most,
            Goal::Min(least) => min >= least,
            Goal::None => true,
        }
    }

    fn goal_text(&self) -> String {
        match self.goal {
            Goal::Median(most) => format!("median ≤ {most}"),
            Goal::MedianWithoutCard(most) => format!("own ≤ {most}"),
            Goal::P999(most) => format!("p99.9 ≤ {most}"),
            Goal::Max(most) => format!("all ≤ {most}"),
            Goal::Min(least) => format!("all ≥ {least}"),
            Goal::None => String::new(),
        }
    }
}

/// Returns the value that `share` (0 to 1) of the sorted `values` do not exceed.
pub(crate) fn quantile(values: &[f64], share: f64) -> f64 {
    values[((values.len() - 1) as f64 * share).ceil() as usize]
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    quantile(&values, 0.5)
}

fn short(figure: f64) -> String {
    if figure.fract() == 0.0 { format!("{figure:.0}") } else { format!("{figure:.3}") }
}
