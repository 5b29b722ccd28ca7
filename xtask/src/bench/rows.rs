//! What the table shows and what each row must reach.
//!
//! A ratio is always Holdfast's figure divided by the rival's. Rows where more is better are rates,
//! so that "2.5 times faster" is a ratio of 2.5.

use clap::ValueEnum;

use crate::bench::records::Metric::{self, *};
use crate::bench::records::{
    AEAD, AGAIN, ALONE, BORG, BUDGET, BUPSTASH, CORE, DISK, DISK_BOTH, HASH, HOLDFAST,
    HOLDFAST_ZSTD, PIPE, QCOW2, RAW, RESTIC,
};

/// Rows that are measured together; what `--rows` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Group {
    First,
    Again,
    Added,
    Restore,
    Verify,
    Memory,
    Nbd,
    FirstBlock,
    Scatter,
    Start,
    Reclaim,
    Scrub,
}

impl Group {
    pub(super) fn all() -> Vec<Self> {
        Self::value_variants().to_vec()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Better {
    Less,
    More,
}

impl Better {
    /// Whether a figure divided by another is on the good side of `bar`.
    pub(super) fn reaches(self, ratio: f64, bar: f64) -> bool {
        match self {
            Self::Less => ratio <= bar,
            Self::More => ratio >= bar,
        }
    }
}

/// What bounds a row from outside: of several, the one that binds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    pub(super) subjects: &'static [&'static str],
    /// The share of the limit to reach; none when it is shown for orientation only.
    pub(super) share: Option<f64>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) group: Group,
    pub(super) title: &'static str,
    pub(super) unit: &'static str,
    pub(super) metric: Metric,
    pub(super) ours: &'static str,
    pub(super) better: Better,
    /// Against whom, and the ratio to reach.
    pub(super) bars: &'static [(&'static str, f64)],
    pub(super) limit: Option<Limit>,
}

/// The rows of the chosen groups, in the order of the table.
pub(super) fn of_groups(groups: &[Group]) -> impl Iterator<Item = Row> + '_ {
    ROWS.iter().filter(|row| groups.contains(&row.group)).copied()
}

const fn row(group: Group, metric: Metric, title: &'static str, unit: &'static str) -> Row {
    let better = Better::More;
    Row { group, title, unit, metric, ours: HOLDFAST, better, bars: &[], limit: None }
}

impl Row {
    const fn less(mut self, bars: &'static [(&'static str, f64)]) -> Self {
        self.better = Better::Less;
        self.bars = bars;
        self
    }

    const fn more(mut self, bars: &'static [(&'static str, f64)]) -> Self {
        self.better = Better::More;
        self.bars = bars;
        self
    }

    const fn zstd(mut self) -> Self {
        self.ours = HOLDFAST_ZSTD;
        self
    }

    const fn within(mut self, subjects: &'static [&'static str], share: f64) -> Self {
        self.limit = Some(Limit { subjects, share: Some(share) });
        self
    }

    const fn beside(mut self, subjects: &'static [&'static str]) -> Self {
        self.limit = Some(Limit { subjects, share: None });
        self
    }
}

