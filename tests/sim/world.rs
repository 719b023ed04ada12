//! The scheduler: runs every part of the simulation on one thread and advances the clock to the next event.
//!
//! All randomness comes from the seed.

mod audio_thread;
mod final_check;
mod heap;

use std::cell::RefCell;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use mynah::audio::{
    Alignment, AudioIo, CaptureLayout, CaptureLoop, DeviceCanceller, Direction, PlaybackLoop, ReferenceBlock,
    ReferenceSink, ReferenceUpload, StampFault, StreamFormat, UnplugPolicy, loops, loops_with_reference,
};
use mynah::background::{
    Background, BackgroundEvent, ConnectError, ConnectRequest, Connection, SimulatedBackground, Socket,
};
use mynah::conversation::{Mode, State};
use mynah::inputs::SimulatedButtons;
use mynah::light;
use mynah::model::{EchoCancellation, Time};
use mynah::parrot::ParrotConfig;
use mynah::session::{ReadySources, Session};

use super::clock::{At, Clock, MS, S};
use super::device::{HALF_DUPLEX_TAIL, board, parts};
use super::invariants::Invariants;
use super::network::{self, FAST, WriteContext};
use super::quirks::Quirks;
use super::room::{CheckedCanceller, Room, RoomRecord};
use super::scenario::{Action, MUTE, Outage, Scenario, TALK, behaviour};
use super::server::{Digest, Server, ServerBehaviour};
use super::sound_card::{SoundCard, SpeechSpan};
use super::wakes::{Held, Wakes, reason_of};
use crate::allocator::as_device;
use audio_thread::AudioThread;
use final_check::FinalCheck;
pub(crate) use heap::Heap;

/// How long after the last fault the device must be idle with a link: the longest backoff and the longest dial before
/// it.
pub(crate) const REST_LIMIT: Duration = Duration::from_secs(70);
/// How often the parts may run without time passing.
const MAX_TURNS_PER_MOMENT: usize = 5000;
/// How long after a turn of the session a silent speaker may still start to play.
const ACTIVE_AFTER_TURN: At = 60 * MS;
/// How late the capture thread may close its device: its longest wake-up delay.
const CLOSE_LIMIT: At = 65 * MS;
/// How long a phase may last: the longest dial, the session's configuration, and a margin.
const PHASE_LIMIT: At = 75 * S;

