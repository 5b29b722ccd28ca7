//! Peak memory must not grow with the image: a sparse image of 50 GiB, its data spread evenly.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::bench::data::Data;
use crate::bench::records::{BUDGET, HOLDFAST, Metric, Records};
use crate::bench::tools::{Ingest, Pool};
use crate::bench::work::Work;
use crate::error::{Error, Result};

const IMAGE_BYTES: u64 = 50 << 30;

/// One run of data in the sparse image.
const RUN_BYTES: usize = 1 << 20;

/// Ingests the sparse image into a pool of its own, as a user would: the codec is not forced.
pub(super) fn measure(
    binary: &Path,
    data: &Data,
    work: &Work,
    records: &mut Records,
) -> Result<()> {
    let image = sparse_image(data, work)?;
    let pool = Pool::create(binary, &work.fresh("store")?)?;
    let ingest = Ingest { image: &image, name: "sparse", system: "sparse" };
    let (cost, _) = pool.ingest(&ingest, None)?;
    let peak_mib = cost.peak_bytes as f64 / f64::from(1 << 20);
    eprintln!("  {HOLDFAST:<14}{:<16}{:>7.2} s {peak_mib:>21.0} MiB", "50 GiB sparse", cost.wall_s);
    records.add(HOLDFAST, Metric::PeakMemorySparse, peak_mib);
    records.add(BUDGET, Metric::PeakMemorySparse, pool.memory_budget_mib()?);
    work.fresh("store")?;
    Ok(())
}

/// `random.img` pulled apart. Made once per bench: it lies in the work folder.
fn sparse_image(data: &Data, work: &Work) -> Result<PathBuf> {
    let path = work.path("sparse.img");
    if path.is_file() {
        return Ok(path);
    }
    let random = data.image("random")?.path;
    let source = File::open(&random).map_err(Error::io(&random))?;
    let source_bytes = source.metadata().map_err(Error::io(&random))?.len();
    let target = File::create(&path).map_err(Error::io(&path))?;
    target.set_len(IMAGE_BYTES).map_err(Error::io(&path))?;
    let runs = source_bytes / RUN_BYTES as u64;
    let mut run = vec![0; RUN_BYTES];
    for number in 0..runs {
        let offset = number * RUN_BYTES as u64;
        source.read_exact_at(&mut run, offset).map_err(Error::io(&random))?;
        let place = IMAGE_BYTES / runs * number / RUN_BYTES as u64 * RUN_BYTES as u64;
        target.write_all_at(&run, place).map_err(Error::io(&path))?;
    }
    Ok(path)
}
