//! In which order the requests of several logs were logged.
//!
//! QEMU traces the opening of each file (`bdrv_open_common`) and each write to one
//! (`bdrv_co_pwritev_part`), one line each. A write to a log is a request of its disk, told by
//! where it stands in the log. So the lines are one order over all disks.

use std::collections::HashMap;

use thiserror::Error;

use crate::log::{Entry, SECTOR};

const OPENED: &str = "bdrv_open_common bs ";
const WRITTEN: &str = "bdrv_co_pwritev_part bs ";

/// A request in the common order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Placed {
    /// Number of the log.
    pub(crate) log: usize,
    /// Number of the request in it.
    pub(crate) entry: usize,
    /// Bytes of the trace up to the end of its line.
    pub(crate) end: usize,
}

#[derive(Debug, PartialEq, Eq, Error)]
pub(crate) enum OrderError {
    #[error("the trace does not tell which file is {name}")]
    NotOpened { name: String },
    #[error("request {entry} of {name} is not the one of the trace")]
    Differs { name: String, entry: usize },
}

/// Puts the requests of `logs`, each under the end of its file's name, into one order.
pub(crate) fn merge(trace: &str, logs: &[(String, Vec<Entry>)]) -> Result<Vec<Placed>, OrderError> {
    let files = files(trace, logs)?;
    let mut next = vec![0; logs.len()];
    let mut order = Vec::new();
    let mut end = 0;
    for line in trace.split_inclusive('\n') {
        end += line.len();
        let Some((file, offset, bytes)) = written(line) else { continue };
        // The first sector is written anew at each flush.
        let Some(&log) = files.get(file).filter(|_| offset >= SECTOR) else { continue };
        let (name, entries) = &logs[log];
        let entry = next[log];
        let same = |entry: &Entry| entry.at == offset && entry.length() == bytes;
        if !entries.get(entry).is_some_and(same) {
            return Err(OrderError::Differs { name: name.clone(), entry });
        }
        next[log] += 1;
        order.push(Placed { log, entry, end });
    }
    for ((name, entries), entry) in logs.iter().zip(next) {
        if entry != entries.len() {
            return Err(OrderError::Differs { name: name.clone(), entry });
        }
    }
    Ok(order)
}

/// The number of the log that each of QEMU's files is.
fn files<'a>(
    trace: &'a str,
    logs: &[(String, Vec<Entry>)],
) -> Result<HashMap<&'a str, usize>, OrderError> {
    let mut files = HashMap::new();
    for (number, (name, _)) in logs.iter().enumerate() {
        let ending = format!("/{name}\"");
        let opened = trace.lines().filter_map(|line| line.strip_prefix(OPENED));
        let mut own = opened.filter(|rest| rest.contains(&ending) && rest.contains("\"file\""));
        let file = own.next().and_then(|rest| rest.split_whitespace().next());
        files.insert(file.ok_or_else(|| OrderError::NotOpened { name: name.clone() })?, number);
    }
    Ok(files)
}

/// File, offset and length of a write.
fn written(line: &str) -> Option<(&str, usize, usize)> {
    let mut words = line.strip_prefix(WRITTEN)?.split_whitespace();
    let file = words.next()?;
    let mut value = |name: &str| -> Option<usize> {
        words.by_ref().skip_while(|word| *word != name).nth(1)?.parse().ok()
    };
    Some((file, value("offset")?, value("bytes")?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log;
    use crate::log::tests::{head, request};

    const TRACE: &str = "\
bdrv_open_common bs 0x1 filename \"/d/a.raw\" flags 0x2 format_name \"file\"
bdrv_open_common bs 0x2 filename \"/d/a.log\" flags 0x2 format_name \"file\"
bdrv_open_common bs 0x3 filename \"/d/b.log\" flags 0x2 format_name \"file\"
bdrv_co_pwritev_part bs 0x1 offset 512 bytes 1024 flags 0x0
bdrv_co_pwritev_part bs 0x3 offset 512 bytes 1024 flags 0x0
something else
bdrv_co_pwritev_part bs 0x2 offset 512 bytes 512 flags 0x0
bdrv_co_pwritev_part bs 0x2 offset 0 bytes 512 flags 0x0
bdrv_co_pwritev_part bs 0x2 offset 1024 bytes 1024 flags 0x0
";

    fn logs() -> Vec<(String, Vec<Entry>)> {
        let (write, flush) = (request(0, 0, &[1; 512]), request(0, 1, &[]));
        let parse = |log: &[Vec<u8>]| log::parse(&log.concat()).unwrap();
        let one = parse(&[head(), flush, write.clone()]);
        vec![("a.log".into(), one), ("b.log".into(), parse(&[head(), write]))]
    }

    #[test]
    fn requests_stand_in_the_order_of_the_trace() {
        let order = merge(TRACE, &logs()).unwrap();
        let places: Vec<_> = order.iter().map(|placed| (placed.log, placed.entry)).collect();
        assert_eq!(places, [(1, 0), (0, 0), (0, 1)]);
        assert_eq!(order[2].end, TRACE.len());
        assert!(TRACE[..order[0].end].ends_with("bs 0x3 offset 512 bytes 1024 flags 0x0\n"));
    }

    #[test]
    fn a_trace_that_does_not_fit_its_logs_is_refused() {
        let differs = |trace: &str| merge(trace, &logs()).unwrap_err();
        let longer = format!("{TRACE}bdrv_co_pwritev_part bs 0x3 offset 1536 bytes 512 flags 0x0");
        assert_eq!(differs(&longer), OrderError::Differs { name: "b.log".into(), entry: 1 });
        let shorter = TRACE.trim_end().rsplit_once('\n').unwrap().0;
        assert_eq!(differs(shorter), OrderError::Differs { name: "a.log".into(), entry: 1 });
        let elsewhere = TRACE.replace("offset 1024", "offset 2048");
        assert_eq!(differs(&elsewhere), OrderError::Differs { name: "a.log".into(), entry: 1 });
        assert_eq!(differs(""), OrderError::NotOpened { name: "a.log".into() });
    }
}
