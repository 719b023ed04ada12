//! The map from captured to played frames, in virtual time against known clocks: timestamps as drivers have them, an hour
//! of drift, restarts, and timestamps that lie.

use std::f64::consts::TAU;

use fastrand::Rng;
use mynah::audio::{Alignment, ClockMap, Clocks, DelayLockedLoop, Stamp, StampFault};

const HZ: u32 = 24_000;
const FS: f64 = HZ as f64;
/// Both devices are asked every 10 ms, the speaker 3 ms after the microphone.
const INTERVAL_S: f64 = 0.01;
const SPEAKER_AFTER_S: f64 = 0.003;
const HOUR: usize = 360_000;
const SETTLED: usize = 1000;

/// How exact a driver's timestamps are: the models of a prototype, from the sources of the drivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Driver {
    /// The position is up to four frames old, and half a frame uncertain.
    I2s,
    /// It counts whole transfers of 1 ms.
    Usb,
    /// It counts whole transfers of 8 ms.
    CoarseUsb,
    /// It counts periods, in an interrupt that is 0.1 ms late on average.
    Interrupt,
}

#[test]
fn two_clocks_are_followed_for_an_hour_within_the_goals() {
    use Driver::{CoarseUsb, I2s, Interrupt, Usb};
    for (speaker, microphone, p99_ms) in [
        (I2s, I2s, 0.1),
        (I2s, Usb, 0.1),
        (Usb, Usb, 0.1),
        (Interrupt, Interrupt, 0.1),
        (I2s, CoarseUsb, 0.5),
    ] {
        for ppm in [300.0, -300.0] {
            let mut world = World::new(speaker, microphone, ppm, Clocks::Apart);
            let errors = world.errors_ms(HOUR);
            let found = Errors::of(&errors[SETTLED..]);
            println!("{speaker:?} and {microphone:?}, {ppm:+} ppm: {found}");
            let median_ms = if p99_ms > 0.1 { 0.1 } else { 0.02 };
            assert!(found.median_ms <= median_ms, "{speaker:?} and {microphone:?}, {ppm} ppm: {found}");
            assert!(found.p99_ms <= p99_ms, "{speaker:?} and {microphone:?}, {ppm} ppm: {found}");
            assert!(found.wander_us <= 10.0, "{speaker:?} and {microphone:?}, {ppm} ppm: {found}");
            assert_eq!(world.map.alignment(), Alignment::Aligned);
        }
    }
}

#[test]
fn one_clock_is_a_constant_that_never_moves() {
    for driver in [Driver::I2s, Driver::Usb, Driver::Interrupt] {
        let mut world = World::new(driver, driver, 0.0, Clocks::Same);
        let errors = world.errors_ms(HOUR / 10);
        let settled = &errors[100..];
        let moved = settled.iter().map(|error| (error - settled[0]).abs()).fold(0.0, f64::max);
        assert!(moved < 1e-6, "{driver:?}: moves by {moved} ms");
        assert!(settled[0].abs() < 0.7, "{driver:?}: {} ms off", settled[0]);
        assert_eq!(world.map.clocks(), Clocks::Same);
    }
}

#[test]
fn late_timestamps_in_a_row_are_no_jump_unless_they_agree() {
    for clocks in [Clocks::Same, Clocks::Apart] {
        let after = |late_ms: [f64; 6]| {
            let mut tracked = DelayLockedLoop::new(clocks);
            let steady = std::iter::repeat_n(0.0, 200);
            for (step, late_ms) in steady.chain(late_ms).enumerate() {
                tracked.observe(step as f64 * INTERVAL_S, late_ms / 1000.0).unwrap();
            }
            1000.0 * tracked.offset_s(2.05).unwrap()
        };
        let disagreeing_ms = after([3.0, 7.0, 1.5, 5.0, 9.0, 2.0]);
        assert!(disagreeing_ms.abs() < 0.1, "{clocks:?}: moved by {disagreeing_ms} ms");
        let agreeing_ms = after([5.0, 5.05, 4.95, 5.0, 5.05, 4.95]);
        assert!((agreeing_ms - 5.0).abs() < 0.1, "{clocks:?}: {agreeing_ms} ms after a jump of 5 ms");
    }
}

#[test]
fn a_card_with_two_clocks_is_found_out_and_followed() {
    let mut world = World::new(Driver::I2s, Driver::I2s, 300.0, Clocks::Same);
    let errors = world.errors_ms(6_000);
    assert_eq!(world.map.clocks(), Clocks::Apart);
    let found = Errors::of(&errors[3_000..]);
    assert!(found.p99_ms <= 0.1, "{found}");
}

