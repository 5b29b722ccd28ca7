//! All samples of a run, by what was measured and on whom.

use std::collections::BTreeMap;

/// Holdfast with LZ4 forced, which is what `auto` takes when the pipeline is what waits.
pub(super) const HOLDFAST: &str = "holdfast";
/// Holdfast with zstd forced.
pub(super) const HOLDFAST_ZSTD: &str = "holdfast-zstd";
pub(super) const RESTIC: &str = "restic";
pub(super) const BORG: &str = "borg";
pub(super) const BUPSTASH: &str = "bupstash";
/// qemu-nbd on a zstd-compressed qcow2 of the same data.
pub(super) const QCOW2: &str = "qcow2";
/// qemu-nbd on the raw image.
pub(super) const RAW: &str = "raw";
/// The least work an ingest or a restore must do, in memory that is already warm.
pub(super) const PIPE: &str = "pipe";
/// Sequential direct access to the disk, 1 MiB at depth 8.
pub(super) const DISK: &str = "disk";
/// The same, writing while half as much is read: what a restore asks of a disk that holds the pool
/// and takes the restored file.
pub(super) const DISK_BOTH: &str = "disk, r+w";
/// AES-256-GCM on all cores.
pub(super) const AEAD: &str = "aead";
/// BLAKE3 on all cores.
pub(super) const HASH: &str = "hash";
/// The memory or the time that the issue grants.
pub(super) const BUDGET: &str = "budget";
/// Holdfast's own ingest of an image that it holds already.
pub(super) const AGAIN: &str = "again";

/// Holdfast's own ingest with nothing beside it.
pub(super) const ALONE: &str = "alone";
/// BLAKE3 and AES-256-GCM of the same bytes on one core.
pub(super) const CORE: &str = "core";

/// Those a row's best rival is picked from.
pub(super) const RIVALS: &[&str] = &[RESTIC, BORG, BUPSTASH, QCOW2];

/// A quantity that is measured; its unit stands in the row that shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Metric {
    FirstCpu,
    FirstRate,
    AgainRate,
    AddedDay0,
    AddedDay1,
    AddedScatter,
    AddedMachine2,
    RestoreNull,
    RestoreFile,
    VerifyRate,
    PeakMemory,
    PeakMemorySparse,
    Random1,
    Random1P50,
    Random1P99,
    Random32,
    Random32P50,
    Random32P99,
    Sequential,
    FirstBlock1,
    FirstBlock100,
    ScatterTime,
    StartClosed,
    StartKilled,
    StartWriting,
    StartMemory,
    /// Of a hundred points every second goes.
    ReclaimSecond,
    ReclaimCpu,
    ReclaimUnused,
    /// Of a hundred points the oldest half goes.
    ReclaimOldest,
    ReclaimOldestCpu,
    ReclaimOldestUnused,
    /// Beside something else, over the stretch during which that runs.
    IngestBesideReclaim,
    IngestBesideScrub,
    ScrubRate,
    ScrubMirrorRate,
}

#[derive(Debug, Default)]
pub(super) struct Records {
    samples: BTreeMap<(Metric, &'static str), Vec<f64>>,
}

impl Records {
    pub(super) fn add(&mut self, subject: &'static str, metric: Metric, value: f64) {
        self.samples.entry((metric, subject)).or_default().push(value);
    }

    pub(super) fn samples(&self, subject: &'static str, metric: Metric) -> &[f64] {
        self.samples.get(&(metric, subject)).map_or(&[], Vec::as_slice)
    }

    /// None when this was not measured.
    pub(super) fn median(&self, subject: &'static str, metric: Metric) -> Option<f64> {
        let mut sorted = self.samples(subject, metric).to_vec();
        sorted.sort_by(f64::total_cmp);
        let upper = sorted.get(sorted.len() / 2)?;
        let lower = sorted.get((sorted.len() - 1) / 2)?;
        Some((lower + upper) / 2.0)
    }

    /// Everyone on whom this was measured.
    pub(super) fn subjects(&self, metric: Metric) -> impl Iterator<Item = &'static str> + '_ {
        self.samples.keys().filter(move |key| key.0 == metric).map(|key| key.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_stand_between_the_middle_samples() {
        let mut records = Records::default();
        assert_eq!(records.median(RESTIC, Metric::FirstCpu), None);
        for value in [9.0, 1.0, 3.0] {
            records.add(RESTIC, Metric::FirstCpu, value);
        }
        assert_eq!(records.median(RESTIC, Metric::FirstCpu), Some(3.0));
        records.add(RESTIC, Metric::FirstCpu, 5.0);
        assert_eq!(records.median(RESTIC, Metric::FirstCpu), Some(4.0));
        assert_eq!(records.subjects(Metric::FirstCpu).collect::<Vec<_>>(), [RESTIC]);
    }
}
