//! Logs of QEMU's `blklogwrites`, in the format of Linux's dm-log-writes: a sector that describes
//! the log, then for each request a sector that describes it, with the data behind it.
//!
//! A request is logged when the file below has completed it and before the guest hears of that.
//! The file is opened so that a flush of it takes no time (`cache.no-flush`), so that no write
//! stands before a flush which was asked for earlier than the write completed.
//!
//! Parsing is total. Requests that a disk behind virtio-blk never gets from this appliance (forced
//! writes, discards, marks) are refused: what they leave behind is not modelled.

use std::ops::Range;

use thiserror::Error;

const MAGIC: u64 = 0x006a_7366_7773_6872;
const VERSION: u64 = 1;

/// Bytes of a sector of the log, as it is told to QEMU.
pub(crate) const SECTOR: usize = 512;

const FLUSH: u64 = 1;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Where it is described in the log.
    pub(crate) at: usize,
    pub(crate) request: Request,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Request {
    /// Bytes of the disk from `offset` on; `data` is where the log has them.
    Write {
        offset: u64,
        data: Range<usize>,
    },
    Flush,
}

#[derive(Debug, PartialEq, Eq, Error)]
pub(crate) enum LogError {
    #[error("no log of version {VERSION} with sectors of {SECTOR} bytes")]
    NoLog,
    #[error("the log ends within the request at {at}")]
    Short { at: usize },
    #[error("the request at {at} has flags {flags:#x} and {sectors} sectors")]
    NotModelled { at: usize, flags: u64, sectors: u64 },
}

impl Entry {
    /// Bytes of its description and its data.
    pub(crate) fn length(&self) -> usize {
        match &self.request {
            Request::Write { data, .. } => SECTOR + data.len(),
            Request::Flush => SECTOR,
        }
    }
}

/// All requests of a log. How many the log counts does not matter: it counts at flushes only.
pub(crate) fn parse(log: &[u8]) -> Result<Vec<Entry>, LogError> {
    let described = log.get(..SECTOR).ok_or(LogError::NoLog)?;
    let bytes_of_sector = number(described, 24) & u64::from(u32::MAX);
    if (number(described, 0), number(described, 8), bytes_of_sector)
        != (MAGIC, VERSION, SECTOR as u64)
    {
        return Err(LogError::NoLog);
    }
    let mut entries = Vec::new();
    let mut at = SECTOR;
    while at < log.len() {
        let entry = entry(log, at)?;
        at += entry.length();
        entries.push(entry);
    }
    Ok(entries)
}

fn entry(log: &[u8], at: usize) -> Result<Entry, LogError> {
    let described = log.get(at..at + SECTOR).ok_or(LogError::Short { at })?;
    let [first, sectors, flags] = [0, 8, 16].map(|place| number(described, place));
    let not_modelled = LogError::NotModelled { at, flags, sectors };
    let request = match (flags, sectors) {
        (FLUSH, 0) => Request::Flush,
        (0, 1..) => {
            let offset = first.checked_mul(SECTOR as u64).ok_or(not_modelled)?;
            let start = at + SECTOR;
            let rest = ((log.len() - start) / SECTOR) as u64;
            if sectors > rest {
                return Err(LogError::Short { at });
            }
            Request::Write { offset, data: start..start + sectors as usize * SECTOR }
        }
        _ => return Err(not_modelled),
    };
    Ok(Entry { at, request })
}

/// The little-endian number at `at`; 0 outside.
fn number(bytes: &[u8], at: usize) -> u64 {
    let bytes = bytes.get(at..).and_then(|rest| rest.first_chunk());
    bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
pub(crate) mod tests {
    use disk::sim::SimRng;

    use super::*;

    /// The first sector of a log.
    pub(crate) fn head() -> Vec<u8> {
        let mut head: Vec<u8> = [MAGIC, VERSION, 0, SECTOR as u64].map(u64::to_le_bytes).concat();
        head.resize(SECTOR, 0);
        head
    }

    /// A request as it stands in a log.
    pub(crate) fn request(offset: u64, flags: u64, data: &[u8]) -> Vec<u8> {
        let sectors = (data.len() / SECTOR) as u64;
        let mut bytes = [offset / SECTOR as u64, sectors, flags, 0].map(u64::to_le_bytes).concat();
        bytes.resize(SECTOR, 0);
        bytes.extend(data);
        bytes
    }

    #[test]
    fn writes_and_flushes_are_found_where_they_are() {
        let log = [head(), request(4096, 0, &[7; 1024]), request(0, FLUSH, &[])].concat();
        let data = 2 * SECTOR..4 * SECTOR;
        assert_eq!(log[data.clone()], [7; 1024]);
        let write = Entry { at: SECTOR, request: Request::Write { offset: 4096, data } };
        let flush = Entry { at: 4 * SECTOR, request: Request::Flush };
        assert_eq!(parse(&log), Ok(vec![write, flush]));
    }

    #[test]
    fn what_is_not_modelled_is_refused() {
        assert_eq!(parse(&[]), Err(LogError::NoLog));
        assert_eq!(parse(&[0; SECTOR]), Err(LogError::NoLog));
        for (flags, data) in [(2, SECTOR), (4, 0), (8, SECTOR), (1, SECTOR), (0, 0), (16, SECTOR)] {
            let log = [head(), request(0, flags, &vec![1; data])].concat();
            let sectors = (data / SECTOR) as u64;
            assert_eq!(parse(&log), Err(LogError::NotModelled { at: SECTOR, flags, sectors }));
        }
    }

    #[test]
    fn lengths_are_not_believed() {
        let whole = [head(), request(0, 0, &[1; 2048]), request(0, FLUSH, &[])].concat();
        for length in SECTOR..whole.len() {
            let short = parse(&whole[..length]);
            let at_an_end = [SECTOR, whole.len() - SECTOR].contains(&length);
            assert_eq!(short.is_ok(), at_an_end, "{length}: {short:?}");
        }
        for sectors in [6, 1 << 40, u64::MAX] {
            let mut log = whole.clone();
            log[SECTOR + 8..SECTOR + 16].copy_from_slice(&sectors.to_le_bytes());
            assert_eq!(parse(&log), Err(LogError::Short { at: SECTOR }), "{sectors}");
        }
    }

    #[test]
    fn nothing_makes_it_panic() {
        let whole = [head(), request(0, 0, &[0; 2048]), request(0, FLUSH, &[])].concat();
        let mut rng = SimRng::new(1);
        for _ in 0..20_000 {
            let mut log = whole.clone();
            for _ in 0..=rng.below(6) {
                let at = SECTOR + rng.below(64) as usize;
                log[at] = rng.next_u64() as u8;
            }
            log.truncate(rng.below(log.len() as u64 + 1) as usize);
            let _ = parse(&log);
        }
    }
}
