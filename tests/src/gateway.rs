//! A gateway between a real client and the server: it keeps what the client sent, and changes it on the way.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

/// One HTTP request as it came over the wire.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// `POST`, for one.
    pub verb: String,
    /// In their order, as the client spelled them.
    pub headers: Vec<(String, String)>,
    /// As it is, or empty.
    pub body: Vec<u8>,
}

impl Recorded {
    /// The value of a header, whatever the case of its name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The method of the message in the body; `None` where there is none.
    pub fn method(&self) -> Option<String> {
        let message: Value = serde_json::from_slice(&self.body).ok()?;
        message["method"].as_str().map(str::to_owned)
    }

    /// Removes a header.
    pub fn remove(&mut self, name: &str) {
        self.headers.retain(|(key, _)| !key.eq_ignore_ascii_case(name));
    }

    /// Sets a header, replacing those of that name.
    pub fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.headers.push((name.to_owned(), value.to_owned()));
    }
}

type Change = dyn Fn(&mut Recorded) + Send + Sync;

/// Listens on a loopback port until it is dropped.
pub struct Gateway {
    addr: SocketAddr,
    seen: Arc<Mutex<Vec<Recorded>>>,
    over: Arc<AtomicBool>,
}

impl Gateway {
    /// Passes every request on to `server`, as `change` leaves it.
    ///
    /// # Panics
    ///
    /// If there is no free port.
    pub fn before(server: SocketAddr, change: impl Fn(&mut Recorded) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let addr = listener.local_addr().expect("a bound socket has an address");
        let (seen, over) = (Arc::<Mutex<Vec<_>>>::default(), Arc::new(AtomicBool::new(false)));
        let (recording, ended) = (Arc::clone(&seen), Arc::clone(&over));
        let change: Arc<Change> = Arc::new(change);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if ended.load(Ordering::SeqCst) {
                    break;
                }
                let (recording, change) = (Arc::clone(&recording), Arc::clone(&change));
                // A client or a server that is gone ends its connection, and no other.
                thread::spawn(move || drop(pass_on(client, server, &recording, &*change)));
            }
        });
        Self { addr, seen, over }
    }

    /// The endpoint behind it.
    pub fn url(&self) -> String {
        format!("http://{}/mcp", self.addr)
    }

    /// What clients have sent, before it was changed.
    pub fn seen(&self) -> Vec<Recorded> {
        self.seen.lock().expect("no connection panics").clone()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts; where nobody does any more, it has ended.
        drop(TcpStream::connect(self.addr));
    }
}

/// One request and its answer; both connections close behind them, so that each request comes on its own.
fn pass_on(
    client: TcpStream,
    server: SocketAddr,
    seen: &Mutex<Vec<Recorded>>,
    change: &(dyn Fn(&mut Recorded) + Send + Sync),
) -> io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let mut first = String::new();
    if reader.read_line(&mut first)? == 0 {
        return Ok(());
    }
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let verb = first.split(' ').next().unwrap_or_default().to_owned();
    let mut request = Recorded { verb, headers, body: Vec::new() };
    let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    request.body.resize(length, 0);
    reader.read_exact(&mut request.body)?;
    seen.lock().expect("no connection panics").push(request.clone());

    change(&mut request);
    request.set("Connection", "close");
    request.set("Host", &server.to_string());
    let mut upstream = TcpStream::connect(server)?;
    let mut bytes = first.into_bytes();
    for (name, value) in &request.headers {
        bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(&request.body);
    upstream.write_all(&bytes)?;
    // A client that goes away is to be seen by the server.
    let (mut gone, closed) = (client.try_clone()?, upstream.try_clone()?);
    thread::spawn(move || {
        while let Ok(1..) = gone.read(&mut [0; 1024]) {}
        // An error means that it is closed already.
        drop(closed.shutdown(Shutdown::Both));
    });
    let copied = io::copy(&mut upstream, &mut &client);
    client.shutdown(Shutdown::Both)?;
    copied.map(drop)
}
