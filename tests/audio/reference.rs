//! Both steps with a reference, in virtual time: a speaker and a microphone with clocks of their own, replies, cuts,
//! volumes, rewrites and xruns. What the sink is given is compared with what the speaker really played.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::f64::consts::TAU;
use std::sync::{Arc, Mutex};

use assert_no_alloc::assert_no_alloc;
use fastrand::Rng;
use mynah::audio::{
    Alignment, AudioIo, BufferLevel, Capture, CaptureChain, CaptureDevice, CaptureFrame, CaptureLayout,
    CaptureStamp, Clocks, CutMode, LEAD_MS, PcmError, Playback, PlaybackChain, PlaybackDevice, QueuePlan,
    Recovery, ReferenceBlock, ReferenceSink, SincInterpolator, Stamp, StampFault, StreamFormat,
    steps_with_chains, with_reference,
};
use mynah::model::TalkEvidence;

const LANE_HZ: u32 = 24_000;
/// The first second belongs to the start: timestamps are still few.
const STARTED_S: f64 = 1.0;

#[test]
fn one_card_the_reference_is_what_the_speaker_played_to_the_sample() {
    for cut in [CutMode::Rewrite, CutMode::RunOut] {
        let mut room = Room::new(Setup { cut, ..Setup::default() });
        room.talk(12.0);
        let worst = room.largest_error(STARTED_S..12.0);
        assert!(worst < 1e-4, "{cut:?}: differs by {worst}");
        assert!(room.heard_energy() > 1.0, "{cut:?}: nothing was played");
    }
}

#[test]
fn what_is_turned_down_is_turned_down_in_the_reference() {
    for (cut, clocks, ppm) in [
        (CutMode::Rewrite, Clocks::Same, 0.0),
        (CutMode::RunOut, Clocks::Same, 0.0),
        (CutMode::Rewrite, Clocks::Apart, 100.0),
    ] {
        let mut room = Room::new(Setup { cut, clocks, ppm, ..Setup::default() });
        room.write(8.0);
        room.run(4.0);
        for talk in [TalkEvidence::Strong, TalkEvidence::None, TalkEvidence::Weak] {
            room.audio.borrow().playback.set_duck(talk);
            // The thread is woken.
            room.playback.run(&mut room.speaker).unwrap();
            room.run(1.0);
        }
        if clocks == Clocks::Same {
            let worst = room.largest_error(STARTED_S..7.0);
            assert!(worst < 1e-4, "{cut:?}: differs by {worst}");
        }
        let loud_db = room.level_db(3.0..3.9);
        for (span, db) in [(4.2..4.9, -26.0), (5.5..5.9, 0.0), (6.2..6.9, -12.0)] {
            let turned_down_db = room.level_db(span) - loud_db;
            assert!(
                (turned_down_db - db).abs() < 0.3,
                "{cut:?}, {clocks:?}: {turned_down_db:.1} dB, not {db} dB"
            );
        }
    }
}

#[test]
fn a_dropped_queue_is_not_in_the_reference_but_for_the_lead() {
    let mut room = Room::new(Setup { cut: CutMode::Drop, ..Setup::default() });
    room.write(1.0);
    room.run(0.6);
    room.audio.borrow_mut().playback.cut();
    room.run(0.4);
    let rest = room.speaker.dropped_at[0];
    let settled = rest + 0.055;
    assert!(room.largest_error(0.3..rest - 0.025) < 1e-4);
    assert!(room.largest_error(settled..0.9) < 1e-4, "right again within 50 ms");
}

#[test]
fn after_an_xrun_the_reference_is_right_within_10_ms() {
    for (cut, clocks, ppm) in [
        (CutMode::Rewrite, Clocks::Same, 0.0),
        (CutMode::Rewrite, Clocks::Apart, 300.0),
        (CutMode::RunOut, Clocks::Apart, -300.0),
    ] {
        let mut room = Room::new(Setup { cut, clocks, ppm, noise_frames: 2.0, ..Setup::default() });
        room.write(20.0);
        room.run(6.0);
        let bias = room.mean_error_ms(4.0..6.0);
        // Nothing wakes the playback thread for so long that the device runs empty.
        room.playback_asleep_until_s = room.now_s + 1.3;
        room.run(4.0);
        assert!(room.audio.borrow().counters().playback_xruns.get() > 0, "{cut:?}: no xrun");
        let restarted = *room.speaker.started_at.last().unwrap();
        for error in room.errors_ms(restarted + 0.005..restarted + 2.0) {
            assert!((error - bias).abs() <= 0.15, "{cut:?}, {clocks:?}: {error:.3} ms, before {bias:.3} ms");
        }
    }
}

