//! A load of requests over many connections from one thread, each connection with one request under way.

use std::{
    io::{ErrorKind, Read, Write},
    time::{Duration, Instant},
};

use mio::{Events, Interest, Poll, Token, net::TcpStream};

use crate::{
    Result, cores,
    http::{self, Place},
    request::Question,
    statistics::percentile,
};

/// What a load came to.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Right answers a second.
    pub rate: f64,
    /// Half of the answers took no longer; in microseconds.
    pub p50: f64,
    /// All answers but one in a hundred took no longer; in microseconds.
    pub p99: f64,
    /// The part of the time that whoever measures was busy: near 1, it is what limits.
    pub busy: f64,
    /// How many answers there were.
    pub answers: usize,
}

struct Connection {
    stream: TcpStream,
    sent: Instant,
    received: Vec<u8>,
}

/// What an answer must be: byte for byte as the one that was checked, but for its head.
struct Expected {
    length: usize,
    tail: Vec<u8>,
    body: Vec<u8>,
}

impl Expected {
    /// Whether this is the answer; `None` where it is not all there.
    fn holds(&self, received: &[u8]) -> Result<Option<()>> {
        let quick = received.len() == self.length && received.ends_with(&self.tail);
        if quick && received.starts_with(b"HTTP/1.1 200 ") {
            return Ok(Some(()));
        }
        let Some(answer) = http::parse(received)? else { return Ok(None) };
        if answer.status == 200 && answer.body == self.body && answer.length == received.len() {
            return Ok(Some(()));
        }
        Err(format!("another answer than before: {}", String::from_utf8_lossy(received)).into())
    }
}

/// Asks `question` over `connections` for as long as `time`, and checks every answer.
///
/// # Errors
/// Where an answer is wrong, or a connection ends.
pub fn run(question: Question, place: Place, connections: usize, time: Duration) -> Result<Sample> {
    let first = http::ask(question, place)?;
    let answer = http::parse(&first)?.ok_or("the first answer is not complete")?;
    let expected = Expected { length: first.len(), tail: first[answer.head..].to_vec(), body: answer.body };
    let request = http::encode(question, place);

    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(connections);
    let mut open = Vec::with_capacity(connections);
    for token in 0..connections {
        // Connected before it is handed over, so that the first event of each is its first answer.
        let stream = std::net::TcpStream::connect(place.addr)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        poll.registry().register(&mut stream, Token(token), Interest::READABLE)?;
        open.push(Connection { stream, sent: Instant::now(), received: Vec::with_capacity(16 << 10) });
    }
    let mut latencies: Vec<u32> = Vec::with_capacity(1 << 20);
    let (begin, busy) = (Instant::now(), cores::busy());
    for connection in &mut open {
        connection.sent = Instant::now();
        connection.stream.write_all(&request)?;
    }
    let mut buffer = vec![0; 64 << 10];
    let mut waiting = connections;
    while waiting > 0 {
        poll.poll(&mut events, Some(Duration::from_secs(30)))?;
        if events.is_empty() {
            return Err(format!("{} has not answered for 30 s", place.addr).into());
        }
        for event in &events {
            let connection = &mut open[event.token().0];
            let length = match connection.stream.read(&mut buffer) {
                Ok(0) => return Err(format!("{} ended a connection", place.addr).into()),
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error.into()),
            };
            connection.received.extend_from_slice(&buffer[..length]);
            if expected.holds(&connection.received)?.is_none() {
                continue;
            }
            connection.received.clear();
            let now = Instant::now();
            latencies.push(u32::try_from((now - connection.sent).as_nanos()).unwrap_or(u32::MAX));
            if now - begin > time {
                waiting -= 1;
                continue;
            }
            connection.sent = now;
            connection.stream.write_all(&request)?;
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    let busy = cores::busy().zip(busy).map_or(f64::NAN, |(now, before)| (now - before) / seconds);
    let mut microseconds: Vec<f64> = latencies.iter().map(|nanoseconds| f64::from(*nanoseconds) / 1e3).collect();
    Ok(Sample {
        rate: latencies.len() as f64 / seconds,
        p50: percentile(&mut microseconds, 50.0),
        p99: percentile(&mut microseconds, 99.0),
        busy,
        answers: latencies.len(),
    })
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, thread};

    use super::*;

    /// A server that answers by hand, and after so many answers on a connection with something else.
    fn server(right: usize) -> Place {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let addr = listener.local_addr().expect("an address");
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                thread::spawn(move || {
                    let mut buffer = [0; 4096];
                    for answered in 0.. {
                        let length = stream.read(&mut buffer).unwrap_or(0);
                        if length == 0 {
                            return;
                        }
                        let mut answer = by_hand::answer(Question::Call.body().as_bytes()).expect("a call");
                        if answered >= right {
                            answer.push(b' ');
                        }
                        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", answer.len());
                        let written = stream.write_all(&[head.as_bytes(), &answer].concat());
                        written.expect("the load reads all answers");
                    }
                });
            }
        });
        Place { addr, path: "/" }
    }

    #[test]
    fn every_answer_counts() {
        let sample = run(Question::Call, server(usize::MAX), 3, Duration::from_millis(50)).expect("right answers");
        assert!(sample.answers >= 3 && sample.rate > 0.0, "{sample:?}");
        assert!(sample.p50 > 0.0 && sample.p50 <= sample.p99, "{sample:?}");
    }

    #[test]
    fn an_answer_unlike_the_first_is_refused() {
        let refused = run(Question::Call, server(2), 1, Duration::from_secs(5)).expect_err("the third is another");
        assert!(refused.to_string().contains("another answer than before"), "{refused}");
    }
}
