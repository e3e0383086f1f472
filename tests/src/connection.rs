//! One HTTP/1.1 connection over a plain socket, so that anything can be sent, right or wrong.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::reply::event_data;
use crate::{Head, Reply};

/// How long a read or write may stall before it is an error.
const STALL: Duration = Duration::from_secs(20);

/// A connection to the server under test.
#[derive(Debug)]
pub struct Connection {
    reader: BufReader<TcpStream>,
    /// Came in one chunk with the event before.
    events: VecDeque<Value>,
    identified: VecDeque<(String, Value)>,
}

/// Sends `request` on a connection of its own and reads the reply.
///
/// The request is written while the reply is read: a server may refuse a large one before its end.
///
/// # Errors
///
/// If the server does not accept the connection, or closes it without a complete reply.
pub fn exchange(addr: SocketAddr, request: &[u8]) -> io::Result<Reply> {
    let mut connection = Connection::open(addr)?;
    let mut writer = connection.reader.get_ref().try_clone()?;
    thread::scope(|scope| {
        // A refused request cannot be written to its end; the reply tells.
        scope.spawn(move || drop(writer.write_all(request)));
        let reply = connection.read_reply();
        connection.close();
        reply
    })
}

impl Connection {
    /// Connects; every read and write that stalls for 20 s is an error.
    ///
    /// # Errors
    ///
    /// If the server does not accept the connection.
    pub fn open(addr: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&addr, STALL)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(STALL))?;
        stream.set_read_timeout(Some(STALL))?;
        Ok(Self { reader: BufReader::new(stream), events: VecDeque::new(), identified: VecDeque::new() })
    }

    /// The socket itself.
    pub fn socket(&self) -> &TcpStream {
        self.reader.get_ref()
    }

    /// Writes all of `bytes`.
    ///
    /// # Errors
    ///
    /// If the server has closed the connection or does not read.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.reader.get_mut().write_all(bytes)
    }

    /// Ends the connection in both directions.
    pub fn close(&mut self) {
        // An error means that it is closed already.
        drop(self.reader.get_mut().shutdown(Shutdown::Both));
    }

    /// Whether the server closes the connection (without sending more) before a read stalls.
    ///
    /// # Errors
    ///
    /// If the read stalls; the connection is then still open.
    pub fn is_closed_by_server(&mut self) -> io::Result<bool> {
        match self.reader.fill_buf() {
            Ok(bytes) => Ok(bytes.is_empty()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Reads a whole reply.
    ///
    /// # Errors
    ///
    /// If the connection ends before the reply does.
    pub fn read_reply(&mut self) -> io::Result<Reply> {
        let head = self.read_head()?;
        let body = self.read_body(&head)?;
        Ok(Reply { head, body })
    }

    /// Reads status and headers; interim replies (`100 Continue`) are passed over.
    ///
    /// # Errors
    ///
    /// If the connection ends first, or what comes is not HTTP.
    pub fn read_head(&mut self) -> io::Result<Head> {
        loop {
            let status_line = self.read_line()?;
            let status = status_line
                .strip_prefix("HTTP/1.")
                .and_then(|rest| rest.get(2..5))
                .and_then(|digits| digits.parse().ok())
                .ok_or_else(|| invalid(format!("not an HTTP status line: {status_line:?}")))?;
            let mut headers = Vec::new();
            loop {
                let line = self.read_line()?;
                if line.is_empty() {
                    break;
                }
                let (name, value) = line.split_once(':').ok_or_else(|| invalid(format!("not a header: {line:?}")))?;
                headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
            }
            if status >= 200 {
                return Ok(Head { status, headers });
            }
        }
    }

    /// Reads the body that follows `head`.
    ///
    /// # Errors
    ///
    /// If the connection ends before the body does.
    pub fn read_body(&mut self, head: &Head) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        if head.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            while let Some(chunk) = self.read_chunk()? {
                body.extend_from_slice(&chunk);
            }
        } else if let Some(length) = head.header("content-length") {
            let length: usize = length.parse().map_err(|_| invalid(format!("content-length: {length}")))?;
            body.resize(length, 0);
            self.reader.read_exact(&mut body)?;
        } else if !matches!(head.status, 204 | 304) {
            self.reader.read_to_end(&mut body)?;
        }
        Ok(body)
    }

    /// Reads the next message of an event stream, whose head has been read; `None` at its proper end.
    ///
    /// # Errors
    ///
    /// If the connection ends before the stream does.
    pub fn read_event(&mut self) -> io::Result<Option<Value>> {
        loop {
            if let Some(message) = self.events.pop_front() {
                return Ok(Some(message));
            }
            // The server writes whole events, one or more a chunk; a partial event would fail to parse.
            let Some(chunk) = self.read_chunk()? else { return Ok(None) };
            let text = String::from_utf8(chunk).map_err(|error| invalid(error.to_string()))?;
            self.events.extend(text.split("\n\n").filter_map(event_data));
        }
    }

    /// Reads the next event of a stream with its id; an event without data is `null`.
    ///
    /// # Errors
    ///
    /// If the connection ends before the stream does.
    pub fn read_event_with_id(&mut self) -> io::Result<Option<(String, Value)>> {
        loop {
            if let Some(event) = self.identified.pop_front() {
                return Ok(Some(event));
            }
            let Some(chunk) = self.read_chunk()? else { return Ok(None) };
            let text = String::from_utf8(chunk).map_err(|error| invalid(error.to_string()))?;
            for event in text.split("\n\n").filter(|event| event.contains("data:")) {
                let id = event.lines().find_map(|line| line.strip_prefix("id: ")).unwrap_or_default().to_owned();
                self.identified.push_back((id, event_data(event).unwrap_or_default()));
            }
        }
    }

    /// Reads one chunk of a chunked body; `None` for the last one.
    fn read_chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        let size_line = self.read_line()?;
        let size = size_line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(|_| invalid(format!("chunk size: {size_line:?}")))?;
        if size == 0 {
            while !self.read_line()?.is_empty() {}
            return Ok(None);
        }
        let mut chunk = vec![0; size];
        self.reader.read_exact(&mut chunk)?;
        if !self.read_line()?.is_empty() {
            return Err(invalid("a chunk longer than its size".to_owned()));
        }
        Ok(Some(chunk))
    }

    fn read_line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        self.reader.read_until(b'\n', &mut line)?;
        if line.pop() != Some(b'\n') {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection"));
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        String::from_utf8(line).map_err(|error| invalid(error.to_string()))
    }
}

fn invalid(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