#[test]
fn after_a_restart_of_the_speaker_the_map_is_right_within_50_ms() {
    for (driver, within_ms) in [(Driver::I2s, 0.15), (Driver::Interrupt, 0.3), (Driver::Usb, 0.6)] {
        for seed in 0..20 {
            let mut world = World::new(driver, driver, 300.0, Clocks::Apart);
            world.random = Rng::with_seed(seed);
            let before = world.errors_ms(3_000);
            let bias_ms = Errors::of(&before[2_000..]).bias_ms;
            // It stood still for a while: its positions go on from later.
            world.speaker_lag_s += 0.137;
            world.map.restart_playback();
            let after = world.errors_ms(200);
            for (index, error) in after[5..].iter().enumerate() {
                let off_ms = (error - bias_ms).abs();
                assert!(
                    off_ms <= within_ms,
                    "{driver:?}, seed {seed}: {off_ms:.3} ms after {} ms",
                    50 + 10 * index
                );
            }
        }
    }
}

#[test]
fn after_a_restart_of_the_microphone_the_map_is_right_within_50_ms() {
    let mut world = World::new(Driver::I2s, Driver::I2s, 300.0, Clocks::Apart);
    let bias_ms = Errors::of(&world.errors_ms(3_000)[2_000..]).bias_ms;
    world.microphone_lag_s += 2.5;
    world.map.restart_capture();
    let after = world.errors_ms(200);
    assert!(after[5..].iter().all(|error| (error - bias_ms).abs() <= 0.15), "{:?}", &after[..10]);
}

#[test]
fn a_clock_that_is_being_set_changes_nothing() {
    let mut world = World::new(Driver::I2s, Driver::I2s, 100.0, Clocks::Apart);
    let before = Errors::of(&world.errors_ms(6_000)[3_000..]);
    // NTP slews the clock of the timestamps by 500 ppm.
    world.slew = 500e-6;
    let during = world.errors_ms(3_000);
    let moved = during.iter().map(|error| (error - before.bias_ms).abs()).fold(0.0, f64::max);
    assert!(moved <= 0.1, "moves by {moved} ms");
}

#[test]
fn timestamps_that_cannot_be_true_are_told() {
    let lies: [(Lie, StampFault); 4] = [
        (|_, _| Stamp::Missing, StampFault::Missing),
        (|_, _| Stamp::Foreign, StampFault::Foreign),
        (|_, _| Stamp::At(77_000_000_000), StampFault::Still),
        (|_, step| Stamp::At(90_000_000_000_000 - step as u64 * 1_000_000), StampFault::Backwards),
    ];
    for (lie, fault) in lies {
        for of_speaker in [false, true] {
            let mut world = World::new(Driver::I2s, Driver::I2s, 10.0, Clocks::Apart);
            world.errors_ms(200);
            assert_eq!(world.map.alignment(), Alignment::Aligned);
            world.lie = Some((of_speaker, lie));
            world.errors_ms(50);
            assert_eq!(world.map.alignment(), Alignment::Unaligned(fault), "of the speaker: {of_speaker}");
            assert_eq!(world.map.played(world.captured()), None, "nothing is mapped");
        }
    }
}

#[test]
fn positions_that_fit_no_clock_are_told_and_forgiven() {
    for broken in [Broken::Stuck, Broken::Wild, Broken::Fast] {
        let mut world = World::new(Driver::I2s, Driver::I2s, 10.0, Clocks::Apart);
        world.errors_ms(200);
        world.broken = Some(broken);
        world.errors_ms(1_000);
        assert_eq!(world.map.alignment(), Alignment::Unaligned(StampFault::Unsteady), "{broken:?}");
        world.broken = None;
        world.map.restart_playback();
        let errors = world.errors_ms(3_000);
        assert_eq!(world.map.alignment(), Alignment::Aligned, "{broken:?}");
        assert!(Errors::of(&errors[2_000..]).p99_ms < 0.1, "{broken:?}");
    }
}

#[test]
fn a_device_that_is_not_running_is_waited_for() {
    let mut map = ClockMap::new(HZ, HZ, Clocks::Apart);
    for step in 0..100 {
        map.capture_stamp(step * 240, Stamp::At(step as u64 * 10_000_000));
        map.playback_stamp(480, Stamp::NotRunning);
    }
    assert_eq!((map.alignment(), map.played(24_000.0)), (Alignment::Waiting, None));
}

/// A position of the speaker that is no position.
#[derive(Clone, Copy, Debug)]
enum Broken {
    Stuck,
    Wild,
    Fast,
}

/// Returns a timestamp in place of the true time in nanoseconds and the number of the step.
type Lie = fn(u64, usize) -> Stamp;

/// Two devices and the map between them.
struct World {
    map: ClockMap,
    speaker: Driver,
    microphone: Driver,
    ppm: f64,
    random: Rng,
    now_s: f64,
    steps: usize,
    speaker_lag_s: f64,
    microphone_lag_s: f64,
    /// How much faster the timestamps' clock goes, from now on, and by how much it is ahead.
    slew: f64,
    ahead_s: f64,
    lie: Option<(bool, Lie)>,
    broken: Option<Broken>,
}

impl World {
    fn new(speaker: Driver, microphone: Driver, ppm: f64, clocks: Clocks) -> World {
        World {
            map: ClockMap::new(HZ, HZ, clocks),
            speaker,
            microphone,
            ppm,
            random: Rng::with_seed(1),
            now_s: 100.0,
            steps: 0,
            speaker_lag_s: 0.0,
            microphone_lag_s: 0.0,
            slew: 0.0,
            ahead_s: 0.0,
            lie: None,
            broken: None,
        }
    }

