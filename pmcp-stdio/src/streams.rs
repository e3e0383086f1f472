//! The standard streams, each read or written by a thread of its own.
//!
//! Reading and writing them blocks, on every system, and nothing can end a call that has begun. A thread that is left
//! in one does not keep the process from ending, as one of a runtime's would.

use std::{
    io::{self, BufRead, Write},
    pin::Pin,
    sync::mpsc as sync,
    task::{Context, Poll, ready},
    thread,
};

use futures_io::{AsyncBufRead, AsyncRead, AsyncWrite};
use tokio::sync::mpsc;

/// How many bytes wait while others are being written.
const ENOUGH: usize = 64 << 10;

/// Standard input, or what stands for it in a test.
pub(crate) struct Stdin {
    chunks: mpsc::Receiver<io::Result<Vec<u8>>>,
    chunk: Vec<u8>,
    /// How much of the chunk is read.
    read: usize,
}

impl Stdin {
    pub(crate) fn start() -> io::Result<Self> {
        Self::read(|| io::stdin().lock())
    }

    fn read<R: BufRead>(source: impl FnOnce() -> R + Send + 'static) -> io::Result<Self> {
        // One chunk ahead: who does not read fast enough makes the client wait.
        let (sender, chunks) = mpsc::channel(1);
        thread::Builder::new().name("stdin".to_owned()).spawn(move || {
            let mut source = source();
            loop {
                let chunk = match source.fill_buf() {
                    Ok([]) => return,
                    Ok(bytes) => Ok(bytes.to_vec()),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => Err(error),
                };
                let read = chunk.as_ref().map_or(0, Vec::len);
                source.consume(read);
                if sender.blocking_send(chunk).is_err() || read == 0 {
                    return;
                }
            }
        })?;
        Ok(Self { chunks, chunk: Vec::new(), read: 0 })
    }
}

impl AsyncBufRead for Stdin {
    fn poll_fill_buf(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        if this.read >= this.chunk.len() {
            this.read = 0;
            this.chunk.clear();
            if let Some(chunk) = ready!(this.chunks.poll_recv(task)) {
                this.chunk = chunk?;
            }
        }
        Poll::Ready(Ok(this.chunk.get(this.read..).unwrap_or_default()))
    }

    fn consume(self: Pin<&mut Self>, read: usize) {
        self.get_mut().read += read;
    }
}

impl AsyncRead for Stdin {
    fn poll_read(mut self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &mut [u8]) -> Poll<io::Result<usize>> {
        let read = io::Read::read(&mut ready!(self.as_mut().poll_fill_buf(task))?, bytes)?;
        self.consume(read);
        Poll::Ready(Ok(read))
    }
}

/// Standard output, or what stands for it in a test.
pub(crate) struct Stdout {
    /// To the thread; at most one at a time.
    chunks: sync::Sender<Vec<u8>>,
    /// From the thread, once a chunk is written: the empty chunk.
    written: mpsc::Receiver<io::Result<Vec<u8>>>,
    is_writing: bool,
    waiting: Vec<u8>,
}

impl Stdout {
    pub(crate) fn start() -> io::Result<Self> {
        Self::write(|| io::stdout().lock())
    }

