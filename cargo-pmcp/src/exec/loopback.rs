//! The listener on this machine that a browser is sent back to (RFC 8252, section 7.3).

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, Instant};

use crate::failure::{Failure, Result};

/// The only path that is answered.
const PATH: &str = "/callback";

/// More than any request of a browser has before its body, in bytes.
const LONGEST: u64 = 32 << 10;

/// Listens until it is dropped, with a thread for each connection: browsers open some that they never use.
pub(crate) struct Loopback {
    port: u16,
    requests: mpsc::Receiver<(String, TcpStream)>,
}

impl Loopback {
    pub(crate) fn listen() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let bound = listener.and_then(|listener| Ok((listener.local_addr()?.port(), listener)));
        let (port, listener) = bound.map_err(|error| {
            let what = format!("no port of this machine could be opened for the browser to come back to: {error}");
            Failure::failed(what, "log in with a code instead: add --no-browser")
        })?;
        let (send, requests) = mpsc::channel();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let send = send.clone();
                thread::spawn(move || read(stream, &send));
            }
        });
        Ok(Self { port, requests })
    }

    /// Where the browser is to be sent.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}{PATH}", self.port)
    }

    /// Waits for the request whose query is taken, answers it with what is said to it, and the others with 400.
    pub(crate) fn wait<T>(
        &self,
        limit: Duration,
        mut take: impl FnMut(&str) -> Option<(T, &'static str)>,
    ) -> Option<T> {
        let end = Instant::now() + limit;
        loop {
            let (query, mut stream) = self.requests.recv_timeout(end.saturating_duration_since(Instant::now())).ok()?;
            match take(&query) {
                Some((taken, words)) => {
                    answer(&mut stream, "200 OK", words);
                    return Some(taken);
                }
                None => answer(&mut stream, "400 Bad Request", "This is not the answer that cargo pmcp waits for."),
            }
        }
    }
}

/// Reads one request, and hands on its query.
fn read(stream: TcpStream, send: &Sender<(String, TcpStream)>) {
    // A connection that cannot be read from has nothing to say.
    let Ok(()) = stream.set_read_timeout(Some(Duration::from_secs(60))) else { return };
    let Ok(reading) = stream.try_clone() else { return };
    let mut lines = BufReader::new(reading.take(LONGEST)).lines().map_while(std::result::Result::ok);
    let Some(first) = lines.next() else { return };
    // All of it: a browser whose words are not read to their end may not read the answer.
    for line in lines {
        if line.is_empty() {
            break;
        }
    }
    let mut stream = stream;
    let mut words = first.split(' ');
    match (words.next(), words.next().and_then(|target| target.split_once('?'))) {
        (Some("GET"), Some((PATH, query))) => {
            // Nobody waits any more where the login is over.
            let _ = send.send((query.to_owned(), stream));
        }
        _ => answer(&mut stream, "404 Not Found", "There is nothing here."),
    }
}

/// The page goes to whoever is at the browser; one that is gone does not miss it.
fn answer(stream: &mut TcpStream, status: &str, words: &str) {
    let page = format!("<!doctype html><meta charset=utf-8><title>cargo pmcp</title><p>{words}</p>\n");
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
         Referrer-Policy: no-referrer\r\nConnection: close\r\n\r\n",
        page.len()
    );
    let _ = stream.write_all(format!("{head}{page}").as_bytes()).and_then(|()| stream.flush());
}