#[test]
fn after_an_xrun_of_the_microphone_the_reference_is_right_within_50_ms() {
    let mut room =
        Room::new(Setup { clocks: Clocks::Apart, ppm: 120.0, noise_frames: 2.0, ..Setup::default() });
    room.write(20.0);
    room.run(6.0);
    let bias = room.mean_error_ms(4.0..6.0);
    room.microphone.is_overrun = true;
    room.run(4.0);
    assert!(room.audio.borrow().counters().capture_xruns.get() > 0);
    for error in room.errors_ms(6.1..9.0) {
        assert!((error - bias).abs() <= 0.15, "{error:.3} ms, before {bias:.3} ms");
    }
}

#[test]
fn two_cards_of_any_rate_stay_aligned() {
    for (speaker_hz, microphone_hz, ppm) in
        [(24_000, 24_000, 300.0), (48_000, 16_000, -300.0), (44_100, 48_000, 300.0), (48_000, 48_000, 50.0)]
    {
        let setup = Setup {
            speaker_hz,
            microphone_hz,
            ppm,
            clocks: Clocks::Apart,
            noise_frames: 2.0,
            ..Setup::default()
        };
        let mut room = Room::new(setup);
        room.talk(40.0);
        let (bias, worst) = room.bias_and_worst_ms(20.0..40.0);
        assert!(bias.abs() < 0.1, "{speaker_hz} and {microphone_hz} Hz: {bias:.3} ms off");
        assert!(worst <= 0.1, "{speaker_hz} and {microphone_hz} Hz: moves by {worst:.3} ms");
    }
}

#[test]
fn a_speaker_without_timestamps_is_told_and_capture_goes_on() {
    let mut room = Room::new(Setup::default());
    room.speaker.has_stamps = false;
    room.write(3.0);
    room.run(3.0);
    let blocks = room.blocks.lock().unwrap();
    assert!(blocks.len() > 250, "{} blocks", blocks.len());
    let last = blocks.last().unwrap();
    assert_eq!((last.alignment, last.position), (Alignment::Unaligned(StampFault::Missing), None));
    assert!(last.samples.iter().all(|sample| *sample == 0.0) && !last.is_audible);
}

#[test]
fn the_reference_is_audible_until_300_ms_after_the_sound() {
    let mut room = Room::new(Setup::default());
    room.run(1.0);
    room.write(1.0);
    room.run(3.0);
    let blocks = room.blocks.lock().unwrap();
    let sound = blocks.iter().rposition(|block| block.samples.iter().any(|sample| *sample != 0.0)).unwrap();
    let audible = blocks.iter().rposition(|block| block.is_audible).unwrap();
    assert!((29..=30).contains(&(audible - sound)), "{} blocks of 10 ms", audible - sound);
    assert!(blocks[..90].iter().all(|block| !block.is_audible));
}

#[test]
fn what_is_uploaded_are_pairs_of_the_microphone_and_what_was_played_at_that_instant() {
    for (capture_hz, microphone_hz, speaker_hz) in
        [(24_000, 24_000, 24_000), (24_000, 48_000, 24_000), (16_000, 48_000, 48_000)]
    {
        let layout = CaptureLayout::WithReference;
        let setup = Setup { capture_hz, microphone_hz, speaker_hz, layout, ..Setup::default() };
        let mut room = Room::new(setup);
        room.write_noise(3.0);
        let mut lane = Vec::new();
        while room.now_s < 3.0 {
            room.run(0.1);
            // The air between speaker and microphone: 3 ms.
            let mut block = [[0]; 24_000];
            let count = room.audio.borrow_mut().capture.read(&mut block);
            assert!(count.is_multiple_of(2), "{count} samples are no pairs");
            lane.extend(block[..count].iter().map(|[sample]| f64::from(*sample)));
        }
        let (microphone, reference): (Vec<f64>, Vec<f64>) =
            lane.as_chunks::<2>().0.iter().map(|[microphone, reference]| (*microphone, *reference)).unzip();
        assert!(microphone.len().abs_diff(3 * capture_hz as usize) < capture_hz as usize / 20);
        let late = lag(&microphone, &reference, capture_hz as usize);
        let late_ms = late as f64 * 1000.0 / f64::from(capture_hz);
        let expected_ms = f64::from(LEAD_MS) + AIR_S * 1000.0;
        assert!(
            (late_ms - expected_ms).abs() < 0.1,
            "{late_ms:.2} ms late at {capture_hz} Hz, not {expected_ms}"
        );
    }
}

