//! The bytes of a connection: as they are, or over TLS.

use std::io::{IoSlice, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::stream::Watched;
use crate::tls::Tls;

type Socket = Watched<TcpStream>;

/// The first byte of a handshake of TLS (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 22;

/// The answer to whoever forgot the `s` of `https`.
const NOT_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 68\r\n\
    Connection: close\r\n\r\n{\"error\":\"This port speaks HTTPS only; use https:// in the address\"}";

/// How the bytes of a connection travel. An enum, so that plain HTTP pays one comparison for TLS.
pub(super) enum Transport {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
}

impl Transport {
    /// The transport of a new connection, after the handshake if there is one to be made.
    ///
    /// # Errors
    /// When the handshake fails.
    pub(super) async fn establish(mut socket: Socket, tls: Option<Arc<Tls>>) -> Result<Self> {
        let Some(tls) = tls else { return Ok(Self::Plain(socket)) };
        let mut first = [HANDSHAKE];
        if socket.stream.peek(&mut first).await? > 0 && first[0].is_ascii_alphabetic() {
            socket.write_all(NOT_TLS).await?;
            socket.shutdown().await?;
            return Err(std::io::Error::other("it speaks plain HTTP"));
        }
        let stream = tls.accept(socket).await?;
        stream.get_ref().0.place.connection().encrypted();
        Ok(Self::Tls(Box::new(stream)))
    }

    /// Whether the client has shown a certificate that somebody vouches for whom the service trusts.
    pub(super) fn has_certificate(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(stream) => stream.get_ref().1.peer_certificates().is_some(),
        }
    }
}

/// Runs an operation of whichever stream it is.
macro_rules! of_either {
    ($transport:expr, $stream:ident => $operation:expr) => {
        match $transport {
            Transport::Plain($stream) => $operation,
            Transport::Tls($stream) => $operation,
        }
    };
}

impl AsyncRead for Transport {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        of_either!(&mut *self, stream => Pin::new(stream).poll_read(context, buffer))
    }
}

impl AsyncWrite for Transport {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        of_either!(&mut *self, stream => Pin::new(stream).poll_write(context, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        of_either!(&mut *self, stream => Pin::new(stream).poll_write_vectored(context, slices))
    }

    fn is_write_vectored(&self) -> bool {
        of_either!(self, stream => stream.is_write_vectored())
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        of_either!(&mut *self, stream => Pin::new(stream).poll_flush(context))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        of_either!(&mut *self, stream => Pin::new(stream).poll_shutdown(context))
    }
}
