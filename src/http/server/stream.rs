//! A socket that notes its progress, and its place among the connections.

use std::io::{Error, IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::connections::{ConnectionPlace, OpenConnection};

/// The most bytes that are read at once. hyper doubles the buffer of a connection each time it was filled, and keeps
/// it: without this, one that has sent a large body holds megabytes for as long as it is open.
const READ_TOGETHER: usize = 16 << 10;

/// A socket with its place, which is free again once the socket is closed.
pub(super) struct Watched<S> {
    pub(super) stream: S,
    pub(super) place: ConnectionPlace,
}

impl<S> Watched<S> {
    fn connection(&self) -> &OpenConnection {
        self.place.connection()
    }

    fn sent(&self, sent: Poll<Result<usize>>) -> Poll<Result<usize>> {
        match &sent {
            Poll::Ready(Ok(bytes)) => self.connection().sent(*bytes),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.connection().not_taken(),
        }
        sent
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let before = buffer.filled().len();
        let read = if buffer.remaining() <= READ_TOGETHER {
            Pin::new(&mut self.stream).poll_read(context, buffer)
        } else {
            let mut part = ReadBuf::new(buffer.initialize_unfilled_to(READ_TOGETHER));
            let read = Pin::new(&mut self.stream).poll_read(context, &mut part);
            let bytes = part.filled().len();
            buffer.advance(bytes);
            read
        };
        let bytes = buffer.filled().len() - before;
        if bytes > 0 && !self.connection().received(bytes) {
            return Poll::Ready(Err(Error::other("too many requests with large headers at once")));
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let sent = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.sent(sent)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let sent = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.sent(sent)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