/// The result of a run.
#[derive(Clone, Debug)]
pub(crate) struct Simulation {
    pub(crate) simulated: Duration,
    pub(crate) turns: u64,
    pub(crate) replies: usize,
    /// Malformed messages that the service sent.
    pub(crate) hostile_frames: usize,
    pub(crate) digest: u64,
    /// From the last fault to an idle device with a link.
    pub(crate) recovery: Option<Duration>,
    /// What the light first showed of the fault, and how long after its start.
    pub(crate) shown: Option<(Duration, &'static str)>,
    /// Tones played: sounds of no reply.
    pub(crate) tones: u64,
    pub(crate) heap: Heap,
    /// What has woken the threads, if that is counted.
    pub(crate) wakes: Wakes,
    /// How often the light was written in that time.
    pub(crate) light_writes: u64,
    /// How far the number of captured frames that the service has not received has varied in that time.
    pub(crate) held_frames: i64,
    /// What was heard in the room, if there is one.
    pub(crate) room: Option<RoomRecord>,
    /// The first invariant that was violated, and when.
    pub(crate) violation: Option<String>,
}

/// Simulates `scenario` and calls `trace` with a line for every turn of the session.
pub(crate) fn simulate(scenario: &Scenario, trace: Option<&mut dyn FnMut(&str)>) -> Simulation {
    World::new(scenario).simulate(trace)
}

/// The names of the audio threads in a count of wakes, in the order of `World::threads`.
const AUDIO_THREADS: [&str; 2] = ["capture", "playback"];

struct World<'a> {
    scenario: &'a Scenario,
    clock: Clock,
    rng: Rng,
    invariants: Rc<RefCell<Invariants>>,
    speech: Rc<RefCell<SpeechSpan>>,
    room: Option<Rc<RefCell<Room>>>,
    session: Session,
    microphone: SoundCard,
    speaker: SoundCard,
    threads: [AudioThread; 2],
    upload: ReferenceUpload,
    background: SimulatedBackground,
    buttons: SimulatedButtons,
    write_context: Arc<Mutex<WriteContext>>,
    light_writes: Arc<AtomicU64>,
    counted_light_writes: u64,
    held: Held,
    servers: Vec<Server>,
    dialling: Option<(At, u64, DialOutcome)>,
    outage_until: At,
    outage: Outage,
    latency: At,
    next_action: usize,
    injected: Vec<(At, Action)>,
    buttons_changed: bool,
    /// The session may have notified the audio loops.
    notified: bool,
    session_turn: At,
    interrupted: Option<At>,
    final_check: FinalCheck,
    heap: Heap,
    digest: Digest,
    turns: u64,
    recovery: Option<At>,
    shown: Option<(At, &'static str)>,
    hostile_frames: usize,
    over: bool,
    wakes: Wakes,
    muted_since: Option<At>,
    /// When the mute button was pressed, until that is obeyed.
    mute_pressed: Option<At>,
    /// The device has had a session.
    had_session: bool,
    /// Kept open, so that the session sees no signal.
    _signals: UnixStream,
}

/// How a dial ends.
#[derive(Clone, Debug)]
enum DialOutcome {
    Connects(ServerBehaviour),
    Fails,
}

impl<'a> World<'a> {
    fn new(scenario: &'a Scenario) -> Self {
        let mut rng = Rng::with_seed(!scenario.seed);
        let heap = Heap::new(scenario.faults_end, scenario.has_sane_service());
        let clock = Clock::default();
        let (invariants, speech) =
            (Rc::<RefCell<Invariants>>::default(), Rc::<RefCell<SpeechSpan>>::default());
        if scenario.echo == EchoCancellation::HalfDuplex {
            invariants.borrow_mut().hold_back(HALF_DUPLEX_TAIL);
        }
        invariants.borrow_mut().set_frames_after_cut(scenario.manner.frames_after_cut());
        let write_context = Arc::<Mutex<WriteContext>>::default();
        let room = scenario.room.as_ref().map(|plan| Rc::new(RefCell::new(Room::new(plan))));
        let (mut audio, capture_loop, playback_loop) = as_device(|| audio_loops(scenario, room.as_ref()));
        let (upload, status) = ReferenceUpload::new();
        if audio.echo_status().is_none() {
            audio.watch_echo(status);
        }
        let capture_loop = capture_loop.keep_open(scenario.keep_open);
        let mut card = |direction: Direction, ppm| {
            SoundCard::new(&clock, direction, scenario.manner, ppm, rng.fork(), &invariants, &speech)
        };
        let microphone = card(Direction::Capture, scenario.ppm[0]);
        let speaker = card(Direction::Playback, scenario.ppm[1]);
        if let Some(room) = &room {
            speaker.put_into(room, None);
            microphone.put_into(room, Some(&speaker));
            if scenario.ppm[0] == scenario.ppm[1] {
                [&microphone, &speaker].iter().for_each(|card| card.start_with_frames());
            }
        }
        let light_writes = Arc::default();
        let (board, buttons) = as_device(|| board(&write_context, &light_writes));
        let (background, simulated) = as_device(Background::simulated).unwrap();
        let (signals, _signals) = UnixStream::pair().unwrap();
        let session =
            as_device(|| Session::begin(parts(scenario, audio, board, background, signals), Time::ZERO));
        let threads = as_device(|| {
            [AudioThread::capture(capture_loop, &microphone), AudioThread::playback(playback_loop, &speaker)]
        });
        Self {
            scenario,
            final_check: FinalCheck::Recovering { until: scenario.faults_end + REST_LIMIT.as_nanos() as At },
            clock,
            rng,
            invariants,
            speech,
            room,
            session,
            microphone,
            speaker,
            threads,
            upload,
            background: simulated,
            buttons,
            write_context,
            light_writes,
            counted_light_writes: 0,
            held: Held::default(),
            servers: Vec::new(),
            dialling: None,
            outage_until: 0,
            outage: Outage::Mixed,
            latency: FAST,
            next_action: 0,
            injected: Vec::new(),
            buttons_changed: false,
            notified: true,
            session_turn: 0,
            interrupted: None,
            heap,
            digest: Digest::default(),
            turns: 0,
            recovery: None,
            shown: None,
            hostile_frames: 0,
            over: false,
            wakes: Wakes::default(),
            muted_since: None,
            mute_pressed: None,
            had_session: false,
            _signals,
        }
    }

