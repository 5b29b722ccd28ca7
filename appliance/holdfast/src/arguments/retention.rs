//! What can be typed about keeping and removing recovery points.

use clap::{Args, Subcommand};
use model::Span;

use super::{PoolDisks, Unlock};

#[derive(Debug, Subcommand)]
pub(crate) enum PointsChange {
    /// Remove recovery points. They stay as they are until the delay of their policy has passed.
    Remove(PointsRemove),
    /// Take a removal back.
    Return(PointsNamed),
    /// Keep recovery points, whatever their policy says, until they are released.
    Hold(PointsNamed),
    /// Hold recovery points no longer.
    Release(PointsNamed),
    /// Say that somebody looked at what was unusual about recovery points: expiry goes on.
    Clear(PointsNamed),
}

#[derive(Debug, Args)]
pub(crate) struct PointsNamed {
    #[command(flatten)]
    pub(crate) pool: PoolDisks,
    #[command(flatten)]
    pub(crate) unlock: Unlock,
    /// Recovery points, as listed by `points`; their first characters do.
    #[arg(value_name = "ID", required = true)]
    pub(crate) ids: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct PointsRemove {
    #[command(flatten)]
    pub(crate) named: PointsNamed,
    /// Also the newest recovery point of a system.
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Show what is kept of which system.
    Show(PolicyShow),
    /// Set what is kept of a system. What is not named stays as it is.
    Set(PolicySet),
    /// Let the policy of all systems hold for a system that has one of its own. Its lock stays.
    Drop(PolicyDrop),
}

#[derive(Debug, Args)]
pub(crate) struct PolicyShow {
    #[command(flatten)]
    pub(crate) pool: PoolDisks,
    #[command(flatten)]
    pub(crate) unlock: Unlock,
}

#[derive(Debug, Args)]
pub(crate) struct PolicySet {
    #[command(flatten)]
    pub(crate) pool: PoolDisks,
    #[command(flatten)]
    pub(crate) unlock: Unlock,
    /// Of this system.
    #[arg(long, value_name = "NAME", required_unless_present = "all_systems")]
    pub(crate) system: Option<String>,
    /// Of all systems that have no policy of their own.
    #[arg(long, conflicts_with = "system")]
    pub(crate) all_systems: bool,
    #[command(flatten)]
    pub(crate) rules: PolicyRules,
    /// Do not ask before a lock is set, which nobody can make shorter again.
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyDrop {
    #[command(flatten)]
    pub(crate) pool: PoolDisks,
    #[command(flatten)]
    pub(crate) unlock: Unlock,
    /// Of this system.
    #[arg(long, value_name = "NAME")]
    pub(crate) system: String,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct PolicyRules {
    /// Keep so many newest recovery points. With all counts 0 everything is kept.
    #[arg(long, value_name = "N")]
    pub(crate) last: Option<u16>,
    /// Keep the last of so many hours that have one.
    #[arg(long, value_name = "N")]
    pub(crate) hourly: Option<u16>,
    /// Keep the last of so many days that have one.
    #[arg(long, value_name = "N")]
    pub(crate) daily: Option<u16>,
    /// Keep the last of so many weeks that have one.
    #[arg(long, value_name = "N")]
    pub(crate) weekly: Option<u16>,
    /// Keep the last of so many months that have one.
    #[arg(long, value_name = "N")]
    pub(crate) monthly: Option<u16>,
    /// Keep the last of so many years that have one.
    #[arg(long, value_name = "N")]
    pub(crate) yearly: Option<u16>,
    /// Retention lock, as in 36h, 30d or 1y: nothing younger can be removed by anybody.
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub(crate) lock: Option<Span>,
    /// Time between a removal and the point's going, in which it can be taken back.
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub(crate) delay: Option<Span>,
}

#[derive(Debug, Args)]
pub(crate) struct Expire {
    #[command(flatten)]
    pub(crate) pool: PoolDisks,
    #[command(flatten)]
    pub(crate) unlock: Unlock,
    /// Only points of this system.
    #[arg(long)]
    pub(crate) system: Option<String>,
    /// Only say what would become of every point, and why.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

pub(super) fn span(text: &str) -> Result<Span, String> {
    model::parse_span(text).ok_or_else(|| "a time as in 36h, 30d, 8w or 1y is expected".to_owned())
}
