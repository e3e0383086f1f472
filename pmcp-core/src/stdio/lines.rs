//! Lines out of a stream of bytes: each whole, or known to be too long and not kept.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_io::AsyncBufRead;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Without its newline; never empty.
    Whole(Bytes),
    /// Longer than the limit. The rest of it is skipped.
    TooLong,
}

pub(super) struct Lines<R> {
    reader: R,
    limit: usize,
    /// The line so far.
    begun: Vec<u8>,
    /// Whether the line so far was too long.
    skipping: bool,
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    pub(super) fn new(reader: R, limit: usize) -> Self {
        Self { reader, limit, begun: Vec::new(), skipping: false }
    }

    /// The next line that is not empty; `None` at the end. A last line needs no newline.
    pub(super) fn poll_next(&mut self, task: &mut Context<'_>) -> Poll<io::Result<Option<Line>>> {
        loop {
            let bytes = ready!(Pin::new(&mut self.reader).poll_fill_buf(task))?;
            if bytes.is_empty() {
                return Poll::Ready(Ok(self.take()));
            }
            let newline = bytes.iter().position(|byte| *byte == b'\n');
            let (read, part) = match newline {
                Some(place) => (place + 1, bytes.get(..place).unwrap_or_default()),
                None => (bytes.len(), bytes),
            };
            let too_long = !self.skipping && self.begun.len() + part.len() > self.limit;
            if too_long {
                self.begun = Vec::new();
                self.skipping = true;
            } else if !self.skipping {
                self.begun.extend_from_slice(part);
            }
            Pin::new(&mut self.reader).consume(read);
            let line = if newline.is_some() { self.take() } else { None };
            if too_long {
                return Poll::Ready(Ok(Some(Line::TooLong)));
            }
            if line.is_some() {
                return Poll::Ready(Ok(line));
            }
        }
    }

    /// The line so far as it is, and the next one begins.
    fn take(&mut self) -> Option<Line> {
        self.skipping = false;
        let mut line = std::mem::take(&mut self.begun);
        // The end of a line on Windows, and all else that JSON has for blank.
        line.truncate(line.trim_ascii_end().len());
        (!line.is_empty()).then(|| Line::Whole(line.into()))
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// Gives its bytes in pieces of this length.
    struct Pieces<'a>(&'a [u8], usize);

    impl futures_io::AsyncRead for Pieces<'_> {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<usize>> {
            unreachable!("only lines are read")
        }
    }

    impl AsyncBufRead for Pieces<'_> {
        fn poll_fill_buf(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
            let this = self.get_mut();
            Poll::Ready(Ok(&this.0[..this.1.min(this.0.len())]))
        }

        fn consume(self: Pin<&mut Self>, read: usize) {
            let this = self.get_mut();
            this.0 = &this.0[read..];
        }
    }

    fn lines(bytes: &[u8], piece: usize) -> Vec<Option<String>> {
        let mut lines = Lines::new(Pieces(bytes, piece), 8);
        let mut found = Vec::new();
        loop {
            let Poll::Ready(line) = lines.poll_next(&mut Context::from_waker(Waker::noop())) else { panic!("waits") };
            found.push(match line.expect("memory does not fail") {
                Some(Line::Whole(bytes)) => Some(String::from_utf8(bytes.to_vec()).expect("UTF-8")),
                Some(Line::TooLong) => None,
                None => return found,
            });
            assert!(lines.begun.capacity() <= 64, "kept {} bytes", lines.begun.capacity());
        }
    }

    #[test]
    fn a_line_is_what_ends_with_a_newline_or_the_stream() {
        for piece in [1, 2, 3, 7, 100] {
            for (bytes, expected) in [
                ("", &[][..]),
                ("\n\r\n \t\n", &[]),
                ("a\nbc\r\nd", &[Some("a"), Some("bc"), Some("d")]),
                ("12345678\n1", &[Some("12345678"), Some("1")]),
                ("a\n123456789\nb\n", &[Some("a"), None, Some("b")]),
                ("123456789", &[None]),
                (" a b \n", &[Some(" a b")]),
            ] {
                let expected: Vec<_> = expected.iter().map(|line| line.map(str::to_owned)).collect();
                assert_eq!(lines(bytes.as_bytes(), piece), expected, "{bytes:?} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn a_line_without_end_is_not_kept() {
        let endless = "x".repeat(1 << 20) + "\nnext\n";
        assert_eq!(lines(endless.as_bytes(), 100), [None, Some("next".to_owned())]);
    }
}