    /// Takes the timestamps of so many intervals; returns by how much the map is wrong after each, for the frame that is
    /// captured just then. Where nothing is mapped, it is wrong by a second.
    fn errors_ms(&mut self, steps: usize) -> Vec<f64> {
        (0..steps)
            .map(|_| {
                self.step();
                let played = self.map.played(self.captured());
                played.map_or(1000.0, |played| (played - self.played()) / FS * 1000.0)
            })
            .collect()
    }

    fn step(&mut self) {
        let stamp = self.stamp(false);
        let frame = self.captured() + noise(self.microphone, &mut self.random);
        self.map.capture_stamp(frame.round() as i64, stamp);
        // The map takes a playback timestamp when a later capture timestamp is known.
        let before_s = INTERVAL_S - SPEAKER_AFTER_S;
        self.advance(-before_s);
        let stamp = self.stamp(true);
        let frame = self.played() + noise(self.speaker, &mut self.random);
        self.advance(before_s);
        let frame = match self.broken {
            None => frame,
            Some(Broken::Stuck) => 4_800_000.0,
            Some(Broken::Wild) => frame + FS * 0.1 * (self.random.f64() - 0.5),
            Some(Broken::Fast) => frame * 1.01,
        };
        self.map.playback_stamp(frame.round() as i64, stamp);
        self.advance(INTERVAL_S);
        self.steps += 1;
    }

    fn advance(&mut self, seconds: f64) {
        self.now_s += seconds;
        self.ahead_s += self.slew * seconds;
    }

    fn stamp(&self, of_speaker: bool) -> Stamp {
        let time_ns = ((self.now_s + self.ahead_s) * 1e9) as u64;
        match self.lie {
            Some((who, lie)) if who == of_speaker => lie(time_ns, self.steps),
            _ => Stamp::At(time_ns),
        }
    }

    /// Returns the frame that the microphone captures now.
    fn captured(&self) -> f64 {
        FS * (self.now_s - self.microphone_lag_s)
    }

    /// Returns the frame that the speaker plays now. Its drift swings by 5 ppm in ten minutes, as it warms up and cools.
    fn played(&self) -> f64 {
        let (now, minutes) = (self.now_s, 600.0);
        let swing_s = if self.ppm == 0.0 { 0.0 } else { 5e-6 } * (TAU * now / minutes).sin() * minutes / TAU;
        FS * (now * (1.0 + self.ppm * 1e-6) + swing_s - self.speaker_lag_s)
    }
}

/// Returns the error of a position, in frames. Two timestamps in a thousand are up to 10 ms late.
fn noise(driver: Driver, random: &mut Rng) -> f64 {
    let normal = |random: &mut Rng| (0..12).map(|_| random.f64()).sum::<f64>() - 6.0;
    let old = match driver {
        Driver::I2s => 4.0 * random.f64() + 0.5 * normal(random),
        Driver::Usb => 24.0 * random.f64(),
        Driver::CoarseUsb => 192.0 * random.f64(),
        Driver::Interrupt => -2.4 * (1.0 - random.f64()).ln(),
    };
    let late = if random.f64() < 0.002 { 240.0 * random.f64() } else { 0.0 };
    -old - late
}

/// What is left of errors after their median.
struct Errors {
    bias_ms: f64,
    median_ms: f64,
    p99_ms: f64,
    max_ms: f64,
    /// The root mean square of the movement within a second.
    wander_us: f64,
}

impl Errors {
    fn of(errors_ms: &[f64]) -> Errors {
        let quantile = |values: &[f64], share: f64| {
            let mut sorted = values.to_vec();
            sorted.sort_by(f64::total_cmp);
            sorted[((sorted.len() - 1) as f64 * share) as usize]
        };
        let bias_ms = quantile(errors_ms, 0.5);
        let left: Vec<f64> = errors_ms.iter().map(|error| (error - bias_ms).abs()).collect();
        let mut squares = 0.0;
        let seconds = errors_ms.chunks_exact(100);
        let count = seconds.len() * 100;
        for second in seconds {
            let mean = second.iter().sum::<f64>() / second.len() as f64;
            squares += second.iter().map(|error| (error - mean).powi(2)).sum::<f64>();
        }
        Errors {
            bias_ms,
            median_ms: quantile(&left, 0.5),
            p99_ms: quantile(&left, 0.99),
            max_ms: quantile(&left, 1.0),
            wander_us: (squares / count as f64).sqrt() * 1000.0,
        }
    }
}

impl std::fmt::Display for Errors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Errors { bias_ms, median_ms, p99_ms, max_ms, wander_us } = self;
        write!(
            f,
            "bias {bias_ms:.3}, p50 {median_ms:.4}, p99 {p99_ms:.4}, max {max_ms:.3} ms, wander {wander_us:.1} us"
        )
    }
}