    fn simulate(mut self, mut trace: Option<&mut dyn FnMut(&str)>) -> Simulation {
        while !self.over && self.invariants.borrow().violation.is_none() {
            self.run_until_idle(&mut trace);
            self.note_recovery(self.clock.now());
            self.check();
            self.advance_final_check();
            self.check_counted_state();
            let Some(next) = self.next() else { break };
            self.clock.set(next.max(self.clock.now()));
        }
        let room = self.room.take().map(|room| room.borrow_mut().take_record());
        if let Some(wrong) = room.as_ref().filter(|_| self.scenario.hears_all).and_then(RoomRecord::violation)
        {
            self.invariants.borrow_mut().misheard(wrong);
        }
        let recording = self.session.recording();
        self.invariants.borrow_mut().check_recording(&recording, self.clock.now());
        let (replies, _) = self.invariants.borrow().newest();
        let (played, tones) = (self.invariants.borrow().played_frames, self.invariants.borrow().tones);
        self.digest.add(&played.to_le_bytes());
        self.digest.add(&self.clock.now().to_le_bytes());
        Simulation {
            simulated: Duration::from_nanos(self.clock.now()),
            turns: self.turns,
            replies,
            hostile_frames: self.hostile_frames,
            digest: self.digest.0,
            recovery: self.recovery.map(Duration::from_nanos),
            shown: self.shown.map(|(after, word)| (Duration::from_nanos(after), word)),
            tones,
            heap: self.heap,
            wakes: self.wakes,
            light_writes: self.counted_light_writes,
            held_frames: self.held.spread(),
            room,
            violation: self.invariants.borrow_mut().violation.take(),
        }
    }

    /// Runs all parts until none has anything to do at this time.
    fn run_until_idle(&mut self, trace: &mut Option<&mut dyn FnMut(&str)>) {
        let mut busy = [false; 4];
        for _ in 0..MAX_TURNS_PER_MOMENT {
            busy = [self.apply_due_actions(), self.run_network(), self.run_audio(), self.run_session(trace)];
            if busy == [false; 4] || self.over {
                return;
            }
        }
        let names = ["the scenario", "the network", "the audio", "the session"].into_iter().zip(busy);
        let names: Vec<_> = names.filter_map(|(name, busy)| busy.then_some(name)).collect();
        self.invariants.borrow_mut().livelock(self.clock.now(), &names.join(" and "));
    }

    /// Returns the time of the next event.
    fn next(&self) -> Option<At> {
        let now = self.clock.now();
        let servers = self.servers.iter().flat_map(|server| [server.next(), server.link.next()]).flatten();
        let others = [
            self.scenario.actions.get(self.next_action).map(|(at, _)| *at),
            self.injected.first().map(|(at, _)| *at),
            self.dialling.as_ref().map(|(at, ..)| *at),
            self.session.deadline(Time::from_nanos(now)).map(Time::as_nanos),
            self.microphone.wake(),
            Some(self.final_check_at()),
        ];
        let others = others.into_iter().flatten().chain(servers).min();
        let Some(wake) = self.speaker.wake() else { return others };
        match others {
            // Uninterrupted silence needs no samples.
            Some(other) if other > wake && self.can_skip() => {
                self.speaker.skip(other - wake);
                Some(other)
            }
            Some(other) => Some(other.min(wake)),
            None => Some(wake),
        }
    }

