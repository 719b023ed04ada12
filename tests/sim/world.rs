//! The scheduler: one thread, one clock, and everybody's turn when it comes.
//!
//! It moves time to whatever happens next. Nothing in it is random: what happens is the plan's and the seed's.

mod heap;
mod trial;

use std::cell::RefCell;
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use fastrand::Rng;
use mynah::audio::{AudioError, Direction, StreamFormat, UnplugPolicy, loops};
use mynah::background::{
    Background, BackgroundEvent, ConnectError, ConnectRequest, Connection, SimulatedBackground, Socket,
};
use mynah::conversation::State;
use mynah::inputs::SimulatedButtons;
use mynah::light;
use mynah::model::Time;
use mynah::session::{ReadySources, Session};

use super::clock::{At, Clock, MS, S};
use super::device::{board, parts};
use super::invariants::Promises;
use super::network::{self, FAST, Mark};
use super::scenario::{Act, Outage, Plan, manner};
use super::server::{Digest, Far, Manner};
use super::sound_card::{Card, Voice};
use crate::allocator::as_device;
pub(crate) use heap::Heap;
use trial::Trial;

/// How long after the last fault the device must be at rest, with a link: the longest wait for the next dial
/// and the longest dial before it.
pub(crate) const REST_LIMIT: Duration = Duration::from_secs(70);
/// Turns of anybody that one moment may have.
const TURNS_A_MOMENT: usize = 5000;
/// How long after the session's turn a silent speaker may have something to say.
const ALERT: At = 60 * MS;
/// How late the capture thread may close its device: as late as it may be woken.
const CLOSE_LIMIT: At = 65 * MS;
/// How long anything may be waited for without a word: the longest dial, and the configuration, and a margin.
const PHASE_LIMIT: At = 75 * S;
/// What became of a life.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    pub(crate) simulated: Duration,
    pub(crate) turns: u64,
    pub(crate) replies: usize,
    /// What the service said that it should not have.
    pub(crate) uttered: usize,
    pub(crate) digest: u64,
    /// From the last fault to rest with a link.
    pub(crate) recovery: Option<Duration>,
    /// What the light first said of the fault, and how long after it began.
    pub(crate) shown: Option<(Duration, &'static str)>,
    /// Sounds that were heard and are of no reply.
    pub(crate) tones: u64,
    pub(crate) heap: Heap,
    /// The first promise that was broken, and when.
    pub(crate) broken: Option<String>,
}

/// Lives the life of `plan`, with a word about every turn of the session to `tell`.
pub(crate) fn live(plan: &Plan, tell: Option<&mut dyn FnMut(&str)>) -> Life {
    World::new(plan).live(tell)
}

/// A sound thread's loop, on no thread.
type SoundLoop = Pin<Box<dyn Future<Output = Result<(), AudioError>>>>;

struct World<'a> {
    plan: &'a Plan,
    clock: Clock,
    luck: Rng,
    promises: Rc<RefCell<Promises>>,
    voice: Rc<RefCell<Voice>>,
    session: Session,
    microphone: Card,
    speaker: Card,
    loops: [SoundLoop; 2],
    hand: SimulatedBackground,
    fingers: SimulatedButtons,
    mark: Arc<Mutex<Mark>>,
    fars: Vec<Far>,
    dialling: Option<(At, u64, Fate)>,
    outage_until: At,
    outage: Outage,
    latency: At,
    next_act: usize,
    extra: Vec<(At, Act)>,
    touched: bool,
    /// The loops may have been rung.
    rung: bool,
    session_turn: At,
    interrupted: Option<At>,
    trial: Trial,
    heap: Heap,
    digest: Digest,
    turns: u64,
    recovery: Option<At>,
    shown: Option<(At, &'static str)>,
    uttered: usize,
    over: bool,
    muted_since: Option<At>,
    /// The device has had a session.
    met: bool,
    /// Nobody asks the program to end.
    _signals: UnixStream,
}

/// How a dial will end.
#[derive(Clone, Debug)]
enum Fate {
    Reaches(Manner),
    Fails,
}

