//! What a request asks for, told from its head alone. Total: any head gives a request or a reason.

use blake3::Hash;
use hyper::header::{CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING};
use hyper::{Method, Uri};

use crate::answer::Error;
use crate::config::is_volume_name;

/// Most bytes of a write: what is in memory at a time for it, twice.
pub(crate) const MAX_WRITE: u64 = 4 << 20;

/// Most bytes of a body that is JSON.
pub(crate) const MAX_JSON: u64 = 4 << 10;

/// The unit of offsets and lengths, in bytes; only the end of a volume may lie elsewhere.
pub(crate) const BLOCK: u64 = model::BLOCK_U64;

/// The header with the digest of what is written: 64 hexadecimal digits of BLAKE3.
pub(crate) const DIGEST: &str = "holdfast-blake3";

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Request {
    /// Who am I, and what may I add?
    Greet,
    /// Begin an intake of this volume, or go on with it. The body says how many bytes.
    Begin {
        volume: String,
    },
    /// How far is this intake?
    Find {
        intake: u64,
    },
    /// Write the body there.
    Write {
        intake: u64,
        offset: u64,
        bytes: u64,
        digest: Hash,
    },
    /// Make the range in the body zeroes.
    Zero {
        intake: u64,
    },
    Flush {
        intake: u64,
    },
    Finish {
        intake: u64,
    },
    Discard {
        intake: u64,
    },
}

impl Request {
    pub(crate) fn parse(method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<Self, Error> {
        let length = length(headers)?;
        if uri.query().is_some() {
            return Err(Error::Unknown);
        }
        let mut parts = uri.path().split('/').skip(1);
        if parts.next() != Some("v1") {
            return Err(Error::Unknown);
        }
        let request = match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (None | Some(""), None, None, None) => greet(method),
            (Some("volumes"), Some(volume), None, None) => begin(method, volume),
            (Some("intakes"), Some(intake), at, None) => within(method, intake, at, headers),
            _ => Err(Error::Unknown),
        }?;
        match request {
            Self::Write { .. } => {}
            _ if length.unwrap_or(MAX_JSON) > MAX_JSON => {
                return Err(Error::TooLong { most: MAX_JSON });
            }
            _ => {}
        }
        Ok(request)
    }
}

fn greet(method: &Method) -> Result<Request, Error> {
    if method == Method::GET { Ok(Request::Greet) } else { Err(Error::Method) }
}

fn begin(method: &Method, volume: &str) -> Result<Request, Error> {
    if !is_volume_name(volume) {
        return Err(Error::Unknown);
    }
    match method == Method::POST {
        true => Ok(Request::Begin { volume: volume.to_owned() }),
        false => Err(Error::Method),
    }
}

/// What is asked of an intake: of all of it, or as the last part of the path says.
fn within(
    method: &Method,
    intake: &str,
    at: Option<&str>,
    headers: &HeaderMap,
) -> Result<Request, Error> {
    let intake = number(intake).ok_or(Error::Unknown)?;
    match (method, at) {
        (&Method::GET, None) => Ok(Request::Find { intake }),
        (&Method::DELETE, None) => Ok(Request::Discard { intake }),
        (_, None) => Err(Error::Method),
        (&Method::POST, Some("zero")) => Ok(Request::Zero { intake }),
        (&Method::POST, Some("flush")) => Ok(Request::Flush { intake }),
        (&Method::POST, Some("finish")) => Ok(Request::Finish { intake }),
        (&Method::PUT, Some(offset)) => write(intake, offset, headers),
        (_, Some(_)) => Err(Error::Unknown),
    }
}

fn write(intake: u64, offset: &str, headers: &HeaderMap) -> Result<Request, Error> {
    let offset = number(offset).ok_or(Error::Unknown)?;
    let bytes = length(headers)?.ok_or(Error::NoLength)?;
    if bytes == 0 || bytes > MAX_WRITE {
        return Err(Error::TooLong { most: MAX_WRITE });
    }
    let digest = headers.get(DIGEST).and_then(|value| value.to_str().ok());
    let digest = digest.and_then(|text| Hash::from_hex(text).ok()).ok_or(Error::NoDigest)?;
    Ok(Request::Write { intake, offset, bytes, digest })
}

/// The length of the body as the head has it. A body with a transfer coding has none.
fn length(headers: &HeaderMap) -> Result<Option<u64>, Error> {
    if headers.contains_key(TRANSFER_ENCODING) {
        return Err(Error::NoLength);
    }
    let Some(value) = headers.get(CONTENT_LENGTH) else { return Ok(None) };
    let length = value.to_str().ok().and_then(number);
    length.map(Some).ok_or(Error::NoLength)
}

/// A number in decimal digits, written in the one way that there is.
fn number(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = text == "0" || !text.starts_with('0');
    (plain && canonical).then(|| text.parse().ok()).flatten()
}

/// Whether a range may be written into a volume of `size` bytes.
pub(crate) fn fits(offset: u64, bytes: u64, size: u64) -> bool {
    let Some(end) = offset.checked_add(bytes) else { return false };
    bytes > 0
        && end <= size
        && offset.is_multiple_of(BLOCK)
        && (bytes.is_multiple_of(BLOCK) || end == size)
}