const ROWS: &[Row] = &[
    row(Group::First, FirstCpu, "first full, CPU", "s/GB")
        .less(&[(RESTIC, 0.33), (BUPSTASH, 0.65)])
        .within(&[PIPE], 1.3),
    row(Group::First, FirstRate, "first full, wall", "MB/s")
        .more(&[(RESTIC, 2.5), (BORG, 2.5), (BUPSTASH, 1.7)])
        .within(&[PIPE, DISK], 0.7),
    row(Group::Again, AgainRate, "same image again", "MB/s")
        .more(&[(RESTIC, 4.0)])
        .within(&[HASH], 0.6),
    row(Group::Added, AddedDay0, "added by day0, LZ4", "MB").less(&[(RESTIC, 1.42)]),
    row(Group::Added, AddedDay0, "added by day0, zstd", "MB").zstd().less(&[(RESTIC, 1.06)]),
    row(Group::Added, AddedDay1, "added by day1, LZ4", "MB").less(&[(RESTIC, 1.2)]),
    row(Group::Added, AddedDay1, "added by day1, zstd", "MB").zstd().less(&[(RESTIC, 0.9)]),
    row(Group::Added, AddedScatter, "added by scatter, LZ4", "MB").less(&[(RESTIC, 0.05)]),
    row(Group::Added, AddedScatter, "added by scatter, zstd", "MB").zstd().less(&[(RESTIC, 0.05)]),
    row(Group::Added, AddedMachine2, "added by machine2, LZ4", "MB").less(&[(RESTIC, 1.0)]),
    row(Group::Added, AddedMachine2, "added by machine2, zstd", "MB")
        .zstd()
        .less(&[(RESTIC, 0.75)]),
    row(Group::Restore, RestoreNull, "restore to /dev/null", "MB/s")
        .more(&[(RESTIC, 3.0), (BUPSTASH, 1.0)])
        .within(&[PIPE], 0.7),
    row(Group::Restore, RestoreFile, "restore to a file", "MB/s")
        .more(&[(RESTIC, 2.0), (BUPSTASH, 1.0)])
        .within(&[DISK, DISK_BOTH], 0.8),
    row(Group::Verify, VerifyRate, "verify, stored bytes", "MB/s")
        .more(&[(RESTIC, 4.0)])
        .within(&[DISK, AEAD], 0.8),
    row(Group::Memory, PeakMemory, "peak memory, 5 GiB", "MiB").less(&[(BUDGET, 1.0)]),
    row(Group::Memory, PeakMemorySparse, "peak memory, 50 GiB sparse", "MiB")
        .less(&[(BUDGET, 1.0)]),
    row(Group::Nbd, Random1, "NBD 4 KiB random, depth 1", "IOPS")
        .more(&[(QCOW2, 1.0)])
        .beside(&[RAW]),
    row(Group::Nbd, Random1P50, "NBD 4 KiB random, depth 1, p50", "us").less(&[]).beside(&[RAW]),
    row(Group::Nbd, Random1P99, "NBD 4 KiB random, depth 1, p99", "us")
        .less(&[(QCOW2, 1.0)])
        .beside(&[RAW]),
    row(Group::Nbd, Random32, "NBD 4 KiB random, depth 32", "IOPS")
        .more(&[(QCOW2, 1.0)])
        .beside(&[RAW]),
    row(Group::Nbd, Random32P50, "NBD 4 KiB random, depth 32, p50", "us").less(&[]).beside(&[RAW]),
    row(Group::Nbd, Random32P99, "NBD 4 KiB random, depth 32, p99", "us")
        .less(&[(QCOW2, 1.0)])
        .beside(&[RAW]),
    row(Group::Nbd, Sequential, "NBD 1 MiB sequential", "MB/s")
        .more(&[(QCOW2, 1.5)])
        .beside(&[RAW]),
    row(Group::FirstBlock, FirstBlock1, "NBD first block, 1 point", "ms")
        .less(&[(QCOW2, 2.0)])
        .beside(&[RAW]),
    row(Group::FirstBlock, FirstBlock100, "NBD first block, 100 points", "ms")
        .less(&[(QCOW2, 2.0)])
        .beside(&[RAW]),
    row(Group::Scatter, ScatterTime, "scatter with parent", "s").less(&[(AGAIN, 1.5)]),
    row(Group::Start, StartClosed, "start, 10 M chunks, closed", "s").less(&[(BUDGET, 1.0)]),
    row(Group::Start, StartKilled, "start, 10 M chunks, killed", "s").less(&[(BUDGET, 1.0)]),
    row(Group::Start, StartWriting, "the same, ingest of 1 MiB", "s").less(&[(BUDGET, 1.0)]),
    row(Group::Start, StartMemory, "peak memory of these", "MiB").less(&[(BUDGET, 1.0)]),
    row(Group::Reclaim, ReclaimSecond, "reclaim, every 2nd of 100 points", "s")
        .less(&[(RESTIC, 0.5)]),
    row(Group::Reclaim, ReclaimCpu, "the same, CPU", "s").less(&[]),
    row(Group::Reclaim, ReclaimUnused, "the same, left unused", "%").less(&[]),
    row(Group::Reclaim, ReclaimOldest, "reclaim, oldest 50 of 100 points", "s")
        .less(&[(RESTIC, 0.5)]),
    row(Group::Reclaim, ReclaimOldestCpu, "the same, CPU", "s").less(&[]),
    row(Group::Reclaim, ReclaimOldestUnused, "the same, left unused", "%").less(&[]),
    row(Group::Reclaim, IngestBesideReclaim, "ingest beside reclaim", "MB/s").more(&[(ALONE, 0.7)]),
    row(Group::Reclaim, IngestBesideScrub, "ingest beside scrub", "MB/s").more(&[(ALONE, 0.7)]),
    row(Group::Scrub, ScrubRate, "scrub, one disk", "MB/s").more(&[]).within(&[DISK, CORE], 0.9),
    row(Group::Scrub, ScrubMirrorRate, "scrub, mirror, both disks", "MB/s")
        .more(&[])
        .within(&[DISK, CORE], 0.9),
];