impl<'a> World<'a> {
    fn new(plan: &'a Plan) -> Self {
        let mut luck = Rng::with_seed(!plan.seed);
        let heap = Heap::begin(plan.calm_at, plan.is_served_well());
        let clock = Clock::default();
        let (promises, voice) = (Rc::<RefCell<Promises>>::default(), Rc::<RefCell<Voice>>::default());
        let mark = Arc::<Mutex<Mark>>::default();
        let (sound, listener, talker) =
            as_device(|| loops(StreamFormat::default(), UnplugPolicy::Wait)).unwrap();
        let mut card = |end: Direction, ppm| Card::new(&clock, end, ppm, luck.fork(), &promises, &voice);
        let microphone = card(Direction::Capture, plan.ppm[0]);
        let speaker = card(Direction::Playback, plan.ppm[1]);
        let (board, fingers) = as_device(|| board(&mark));
        let (errands, hand) = as_device(Background::simulated).unwrap();
        let (signals, _signals) = UnixStream::pair().unwrap();
        let session = as_device(|| Session::begin(parts(plan, sound, board, errands, signals), Time::ZERO));
        let loops: [SoundLoop; 2] = as_device(|| -> [SoundLoop; 2] {
            let heard = Box::pin(listener.run(microphone.clone()));
            [heard, Box::pin(talker.run(speaker.clone(), speaker.first()))]
        });
        Self {
            plan,
            trial: Trial::Waits { until: plan.calm_at + REST_LIMIT.as_nanos() as At },
            clock,
            luck,
            promises,
            voice,
            session,
            microphone,
            speaker,
            loops,
            hand,
            fingers,
            mark,
            fars: Vec::new(),
            dialling: None,
            outage_until: 0,
            outage: Outage::Mixed,
            latency: FAST,
            next_act: 0,
            extra: Vec::new(),
            touched: false,
            rung: true,
            session_turn: 0,
            interrupted: None,
            heap,
            digest: Digest::default(),
            turns: 0,
            recovery: None,
            shown: None,
            uttered: 0,
            over: false,
            muted_since: None,
            met: false,
            _signals,
        }
    }

    fn live(mut self, mut tell: Option<&mut dyn FnMut(&str)>) -> Life {
        while !self.over && self.promises.borrow().broken.is_none() {
            self.happen(&mut tell);
            self.note_rest(self.clock.now());
            self.watch();
            self.prove();
            let Some(next) = self.next() else { break };
            self.clock.set(next.max(self.clock.now()));
        }
        let recording = self.session.recording();
        self.promises.borrow_mut().relive(&recording, self.clock.now());
        let (replies, _) = self.promises.borrow().newest();
        let (heard, tones) = (self.promises.borrow().heard_frames, self.promises.borrow().tones);
        self.digest.add(&heard.to_le_bytes());
        self.digest.add(&self.clock.now().to_le_bytes());
        Life {
            simulated: Duration::from_nanos(self.clock.now()),
            turns: self.turns,
            replies,
            uttered: self.uttered,
            digest: self.digest.0,
            recovery: self.recovery.map(Duration::from_nanos),
            shown: self.shown.map(|(after, word)| (Duration::from_nanos(after), word)),
            tones,
            heap: self.heap,
            broken: self.promises.borrow_mut().broken.take(),
        }
    }

    /// Lets everything happen that can happen at this moment.
    fn happen(&mut self, tell: &mut Option<&mut dyn FnMut(&str)>) {
        let mut busy = [false; 4];
        for _ in 0..TURNS_A_MOMENT {
            busy = [self.act(), self.network(), self.sound(), self.session(tell)];
            if busy == [false; 4] || self.over {
                return;
            }
        }
        let names = ["the owner", "the network", "the sound", "the session"].into_iter().zip(busy);
        let names: Vec<_> = names.filter_map(|(name, busy)| busy.then_some(name)).collect();
        self.promises.borrow_mut().spin(self.clock.now(), &names.join(" and "));
    }

    /// When something happens next.
    fn next(&self) -> Option<At> {
        let now = self.clock.now();
        let fars = self.fars.iter().flat_map(|far| [far.next(), far.cable.next()]).flatten();
        let others = [
            self.plan.acts.get(self.next_act).map(|(at, _)| *at),
            self.extra.first().map(|(at, _)| *at),
            self.dialling.as_ref().map(|(at, ..)| *at),
            self.session.deadline(Time::from_nanos(now)).map(Time::as_nanos),
            self.microphone.wake(),
            Some(self.trial_at()),
        ];
        let others = others.into_iter().flatten().chain(fars).min();
        let Some(wake) = self.speaker.wake() else { return others };
        match others {
            // Silence that nobody interrupts needs no samples.
            Some(other) if other > wake && self.dozes() => {
                self.speaker.doze(other - wake);
                Some(other)
            }
            Some(other) => Some(other.min(wake)),
            None => Some(wake),
        }
    }

    fn dozes(&self) -> bool {
        self.clock.now() > self.session_turn + ALERT && self.speaker.is_silent()
    }