#[test]
fn without_a_reference_no_timestamp_is_asked_for() {
    let mut room = Room::new(Setup { has_reference: false, ..Setup::default() });
    room.talk(4.0);
    assert_eq!((*room.speaker.asked.borrow(), room.microphone.asked), (0, 0));
}

#[test]
fn the_steps_with_a_reference_allocate_nothing() {
    let setup =
        Setup { clocks: Clocks::Apart, ppm: 300.0, speaker_hz: 48_000, keeps: false, ..Setup::default() };
    let mut room = Room::new(setup);
    room.speaker.out.reserve(480_000);
    let tone: Vec<[i16; 1]> = tone(1.0);
    assert_no_alloc(|| {
        for round in 0..8 {
            room.audio.borrow_mut().playback.write(&tone[..12_000]);
            room.run(0.4);
            room.audio.borrow_mut().playback.cut();
            room.microphone.is_overrun = round % 3 == 2;
            room.playback_asleep_until_s = if round % 3 == 1 { room.now_s + 1.2 } else { 0.0 };
            room.run(0.2);
        }
    });
    let audio = room.audio.borrow();
    assert!(audio.counters().playback_xruns.get() > 0 && audio.counters().capture_xruns.get() > 0);
}

#[derive(Clone, Copy)]
struct Setup {
    speaker_hz: u32,
    microphone_hz: u32,
    /// The rate of the lane.
    capture_hz: u32,
    layout: CaptureLayout,
    /// How much faster the speaker's clock is.
    ppm: f64,
    clocks: Clocks,
    cut: CutMode,
    /// By how many frames a position may be too old.
    noise_frames: f64,
    has_reference: bool,
    /// Whether the sink keeps the blocks.
    keeps: bool,
}

impl Default for Setup {
    fn default() -> Setup {
        Setup {
            speaker_hz: LANE_HZ,
            microphone_hz: LANE_HZ,
            capture_hz: LANE_HZ,
            layout: CaptureLayout::Microphone,
            ppm: 0.0,
            clocks: Clocks::Same,
            cut: CutMode::Rewrite,
            noise_frames: 0.0,
            has_reference: true,
            keeps: true,
        }
    }
}

/// A block that the sink was given.
struct Block {
    samples: Vec<f32>,
    is_audible: bool,
    alignment: Alignment,
    position: Option<f64>,
    /// When the first frame was captured, in seconds.
    captured_s: f64,
}

struct Keeper {
    blocks: Arc<Mutex<Vec<Block>>>,
    keeps: bool,
    /// When the microphone captured its first frame since it last lost some, and the frames given since then.
    frames: Arc<Mutex<FrameTimes>>,
}

/// When the captured frames were captured.
struct FrameTimes {
    next: u64,
    /// How long the microphone had lost frames up to a frame.
    lost: Vec<(u64, f64)>,
    delay_s: f64,
}

impl FrameTimes {
    fn take(&mut self, count: usize) -> f64 {
        let lost_s: f64 =
            self.lost.iter().filter(|(from, _)| *from <= self.next).map(|(_, lost_s)| lost_s).sum();
        let captured_s = self.next as f64 / f64::from(LANE_HZ) + lost_s - self.delay_s;
        self.next += count as u64;
        captured_s
    }
}

impl ReferenceSink for Keeper {
    fn block(&mut self, captured: &mut [CaptureFrame], reference: ReferenceBlock<'_>) {
        assert_eq!(captured.len(), reference.samples.len());
        if self.keeps {
            let ReferenceBlock { samples, is_audible, alignment, position } = reference;
            let captured_s = self.frames.lock().unwrap().take(captured.len());
            let samples = samples.to_vec();
            self.blocks.lock().unwrap().push(Block { samples, is_audible, alignment, position, captured_s });
        }
    }
}

