//! Alert codes: the stable names of what can be wrong with an appliance.
//!
//! Tickets, routing rules and saved alerts keep a code's text, so a code is never renamed and its
//! text never given to another; what is no longer raised is taken out of the list. All that is
//! said of each stands in `table/`, and for people in ALERTS.md.

use std::fmt;
use std::str::FromStr;

use crate::error::UnknownCode;
use crate::table::{Row, alerting, clock, disks, jobs, machine, offsite, pool, power, systems};
use crate::{Severity, Side};

macro_rules! codes {
    ($($variant:ident => $area:ident :: $row:ident,)*) => {
        /// The stable name of a health verdict.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum AlertCode {
            $(#[doc = concat!("Row `", stringify!($row), "` of ALERTS.md.")] $variant,)*
        }

        impl AlertCode {
            /// All of them, in the order of ALERTS.md.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            pub(crate) fn row(self) -> &'static Row {
                match self {
                    $(Self::$variant => &$area::$row,)*
                }
            }
        }
    };
}

codes! {
    DiskMissing => disks::DISK_MISSING,
    DiskFailed => disks::DISK_FAILED,
    DiskReturned => disks::DISK_RETURNED,
    DiskForeign => disks::DISK_FOREIGN,
    DiskSlow => disks::DISK_SLOW,
    DiskFailing => disks::DISK_FAILING,
    DiskSectors => disks::DISK_SECTORS,
    DiskWorn => disks::DISK_WORN,
    DiskHot => disks::DISK_HOT,
    PoolDegraded => pool::POOL_DEGRADED,
    PoolResyncing => pool::POOL_RESYNCING,
    RecordsHealed => pool::RECORDS_HEALED,
    StoreDamaged => pool::STORE_DAMAGED,
    LogDamaged => pool::LOG_DAMAGED,
    IndexRebuilt => pool::INDEX_REBUILT,
    PointsLost => pool::POINTS_LOST,
    PoolNotOpenable => pool::POOL_NOT_OPENABLE,
    PoolLocked => pool::POOL_LOCKED,
    KitUnproved => pool::KIT_UNPROVED,
    PoolFilling => pool::POOL_FILLING,
    SpaceLow => pool::SPACE_LOW,
    PoolFull => pool::POOL_FULL,
    PointsScattered => pool::POINTS_SCATTERED,
    MemoryLow => machine::MEMORY_LOW,
    MemoryErrors => machine::MEMORY_ERRORS,
    BoxHot => machine::BOX_HOT,
    FanFailed => machine::FAN_FAILED,
    ServiceFailed => machine::SERVICE_FAILED,
    EngineRestarted => machine::ENGINE_RESTARTED,
    StateUnknown => machine::STATE_UNKNOWN,
    UpsOnBattery => power::UPS_ON_BATTERY,
    UpsBatteryLow => power::UPS_BATTERY_LOW,
    UpsBatteryOld => power::UPS_BATTERY_OLD,
    UpsTestFailed => power::UPS_TEST_FAILED,
    UpsUnreachable => power::UPS_UNREACHABLE,
    ClockJumped => clock::CLOCK_JUMPED,
    ClockUnsynchronised => clock::CLOCK_UNSYNCHRONISED,
    ClockImplausible => clock::CLOCK_IMPLAUSIBLE,
    RunningBehind => clock::RUNNING_BEHIND,
    CertificateExpiring => clock::CERTIFICATE_EXPIRING,
    CertificateExpired => clock::CERTIFICATE_EXPIRED,
    JobFailed => jobs::JOB_FAILED,
    JobRetrying => jobs::JOB_RETRYING,
    JobWarned => jobs::JOB_WARNED,
    JobStalled => jobs::JOB_STALLED,
    JobOverdue => jobs::JOB_OVERDUE,
    JobInterrupted => jobs::JOB_INTERRUPTED,
    MaintenanceOverdue => jobs::MAINTENANCE_OVERDUE,
    MaintenanceFailed => jobs::MAINTENANCE_FAILED,
    ScheduleMissed => systems::SCHEDULE_MISSED,
    SystemUnseen => systems::SYSTEM_UNSEEN,
    RpoBreached => systems::RPO_BREACHED,
    NeverProtected => systems::NEVER_PROTECTED,
    PointSuspect => systems::POINT_SUSPECT,
    ExpiryFrozen => systems::EXPIRY_FROZEN,
    PointsUnverified => systems::POINTS_UNVERIFIED,
    OffsiteLagging => offsite::OFFSITE_LAGGING,
    VaultUnreachable => offsite::VAULT_UNREACHABLE,
    VaultRefused => offsite::VAULT_REFUSED,
    LineSlow => offsite::LINE_SLOW,
    ChannelDead => alerting::CHANNEL_DEAD,
    WarningsTooMany => alerting::WARNINGS_TOO_MANY,
    AlertsOverflow => alerting::ALERTS_OVERFLOW,
}

impl AlertCode {
    /// Its text, as in `disk-missing`.
    pub fn as_str(self) -> &'static str {
        self.row().name
    }

    /// What it says, in a few words.
    pub fn title(self) -> &'static str {
        self.row().title
    }

    /// How bad it is unless a finding says otherwise.
    pub fn severity(self) -> Severity {
        Severity::clamped(self.row().severity)
    }

    /// Where the fault lies unless a finding says otherwise.
    pub fn side(self) -> Side {
        self.row().side
    }

    /// The journal's `MESSAGE_ID`: the same for ever, so that `journalctl` finds all of a kind.
    pub fn message_id(self) -> u128 {
        self.row().message_id
    }

    /// The sentence that says what is wrong, with the names of its facts in braces.
    pub fn cause(self) -> &'static str {
        self.row().cause
    }

    /// The runbook line: what to do next, with the names of its facts in braces.
    pub fn next(self) -> &'static str {
        self.row().next
    }

    /// What must hold for its alert to clear by itself.
    pub fn clears(self) -> &'static str {
        self.row().clears
    }

    /// Minutes of running time for which that must have held.
    pub fn hold_minutes(self) -> u16 {
        self.row().hold_minutes
    }
}

impl fmt::Display for AlertCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for AlertCode {
    type Err = UnknownCode;

    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        Self::ALL.iter().find(|code| code.as_str() == text).copied().ok_or(UnknownCode)
    }
}
