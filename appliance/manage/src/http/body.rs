//! Bodies of requests, read to their end within a bound of bytes and of time.

use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::time::{Instant, timeout_at};

use crate::problem::{Kind, Problem};

/// A body may take so long.
const TOTAL: Duration = Duration::from_secs(30);

/// Reads a body of at most `most` bytes. Memory grows with what has come.
pub(crate) async fn read(mut body: Incoming, most: usize) -> Result<Vec<u8>, Problem> {
    let too_large = || {
        let what = format!("the body has more than {most} bytes");
        Problem::new(Kind::TooLarge, what, "send less")
    };
    if body.size_hint().lower() > most as u64 {
        return Err(too_large());
    }
    let end = Instant::now() + TOTAL;
    let mut read = Vec::new();
    loop {
        let frame = match timeout_at(end, body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(None) => return Ok(read),
            Ok(Some(Err(_))) => return Err(Problem::invalid("the body ended amid")),
            Err(_) => return Err(Problem::invalid("the body took too long")),
        };
        // Trailers are skipped: hyper bounds how many there may be.
        let Ok(data) = frame.into_data() else { continue };
        if read.len() + data.len() > most {
            return Err(too_large());
        }
        read.extend_from_slice(&data);
    }
}