    fn can_skip(&self) -> bool {
        self.scenario.counted.is_none()
            && self.room.is_none()
            && self.clock.now() > self.session_turn + ACTIVE_AFTER_TURN
            && self.speaker.is_skippable()
    }

    fn apply_due_actions(&mut self) -> bool {
        let now = self.clock.now();
        let mut busy = false;
        while let Some((at, action)) =
            self.scenario.actions.get(self.next_action).filter(|(at, _)| *at <= now)
        {
            self.next_action += 1;
            if self.scenario.obeys_mute && matches!(action, Action::ButtonEdge { button: MUTE, down: true }) {
                self.mute_pressed = Some(*at);
            }
            self.apply(*at, *action);
            busy = true;
        }
        while self.injected.first().is_some_and(|(at, _)| *at <= now) {
            let (at, action) = self.injected.remove(0);
            self.apply(at, action);
            busy = true;
        }
        busy
    }

    /// Applies an action that was due `at` this time: a device that is busy learns of it later.
    fn apply(&mut self, at: At, action: Action) {
        let now = self.clock.now();
        let card = |direction| if direction == Direction::Capture { &self.microphone } else { &self.speaker };
        match action {
            Action::ButtonEdge { button, down } => {
                self.buttons.edge(button, down, Time::from_nanos(at));
                if self.scenario.has_quirks && button == TALK {
                    self.invariants.borrow_mut().user_interrupts();
                }
                self.buttons_changed = true;
            }
            Action::Speak { time } => match &self.room {
                Some(room) => room.borrow_mut().talk(now, time),
                None => *self.speech.borrow_mut() = SpeechSpan { from: now, until: now + time },
            },
            Action::Plug { direction, plugged, announced } => card(direction).plug(plugged, announced),
            Action::StallDevice { direction, time } => card(direction).stall(now + time),
            Action::HangDriver { direction, time } => card(direction).hang(now + time),
            Action::DelayThread { direction, time } => card(direction).delay(now + time),
            Action::StallNetwork { time } => {
                self.servers.iter().for_each(|server| server.link.stall(now + time))
            }
            Action::ResetLinks => self.servers.iter().for_each(|server| server.link.reset()),
            Action::OmitReplies { time } => {
                self.servers.iter_mut().for_each(|server| server.omit_replies(now + time))
            }
            Action::Nudge => self.server_in_use().into_iter().for_each(Server::nudge),
            Action::Noise { time } => {
                self.server_in_use().into_iter().for_each(|server| server.make_noise(time))
            }
            Action::KillLinks => self.servers.iter().for_each(|server| server.link.kill()),
            Action::SendHostile { seed, count } => {
                self.hostile_frames +=
                    self.servers.iter_mut().map(|server| server.send_hostile(seed, count)).sum::<usize>();
            }
            Action::Flood { seed, time } => {
                self.servers.iter_mut().for_each(|server| server.flood(seed, time));
            }
            Action::LoseReference => {
                let alignment = Alignment::Unaligned(StampFault::Still);
                let lost = ReferenceBlock { samples: &[], is_audible: false, alignment, position: None };
                self.upload.block(&mut [], lost);
            }
            Action::StartOutage { until, how } => (self.outage_until, self.outage) = (until, how),
            Action::SetLatency { latency } => {
                self.latency = latency;
                self.servers.iter().for_each(|server| server.link.set_latency(latency));
            }
        }
    }

    fn server_in_use(&mut self) -> Option<&mut Server> {
        self.servers.iter_mut().max_by_key(|server| server.heard_at)
    }