/// Two devices, both steps, and the session.
struct Room {
    setup: Setup,
    audio: RefCell<AudioIo>,
    capture: Capture,
    playback: Playback,
    speaker: Speaker,
    microphone: Microphone,
    blocks: Arc<Mutex<Vec<Block>>>,
    now_s: f64,
    ms: u64,
    playback_asleep_until_s: f64,
    written: usize,
}

impl Room {
    fn new(setup: Setup) -> Room {
        let Setup { speaker_hz, microphone_hz, .. } = setup;
        let Setup { capture_hz, layout, .. } = setup;
        let format = StreamFormat { capture_hz, layout, ..StreamFormat::default() };
        let period = |hz: u32| hz as usize / 100;
        let capture_chain =
            CaptureChain::new(format, microphone_hz, period(microphone_hz), 0.0, true).unwrap();
        let playback_chain = PlaybackChain::new(format, speaker_hz, period(speaker_hz)).unwrap();
        let (audio, capture, playback) = steps_with_chains(format, capture_chain, playback_chain).unwrap();
        let blocks = Arc::new(Mutex::new(Vec::new()));
        let delay = mynah::dsp::Resampler::new(microphone_hz, capture_hz, 240).unwrap().delay_frames();
        let delay_s = delay as f64 / f64::from(microphone_hz);
        let frames = Arc::new(Mutex::new(FrameTimes { next: 0, lost: Vec::with_capacity(64), delay_s }));
        let sink = Keeper { blocks: Arc::clone(&blocks), keeps: setup.keeps, frames: Arc::clone(&frames) };
        let (capture, playback) = match setup.has_reference {
            true => with_reference(capture, playback, setup.clocks, Box::new(sink)),
            false => (capture, playback),
        };
        audio.capture.set_attentive(true);
        Room {
            setup,
            audio: RefCell::new(audio),
            capture,
            playback,
            speaker: Speaker::new(setup),
            microphone: Microphone::new(setup, frames),
            blocks,
            now_s: 0.0,
            ms: 0,
            playback_asleep_until_s: 0.0,
            written: 0,
        }
    }

    /// Plays replies with pauses, changes the volume, and cuts in turn.
    fn talk(&mut self, seconds: f64) {
        let mut turn = 0;
        while self.now_s < seconds {
            self.write(0.9);
            self.run(0.33);
            self.audio.borrow_mut().playback.set_volume(if turn % 2 == 0 { 55 } else { 100 });
            self.run(0.33);
            if turn % 3 == 1 {
                self.audio.borrow_mut().playback.cut();
            }
            let talk = TalkEvidence::ALL[turn % 3];
            self.audio.borrow_mut().playback.set_duck(talk);
            self.run(0.57);
            self.audio.borrow_mut().playback.set_duck(TalkEvidence::None);
            turn += 1;
        }
    }

    fn write(&mut self, seconds: f64) {
        let frames = tone(seconds);
        // The lane holds two seconds: the rest is written while it is played.
        self.written = frames.len();
        let written = self.audio.borrow_mut().playback.write(&frames);
        self.written -= written;
    }

    /// Writes noise below 4 kHz, so that only one delay fits it.
    fn write_noise(&mut self, seconds: f64) {
        let mut random = Rng::with_seed(9);
        let mut smooth = [0.0_f64; 6];
        let frames = (0..(seconds * f64::from(LANE_HZ)) as usize).map(|_| {
            smooth.rotate_right(1);
            smooth[0] = 2.0 * random.f64() - 1.0;
            [(smooth.iter().sum::<f64>() * 3_000.0) as i16]
        });
        let frames: Vec<[i16; 1]> = frames.collect();
        let written = self.audio.borrow_mut().playback.write(&frames);
        assert!(written >= 2 * LANE_HZ as usize, "the lane holds two seconds");
    }

