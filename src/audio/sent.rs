//! What the speaker was handed since it was last empty: which lane frame sits at which device frame,
//! and how it sounded.
//!
//! From it follow what has been heard and the fade that continues what is being heard. All in frames;
//! it asks no device.

use heapless::Deque;

use super::Spoken;

/// Stretches of lane frames the speaker may hold at once. A stretch ends only where the lane ran dry; when
/// there are too many the oldest is forgotten, and counts as heard when the one after it is.
const RUNS: usize = 64;
/// Samples kept to make a fade from: 1/3 s, more than a speaker's delay. Beyond it a fade is silence.
const HISTORY_FRAMES: usize = 8192;

pub(super) struct Sent {
    written: u64,
    played: u64,
    last: i16,
    runs: Deque<Run, RUNS>,
    history: Box<[i16; HISTORY_FRAMES]>,
}

/// Lane frames that follow each other in the device as in the lane.
struct Run {
    device: u64,
    lane: u64,
    frames: u64,
}

impl Sent {
    pub(super) fn new() -> Sent {
        Sent { written: 0, played: 0, last: 0, runs: Deque::new(), history: Box::new([0; HISTORY_FRAMES]) }
    }

    /// Notes what was written; `lane` is the position of the first frame, if they came from the lane.
    pub(super) fn note(&mut self, frames: &[Spoken], lane: Option<u64>) {
        let count = frames.len() as u64;
        if let Some(lane) = lane {
            self.note_run(lane, count);
        }
        for (offset, [sample]) in frames.iter().enumerate() {
            self.history[slot(self.written + offset as u64)] = *sample;
            self.last = *sample;
        }
        self.written += count;
    }

    /// Notes that `delay` frames are yet to be heard and returns how many frames were played since.
    ///
    /// A delay that cannot be, negative or more than was written, is taken for the nearest that can.
    pub(super) fn note_delay(&mut self, delay: i64) -> u64 {
        let held = u64::try_from(delay).unwrap_or(0).min(self.written);
        let before = self.played;
        self.played = before.max(self.written - held);
        self.played - before
    }

    /// Returns the lane position up to which lane frames have been played, if any were since last asked.
    pub(super) fn heard(&mut self) -> Option<u64> {
        let mut heard = None;
        while let Some(run) = self.runs.front() {
            let into = self.played.saturating_sub(run.device).min(run.frames);
            if into > 0 {
                heard = Some(run.lane + into);
            }
            if into < run.frames {
                break;
            }
            self.runs.pop_front();
        }
        heard
    }

    /// Tells whether every lane frame written has been heard.
    pub(super) fn is_all_heard(&self) -> bool {
        self.runs.is_empty()
    }

    /// Fills `into` with a fade-out of what would be heard next.
    pub(super) fn fade_heard(&self, into: &mut [Spoken]) {
        self.fade(self.played, into);
    }

    /// Fills `into` with a fade-out that goes on from the last frame written.
    pub(super) fn fade_written(&self, into: &mut [Spoken]) {
        self.fade(self.written, into);
    }

    /// Notes that the speaker holds nothing now.
    pub(super) fn forget(&mut self) {
        self.written = 0;
        self.played = 0;
        self.last = 0;
        self.runs.clear();
    }

    fn note_run(&mut self, lane: u64, count: u64) {
        if let Some(run) = self.runs.back_mut()
            && run.lane + run.frames == lane
            && run.device + run.frames == self.written
        {
            run.frames += count;
            return;
        }
        if self.runs.is_full() {
            self.runs.pop_front();
        }
        let run = Run { device: self.written, lane, frames: count };
        // There is room: it was just made.
        let _ = self.runs.push_back(run);
    }

    /// The ramp is linear; where the frames end, the last one is held, so that it goes on from there.
    fn fade(&self, from: u64, into: &mut [Spoken]) {
        let length = into.len() as i32;
        for (index, frame) in (0..).zip(into.iter_mut()) {
            let place = from + index as u64;
            let source = if place >= self.written {
                self.last
            } else if self.written - place <= HISTORY_FRAMES as u64 {
                self.history[slot(place)]
            } else {
                0
            };
            let faded = i32::from(source) * (length - index) / (length + 1);
            // Shrunk towards zero, so it fits.
            *frame = [faded as i16];
        }
    }
}

fn slot(place: u64) -> usize {
    (place % HISTORY_FRAMES as u64) as usize
}
