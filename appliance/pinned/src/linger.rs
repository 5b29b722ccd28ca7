//! How a connection ends without losing what was said last.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// What a peer still sends when a connection ends is thrown away for so long, and up to so many
/// bytes. Without that the system would tell it of a reset before it has read the last answer. It
/// is more than the largest text that is taken anywhere: 1 MiB, of which JSON may make six.
const LINGER: (Duration, u64) = (Duration::from_secs(1), 8 << 20);

/// Ends a connection so that the peer can read what it was told last.
pub async fn linger(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let (time, bytes) = LINGER;
    let ended = async {
        stream.shutdown().await?;
        tokio::io::copy(&mut (&mut stream).take(bytes), &mut tokio::io::sink()).await
    };
    // The peer may have gone long ago.
    let _ = timeout(time, ended).await;
}
