//! `cargo xtask bench`: Holdfast and its rivals on the same images in one run, in one table.
//!
//! Every figure is a median over runs in which the tools take turns, so that a slow minute of the
//! machine hits all of them. Rivals and limits are measured beside Holdfast each time: absolute
//! figures of another day or machine say little, the ratios say much.
//!
//! What can go wrong is load from elsewhere: the load average stands above the table. On a shared
//! machine start the bench in a session of its own (`setsid`) and write -10 to that session's
//! `/proc/self/autogroup`; `nice` has no effect between sessions where autogroups are on.

mod data;
mod limits;
mod memory;
mod nbd;
mod reclaim;
mod records;
mod report;
mod rows;
mod scrub;
mod series;
mod start;
mod timed;
mod tools;
mod work;

use std::path::PathBuf;

use crate::bench::data::Data;
use crate::bench::records::Records;
use crate::bench::rows::Group;
use crate::bench::series::Plan;
use crate::bench::tools::{Rival, Tool};
use crate::bench::work::Work;
use crate::debian::{self, Package};
use crate::error::Result;
use crate::process::{cargo, shown, target_folder};

const PACKAGES: &[Package] = &[
    Package { name: "time", why: "measures processor time and peak memory of a process tree" },
    Package { name: "fio", why: "measures the disk, and reads from NBD servers" },
    Package { name: "qemu-utils", why: "qemu-nbd and qcow2 are what exports are compared with" },
    Package { name: "libnbd-bin", why: "its nbdcopy reads a whole export to warm its server" },
    Package { name: "openssl", why: "measures how fast this processor encrypts" },
    Package { name: "procps", why: "ends NBD servers by its kill" },
    Package { name: "b3sum", why: "measures how fast this processor hashes" },
];

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder of the images; they are generated there when missing (about 20 GB)
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// Which images to generate: another seed gives other contents and packages
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// How often each figure is taken; the table shows medians
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,

    /// Rows to measure, all without this
    #[arg(long, value_name = "ROW", value_delimiter = ',')]
    rows: Vec<Group>,

    /// Rivals to measure
    #[arg(long, value_delimiter = ',', default_value = "restic,borg,bupstash")]
    rivals: Vec<Rival>,

    /// Measure the rivals and limits alone
    #[arg(long)]
    rivals_only: bool,

    /// Program that does the least work an ingest must do, as the limit for ingest and restore
    #[arg(long, value_name = "PATH")]
    pipe: Option<PathBuf>,

    /// Print every sample as JSON instead of the table
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    debian::ensure(PACKAGES)?;
    let groups = if args.rows.is_empty() { Group::all() } else { args.rows.clone() };
    let data = match groups[..] {
        [Group::Start] => Data::without_images(&data_folder(args))?,
        _ => Data::open_or_generate(&data_folder(args), args.seed)?,
    };
    let work = Work::begin(data.folder())?;
    let mut records = Records::default();
    let load = report::load_average()?;
    measure(args, &groups, &data, &work, &mut records)?;
    if args.json {
        println!("{}", report::json(&groups, &records));
    } else {
        println!("load average {load} at the start, {} at the end\n", report::load_average()?);
        print!("{}", report::table(&groups, &records));
    }
    Ok(())
}

fn measure(
    args: &Args,
    groups: &[Group],
    data: &Data,
    work: &Work,
    records: &mut Records,
) -> Result<()> {
    let holdfast = if args.rivals_only { None } else { Some(build_holdfast()?) };
    let plan = Plan::for_groups(groups);
    let mut tools = tools(args, &plan, holdfast.as_deref())?;
    for run in 1..=args.runs {
        eprintln!("run {run} of {}", args.runs);
        limits::measure(args.pipe.as_deref(), groups, data, work, records)?;
        for tool in &mut tools {
            series::measure(tool.as_mut(), &plan, data, work, records)?;
        }
        if let (Some(binary), true) = (&holdfast, groups.contains(&Group::Memory)) {
            memory::measure(binary, data, work, records)?;
        }
    }
    if let (Some(binary), true) = (&holdfast, groups.contains(&Group::Start)) {
        start::measure(binary, args.runs, work, records)?;
    }
    let reclaims = reclaim::Plan {
        groups,
        holdfast: holdfast.as_deref(),
        rivals: &args.rivals,
        seed: args.seed,
        runs: args.runs,
    };
    reclaim::measure(&reclaims, data, work, records)?;
    if let (Some(binary), true) = (&holdfast, groups.contains(&Group::Scrub)) {
        scrub::measure(binary, args.runs, data, work, records)?;
    }
    nbd::measure(holdfast.as_deref(), groups, args.runs, data, work, records)
}

/// Every tool that the series needs: none when only exports are measured.
fn tools(
    args: &Args,
    plan: &Plan,
    holdfast: Option<&std::path::Path>,
) -> Result<Vec<Box<dyn Tool>>> {
    let mut tools: Vec<Box<dyn Tool>> = Vec::new();
    if plan.is_empty() {
        return Ok(tools);
    }
    if let Some(binary) = holdfast {
        tools.push(Box::new(tools::Holdfast::lz4(binary)));
        if plan.stores_with_zstd() {
            tools.push(Box::new(tools::Holdfast::zstd(binary)));
        }
    }
    for rival in &args.rivals {
        tools.push(rival.ready()?);
    }
    Ok(tools)
}

fn build_holdfast() -> Result<PathBuf> {
    shown(cargo().args(["build", "--release", "--quiet", "--locked", "--package", "holdfast"]))?;
    Ok(target_folder().join("release").join("holdfast"))
}

fn data_folder(args: &Args) -> PathBuf {
    let default = || work::cache_folder().join(format!("data-{}", args.seed));
    args.data.clone().unwrap_or_else(default)
}
