//! The messages that wait to be written, a line each, and how many may.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_io::AsyncWrite;

/// How many bytes wait at the most before handlers do, and requests are no longer read.
const ENOUGH: usize = 64 << 10;

pub(super) struct Outgoing<W> {
    writer: W,
    /// Whole lines, each with the number of the request it is for.
    waiting: VecDeque<(Option<u64>, Vec<u8>)>,
    /// The sum of their lengths.
    bytes: usize,
    /// How much of the first is written.
    written: usize,
    flushed: bool,
}

impl<W: AsyncWrite + Unpin> Outgoing<W> {
    pub(super) fn new(writer: W) -> Self {
        Self { writer, waiting: VecDeque::new(), bytes: 0, written: 0, flushed: true }
    }

    /// Puts a message behind those that wait.
    pub(super) fn push(&mut self, request: Option<u64>, mut json: Vec<u8>) {
        // JSON that the server writes is one line; what an author passes through may have more, between its tokens.
        json.iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
        json.push(b'\n');
        self.bytes += json.len();
        self.waiting.push_back((request, json));
    }

    pub(super) fn has_room(&self) -> bool {
        self.bytes < ENOUGH
    }

    /// Takes back what waits for `request`, but for a line that has begun.
    pub(super) fn take_back(&mut self, request: u64) -> Vec<Vec<u8>> {
        let begun = self.written > 0;
        let mut first = true;
        let mut taken = Vec::new();
        self.waiting.retain_mut(|(of, line)| {
            let stays = std::mem::take(&mut first) && begun || *of != Some(request);
            if !stays {
                taken.push(std::mem::take(line));
            }
            stays
        });
        self.bytes = self.waiting.iter().map(|(_, line)| line.len()).sum();
        taken
    }

    /// Writes what waits, to the end.
    pub(super) fn poll_write(&mut self, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some((_, line)) = self.waiting.front() {
            let rest = line.get(self.written..).unwrap_or_default();
            let count = ready!(Pin::new(&mut self.writer).poll_write(task, rest))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.flushed = false;
            self.written += count;
            if self.written >= line.len() {
                self.bytes -= line.len();
                self.written = 0;
                self.waiting.pop_front();
            }
        }
        if !self.flushed {
            ready!(Pin::new(&mut self.writer).poll_flush(task))?;
            self.flushed = true;
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// Takes so many bytes, and then no more.
    struct Narrow(Vec<u8>, usize);

    impl AsyncWrite for Narrow {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            let this = self.get_mut();
            let count = bytes.len().min(this.1);
            this.1 -= count;
            this.0.extend_from_slice(&bytes[..count]);
            if count == 0 { Poll::Pending } else { Poll::Ready(Ok(count)) }
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn a_line_that_has_begun_is_finished_and_the_rest_is_taken_back() {
        let task = &mut Context::from_waker(Waker::noop());
        for (begun, expected) in [(0, "b1\nn\n"), (1, "a1\nb1\nn\n"), (3, "a1\nb1\nn\n"), (4, "a1\na2\nb1\nn\n")] {
            let mut out = Outgoing::new(Narrow(Vec::new(), begun));
            for (request, line) in [(Some(1), "a1"), (Some(1), "a2"), (Some(2), "b1"), (None, "n")] {
                out.push(request, line.into());
            }
            assert!(out.poll_write(task).is_pending());
            let taken = out.take_back(1);
            assert_eq!(taken.len() + expected.matches('a').count(), 2);
            out.writer.1 = 100;
            assert!(matches!(out.poll_write(task), Poll::Ready(Ok(()))));
            assert_eq!((String::from_utf8(out.writer.0).as_deref(), out.bytes), (Ok(expected), 0), "{begun} written");
        }
    }

    #[test]
    fn a_message_is_one_line() {
        let mut out = Outgoing::new(Narrow(Vec::new(), 100));
        out.push(None, b"{\r\n\"a\":\n1}".to_vec());
        assert!(out.poll_write(&mut Context::from_waker(Waker::noop())).is_ready());
        assert_eq!(out.writer.0, b"{  \"a\": 1}\n");
    }
}
