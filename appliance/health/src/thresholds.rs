//! From where on a fact is a finding.

use model::Span;

/// Limits of the monitors. The defaults hold for a box in an office.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// Most that a disk may have when it does not say itself, in °C.
    pub disk_celsius: i16,
    /// Most that a sensor may have when it does not say itself, in °C.
    pub box_celsius: i16,
    /// Least that a fan may turn when the board does not say, in rounds a minute.
    pub fan_rpm: u32,
    /// Most reallocated sectors of a disk. Of pending and uncorrectable ones any is too many.
    pub reallocated: u64,
    /// Most wear of a disk, in per cent of its rated writes.
    pub wear_percent: u8,
    /// Most that the slowest one in a hundred requests of a disk may take, in milliseconds.
    pub disk_latency_ms: u32,
    /// Least memory that is available, in per cent.
    pub memory_percent: u8,
    /// Below so much free, in per cent, or so many days until full, room is low.
    pub space_low_percent: u8,
    pub space_low_days: f64,
    /// Below so much free, in per cent, or so many days until full, it is time to plan.
    pub space_early_percent: u8,
    pub space_early_days: f64,
    /// Charge of a UPS on battery below which it is nearly empty, in per cent.
    pub ups_charge_percent: u8,
    /// Runtime of a UPS on battery below which it is nearly empty.
    pub ups_runtime: Span,
    /// Age at which a battery is to be replaced.
    pub ups_battery: Span,
    /// Largest jump of a clock that is not told.
    pub clock_jump: Span,
    /// For so long a clock may go without being confirmed.
    pub clock_unconfirmed: Span,
    /// Least share of the time that a box must run, in per cent.
    pub running_percent: u8,
    /// For so long before it expires a certificate is an alert.
    pub certificate: Span,
    /// For so long a running job may move no byte.
    pub stall: Span,
    /// For so long a job may run when it has no deadline of its own.
    pub deadline: Span,
    /// For so long after it was due a run may wait for its turn.
    pub start_grace: Span,
    /// For so long a protected system may be unseen.
    pub unseen: Span,
    /// So much later than due maintenance is overdue, in per cent of how often it is due.
    pub maintenance_grace_percent: u32,
    /// Most reads of a recovery point, as a multiple of those in order.
    pub amplification: f64,
    /// For so long a vault may not answer.
    pub vault_silent: Span,
    /// So far a vault may be behind.
    pub offsite_lag: Span,
    /// Least rate of a line, in per cent of the usual.
    pub line_percent: u8,
    /// For so long a channel may fail.
    pub channel: Span,
    /// Most warnings of one kind a day.
    pub warnings_a_day: u64,
    /// For so long what happened once stays a finding.
    pub event: Span,
}

const MINUTE: u64 = 60;
const HOUR: u64 = 3600;
const DAY: u64 = 86_400;

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            disk_celsius: 55,
            box_celsius: 75,
            fan_rpm: 300,
            reallocated: 10,
            wear_percent: 90,
            disk_latency_ms: 2000,
            memory_percent: 5,
            space_low_percent: 10,
            space_low_days: 7.0,
            space_early_percent: 20,
            space_early_days: 30.0,
            ups_charge_percent: 30,
            ups_runtime: Span(5 * MINUTE),
            ups_battery: Span(4 * 365 * DAY),
            clock_jump: Span(5 * MINUTE),
            clock_unconfirmed: Span(DAY),
            running_percent: 75,
            certificate: Span(30 * DAY),
            stall: Span(15 * MINUTE),
            deadline: Span(DAY),
            start_grace: Span(15 * MINUTE),
            unseen: Span(DAY),
            maintenance_grace_percent: 50,
            amplification: 1.25,
            vault_silent: Span(HOUR),
            offsite_lag: Span(DAY),
            line_percent: 50,
            channel: Span(HOUR),
            warnings_a_day: 20,
            event: Span(DAY),
        }
    }
}