    fn run_network(&mut self) -> bool {
        let now = self.clock.now();
        let mut busy = false;
        match self.background.next_request() {
            Some(Some(dial)) => {
                self.dial(&dial);
                busy = true;
            }
            Some(None) => self.dialling = None,
            None => {}
        }
        if let Some((_, number, outcome)) = self.dialling.take_if(|(at, ..)| *at <= now) {
            self.connect(number, outcome);
            busy = true;
        }
        for server in &mut self.servers {
            if server.is_due(now) {
                server.turn();
                busy = true;
            }
        }
        // Connections that the device has closed are dropped.
        let digest = &mut self.digest;
        self.servers.retain(|server| {
            let kept = server.link.is_held();
            if !kept {
                digest.add(&server.digest.0.to_le_bytes());
            }
            kept
        });
        // A session near its end may have a second one beside it.
        let most = if self.servers.iter().any(Server::is_ending) { 2 } else { 1 };
        let held = self.servers.len();
        self.invariants.borrow_mut().check_links(held, most, now);
        busy
    }

    fn dial(&mut self, dial: &ConnectRequest) {
        let now = self.clock.now();
        self.invariants.borrow_mut().dialled(now);
        let bad = now < self.outage_until;
        // A measured fault must stay the only one.
        let short =
            self.scenario.short_sessions || (self.scenario.fault_at.is_none() && self.rng.u32(0..4) == 0);
        let how = match (bad, self.outage, self.rng.u32(0..4)) {
            (false, ..) => None,
            (true, Outage::Mixed, 0) => Some(Outage::Refused),
            (true, Outage::Mixed, 1) => Some(Outage::Blackhole),
            (true, how, _) => Some(how),
        };
        let (after, outcome) = match how {
            Some(Outage::Refused) => (self.rng.u64(MS..50 * MS), DialOutcome::Fails),
            Some(Outage::Blackhole) => (dial.limit.as_nanos() as At, DialOutcome::Fails),
            Some(Outage::Unhealthy | Outage::Mixed) | None => {
                // A reply with a quirk may last half a minute, and has to fit into the window of a handover.
                let length = if self.scenario.has_quirks { 200..400 } else { 65..400 };
                let after = self.rng.u64(5 * MS..200 * MS);
                let behaviour = match (self.scenario.counted, self.scenario.room) {
                    (Some(_), _) | (_, Some(_)) => ServerBehaviour::Serves(ParrotConfig::default()),
                    (None, None) => behaviour(bad, short.then_some(length), &mut self.rng),
                };
                let refuses = self.scenario.echo == EchoCancellation::Client && self.rng.bool();
                let behaviour = if refuses { behaviour.refusing_reference() } else { behaviour };
                (after, DialOutcome::Connects(behaviour))
            }
        };
        self.dialling = Some((now + after, dial.number, outcome));
    }

    fn connect(&mut self, number: u64, outcome: DialOutcome) {
        let result = match outcome {
            DialOutcome::Fails => Err(ConnectError { is_setup: false, message: "no answer".to_owned() }),
            DialOutcome::Connects(behaviour) => {
                let (device_end, server_end) = network::connection(&self.clock, self.latency);
                let device_end = device_end.with_context(Arc::clone(&self.write_context));
                let seed = self.rng.u64(..);
                let quirks =
                    self.scenario.has_quirks.then(|| Quirks::new(seed, self.scenario.mode != Mode::Hold));
                self.servers.push(Server::new(
                    &self.clock,
                    server_end,
                    behaviour,
                    seed,
                    quirks,
                    (&self.invariants, self.room.as_ref()),
                ));
                Ok(Connection {
                    socket: Socket::Simulated(Box::new(device_end)),
                    credential: ("api-key", "k".to_owned()),
                })
            }
        };
        self.background.report(BackgroundEvent::Connected { number, result });
    }