    fn act(&mut self) -> bool {
        let now = self.clock.now();
        let mut any = false;
        while let Some((_, act)) = self.plan.acts.get(self.next_act).filter(|(at, _)| *at <= now) {
            self.next_act += 1;
            self.carry_out(*act);
            any = true;
        }
        while self.extra.first().is_some_and(|(at, _)| *at <= now) {
            let (_, act) = self.extra.remove(0);
            self.carry_out(act);
            any = true;
        }
        any
    }

    fn carry_out(&mut self, act: Act) {
        let now = self.clock.now();
        let card = |end| if end == Direction::Capture { &self.microphone } else { &self.speaker };
        match act {
            Act::Touch { button, down } => {
                self.fingers.edge(button, down, Time::from_nanos(now));
                self.touched = true;
            }
            Act::Speak { time } => *self.voice.borrow_mut() = Voice { from: now, until: now + time },
            Act::Plug { end, plugged, told } => card(end).plug(plugged, told),
            Act::Stick { end, time } => card(end).stick(now + time),
            Act::Hang { end, time } => card(end).hang(now + time),
            Act::Late { end, time } => card(end).delay(now + time),
            Act::Stall { time } => self.fars.iter().for_each(|far| far.cable.stall(now + time)),
            Act::Reset => self.fars.iter().for_each(|far| far.cable.reset()),
            Act::Forget { time } => self.fars.iter_mut().for_each(|far| far.forget(now + time)),
            Act::Die => self.fars.iter().for_each(|far| far.cable.die()),
            Act::Utter { seed, count } => {
                self.uttered += self.fars.iter_mut().map(|far| far.utter(seed, count)).sum::<usize>();
            }
            Act::Outage { until, how } => (self.outage_until, self.outage) = (until, how),
            Act::Latency { time } => {
                self.latency = time;
                self.fars.iter().for_each(|far| far.cable.set_latency(time));
            }
        }
    }

    fn network(&mut self) -> bool {
        let now = self.clock.now();
        let mut any = false;
        match self.hand.next_request() {
            Some(Some(dial)) => {
                self.dial(&dial);
                any = true;
            }
            Some(None) => self.dialling = None,
            None => {}
        }
        if let Some((_, number, fate)) = self.dialling.take_if(|(at, ..)| *at <= now) {
            self.connect(number, fate);
            any = true;
        }
        for far in &mut self.fars {
            if far.is_due(now) {
                far.turn();
                any = true;
            }
        }
        // What neither end holds is gone.
        let digest = &mut self.digest;
        self.fars.retain(|far| {
            let kept = far.cable.is_held();
            if !kept {
                digest.add(&far.digest.0.to_le_bytes());
            }
            kept
        });
        // A session that will end may have a second one beside it.
        let most = if self.fars.iter().any(Far::is_ending) { 2 } else { 1 };
        let held = self.fars.len();
        self.promises.borrow_mut().links(held, most, now);
        any
    }

    fn dial(&mut self, dial: &ConnectRequest) {
        let now = self.clock.now();
        self.promises.borrow_mut().dial(now);
        let bad = now < self.outage_until;
        // Where one fault is timed no other must come between.
        let short = self.plan.restless || (self.plan.fault_at.is_none() && self.luck.u32(0..4) == 0);
        let how = match (bad, self.outage, self.luck.u32(0..4)) {
            (false, ..) => None,
            (true, Outage::Mixed, 0) => Some(Outage::Refused),
            (true, Outage::Mixed, 1) => Some(Outage::Hole),
            (true, how, _) => Some(how),
        };
        let (after, fate) = match how {
            Some(Outage::Refused) => (self.luck.u64(MS..50 * MS), Fate::Fails),
            Some(Outage::Hole) => (dial.limit.as_nanos() as At, Fate::Fails),
            Some(Outage::Unwell | Outage::Mixed) | None => {
                (self.luck.u64(5 * MS..200 * MS), Fate::Reaches(manner(bad, short, &mut self.luck)))
            }
        };
        self.dialling = Some((now + after, dial.number, fate));
    }

    fn connect(&mut self, number: u64, fate: Fate) {
        let result = match fate {
            Fate::Fails => Err(ConnectError { is_setup: false, sentence: "nobody answers".to_owned() }),
            Fate::Reaches(manner) => {
                let (ours, theirs) = network::connection(&self.clock, self.latency);
                let ours = ours.marked(Arc::clone(&self.mark));
                self.fars.push(Far::new(&self.clock, theirs, manner, self.luck.u64(..), &self.promises));
                Ok(Connection {
                    socket: Socket::Simulated(Box::new(ours)),
                    credential: ("api-key", "k".to_owned()),
                })
            }
        };
        self.hand.report(BackgroundEvent::Dialled { number, result });
    }

