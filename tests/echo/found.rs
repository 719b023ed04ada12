//! How often one way to find a talker finds him, and how often it finds one who is not there, with 95 % intervals.

use crate::scenes::measure::{count_events, quantile};

/// The first seconds are the cold start.
const COLD_S: f32 = 3.0;

/// Events and chances.
#[derive(Default)]
pub(crate) struct Found {
    false_events: usize,
    hours: f64,
    pub(crate) latencies_ms: Vec<Option<f32>>,
}

impl Found {
    /// Counts the events in so many seconds of echo alone.
    pub(crate) fn echo_alone(&mut self, is_event: &[bool], seconds: f32) {
        self.false_events += count_events(is_event, COLD_S..seconds);
        self.hours += f64::from(seconds - COLD_S) / 3600.0;
    }

    /// Returns the false events an hour.
    pub(crate) fn false_hourly(&self) -> f64 {
        self.false_events as f64 / self.hours
    }

    /// Returns the share of the talker's sentences that were missed.
    pub(crate) fn missed(&self) -> f64 {
        self.missed_sentences() as f64 / self.latencies_ms.len() as f64
    }

    /// Returns the milliseconds within which this share of the others was found.
    pub(crate) fn within_ms(&self, share: f32) -> f32 {
        quantile(self.latencies_ms.iter().flatten().copied().collect(), share)
    }

    /// Returns the cells of a row: false events, missed sentences, and the times.
    pub(crate) fn cells(&self) -> String {
        let (low, high) = poisson_interval(self.false_events);
        let (least, most) = wilson_interval(self.missed_sentences(), self.latencies_ms.len());
        format!(
            "{} in {:.1} h: {:.1} ({:.1} to {:.1}) | {} of {}: {:.1} % ({:.1} to {:.1}) | {:.0}, {:.0}",
            self.false_events,
            self.hours,
            self.false_hourly(),
            low / self.hours,
            high / self.hours,
            self.missed_sentences(),
            self.latencies_ms.len(),
            100.0 * self.missed(),
            100.0 * least,
            100.0 * most,
            self.within_ms(0.5),
            self.within_ms(0.9),
        )
    }

    fn missed_sentences(&self) -> usize {
        self.latencies_ms.iter().filter(|found| found.is_none()).count()
    }
}

/// Returns the 95 % interval of the mean of a Poisson distribution of which `events` were seen: the exact one up to
/// 100.
fn poisson_interval(events: usize) -> (f64, f64) {
    if events > 100 {
        let side = 1.96 * (events as f64).sqrt();
        return (events as f64 - side, events as f64 + side);
    }
    // The probability of at most `most` events.
    let below = |most: usize, mean: f64| {
        let mut term = (-mean).exp();
        let mut sum = term;
        for n in 1..=most {
            term *= mean / n as f64;
            sum += term;
        }
        sum
    };
    let solve = |most: usize, chance: f64| {
        let (mut low, mut high) = (0.0, 3.0 * events as f64 + 20.0);
        for _ in 0..60 {
            let middle = 0.5 * (low + high);
            if below(most, middle) > chance { low = middle } else { high = middle }
        }
        low
    };
    (if events == 0 { 0.0 } else { solve(events - 1, 0.975) }, solve(events, 0.025))
}

/// Returns the 95 % interval of a share by E. B. Wilson, 1927.
fn wilson_interval(count: usize, all: usize) -> (f64, f64) {
    const Z: f64 = 1.96;
    let (n, share) = (all as f64, count as f64 / all as f64);
    let centre = share + Z * Z / (2.0 * n);
    let side = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 / (1.0 + Z * Z / n);
    ((scale * (centre - side)).max(0.0), scale * (centre + side))
}