    fn run_audio(&mut self) -> bool {
        let now = self.clock.now();
        let mut busy = false;
        for (index, card) in [&self.microphone, &self.speaker].into_iter().enumerate() {
            if !self.notified && card.wake().is_none_or(|wake| wake > now) {
                continue;
            }
            let (wakes, is_counted) = (&mut self.wakes, is_counted(self.scenario, now));
            let thread = &mut self.threads[index];
            let ended = as_device(|| {
                thread.run(|reason| {
                    if is_counted {
                        wakes.add(AUDIO_THREADS[index], reason.to_owned());
                    }
                })
            });
            if ended != Ok(false) {
                self.invariants.borrow_mut().stuck(now, &format!("an audio thread has ended: {ended:?}"));
                self.over = true;
            }
            busy = true;
        }
        self.notified = false;
        busy
    }

    fn run_session(&mut self, trace: &mut Option<&mut dyn FnMut(&str)>) -> bool {
        let now = self.clock.now();
        let instant = Time::from_nanos(now);
        let mut ready = self.session.wait(Some(Duration::ZERO));
        ready.link |= self.servers.iter().any(|server| server.link.is_readable(false));
        ready.board |= std::mem::take(&mut self.buttons_changed);
        let timer = self.session.next_timer(instant).filter(|(at, _)| *at <= instant).map(|(_, timer)| timer);
        if ready == ReadySources::default() && timer.is_none() {
            return false;
        }
        if is_counted(self.scenario, now) {
            self.wakes.add("session", reason_of(ready, timer));
            self.held.add(self.invariants.borrow().held_frames);
        }
        self.turns += 1;
        self.session_turn = now;
        let was_muted = self.session.conversation().muted();
        let delivered: Vec<usize> = self.servers.iter().map(|server| server.link.delivered()).collect();
        let ended = as_device(|| self.session.turn(ready, instant));
        let light_writes = self.light_writes.swap(0, Ordering::Relaxed);
        if is_counted(self.scenario, now) {
            self.counted_light_writes += light_writes;
        }
        if let Some(held) = self.heap.record(now) {
            self.invariants.borrow_mut().too_much_memory(now, held);
        }
        let is_muted = self.session.conversation().muted();
        if is_muted != was_muted
            && let Some(pressed) = self.mute_pressed.take()
        {
            self.invariants.borrow_mut().check_mute_obeyed(pressed, self.clock.now());
        }
        self.muted_since = is_muted.then(|| if was_muted { self.muted_since.unwrap_or(now) } else { now });
        let interrupted = self.session.light().interrupted.map(Time::as_nanos);
        if interrupted != self.interrupted {
            self.interrupted = interrupted;
            let delivered = delivered.into_iter().max().unwrap_or(0);
            // Speech that the service neither commits nor answers in time lets the reply go on.
            let by_voice = self.scenario.mode != Mode::Hold && self.session.conversation().speech_active();
            let mut invariants = self.invariants.borrow_mut();
            if interrupted.is_some() && !invariants.is_noise(now) {
                if by_voice { invariants.user_interrupts() } else { invariants.interrupted(delivered, now) }
            }
        }
        if let Some(trace) = trace {
            let state = self.session.conversation().state();
            let timer = timer.map_or(String::new(), |timer| format!(" {timer:?}"));
            trace(&format!("{:12.6} {ready:?}{timer} -> {state:?}", now as f64 / S as f64));
        }
        self.notified = true;
        match ended {
            None => {}
            Some(ended) => {
                self.invariants.borrow_mut().stuck(now, &format!("the session has ended: {ended:?}"));
                self.over = true;
            }
        }
        true
    }

    /// Checks that wakes are counted in the state that they are counted for.
    fn check_counted_state(&mut self) {
        self.over |= self.room.is_some() && self.clock.now() >= self.scenario.faults_end;
        let (now, Some(counted)) = (self.clock.now(), self.scenario.counted) else { return };
        let state = self.session.conversation().state();
        if counted.includes(now) && state != counted.state {
            self.invariants.borrow_mut().stuck(now, &format!("{state:?} while wakes are counted"));
        }
        self.over |= now >= counted.until;
    }

