//! A client that the test plays line by line: it writes when it likes and reads as much as it likes.

use std::{
    collections::VecDeque,
    io,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures_io::{AsyncBufRead, AsyncRead, AsyncWrite};
use pmcp_core::{
    platform::Platform,
    serde_json::{self, Value},
    stdio::{Error, Stdio},
};

#[derive(Default)]
struct State {
    input: VecDeque<u8>,
    at_end: bool,
    input_error: Option<io::ErrorKind>,
    output: Vec<u8>,
    /// How many bytes more the client takes.
    room: usize,
    output_error: Option<io::ErrorKind>,
    flushed: usize,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// The client's end.
#[derive(Clone, Default)]
pub(crate) struct Pipe(Arc<Mutex<State>>);

struct Reader(Pipe, Vec<u8>);
struct Writer(Pipe);

impl Pipe {
    pub(crate) fn new() -> Self {
        let pipe = Self::default();
        pipe.state().room = usize::MAX;
        pipe
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("a lock")
    }

    pub(crate) fn write(&self, lines: impl AsRef<[u8]>) {
        self.state().input.extend(lines.as_ref());
        self.wake();
    }

    pub(crate) fn end(&self) {
        self.state().at_end = true;
        self.wake();
    }

    pub(crate) fn fail_reading(&self, kind: io::ErrorKind) {
        self.state().input_error = Some(kind);
        self.wake();
    }

    pub(crate) fn fail_writing(&self, kind: io::ErrorKind) {
        self.state().output_error = Some(kind);
        self.wake();
    }

    /// Takes so many bytes from now on.
    pub(crate) fn take_bytes(&self, room: usize) {
        self.state().room = room;
        self.wake();
    }

    /// How much input the server has not read yet.
    pub(crate) fn unread(&self) -> usize {
        self.state().input.len()
    }

    fn wake(&self) {
        let (reader, writer) = {
            let mut state = self.state();
            (state.reader.take(), state.writer.take())
        };
        reader.into_iter().chain(writer).for_each(Waker::wake);
    }

    /// What was written and flushed since, whole lines.
    pub(crate) fn lines(&self) -> Vec<Value> {
        let mut state = self.state();
        assert_eq!(state.flushed, state.output.len(), "not flushed");
        state.flushed = 0;
        let output = String::from_utf8(std::mem::take(&mut state.output)).expect("UTF-8");
        assert!(output.is_empty() || output.ends_with('\n'), "half a line: {output}");
        output.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
    }

    /// Plays `script` while the server runs: each call of `turn` lets it run until it waits.
    pub(crate) fn play(&self, server: &Stdio, platform: Arc<dyn Platform>, script: impl FnOnce(&mut Turn<'_>)) {
        let serving = pin!(server.serve(Reader(self.clone(), Vec::new()), Writer(self.clone()), platform));
        let mut turn = Turn { serving, wakes: Arc::default(), polls: 0 };
        script(&mut turn);
    }
}

type Serving<'a> = Pin<&'a mut dyn Future<Output = Result<(), Error>>>;

pub(crate) struct Turn<'a> {
    serving: Serving<'a>,
    wakes: Arc<Wakes>,
    /// How often the server was polled.
    pub(crate) polls: usize,
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Turn<'_> {
    /// Runs the server until it waits for something; the result if it has ended.
    pub(crate) fn run(&mut self) -> Poll<Result<(), Error>> {
        let waker = Waker::from(Arc::clone(&self.wakes));
        for _ in 0..100_000 {
            let before = self.wakes.0.load(Ordering::SeqCst);
            self.polls += 1;
            let polled = self.serving.as_mut().poll(&mut Context::from_waker(&waker));
            if polled.is_ready() || self.wakes.0.load(Ordering::SeqCst) == before {
                return polled;
            }
        }
        panic!("the server never waits");
    }

    pub(crate) fn waits(&mut self) {
        assert!(self.run().is_pending(), "the server has ended");
    }

    pub(crate) fn ends(&mut self) {
        assert!(matches!(self.run(), Poll::Ready(Ok(()))), "the server has not ended");
    }
}

impl AsyncRead for Reader {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<usize>> {
        unreachable!("only lines are read")
    }
}

impl AsyncBufRead for Reader {
    fn poll_fill_buf(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        let mut state = this.0.state();
        if let Some(kind) = state.input_error {
            return Poll::Ready(Err(kind.into()));
        }
        if state.input.is_empty() && !state.at_end {
            state.reader = Some(task.waker().clone());
            return Poll::Pending;
        }
        this.1 = state.input.iter().copied().take(1 << 13).collect();
        drop(state);
        Poll::Ready(Ok(&this.1))
    }

    fn consume(self: Pin<&mut Self>, read: usize) {
        self.0.state().input.drain(..read);
    }
}

impl AsyncWrite for Writer {
    fn poll_write(self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.0.state();
        if let Some(kind) = state.output_error {
            return Poll::Ready(Err(kind.into()));
        }
        let count = bytes.len().min(state.room);
        if count == 0 {
            state.writer = Some(task.waker().clone());
            return Poll::Pending;
        }
        state.room -= count;
        state.output.extend_from_slice(&bytes[..count]);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.state();
        state.flushed = state.output.len();
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