    fn write<W: Write>(sink: impl FnOnce() -> W + Send + 'static) -> io::Result<Self> {
        let (chunks, to_write) = sync::channel::<Vec<u8>>();
        let (sender, written) = mpsc::channel(1);
        thread::Builder::new().name("stdout".to_owned()).spawn(move || {
            let mut sink = sink();
            for mut chunk in to_write {
                let result = sink.write_all(&chunk).and_then(|()| sink.flush());
                chunk.clear();
                if sender.blocking_send(result.map(|()| chunk)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { chunks, written, is_writing: false, waiting: Vec::new() })
    }

    /// Hands what waits to the thread, as soon as that has written what it had.
    fn poll_hand_over(&mut self, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_writing {
            let empty = ready!(self.written.poll_recv(task)).ok_or(io::ErrorKind::BrokenPipe)??;
            self.is_writing = false;
            if self.waiting.is_empty() {
                self.waiting = empty;
            }
        }
        if !self.waiting.is_empty() {
            self.chunks.send(std::mem::take(&mut self.waiting)).map_err(|_| io::ErrorKind::BrokenPipe)?;
            self.is_writing = true;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stdout {
    fn poll_write(self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let handed_over = this.poll_hand_over(task)?;
        if handed_over.is_pending() && this.waiting.len() >= ENOUGH {
            return Poll::Pending;
        }
        this.waiting.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.is_writing || !this.waiting.is_empty() {
            ready!(this.poll_hand_over(task))?;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(task)
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, sync::mpsc::Receiver};

    use super::*;

    /// Takes a chunk whenever the test lets it.
    struct Sink {
        turns: Receiver<()>,
        taken: sync::Sender<Vec<u8>>,
    }

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.turns.recv().map_err(|_| io::ErrorKind::BrokenPipe)?;
            let count = bytes.len().min(1_000_000);
            self.taken.send(bytes[..count].to_vec()).expect("the test listens");
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn sink() -> (Stdout, sync::Sender<()>, Receiver<Vec<u8>>) {
        let ((turn, turns), (taken, given)) = (sync::channel(), sync::channel());
        (Stdout::write(move || Sink { turns, taken }).expect("a thread"), turn, given)
    }

    fn poll_write(out: &mut Stdout, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(out).poll_write(&mut Context::from_waker(std::task::Waker::noop()), bytes)
    }

    #[tokio::test]
    async fn input_comes_in_order_and_ends() {
        let bytes: Vec<u8> = (0..100_000u32).flat_map(u32::to_be_bytes).collect();
        let expected = bytes.clone();
        let mut input = Stdin::read(|| io::BufReader::new(io::Cursor::new(bytes))).expect("a thread");
        let mut read = Vec::new();
        loop {
            let chunk = poll_fn(|task| Pin::new(&mut input).poll_fill_buf(task).map_ok(<[u8]>::to_vec)).await;
            let chunk = chunk.expect("memory does not fail");
            if chunk.is_empty() {
                break;
            }
            // Not all at once, so that the rest must be kept.
            let part = chunk.len().min(5_000);
            read.extend_from_slice(&chunk[..part]);
            Pin::new(&mut input).consume(part);
        }
        assert!(read == expected, "{} of {} bytes, or others", read.len(), expected.len());
    }

    #[tokio::test]
    async fn a_failure_of_the_input_is_told() {
        struct Broken;
        impl io::Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::TimedOut.into())
            }
        }
        let mut input = Stdin::read(|| io::BufReader::new(Broken)).expect("a thread");
        let read = poll_fn(|task| Pin::new(&mut input).poll_fill_buf(task).map_ok(<[u8]>::to_vec)).await;
        assert_eq!(read.map_err(|error| error.kind()), Err(io::ErrorKind::TimedOut));
    }

    #[tokio::test]
    async fn output_waits_for_the_thread_and_is_written_in_order() {
        let (mut out, turn, given) = sink();
        let flush = |out: &mut Stdout| Pin::new(out).poll_flush(&mut Context::from_waker(std::task::Waker::noop()));
        assert!(matches!(poll_write(&mut out, b"a"), Poll::Ready(Ok(1))));
        assert!(flush(&mut out).is_pending());
        let mut wrote = 0;
        while poll_write(&mut out, &[b'b'; 1 << 10]).is_ready() {
            wrote += 1;
            assert!(wrote < 1_000, "it never waits");
        }
        assert_eq!(wrote << 10, ENOUGH);
        (0..2).for_each(|_| turn.send(()).expect("the thread lives"));
        poll_fn(|task| Pin::new(&mut out).poll_flush(task)).await.expect("written");
        assert_eq!(given.try_iter().collect::<Vec<_>>(), [vec![b'a'], vec![b'b'; ENOUGH]]);
    }

    #[tokio::test]
    async fn a_failure_of_the_output_is_told() {
        let (mut out, turn, _given) = sink();
        drop(turn);
        assert!(poll_write(&mut out, b"a").is_ready());
        let flushed = poll_fn(|task| Pin::new(&mut out).poll_flush(task)).await;
        assert_eq!(flushed.map_err(|error| error.kind()), Err(io::ErrorKind::BrokenPipe));
    }
}
