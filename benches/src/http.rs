//! HTTP/1.1 as whoever measures speaks it: requests as bytes made once, answers read without a library in between.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use crate::{Result, request::Question};

/// Where a server is asked.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Where it listens.
    pub addr: SocketAddr,
    /// Its endpoint, such as `/mcp`.
    pub path: &'static str,
}

/// A request, ready to be written.
pub fn encode(question: Question, Place { addr, path }: Place) -> Vec<u8> {
    let body = question.body();
    let mut text = format!("POST {path} HTTP/1.1\r\nhost: {addr}\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in question.headers() {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    format!("{text}\r\n{body}").into_bytes()
}

/// One answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// As in `200`.
    pub status: u16,
    /// Where the body begins in what was read.
    pub head: usize,
    /// How many bytes it takes, head and framing included.
    pub length: usize,
    /// The body without its framing.
    pub body: Vec<u8>,
}

/// The answer that `bytes` begin with; `None` where it is not all there.
///
/// # Errors
/// Where it is no answer.
pub fn parse(bytes: &[u8]) -> Result<Option<Answer>> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(&bytes[..end])?;
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).ok_or("no status")?.parse()?;
    let (mut length, mut chunked) = (0, false);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        match (name.to_ascii_lowercase().as_str(), value.trim()) {
            ("content-length", value) => length = value.parse()?,
            ("transfer-encoding", "chunked") => chunked = true,
            _ => {}
        }
    }
    let head = end + 4;
    let rest = &bytes[head..];
    if !chunked {
        let body = rest.get(..length).map(<[u8]>::to_vec);
        return Ok(body.map(|body| Answer { status, head, length: head + length, body }));
    }
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let Some(line) = rest[at..].windows(2).position(|window| window == b"\r\n") else { return Ok(None) };
        let size = usize::from_str_radix(std::str::from_utf8(&rest[at..at + line])?, 16)?;
        let begin = at + line + 2;
        let Some(chunk) = rest.get(begin..begin + size + 2) else { return Ok(None) };
        at = begin + size + 2;
        if size == 0 {
            return Ok(Some(Answer { status, head, length: head + at, body }));
        }
        body.extend_from_slice(&chunk[..size]);
    }
}

/// Asks once on a connection of its own and checks the answer; what came, as it came.
///
/// # Errors
/// Where nobody listens, or the answer is wrong.
pub fn ask(question: Question, place: Place) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&place.addr, Duration::from_secs(1))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(&encode(question, place))?;
    let (mut bytes, mut more) = (Vec::new(), [0; 16 << 10]);
    loop {
        if let Some(answer) = parse(&bytes)? {
            if answer.status != 200 {
                let body = String::from_utf8_lossy(&answer.body).into_owned();
                return Err(format!("status {}: {body}", answer.status).into());
            }
            question.check(&answer.body)?;
            return Ok(bytes);
        }
        match stream.read(&mut more)? {
            0 => return Err(format!("the connection ended after {} bytes", bytes.len()).into()),
            length => bytes.extend_from_slice(&more[..length]),
        }
    }
}

/// Opens a connection on which a long countdown streams its progress.
///
/// # Errors
/// Where nobody listens.
pub fn open_stream(Place { addr, path }: Place) -> Result<TcpStream> {
    let body = COUNTDOWN;
    let mut stream = TcpStream::connect_timeout(&addr, Duration::from_secs(5))?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let head = format!("POST {path} HTTP/1.1\r\nhost: {addr}\r\ncontent-length: {}\r\n", body.len());
    let headers = "accept: application/json, text/event-stream\r\ncontent-type: application/json\r\n\
                   mcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\nmcp-name: countdown\r\n\r\n";
    stream.write_all(format!("{head}{headers}{body}").as_bytes())?;
    Ok(stream)
}

/// A countdown whose second step is long after its first.
const COUNTDOWN: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"countdown","arguments":{"from":1000,"delay_ms":4000},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"pmcp-benches","version":"1.0.0"},"io.modelcontextprotocol/clientCapabilities":{},"progressToken":1}}}"#;

/// Waits for the first event of such a stream.
///
/// # Errors
/// Where something else comes.
pub fn first_event(mut stream: &TcpStream) -> Result<()> {
    let mut bytes = [0; 4096];
    let mut length = 0;
    while !bytes[..length].windows(5).any(|window| window == b"data:") {
        match stream.read(&mut bytes[length..])? {
            0 => return Err(format!("no stream: {}", String::from_utf8_lossy(&bytes[..length])).into()),
            more => length += more,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_whole_and_in_chunks() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n";
        for bytes in [&whole[..], chunked] {
            let answer = parse(bytes).expect("HTTP").expect("complete");
            assert_eq!((answer.status, answer.length, &answer.body[..]), (200, bytes.len(), &b"{}"[..]));
            for length in 0..bytes.len() {
                assert_eq!(parse(&bytes[..length]).expect("a part of HTTP"), None);
            }
        }
        assert!(parse(b"nonsense\r\n\r\n").is_err());
    }
}