    fn run(&mut self, seconds: f64) {
        let end = self.ms + (seconds * 1000.0).round() as u64;
        while self.ms < end {
            self.ms += 1;
            self.now_s = self.ms as f64 / 1000.0;
            self.speaker.advance(self.now_s);
            self.microphone.advance(self.now_s);
            if self.written > 0 && self.ms.is_multiple_of(100) {
                let frames = self.written.min(2_400);
                self.written -= self.audio.borrow_mut().playback.write(&TONE[..frames]);
            }
            if self.now_s >= self.playback_asleep_until_s && self.speaker.is_due() {
                self.playback.run(&mut self.speaker).unwrap();
            }
            if self.ms.is_multiple_of(20) {
                if self.setup.layout == CaptureLayout::WithReference {
                    self.microphone.hear(&self.speaker);
                }
                self.capture.step(&mut self.microphone).unwrap();
            }
        }
    }

    /// Returns the largest difference between the reference and what was played, of the blocks captured within `span`.
    fn largest_error(&self, span: std::ops::Range<f64>) -> f32 {
        let kernel = SincInterpolator::new(self.setup.speaker_hz, LANE_HZ);
        let before = kernel.frames_before() as f64;
        let mut worst = 0.0_f32;
        let blocks = self.blocks.lock().unwrap();
        for block in blocks.iter().filter(|block| span.contains(&block.captured_s)) {
            let tick = self.speaker.tick_at(block.captured_s + f64::from(LEAD_MS) / 1000.0);
            let from = (tick.round() - before) as usize;
            let Some(played) = self.speaker.out.get(from..from + kernel.frames_for(block.samples.len()))
            else {
                continue;
            };
            let mut expected = vec![0.0; block.samples.len()];
            kernel.add(played, 0.0, 1.0, &mut expected);
            for (sample, expected) in block.samples.iter().zip(expected) {
                worst = worst.max((sample - expected).abs());
            }
        }
        worst
    }

    /// Returns by how much each block within `span` is late.
    fn errors_ms(&self, span: std::ops::Range<f64>) -> Vec<f64> {
        let blocks = self.blocks.lock().unwrap();
        let errors = blocks.iter().filter(|block| span.contains(&block.captured_s)).map(|block| {
            let position = block.position.expect("aligned");
            let lead = f64::from(LEAD_MS * self.setup.speaker_hz).div_euclid(1000.0).ceil();
            let played = self.speaker.position_at(block.captured_s);
            (position - lead - played) * 1000.0 / f64::from(self.setup.speaker_hz)
        });
        errors.collect()
    }

    fn mean_error_ms(&self, span: std::ops::Range<f64>) -> f64 {
        let errors = self.errors_ms(span);
        errors.iter().sum::<f64>() / errors.len() as f64
    }

    fn bias_and_worst_ms(&self, span: std::ops::Range<f64>) -> (f64, f64) {
        let bias = self.mean_error_ms(span.clone());
        (bias, self.errors_ms(span).iter().map(|error| (error - bias).abs()).fold(0.0, f64::max))
    }

    /// Returns the level of the reference of the blocks captured within `span`.
    fn level_db(&self, span: std::ops::Range<f64>) -> f32 {
        let blocks = self.blocks.lock().unwrap();
        let spanned = blocks.iter().filter(|block| span.contains(&block.captured_s));
        let samples: Vec<f32> = spanned.flat_map(|block| block.samples.iter().copied()).collect();
        10.0 * (samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32).log10()
    }

    fn heard_energy(&self) -> f32 {
        self.blocks
            .lock()
            .unwrap()
            .iter()
            .flat_map(|block| &block.samples)
            .map(|sample| sample * sample)
            .sum()
    }
}

/// A speaker that plays its buffer by a clock of its own.
struct Speaker {
    hz: f64,
    cut: CutMode,
    buffer: VecDeque<f32>,
    is_running: bool,
    error: Option<PcmError>,
    now_s: f64,
    /// What was heard at each tick of its clock.
    out: Vec<f32>,
    /// The ticks at which it was started, and the frame that was played first.
    starts: Vec<(usize, u64)>,
    started_at: Vec<f64>,
    dropped_at: Vec<f64>,
    accepted: u64,
    wake_level: usize,
    noise_frames: f64,
    random: RefCell<Rng>,
    has_stamps: bool,
    asked: RefCell<usize>,
}

