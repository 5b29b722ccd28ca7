//! Bodies of requests, read to their end within a bound of bytes and of time.

use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use model::Consistency;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout, timeout_at};

use crate::answer::Error;
use crate::request::MAX_JSON;

/// A body may stand still for so long: a line that loses packets comes back within seconds.
const IDLE: Duration = Duration::from_secs(20);

/// A body may take so long: 4 MiB at 35 kB/s. Who has less can send shorter ones.
const TOTAL: Duration = Duration::from_secs(120);

/// The body of `Begin`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Begin {
    pub(crate) bytes: u64,
}

/// The body of `Zero`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Zero {
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
}

/// The body of `Finish`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Finish {
    pub(crate) consistency: Sure,
    #[serde(default)]
    pub(crate) prepared: Prepared,
}

/// How sure the agent is that the bytes are those of one moment.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Sure {
    /// The volume was held still by something below its file system.
    Moment,
    /// A second reading found nothing that had changed since the first.
    Settled,
    /// Nobody looked.
    Unknown,
    /// It changed while it was read.
    Torn,
}

/// Who had written all that they had at that moment.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Prepared {
    #[default]
    Nothing,
    FileSystem,
    Application,
}

impl Finish {
    /// What is kept with the recovery point.
    pub(crate) fn consistency(&self) -> Consistency {
        match (self.consistency, self.prepared) {
            (Sure::Unknown, _) => Consistency::Unknown,
            (Sure::Torn, _) => Consistency::Inconsistent,
            (Sure::Moment | Sure::Settled, Prepared::Nothing) => Consistency::Crash,
            (Sure::Moment | Sure::Settled, Prepared::FileSystem) => Consistency::FileSystem,
            (Sure::Moment | Sure::Settled, Prepared::Application) => Consistency::Application,
        }
    }
}

/// Reads a body of exactly so many bytes. Memory grows with what has come.
pub(crate) async fn read(body: Incoming, bytes: u64) -> Result<Vec<u8>, Error> {
    let read = up_to(body, bytes).await?;
    if read.len() as u64 == bytes { Ok(read) } else { Err(Error::Slow) }
}

/// Reads a body that is JSON.
pub(crate) async fn json<T: DeserializeOwned>(body: Incoming) -> Result<T, Error> {
    let bytes = up_to(body, MAX_JSON).await?;
    serde_json::from_slice(&bytes).map_err(|_| Error::Json)
}

async fn up_to(mut body: Incoming, most: u64) -> Result<Vec<u8>, Error> {
    let end = Instant::now() + TOTAL;
    let mut read = Vec::new();
    loop {
        let frame = timeout_at(end, timeout(IDLE, body.frame())).await;
        let frame = match frame {
            Ok(Ok(Some(Ok(frame)))) => frame,
            Ok(Ok(None)) => return Ok(read),
            _ => return Err(Error::Slow),
        };
        // Trailers are skipped: hyper bounds how many there may be.
        let Ok(data) = frame.into_data() else { continue };
        if (read.len() + data.len()) as u64 > most {
            return Err(Error::TooLong { most });
        }
        read.extend_from_slice(&data);
    }
}

/// For the fuzzer: reads `bytes` as each of the bodies.
pub(crate) fn fuzz_json(bytes: &[u8]) {
    let _ = serde_json::from_slice::<Begin>(bytes);
    let _ = serde_json::from_slice::<Zero>(bytes);
    let _ = serde_json::from_slice::<Finish>(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_agent_says_of_its_moment_is_believed_no_further_than_it_goes() {
        for (said, kept) in [
            ("{\"consistency\":\"moment\"}", Consistency::Crash),
            ("{\"consistency\":\"settled\",\"prepared\":\"nothing\"}", Consistency::Crash),
            ("{\"consistency\":\"moment\",\"prepared\":\"file-system\"}", Consistency::FileSystem),
            (
                "{\"consistency\":\"settled\",\"prepared\":\"application\"}",
                Consistency::Application,
            ),
            ("{\"consistency\":\"unknown\",\"prepared\":\"application\"}", Consistency::Unknown),
            ("{\"consistency\":\"torn\",\"prepared\":\"application\"}", Consistency::Inconsistent),
        ] {
            let finish: Finish = serde_json::from_str(said).expect(said);
            assert_eq!(finish.consistency(), kept, "{said}");
        }
        assert!(serde_json::from_str::<Finish>("{\"prepared\":\"application\"}").is_err());
    }
}
