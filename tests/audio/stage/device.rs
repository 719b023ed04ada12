//! The device of a stage: opened, started, closed, read and written.

use std::time::Duration;

use mynah::audio::{
    AudioDevice, AudioError, BufferLevel, CaptureDevice, DeviceLost, Direction, PcmError, PlaybackDevice,
    QueuePlan, Recovery, StallDetector,
};

use super::{ATTEMPTS_MAX, BUFFER, Dac, PERIOD, PERIOD_MS, Signal, Stage, State};

impl AudioDevice for Stage {
    fn open(&mut self) -> Result<(), DeviceLost> {
        let mut state = self.0.borrow_mut();
        let (now, opened) = (state.now_ms, !matches!(state.device, State::Missing(_)));
        state.attempts.push((now, opened));
        assert!(state.attempts.len() < ATTEMPTS_MAX, "too many attempts");
        match state.device {
            State::Missing(lost) => Err(lost),
            State::Present | State::FailsOnStart | State::Stalled => Ok(()),
        }
    }

    fn start(&mut self) -> Result<(), DeviceLost> {
        let mut state = self.0.borrow_mut();
        let before = std::mem::replace(&mut state.dac, Dac::new());
        state.out.extend(before.out);
        (state.moved, state.due, state.stall_detector) = (0, 0, StallDetector::new(BUFFER));
        state.streams += 1;
        state.is_running = true;
        Ok(())
    }

    fn close(&mut self) {
        let mut state = self.0.borrow_mut();
        if std::mem::take(&mut state.is_running) {
            let now = state.now_ms;
            state.closes.push(now);
        }
    }

    fn is_proven(&self) -> bool {
        let state = self.0.borrow();
        state.moved
            >= match state.end {
                Direction::Playback => 2 * BUFFER,
                Direction::Capture => 4 * BUFFER,
            }
    }

    fn lost_error(&self, lost: DeviceLost) -> AudioError {
        AudioError::Lost { direction: self.0.borrow().end, device: "scripted".to_owned(), errno: lost.errno }
    }

    fn set_give_up_after(&mut self, limit: Option<Duration>) {
        let mut state = self.0.borrow_mut();
        state.give_up_ms = limit.map(|limit| state.now_ms + limit.as_millis() as u64);
    }

    fn set_retry_after(&mut self, after: Option<Duration>) {
        let mut state = self.0.borrow_mut();
        state.retry_ms = after.map(|after| state.now_ms + after.as_millis() as u64);
    }
}

impl CaptureDevice for Stage {
    fn read(&mut self, into: &mut [f32]) -> Result<usize, PcmError> {
        self.check_present().map_err(PcmError::Lost)?;
        let mut state = self.0.borrow_mut();
        if state.due < state.block {
            return Ok(0);
        }
        let taken = state.due.min(into.len());
        state.due -= taken;
        let (signal, given) = (state.signal, state.given);
        // The newest frame that has not been read was captured at the last tick.
        let oldest = state.ticked_ms * PERIOD as u64 / PERIOD_MS - (state.due + taken) as u64;
        let from = if signal == Signal::Time { oldest } else { given };
        for (frame, sample) in (from..).zip(&mut into[..taken]) {
            *sample = signal.at(frame);
        }
        state.given += taken as u64;
        Ok(taken)
    }

    fn recover(&mut self, _: PcmError) -> Result<Recovery, PcmError> {
        Ok(Recovery::Resumed)
    }

    fn may_mute_itself(&self) -> bool {
        self.0.borrow().is_usb
    }
}

impl PlaybackDevice for Stage {
    fn queue(&self) -> QueuePlan {
        self.0.borrow().dac.queue()
    }

    fn level(&mut self) -> Result<BufferLevel, PcmError> {
        self.dac(PlaybackDevice::level)
    }

    fn write(&mut self, frames: &[f32]) -> Result<usize, PcmError> {
        self.dac(|dac| dac.write(frames))
    }

    fn flush(&mut self) -> Result<(), PcmError> {
        self.dac(PlaybackDevice::flush)
    }

    fn recover(&mut self, error: PcmError) -> Result<Recovery, PcmError> {
        self.dac(|dac| PlaybackDevice::recover(dac, error))
    }
}
