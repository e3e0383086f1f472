//! Lambda's Runtime API as a bench needs it: hands out the same event again and again, and takes the time of each answer.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use crate::{Result, cores};

/// An API on a free port, for one process.
#[derive(Clone, Debug)]
pub struct RuntimeApi {
    /// Where it listens.
    pub addr: SocketAddr,
    shared: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Debug, Default)]
struct State {
    event: Arc<[u8]>,
    /// How many events may still be handed out.
    left: usize,
    polled: Option<Instant>,
    handed_out: Option<Instant>,
    count: u64,
    times: Vec<f64>,
    last: Vec<u8>,
    failure: Option<String>,
}

impl RuntimeApi {
    /// Listens, in threads that share the core of whoever calls.
    ///
    /// # Errors
    /// Where there is no port.
    pub fn start(event: Vec<u8>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let api = Self { addr: listener.local_addr()?, shared: Arc::default() };
        api.state().event = event.into();
        let serving = api.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let api = serving.clone();
                thread::spawn(move || {
                    if let Err(failure) = api.serve(stream) {
                        api.state().failure.get_or_insert(failure.to_string());
                        api.shared.1.notify_all();
                    }
                });
            }
        });
        Ok(api)
    }

    /// When an event was first asked for.
    ///
    /// # Errors
    /// Where that has not happened after `limit`.
    pub fn first_poll(&self, limit: Duration) -> Result<Instant> {
        let (_, changed) = &*self.shared;
        let waited = changed.wait_timeout_while(self.state(), limit, |state| state.polled.is_none());
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.polled.ok_or_else(|| "no event was asked for".into())
    }

    /// Hands out `count` events, one after the other: what each took in milliseconds, and the last answer.
    ///
    /// # Errors
    /// Where the function fails, or they are not answered after `limit`.
    pub fn invoke(&self, count: usize, limit: Duration) -> Result<(Vec<f64>, Vec<u8>)> {
        let (_, changed) = &*self.shared;
        let mut state = self.state();
        state.left += count;
        changed.notify_all();
        let waited =
            changed.wait_timeout_while(state, limit, |state| state.failure.is_none() && state.times.len() < count);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if let Some(failure) = &state.failure {
            return Err(format!("the function failed: {failure}").into());
        }
        if state.times.len() < count {
            return Err(format!("{} of {count} events were answered", state.times.len()).into());
        }
        Ok((std::mem::take(&mut state.times), std::mem::take(&mut state.last)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, stream: TcpStream) -> Result<()> {
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream);
        while let Some((path, body)) = read(&mut reader)? {
            let path: Vec<&str> = path.trim_matches('/').split('/').collect();
            match path[..] {
                [_, "runtime", "invocation", "next"] => {
                    let response = self.next();
                    // From here on it is the function's time.
                    self.state().handed_out = Some(Instant::now());
                    reader.get_mut().write_all(&response)?;
                }
                [_, "runtime", "invocation", _, "response"] => {
                    let now = Instant::now();
                    self.answered(now, body);
                    reader.get_mut().write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")?;
                }
                _ => return Err(format!("{}: {}", path.join("/"), String::from_utf8_lossy(&body)).into()),
            }
        }
        Ok(())
    }

    /// Waits until an event may be handed out.
    fn next(&self) -> Vec<u8> {
        let (_, changed) = &*self.shared;
        let mut state = self.state();
        state.polled.get_or_insert_with(Instant::now);
        changed.notify_all();
        let waited = changed.wait_while(state, |state| state.left == 0);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        state.left -= 1;
        state.count += 1;
        let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + Duration::from_secs(30);
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             Lambda-Runtime-Aws-Request-Id: 00000000-0000-4000-8000-{:012}\r\nLambda-Runtime-Deadline-Ms: {}\r\n\
             Lambda-Runtime-Trace-Id: Root=1-67d2f1aa-0f1e2d3c4b5a69788796a5b4;Sampled=0\r\n\
             Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-central-1:123456789012:function:calculator\r\n\r\n",
            state.event.len(),
            state.count,
            deadline.as_millis(),
        );
        [head.as_bytes(), &state.event].concat()
    }

    fn answered(&self, now: Instant, body: Vec<u8>) {
        let mut state = self.state();
        let began = state.handed_out.take().unwrap_or(now);
        state.times.push((now - began).as_secs_f64() * 1e3);
        state.last = body;
        if state.left == 0 {
            self.shared.1.notify_all();
        }
    }
}

/// The path and the body of the next request, or `None` where there is none.
fn read(reader: &mut impl BufRead) -> Result<Option<(String, Vec<u8>)>> {
    let mut line = String::new();
    // A process that is ended breaks its connections, which is no failure.
    if reader.read_line(&mut line).unwrap_or(0) == 0 {
        return Ok(None);
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let (mut length, mut chunked) = (0, false);
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        match (name.to_ascii_lowercase().as_str(), value.trim()) {
            ("content-length", value) => length = value.parse()?,
            ("transfer-encoding", "chunked") => chunked = true,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    while chunked {
        line.clear();
        reader.read_line(&mut line)?;
        let size = usize::from_str_radix(line.trim_end(), 16)?;
        let begin = body.len();
        body.resize(begin + size + 2, 0);
        reader.read_exact(&mut body[begin..])?;
        body.truncate(begin + size);
        chunked = size > 0;
    }
    Ok(Some((path, body)))
}

/// Runs `work` where everything shares one core: whoever measures and what is measured, so that nothing depends on how
/// the system spreads the two.
///
/// # Errors
/// As `work`, and where no thread can be pinned.
pub fn on_one_core<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    cores::on(cores::measured(), work)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A function that answers so many events, and then says that it failed.
    fn function(addr: SocketAddr, events: usize) {
        thread::spawn(move || {
            let mut reader = BufReader::new(TcpStream::connect(addr).expect("the API listens"));
            for event in 0..=events {
                let next = "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n";
                reader.get_mut().write_all(next.as_bytes()).expect("it reads");
                let (_, body) = read(&mut reader).expect("HTTP").expect("an event");
                let kind = if event < events { "response" } else { "error" };
                let head = format!("POST /2018-06-01/runtime/invocation/1/{kind} HTTP/1.1\r\n");
                let rest = format!("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n", body.len());
                let answer = [head.as_bytes(), rest.as_bytes(), &body, b"\r\n0\r\n\r\n"].concat();
                reader.get_mut().write_all(&answer).expect("it reads");
                if event < events {
                    read(&mut reader).expect("HTTP").expect("a confirmation");
                }
            }
        });
    }

    #[test]
    fn each_event_is_timed_until_its_answer_is_there() {
        let api = RuntimeApi::start(b"{\"a\":1}".to_vec()).expect("a port");
        function(api.addr, 3);
        api.first_poll(Duration::from_secs(10)).expect("a poll");
        let (times, answer) = api.invoke(3, Duration::from_secs(10)).expect("three answers");
        assert_eq!((times.len(), &answer[..]), (3, &b"{\"a\":1}"[..]));
        assert!(times.iter().all(|time| *time > 0.0), "{times:?}");
        let failed = api.invoke(1, Duration::from_secs(10)).expect_err("it says that it failed");
        assert!(failed.to_string().contains("the function failed"), "{failed}");
    }
}