    fn sound(&mut self) -> bool {
        let now = self.clock.now();
        let mut any = false;
        for (index, card) in [&self.microphone, &self.speaker].into_iter().enumerate() {
            if !self.rung && card.wake().is_none_or(|wake| wake > now) {
                continue;
            }
            let sound = self.loops[index].as_mut();
            let polled = as_device(|| sound.poll(&mut Context::from_waker(Waker::noop())));
            if let Poll::Ready(ended) = polled {
                self.promises.borrow_mut().stuck(now, &format!("a sound thread has ended: {ended:?}"));
                self.over = true;
            }
            any = true;
        }
        self.rung = false;
        any
    }

    fn session(&mut self, tell: &mut Option<&mut dyn FnMut(&str)>) -> bool {
        let now = self.clock.now();
        let instant = Time::from_nanos(now);
        let mut ready = self.session.wait(Some(Duration::ZERO));
        ready.link |= self.fars.iter().any(|far| far.cable.is_readable(false));
        ready.board |= std::mem::take(&mut self.touched);
        let due = self.session.deadline(instant).is_some_and(|deadline| deadline <= instant);
        if ready == ReadySources::default() && !due {
            return false;
        }
        self.turns += 1;
        self.session_turn = now;
        let was_muted = self.session.conversation().muted();
        let delivered: Vec<usize> = self.fars.iter().map(|far| far.cable.delivered()).collect();
        let ended = as_device(|| self.session.turn(ready, instant));
        if let Some(held) = self.heap.note(now) {
            self.promises.borrow_mut().grow(now, held);
        }
        let is_muted = self.session.conversation().muted();
        self.muted_since = is_muted.then(|| if was_muted { self.muted_since.unwrap_or(now) } else { now });
        let interrupted = self.session.light().interrupted.map(Time::as_nanos);
        if interrupted != self.interrupted {
            self.interrupted = interrupted;
            let delivered = delivered.into_iter().max().unwrap_or(0);
            self.promises.borrow_mut().interrupt(delivered, now);
        }
        if let Some(tell) = tell {
            let state = self.session.conversation().state();
            tell(&format!("{:12.6} {ready:?} -> {state:?}", now as f64 / S as f64));
        }
        self.rung = true;
        match ended {
            None => {}
            Some(ended) => {
                self.promises.borrow_mut().stuck(now, &format!("the session has ended: {ended:?}"));
                self.over = true;
            }
        }
        true
    }

    fn note_rest(&mut self, now: At) {
        let facts = self.session.light();
        let (word, _) = light::word(facts, Time::from_nanos(now));
        let told = facts.state == State::Offline || facts.fault.is_some();
        if told && self.shown.is_none() && self.plan.fault_at.is_some_and(|at| now >= at) {
            self.shown = Some((now - self.plan.fault_at.unwrap_or(now), word));
        }
        let lasts = facts.fault.is_some_and(|(fault, _)| fault.is_lasting());
        let alive = self.fars.iter().all(|far| far.cable.is_alive());
        if now > self.plan.calm_at && self.recovery.is_none() && !lasts && alive && self.rests() {
            self.recovery = Some(now - self.plan.calm_at);
        }
    }

    /// While the owner has cut the microphone off, its device is closed; what was said is sent where nothing goes
    /// wrong; and nothing is waited for without end.
    fn watch(&mut self) {
        let now = self.clock.now();
        if self.muted_since.is_some_and(|since| now > since + CLOSE_LIMIT) && self.microphone.is_open() {
            self.promises.borrow_mut().ears(now);
        }
        if self.plan.restless && now < self.plan.calm_at {
            self.promises.borrow_mut().all_sent(now);
            let state = self.session.conversation().state();
            self.met |= !matches!(state, State::Offline | State::Connecting);
            if self.met && matches!(state, State::Offline | State::Connecting) {
                self.promises.borrow_mut().stuck(now, &format!("{state:?}, although nothing went wrong"));
            }
        }
        let (state, since) = (self.session.light().state, self.session.light().since.as_nanos());
        if matches!(state, State::Thinking | State::Connecting) && now > since + PHASE_LIMIT {
            self.promises.borrow_mut().stuck(now, &format!("{state:?} for more than a minute"));
        }
    }
}