impl Speaker {
    fn new(setup: Setup) -> Speaker {
        Speaker {
            hz: f64::from(setup.speaker_hz) * (1.0 + setup.ppm * 1e-6),
            cut: setup.cut,
            buffer: VecDeque::with_capacity(setup.speaker_hz as usize * 2),
            is_running: false,
            error: None,
            now_s: 0.0,
            out: Vec::new(),
            starts: Vec::with_capacity(64),
            started_at: Vec::with_capacity(64),
            dropped_at: Vec::with_capacity(64),
            accepted: 0,
            wake_level: usize::MAX,
            noise_frames: setup.noise_frames,
            random: RefCell::new(Rng::with_seed(3)),
            has_stamps: true,
            asked: RefCell::new(0),
        }
    }

    fn advance(&mut self, now_s: f64) {
        self.now_s = now_s;
        while (self.out.len() as f64) < (self.tick_at(now_s) + 1e-6).floor() {
            let sample = if self.is_running { self.buffer.pop_front() } else { Some(0.0) };
            if sample.is_none() {
                (self.is_running, self.error) = (false, Some(PcmError::Xrun));
            }
            self.out.push(sample.unwrap_or(0.0));
        }
    }

    fn is_due(&self) -> bool {
        self.buffer.len() <= self.wake_level || self.error.is_some()
    }

    fn tick_at(&self, at_s: f64) -> f64 {
        at_s * self.hz
    }

    /// Returns the frame that is played at a time, if it runs then.
    fn position_at(&self, at_s: f64) -> f64 {
        let tick = self.tick_at(at_s);
        let (start, frame) = self.starts.iter().rev().find(|(start, _)| *start as f64 <= tick).unwrap();
        tick - *start as f64 + *frame as f64
    }

    fn check(&self) -> Result<(), PcmError> {
        self.error.map_or(Ok(()), Err)
    }

    fn period(&self) -> usize {
        (self.hz / 100.0).round() as usize
    }

    fn stop(&mut self) {
        self.accepted -= self.buffer.len() as u64;
        self.buffer.clear();
        (self.is_running, self.error) = (false, None);
    }
}

impl PlaybackDevice for Speaker {
    fn queue(&self) -> QueuePlan {
        let period = self.period();
        let short = if self.cut == CutMode::Rewrite { 10 * period } else { 2 * period };
        QueuePlan {
            cut: self.cut,
            short,
            long: if self.cut == CutMode::Drop { short } else { 100 * period },
            fade_at: 3 * period,
            awake_frames: None,
        }
    }

    fn level(&mut self) -> Result<BufferLevel, PcmError> {
        self.check()?;
        let old = (self.random.borrow_mut().f64() * self.noise_frames).round() as i64;
        Ok(BufferLevel { queued: self.buffer.len(), delay: self.buffer.len() as i64 + old })
    }

    fn stamp(&self) -> Stamp {
        *self.asked.borrow_mut() += 1;
        match (self.has_stamps, self.is_running) {
            (false, _) => Stamp::Missing,
            (true, false) => Stamp::NotRunning,
            (true, true) => Stamp::At((self.now_s * 1e9) as u64),
        }
    }

    fn write(&mut self, frames: &[f32]) -> Result<usize, PcmError> {
        self.check()?;
        self.buffer.extend(frames);
        self.accepted += frames.len() as u64;
        if !self.is_running && self.buffer.len() >= 2 * self.period() {
            self.is_running = true;
            self.starts.push((self.out.len(), self.accepted - self.buffer.len() as u64));
            self.started_at.push(self.now_s);
        }
        Ok(frames.len())
    }

    fn take_back(&mut self, frames: usize) -> Result<usize, PcmError> {
        if self.cut != CutMode::Rewrite {
            return Ok(0);
        }
        // 6 ms cannot be taken back.
        let margin = (self.hz * 0.006) as usize;
        let taken_back = frames.min(self.buffer.len().saturating_sub(margin));
        self.buffer.truncate(self.buffer.len() - taken_back);
        self.accepted -= taken_back as u64;
        Ok(taken_back)
    }

    fn flush(&mut self) -> Result<(), PcmError> {
        self.dropped_at.push(self.now_s);
        self.stop();
        Ok(())
    }

    fn wake_at(&mut self, queued: usize) -> Result<(), PcmError> {
        self.wake_level = queued;
        Ok(())
    }

