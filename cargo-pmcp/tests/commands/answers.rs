//! A service on this machine that answers what the test wants.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

/// The status with headers, one a line, and the body.
pub(super) type Answer = (&'static str, String);

/// Starts it and returns its address. `answer` is told the verb with the path, and the address.
pub(super) fn start(answer: impl Fn(&str, &str) -> Answer + Clone + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let own = base.clone();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (answer, own) = (answer.clone(), own.clone());
            // One that is slow keeps no other waiting.
            thread::spawn(move || handle(stream, |asked| answer(asked, &own)));
        }
    });
    base
}

fn handle(mut stream: TcpStream, answer: impl Fn(&str) -> Answer) {
    let mut reader = BufReader::new(&stream);
    let head: Vec<String> = reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let length = head.iter().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    // All of it: a client that cannot say everything may not hear the answer.
    let _ = std::io::copy(&mut reader.take(length.unwrap_or(0)), &mut std::io::sink());
    let asked = head.first().and_then(|line| line.strip_suffix(" HTTP/1.1")).unwrap_or_default();
    let (status, body) = answer(asked);
    let status = status.replace('\n', "\r\n");
    let length = body.len();
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    // A client that is gone has what it wants.
    drop(stream.write_all(answer.as_bytes()));
}
