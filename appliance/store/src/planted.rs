//! Bugs on purpose, to test the tests: with the feature `planted` a test can switch one on and
//! demand that the harness finds it. Without the feature every switch is the constant `false`.

/// One mutation of one place in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    /// A commit is acknowledged without a flush.
    AckBeforeFlush,
    /// Records are not compared with their checksums.
    NoRecordChecksum,
    /// A commit that nothing proves durable is believed without looking at its records.
    TailUnverified,
    /// A footer that an unproved commit names is believed without looking.
    FooterUnverified,
    /// All generations of the superblock go to the same pair of slots.
    OneSuperblockPair,
    /// The slots of the checkpoint before are free as soon as there is a newer one.
    CheckpointReusedEarly,
    /// The log goes around without a checkpoint.
    LogOverrun,
    /// The log is written to one of its two rings only.
    LogOnce,
    /// Recovery does not look behind the first bad record of the log.
    NoLookBehind,
    /// Nothing tells a log record that a crash left from one that came after it.
    StaleTail,
    /// A segment's salt follows from its number.
    SaltRepeats,
    /// A disk that failed is not named as missing.
    FailureUnrecorded,
    /// A disk that was left behind is used.
    StaleAccepted,
    /// A disk that is generations behind is used.
    LaggingAccepted,
    /// Healing copies whole blocks from the other disk without looking at what is in them.
    HealUnverified,
    /// A checkpoint names records that no commit has made durable.
    CheckpointUncommitted,
    /// Superblocks always say that nothing came after them.
    AlwaysClosed,
    /// The copies of the wrapped keys are all in flight at once.
    KeysAtOnce,
    /// What is found or appended while reclaim runs is not remembered.
    UsesForgotten,
    /// Reclaim does not look whether what it moved can be read where it is now.
    NotReadBack,
    /// The slots of a retired segment are free at once.
    ReleasedEarly,
    /// A scrub goes on behind what was handed out, read or not.
    ScrubSkips,
    /// A disk passes for complete while it lacks segments.
    CompleteEarly,
    /// A disk that lacks segments goes on without the one that has them.
    SyncingAlone,
    /// A copy is made of whatever the source gives.
    CopyUnverified,
    /// What a returned disk holds is believed without looking.
    ReturnTrusted,
    /// A commit leaves out a writer that somebody appends with.
    BusyWriterSkipped,
    /// Who shares a commit is told that it is done when it has begun.
    AckWhenTaken,
    /// Between looking for a free slot and taking it, others look too.
    SlotSeenThenTaken,
    /// Whoever found something in a segment while it was being retired has no claim to it.
    LeaseSeenEarly,
    /// What is found in a segment counts as found when the segment has been retired meanwhile.
    FoundWhereItWas,
    /// What is retired while others are released goes with them.
    ReleasedUnaged,
    /// A segment leaves the table before it is among those that were retired.
    NowhereForAMoment,
    /// A disk leaves before the one that takes over from it has everything.
    RelievedEarly,
    /// A disk that leaves does not say so itself.
    LeftUnmarked,
    /// A disk from before another came in speaks for the pool.
    ForgetfulSpeaks,
    /// Whoever missed a mere change of members counts as having lost writes.
    ChangeTakenForLoss,
    /// The witness is not told that a disk was left behind.
    WitnessUntold,
    /// What a disk that is being filled may have is forgotten.
    ForgottenWhileFilled,
}

#[cfg(all(test, feature = "planted"))]
impl Bug {
    /// All that one thread shows.
    pub(crate) const ALL: &'static [Self] = &[
        Self::AckBeforeFlush,
        Self::NoRecordChecksum,
        Self::TailUnverified,
        Self::FooterUnverified,
        Self::OneSuperblockPair,
        Self::CheckpointReusedEarly,
        Self::LogOverrun,
        Self::LogOnce,
        Self::NoLookBehind,
        Self::StaleTail,
        Self::SaltRepeats,
        Self::FailureUnrecorded,
        Self::StaleAccepted,
        Self::LaggingAccepted,
        Self::HealUnverified,
        Self::CheckpointUncommitted,
        Self::AlwaysClosed,
        Self::KeysAtOnce,
        Self::UsesForgotten,
        Self::NotReadBack,
        Self::ReleasedEarly,
        Self::ScrubSkips,
        Self::CompleteEarly,
        Self::SyncingAlone,
        Self::CopyUnverified,
        Self::ReturnTrusted,
        Self::RelievedEarly,
        Self::LeftUnmarked,
        Self::ForgetfulSpeaks,
        Self::ChangeTakenForLoss,
        Self::WitnessUntold,
        Self::ForgottenWhileFilled,
    ];
}

#[cfg(feature = "planted")]
thread_local! {
    static PLANTED: std::cell::Cell<Option<Bug>> = const { std::cell::Cell::new(None) };
}

/// Whether this bug is to happen.
#[cfg(feature = "planted")]
pub(crate) fn planted(bug: Bug) -> bool {
    PLANTED.with(|planted| planted.get() == Some(bug))
}

/// Whether this bug is to happen: never.
#[cfg(not(feature = "planted"))]
pub(crate) const fn planted(_: Bug) -> bool {
    false
}

/// Makes a bug happen in all stores that this thread works on.
#[cfg(all(test, feature = "planted"))]
pub(crate) fn plant(bug: Option<Bug>) {
    PLANTED.with(|planted| planted.set(bug));
}