    fn note_recovery(&mut self, now: At) {
        let facts = self.session.light();
        let (word, _) = light::state_name(facts, Time::from_nanos(now));
        let shows_fault = facts.state == State::Offline || facts.fault.is_some();
        if shows_fault && self.shown.is_none() && self.scenario.fault_at.is_some_and(|at| now >= at) {
            self.shown = Some((now - self.scenario.fault_at.unwrap_or(now), word));
        }
        let is_lasting_fault = facts.fault.is_some_and(|(fault, _)| fault.is_persistent());
        let connected = self.servers.iter().all(|server| server.link.is_alive());
        if now > self.scenario.faults_end
            && self.recovery.is_none()
            && !is_lasting_fault
            && connected
            && self.is_idle()
        {
            self.recovery = Some(now - self.scenario.faults_end);
        }
    }

    /// Checks that a muted microphone is closed, that speech is sent in a run without faults, and that no phase lasts
    /// for ever.
    fn check(&mut self) {
        let now = self.clock.now();
        if let Some(pressed) = self.mute_pressed {
            self.invariants.borrow_mut().check_mute_obeyed(pressed, now);
        }
        if self.muted_since.is_some_and(|since| now > since + CLOSE_LIMIT) && self.microphone.is_open() {
            self.invariants.borrow_mut().open_while_muted(now);
        }
        if self.scenario.short_sessions && now < self.scenario.faults_end {
            let lit = self.write_context.lock().unwrap().lit;
            self.invariants.borrow_mut().check_light(lit, now);
        }
        if self.scenario.short_sessions && now < self.scenario.faults_end {
            self.invariants.borrow_mut().check_all_sent(now);
            let state = self.session.conversation().state();
            self.had_session |= !matches!(state, State::Offline | State::Connecting);
            if self.had_session && matches!(state, State::Offline | State::Connecting) {
                self.invariants.borrow_mut().stuck(now, &format!("{state:?} without a fault"));
            }
        }
        let (state, since) = (self.session.light().state, self.session.light().since.as_nanos());
        if state == State::Thinking {
            self.invariants.borrow_mut().check_thinking(now);
        }
        if matches!(state, State::Thinking | State::Connecting) && now > since + PHASE_LIMIT {
            self.invariants
                .borrow_mut()
                .stuck(now, &format!("{state:?} for more than {} s", PHASE_LIMIT / S));
        }
    }
}

/// Returns the session's side and both loops, with a canceller if the device is to remove the echo.
fn audio_loops(
    scenario: &Scenario,
    room: Option<&Rc<RefCell<Room>>>,
) -> (AudioIo, CaptureLoop, PlaybackLoop) {
    let layout = match scenario.echo {
        EchoCancellation::Client => CaptureLayout::WithReference,
        EchoCancellation::Server
        | EchoCancellation::Device
        | EchoCancellation::HalfDuplex
        | EchoCancellation::Off => CaptureLayout::Microphone,
    };
    let (format, policy) = (StreamFormat { layout, ..StreamFormat::default() }, UnplugPolicy::Wait);
    let Some((plan, room)) =
        scenario.room.zip(room).filter(|(plan, _)| plan.cancellation == EchoCancellation::Device)
    else {
        return loops(format, policy).unwrap();
    };
    let (canceller, status) = DeviceCanceller::new();
    let sink = CheckedCanceller { canceller, check: room.borrow().alignment() };
    let (mut audio, capture, playback) =
        loops_with_reference(format, policy, plan.clocks, Box::new(sink)).unwrap();
    room.borrow_mut().watch(Arc::clone(&status));
    audio.watch_echo(status);
    (audio, capture, playback)
}

fn is_counted(scenario: &Scenario, at: At) -> bool {
    scenario.counted.is_some_and(|counted| counted.includes(at))
}
