//! An ingest with something beside it, measured: how far it was at which moment, and from when to
//! when the other ran.
//!
//! A pool is open in one process at a time, so what a daemon would do in two of its threads cannot
//! be measured by two commands. The answer is one line of JSON; whoever reads it compares the curve
//! with that of an ingest without anything beside it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "whoever measures sees the panic")]

mod beside;
mod pool;

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use ingest::{Compression, FileSource, Ingest, NewVolume, Options, Parent};
use model::{Consistency, PointId, WallTime};
use record::Progress;

use crate::pool::Opened;

/// How often it is noted how far the ingest is.
const SAMPLE_EVERY: Duration = Duration::from_millis(10);

/// The other begins when one in so many bytes of the ingest is through, so that both are at work.
const BEGINS_AFTER_ONE_IN: u64 = 20;

#[derive(Debug, Parser)]
#[command(name = "beside", about = "Measures an ingest with something beside it")]
struct Args {
    /// A disk of the pool
    #[arg(long, value_name = "FILE", required = true)]
    disk: Vec<PathBuf>,

    /// The recovery kit that opens it
    #[arg(long, value_name = "FILE")]
    kit: PathBuf,

    /// What is taken in, as a system of its own
    #[arg(long, value_name = "FILE")]
    image: PathBuf,

    /// What runs beside it
    #[arg(long, value_enum, default_value_t = Other::Nothing)]
    with: Other,

    /// For how much of the time it may work while the ingest runs, in percent
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100))]
    duty: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Other {
    Nothing,
    Reclaim,
    Scrub,
    /// Of a disk that came in; its pace is its own
    Resync,
}

/// Seconds since the ingest began, and bytes that were through.
type Sample = (f64, u64);

fn main() {
    let args = Args::parse();
    let opened = Opened::open(&args.disk, &args.kit);
    let (curve, ran) = both(&opened, &args);
    opened.close();
    let curve: Vec<String> = curve.iter().map(|(at, bytes)| format!("[{at:.4},{bytes}]")).collect();
    let (from, to) = ran.unwrap_or_default();
    println!("{{\"curve\":[{}],\"from\":{from:.4},\"to\":{to:.4}}}", curve.join(","));
}

/// The curve, and from when to when the other ran.
fn both(opened: &Opened, args: &Args) -> (Vec<Sample>, Option<(f64, f64)>) {
    let progress = Progress::default();
    let began = Instant::now();
    let elapsed = move || began.elapsed().as_secs_f64();
    thread::scope(|scope| {
        let taking = scope.spawn(|| take_in(opened, args, &progress));
        let (mut curve, mut other) = (Vec::new(), None);
        while !taking.is_finished() {
            let (done, total) = (progress.done(), progress.total());
            curve.push((elapsed(), done));
            let due = total > 0 && done >= total / BEGINS_AFTER_ONE_IN;
            if other.is_none() && args.with != Other::Nothing && due {
                other = Some(scope.spawn(move || {
                    let from = elapsed();
                    beside::run(opened, args.with, args.duty);
                    (from, elapsed())
                }));
            }
            thread::sleep(SAMPLE_EVERY);
        }
        taking.join().unwrap();
        curve.push((elapsed(), progress.done()));
        (curve, other.map(|other| other.join().unwrap()))
    })
}

fn take_in(opened: &Opened, args: &Args, progress: &Progress) {
    let source = FileSource::open(&args.image).expect("the image opens");
    let cores = thread::available_parallelism().map_or(2, usize::from);
    let ingest = Ingest {
        access: &opened.access,
        catalog: &opened.catalog,
        volumes: vec![NewVolume { name: "disk".into(), source: &source, hint: None }],
        options: Options {
            system: "beside".into(),
            compression: Compression::Lz4,
            workers: cores + 1,
            parent: Parent::None,
            point: PointId([7; 16]),
            consistency: Consistency::default(),
            now: WallTime(1),
            uptime: pool::UPTIME,
        },
        progress,
    };
    ingest.run().expect("the ingest");
}
