//! Connections to receivers.

use std::net::SocketAddr;
use std::path::Path;

use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, UdpSocket, lookup_host};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::tls;
use crate::error::SendError;

const REACH: &str = "check host and port, the box's network and any firewall between";

/// Most addresses of a name that are tried.
const MAX_ADDRESSES: usize = 8;

/// What could not be reached, and why.
pub(super) fn unreachable(host: &str, port: u16, error: &std::io::Error) -> SendError {
    SendError::passing(format!("{host}:{port} cannot be reached: {error}"), REACH)
}

pub(super) async fn tcp(host: &str, port: u16) -> Result<TcpStream, SendError> {
    let failed = |error: std::io::Error| unreachable(host, port, &error);
    let addresses = addresses(host, port).await?;
    let mut last = std::io::Error::other("the name has no address");
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                stream.set_nodelay(true).map_err(failed)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(failed(last))
}

pub(super) async fn tls(
    host: &str,
    port: u16,
    ca: Option<&Path>,
) -> Result<TlsStream<TcpStream>, SendError> {
    let config = tls::client(ca)?;
    let name = ServerName::try_from(host.to_owned());
    let name =
        name.map_err(|_| SendError::passing(format!("{host} is no name of a host"), REACH))?;
    let stream = tcp(host, port).await?;
    let next = "check the port and the certificate of that host; name its authority in `ca`";
    let made = TlsConnector::from(config).connect(name, stream).await;
    made.map_err(|error| SendError::passing(format!("TLS with {host}:{port}: {error}"), next))
}

/// A datagram. Nobody says that it has arrived; that nobody listens is often told at once.
pub(super) async fn udp(host: &str, port: u16, bytes: &[u8]) -> Result<(), SendError> {
    let failed = |error: std::io::Error| unreachable(host, port, &error);
    let address = addresses(host, port).await?.into_iter().next();
    let address =
        address.ok_or_else(|| failed(std::io::Error::other("the name has no address")))?;
    let from = match address {
        SocketAddr::V4(_) => "0.0.0.0:0",
        SocketAddr::V6(_) => "[::]:0",
    };
    let socket = UdpSocket::bind(from).await.map_err(failed)?;
    socket.connect(address).await.map_err(failed)?;
    socket.send(bytes).await.map_err(failed)?;
    let refusal = tokio::time::timeout(REFUSAL, socket.recv(&mut [0; 1])).await;
    match refusal {
        Ok(Err(error)) => Err(failed(error)),
        _ => Ok(()),
    }
}

/// So long is waited for the word that nobody listens.
const REFUSAL: std::time::Duration = std::time::Duration::from_millis(200);

async fn addresses(host: &str, port: u16) -> Result<Vec<SocketAddr>, SendError> {
    let found = lookup_host((host, port)).await;
    let found = found.map_err(|error| unreachable(host, port, &error))?;
    Ok(found.take(MAX_ADDRESSES).collect())
}
