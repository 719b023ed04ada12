//! An HTTP proxy on loopback that opens tunnels, refuses, hangs or lies. Every name leads to this machine.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

/// What the proxy does with a connection after its request.
#[derive(Clone)]
pub(crate) enum ProxyBehaviour {
    /// Connects to the requested port of this machine.
    Tunnel,
    /// Sends this and closes.
    Answer(&'static [u8]),
    /// Sends this for ever.
    Endless(&'static [u8]),
    /// Keeps the connection and says nothing.
    Silent,
}

pub(crate) struct ConnectProxy {
    /// The port on 127.0.0.1.
    pub(crate) port: u16,
    requests: Arc<Mutex<Vec<String>>>,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl ConnectProxy {
    pub(crate) fn start(behaviour: ProxyBehaviour) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (requests, stopped) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<AtomicBool>::default());
        let (seen, ends) = (Arc::clone(&requests), Arc::clone(&stopped));
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if ends.load(Ordering::SeqCst) {
                    break;
                }
                let (behaviour, seen, ends) = (behaviour.clone(), Arc::clone(&seen), Arc::clone(&ends));
                thread::spawn(move || serve(stream.unwrap(), &behaviour, &seen, &ends));
            }
        });
        Self { port, requests, stopped, thread: Some(thread) }
    }

    /// Returns the requests so far: line and header fields.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for ConnectProxy {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the thread.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || thread::panicking(), "the proxy itself panicked");
    }
}

/// The client may leave at any time, so errors of the socket only end the connection.
fn serve(client: TcpStream, behaviour: &ProxyBehaviour, seen: &Mutex<Vec<String>>, ends: &AtomicBool) {
    let mut reader = BufReader::new(client.try_clone().unwrap());
    let mut request = String::new();
    while !request.ends_with("\r\n\r\n") {
        if reader.read_line(&mut request).unwrap_or(0) == 0 {
            return;
        }
    }
    seen.lock().unwrap().push(request.clone());
    let mut client = client;
    match behaviour {
        ProxyBehaviour::Tunnel => {
            let target = request.split_whitespace().nth(1).unwrap();
            let port: u16 = target.rsplit_once(':').unwrap().1.parse().unwrap();
            let service = TcpStream::connect(("127.0.0.1", port)).unwrap();
            let _ = client.write_all(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 test\r\n\r\n");
            let (from, to) = (service.try_clone().unwrap(), client.try_clone().unwrap());
            thread::spawn(move || copy(from, to));
            copy(client, service);
        }
        ProxyBehaviour::Answer(bytes) => {
            let _ = client.write_all(bytes);
            let _ = client.shutdown(Shutdown::Write);
            let _ = client.read(&mut [0]);
        }
        ProxyBehaviour::Endless(bytes) => {
            while !ends.load(Ordering::SeqCst) && client.write_all(bytes).is_ok() {}
        }
        ProxyBehaviour::Silent => {
            let _ = client.read(&mut [0]);
        }
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream) {
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Both);
}