    fn recover(&mut self, _: PcmError) -> Result<Recovery, PcmError> {
        self.stop();
        Ok(Recovery::Emptied)
    }
}

/// A microphone that captures silence by the true clock.
struct Microphone {
    hz: f64,
    now_s: f64,
    read: u64,
    /// Whether its buffer has overrun, so that the frames in it are lost.
    is_overrun: bool,
    /// How long it has captured what was lost.
    lost_s: f64,
    frames: Arc<Mutex<FrameTimes>>,
    noise_frames: f64,
    random: Rng,
    asked: usize,
    /// What it has captured since it was read last, if it hears anything.
    heard: VecDeque<f32>,
}

/// How long sound takes from the speaker to the microphone, in seconds.
const AIR_S: f64 = 0.003;

impl Microphone {
    fn new(setup: Setup, frames: Arc<Mutex<FrameTimes>>) -> Microphone {
        Microphone {
            hz: f64::from(setup.microphone_hz),
            now_s: 0.0,
            read: 0,
            is_overrun: false,
            lost_s: 0.0,
            frames,
            noise_frames: setup.noise_frames,
            random: Rng::with_seed(4),
            asked: 0,
            heard: VecDeque::new(),
        }
    }

    fn advance(&mut self, now_s: f64) {
        self.now_s = now_s;
    }

    /// Captures what the speaker played so far.
    fn hear(&mut self, speaker: &Speaker) {
        let from = self.read + self.heard.len() as u64;
        let captured = (self.now_s * self.hz + 1e-6) as u64;
        self.heard.extend((from..captured).map(|frame| {
            let tick = speaker.tick_at(frame as f64 / self.hz - AIR_S);
            let at = |tick: f64| speaker.out.get(tick as usize).copied().unwrap_or(0.0);
            let (before, share) = (tick.floor(), tick.fract() as f32);
            if before < 0.0 { 0.0 } else { 0.5 * (at(before) * (1.0 - share) + at(before + 1.0) * share) }
        }));
    }

    fn due(&self) -> usize {
        let captured = ((self.now_s - self.lost_s) * self.hz + 1e-6) as u64;
        captured.saturating_sub(self.read) as usize
    }
}

impl CaptureDevice for Microphone {
    fn read(&mut self, into: &mut [f32]) -> Result<usize, PcmError> {
        if self.is_overrun {
            return Err(PcmError::Xrun);
        }
        let taken = if self.due() < into.len() { 0 } else { into.len() };
        into[..taken].fill_with(|| self.heard.pop_front().unwrap_or(0.0));
        self.read += taken as u64;
        Ok(taken)
    }

    fn stamp(&mut self) -> Result<CaptureStamp, PcmError> {
        self.asked += 1;
        let old = (self.random.f64() * self.noise_frames).round() as i64;
        Ok(CaptureStamp { delay: self.due() as i64 - old, time: Stamp::At((self.now_s * 1e9) as u64) })
    }

    fn recover(&mut self, _: PcmError) -> Result<Recovery, PcmError> {
        let lost_s = self.due() as f64 / self.hz;
        self.lost_s += lost_s;
        let mut frames = self.frames.lock().unwrap();
        let next = frames.next;
        frames.lost.push((next, lost_s));
        self.is_overrun = false;
        Ok(Recovery::Emptied)
    }
}

/// Returns by how many frames `late` follows `early`.
fn lag(late: &[f64], early: &[f64], rate_hz: usize) -> usize {
    let window = rate_hz..2 * rate_hz;
    let likeness = |lag: &usize| window.clone().map(|at| late[at] * early[at - lag]).sum::<f64>() as i64;
    (0..rate_hz / 50).max_by_key(likeness).unwrap()
}

/// A second and more of two tones, as the lane holds them.
static TONE: std::sync::LazyLock<Vec<[i16; 1]>> = std::sync::LazyLock::new(|| tone(1.0));

fn tone(seconds: f64) -> Vec<[i16; 1]> {
    let at = |frame: usize, hz: f64| (TAU * hz * frame as f64 / f64::from(LANE_HZ)).sin();
    let count = (seconds * f64::from(LANE_HZ)) as usize;
    (0..count).map(|frame| [(8000.0 * (at(frame, 440.0) + at(frame, 1730.0))) as i16]).collect()
}
