//! Watches the reference that is uploaded with the microphone, for the echo canceller of the service.
//!
//! The capture step puts both into the lane. It says whether the reference can be trusted; it changes no sample, and
//! decides nothing about the service.

use std::sync::Arc;

use super::CaptureFrame;
use super::device_canceller::EchoStatus;
use super::reference::aligned::ReferenceBlock;
use super::rt::reference::ReferenceSink;

/// Reports why the reference that is uploaded is silence, if it is.
pub struct ReferenceUpload {
    status: Arc<EchoStatus>,
}

impl ReferenceUpload {
    /// Creates the watch, and what it reports.
    #[must_use]
    pub fn new() -> (Self, Arc<EchoStatus>) {
        let status = Arc::<EchoStatus>::default();
        (Self { status: Arc::clone(&status) }, status)
    }
}

impl ReferenceSink for ReferenceUpload {
    fn block(&mut self, _: &mut [CaptureFrame], reference: ReferenceBlock<'_>) {
        self.status.record_alignment(reference.alignment);
    }
}
