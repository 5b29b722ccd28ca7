//! Listening sockets: claiming a path, accepting, and what a stream needs to be fast.

use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixListener as StdListener;
use std::path::Path;

use rustix::fs::{Mode, fchmod};
use rustix::net::sockopt;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixSocket, UnixStream};

/// Clients that may wait to be accepted.
const BACKLOG: u32 = 64;

/// Asked for as send buffer, in bytes: a reply of 1 MiB then goes out in few system calls. The
/// system may grant less.
const SEND_BUFFER: usize = 2 << 20;

pub(crate) enum Listener {
    Unix(UnixListener),
    Tcp(TcpListener),
}

pub(crate) enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Listener {
    pub(crate) async fn tcp(address: SocketAddr) -> io::Result<(Self, SocketAddr)> {
        let listener = TcpListener::bind(address).await?;
        let bound = listener.local_addr()?;
        Ok((Self::Tcp(listener), bound))
    }

    /// Listens at `path`, see [`bind_unix`].
    pub(crate) async fn unix(path: &Path) -> io::Result<Self> {
        Ok(Self::Unix(bind(path).await?))
    }

    /// Goes on listening where somebody has begun to.
    pub(crate) fn bound(listener: StdListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self::Unix(UnixListener::from_std(listener)?))
    }

    pub(crate) async fn accept(&self) -> io::Result<Stream> {
        match self {
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                // A smaller buffer is slower and does no harm.
                let _ = sockopt::set_socket_send_buffer_size(&stream, SEND_BUFFER);
                Ok(Stream::Unix(stream))
            }
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream))
            }
        }
    }
}

/// Listens at `path`, which only this user may connect to. The socket of a server that is gone is
/// replaced; anything else at that path is left alone and an error. Clients wait until somebody
/// serves it, also while it passes from one process to the next. To be called on a tokio runtime.
pub async fn bind_unix(path: &Path) -> io::Result<StdListener> {
    bind(path).await?.into_std()
}

async fn bind(path: &Path) -> io::Result<UnixListener> {
    remove_dead(path).await?;
    let socket = UnixSocket::new_stream()?;
    // Before it is bound, so that there is no moment at which others can connect.
    fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
    socket.bind(path)?;
    socket.listen(BACKLOG)
}

async fn remove_dead(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::FileTypeExt;
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Ok(found) if found.file_type().is_socket() => {}
        other => return other.and(Err(io::ErrorKind::AlreadyExists.into())),
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path)
        }
        // Somebody answers, or it cannot be told.
        _ => Err(io::ErrorKind::AddrInUse.into()),
    }
}
