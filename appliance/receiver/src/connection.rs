//! One connection: the handshake, then requests one after the other until somebody has enough.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use pinned::{Admission, fingerprint_of, linger};
use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::handle::Handler;
use crate::intakes::Intakes;
use crate::peers::{Agent, Peers};

/// A handshake takes two round trips; three seconds each are a bad line.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// A connection may be without a request for so long, and a head take so long to come.
pub(crate) const HEAD: Duration = Duration::from_secs(30);

/// A connection ends after so long, whatever it does: one that never reads its answers, too.
const LIFE: Duration = Duration::from_secs(3600);

/// Most bytes that are kept of what a peer sends ahead, the head of a request included.
const BUFFER: usize = 16 << 10;

/// Most lines of a head. An agent needs four.
const MAX_HEADERS: usize = 24;

/// What each connection needs.
#[derive(Debug)]
pub(crate) struct Door<I> {
    pub(crate) tls: Arc<ServerConfig>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) peers: Peers,
    pub(crate) handler: Handler<I>,
}

impl<I: Intakes> Door<I> {
    /// Serves a connection until it ends. What goes wrong in it is its own affair.
    pub(crate) async fn serve(&self, stream: TcpStream, from: SocketAddr) {
        let tls = TlsAcceptor::from(self.tls.clone());
        let mut ticket = self.admission.enter(from.ip());
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
        drop(ticket);
        let Some(agent) = self.agent(&stream) else { return };
        let Ok(_place) = agent.connections.clone().try_acquire_owned() else {
            return log::info!("{}: too many connections; one from {from} ends", agent.system);
        };
        let _ = timeout(LIFE, self.requests(&agent, stream)).await;
    }

    /// Who is at the other end. The handshake has proved that it has the key.
    fn agent(&self, stream: &TlsStream<TcpStream>) -> Option<Arc<Agent>> {
        let (_, session) = stream.get_ref();
        let certificate = session.peer_certificates()?.first()?;
        self.peers.with(&fingerprint_of(certificate))
    }

    async fn requests(&self, agent: &Agent, stream: TlsStream<TcpStream>) {
        let from = (agent, agent.number());
        let service = service_fn(|request| async move {
            Ok::<_, std::convert::Infallible>(self.handler.handle(from, request).await)
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
            Err(error) => log::debug!("{}: {error}", agent.system),
        }
    }
}