/// For the fuzzer: reads `bytes` as a method, a path and the lines of a head, and as each of the
/// bodies that are JSON.
///
/// # Panics
/// When a request is taken that would be more than is allowed.
pub fn fuzz_request(bytes: &[u8]) {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let method = Method::from_bytes(lines.next().unwrap_or_default()).unwrap_or_default();
    let uri = Uri::try_from(lines.next().unwrap_or_default()).unwrap_or_default();
    let mut headers = HeaderMap::new();
    for line in lines.by_ref().take(8) {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let name = hyper::header::HeaderName::from_bytes(parts.next().unwrap_or_default());
        let value = hyper::header::HeaderValue::from_bytes(parts.next().unwrap_or_default());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    if let Ok(Request::Write { bytes, .. }) = Request::parse(&method, &uri, &headers) {
        assert!((1..=MAX_WRITE).contains(&bytes), "a write of {bytes} bytes is taken");
    }
    crate::body::fuzz_json(bytes);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(
        method: Method,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Request, Error> {
        let uri: Uri = path.parse().unwrap();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        Request::parse(&method, &uri, &map)
    }

    #[test]
    fn each_request_is_told_by_its_head() {
        let volume = "root".to_owned();
        let get = |path| parse(Method::GET, path, &[]);
        let post = |path| parse(Method::POST, path, &[]);
        assert_eq!(get("/v1"), Ok(Request::Greet));
        assert_eq!(get("/v1/"), Ok(Request::Greet));
        assert_eq!(post("/v1/volumes/root"), Ok(Request::Begin { volume }));
        assert_eq!(get("/v1/intakes/7"), Ok(Request::Find { intake: 7 }));
        assert_eq!(post("/v1/intakes/7/zero"), Ok(Request::Zero { intake: 7 }));
        assert_eq!(post("/v1/intakes/7/flush"), Ok(Request::Flush { intake: 7 }));
        assert_eq!(post("/v1/intakes/7/finish"), Ok(Request::Finish { intake: 7 }));
        let discard = parse(Method::DELETE, "/v1/intakes/7", &[]);
        assert_eq!(discard, Ok(Request::Discard { intake: 7 }));
    }

    #[test]
    fn a_write_says_its_length_and_digest() {
        let digest = blake3::hash(b"x");
        let hex = digest.to_hex();
        let put =
            |headers: &[(&'static str, &str)]| parse(Method::PUT, "/v1/intakes/7/4096", headers);
        let taken = put(&[("content-length", "1"), (DIGEST, &hex)]);
        assert_eq!(taken, Ok(Request::Write { intake: 7, offset: 4096, bytes: 1, digest }));
        assert_eq!(put(&[(DIGEST, &hex)]), Err(Error::NoLength));
        assert_eq!(put(&[("content-length", "1")]), Err(Error::NoDigest));
        assert_eq!(put(&[("content-length", "1"), (DIGEST, "12")]), Err(Error::NoDigest));
        for length in ["0", "4194305", "18446744073709551615"] {
            let error = put(&[("content-length", length), (DIGEST, &hex)]);
            assert_eq!(error, Err(Error::TooLong { most: MAX_WRITE }), "{length}");
        }
        for length in ["", "-1", "1 ", "0x1", "18446744073709551616", "١"] {
            let error = put(&[("content-length", length), (DIGEST, &hex)]);
            assert_eq!(error, Err(Error::NoLength), "{length:?}");
        }
        let chunked = [("transfer-encoding", "chunked"), ("content-length", "1"), (DIGEST, &hex)];
        assert_eq!(put(&chunked), Err(Error::NoLength));
    }

    #[test]
    fn what_is_not_there_is_unknown_however_it_is_asked_for() {
        for path in [
            "/",
            "/v2",
            "/v1/points",
            "/v1/volumes",
            "/v1/volumes/",
            "/v1/volumes/..",
            "/v1/volumes/a%2fb",
            "/v1/intakes/07",
            "/v1/intakes/+7",
            "/v1/intakes/7/",
            "/v1/intakes/99999999999999999999",
            "/v1/intakes/7/flush/now",
            "/v1?x",
            "//v1",
        ] {
            for method in [Method::GET, Method::POST, Method::DELETE] {
                assert_eq!(parse(method, path, &[]), Err(Error::Unknown), "{path}");
            }
        }
        assert_eq!(parse(Method::DELETE, "/v1/volumes/root", &[]), Err(Error::Method));
        assert_eq!(parse(Method::GET, "/v1/intakes/7/4096", &[]), Err(Error::Unknown));
    }

    proptest! {
        #[test]
        fn a_range_that_fits_lies_within_the_volume(offset: u64, bytes: u64, size: u64) {
            let (offset, bytes) = (offset >> (offset % 60), bytes >> (bytes % 60));
            if fits(offset, bytes, size) {
                prop_assert!(offset < size && bytes <= size - offset);
            }
        }

        #[test]
        fn any_bytes_give_a_request_or_a_reason(bytes: Vec<u8>) {
            fuzz_request(&bytes);
        }
    }
}
