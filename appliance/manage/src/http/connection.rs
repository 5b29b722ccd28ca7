//! One connection: the handshake, then requests one after the other until somebody has enough.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use model::Fingerprint;
use pinned::{Admission, Ticket, fingerprint_of, linger};
use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::dispatch::{From, dispatch};
use crate::server::Server;

/// A handshake takes two round trips; three seconds each are a bad line.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// A connection may be without a request for so long, and a head take so long to come.
const HEAD: Duration = Duration::from_secs(30);

/// A connection ends after so long if nobody has signed in on it.
const STRANGER: Duration = Duration::from_secs(120);

/// A connection ends after so long, whatever it does: one that never reads its answers, too.
/// Streams of events begin again by themselves.
const LIFE: Duration = Duration::from_secs(3600);

/// Most bytes that are kept of what a peer sends ahead, the head of a request included. hyper
/// takes no less.
const BUFFER: usize = 16 << 10;

/// Most lines of a head: browsers send some twenty.
const MAX_HEADERS: usize = 64;

/// What each connection needs.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) tls: Arc<ServerConfig>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) server: Arc<Server>,
}

impl Door {
    /// Serves a connection until it ends. What goes wrong in it is its own affair.
    pub(crate) async fn serve(&self, stream: TcpStream, from: SocketAddr, mut ticket: Ticket) {
        let tls = TlsAcceptor::from(self.tls.clone());
        let accepted = tokio::select! {
            () = ticket.cut() => return,
            accepted = timeout(HANDSHAKE, tls.accept(stream).into_fallible()) => accepted,
        };
        let stream = match accepted {
            Ok(Ok(stream)) => stream,
            Ok(Err((error, stream))) => {
                log::debug!("{from}: {error}");
                return tokio::select! {
                    () = ticket.cut() => {}
                    () = linger(stream) => {}
                };
            }
            Err(_) => return log::debug!("{from}: the handshake took too long"),
        };
        let address = from.ip().to_canonical();
        let from = From { address, certificate: certificate(&stream), known: Notify::new() };
        let mut requests = pin!(self.requests(&from, stream));
        // Anybody can finish a handshake: who has not said who he is stays one of few.
        tokio::select! {
            () = ticket.cut() => return,
            () = &mut requests => return,
            () = sleep(STRANGER) => return,
            () = from.known.notified() => drop(ticket),
        }
        let _ = timeout(LIFE, requests).await;
    }

    async fn requests(&self, from: &From, stream: TlsStream<TcpStream>) {
        let service = service_fn(|request| async {
            let answer = dispatch(&self.server, from, request).await;
            Ok::<_, Infallible>(answer.into_http())
        });
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .max_buf_size(BUFFER)
            .max_headers(MAX_HEADERS)
            .serve_connection(TokioIo::new(stream), service)
            .without_shutdown()
            .await;
        match served {
            Ok(parts) => linger(parts.io.into_inner()).await,
            Err(error) => log::debug!("{}: {error}", from.address),
        }
    }
}

/// Of the certificate whose key the peer has proved to have.
fn certificate(stream: &TlsStream<TcpStream>) -> Option<Fingerprint> {
    let (_, session) = stream.get_ref();
    session.peer_certificates()?.first().map(fingerprint_of)
}
