//! What must hold of a pool after a power failure.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use catalog::{Catalog, Uptime};
use disk::sim::{SimMachine, SimRng};
use futures_executor::block_on;
use model::WallTime;
use record::{Progress, RecordReader, TenantAccess};
use restore::{Depth, RestorePoint, broken_points, restore};
use seal::{Backend, Keyring, KitSecret};
use store::{Entropy, OpenOptions, Store};

use crate::recording::Recording;
use crate::same::Same;
use crate::story::Expected;

/// What is wrong with a state.
pub(crate) type Finding = String;

/// Opens the pool that `recording` left after its first `moment` requests and a power failure,
/// checks everything in it, goes on with it, lets the power fail again in the middle of that, and
/// checks everything once more.
pub(crate) fn check(
    recording: &Recording,
    state: &SimMachine,
    moment: usize,
    rng: &mut SimRng,
) -> Result<(), Finding> {
    let expected = recording.story.at(moment);
    let begun = look(recording, state, &expected, rng)?;
    let events = state.event_count() as u64;
    let at = rng.below(events + 1) as usize;
    let again = state.crashed(at, rng);
    // What was listed once has been seen by somebody.
    let expected = Expected { must: begun, may: expected.may };
    let outcome = look(recording, &again, &expected, rng);
    outcome.map(drop).map_err(|finding| format!("{finding}, after a second failure at {at}"))
}

/// Opens the pool, reads everything, commits something and closes. Returns the points that are
/// listed.
fn look<'a>(
    recording: &Recording,
    state: &SimMachine,
    expected: &Expected<'a>,
    rng: &mut SimRng,
) -> Result<BTreeMap<&'a str, usize>, Finding> {
    let pool = open(recording, state, rng)?;
    let listed = pool.listed(expected)?;
    for point in pool.catalog.points() {
        let id = point.id.to_string();
        let image = listed.get(id.as_str()).and_then(|image| recording.images.get(*image));
        let image = image.ok_or_else(|| format!("{id} has no image"))?;
        pool.read(point, image).map_err(|finding| format!("point {id}: {finding}"))?;
    }
    pool.scrub()?;
    pool.go_on()?;
    Ok(listed)
}

/// An opened pool with its keys.
struct Pool {
    store: Store,
    catalog: Arc<Catalog>,
    access: Arc<TenantAccess>,
}

/// Opens in the first way that works. Only a pool whose disks change has more than one.
fn open(recording: &Recording, state: &SimMachine, rng: &mut SimRng) -> Result<Pool, Finding> {
    let mut refusals = Vec::new();
    for way in &recording.ways {
        match open_way(recording, state, way, rng) {
            Ok(pool) => return Ok(pool),
            Err(refusal) => refusals.push(format!("with disks {way:?}: {refusal}")),
        }
    }
    Err(format!("does not open {}", refusals.join(", ")))
}

fn open_way(
    recording: &Recording,
    state: &SimMachine,
    way: &[usize],
    rng: &mut SimRng,
) -> Result<Pool, Finding> {
    let disks = way.iter().map(|disk| state.disk(*disk)).collect();
    let catalog = Arc::new(Catalog::default());
    let entropy = Arc::new(Seeded(Mutex::new(rng.clone())));
    // What a user names is what there is: one disk alone only if the other has left.
    let options = OpenOptions { read_only: false, allow_missing: false };
    let opened = now(Store::open(disks, options, entropy, catalog.clone()))?;
    // Only who takes a disk out of a pool leaves one behind: power failures do not.
    if let Some(stale) = opened.stale.first().filter(|_| recording.ways.len() == 1) {
        return Err(format!("{stale} was left behind"));
    }
    let keys = now(opened.store.keys())?;
    let keyring = Keyring::decode(&keys).map_err(text)?;
    let kit = recording.story.kit.lines().filter(|line| !line.starts_with('#'));
    let kit = KitSecret::parse(&kit.collect::<Vec<_>>().join(" ")).map_err(text)?;
    let unlocked = keyring.unlock_with_kit(&kit).map_err(text)?;
    let tenant = unlocked.tenants().first().ok_or("has no tenant")?;
    let access = TenantAccess::new(opened.store.clone(), tenant.clone(), Backend::default());
    Ok(Pool { store: opened.store, catalog, access })
}

impl Pool {
    /// The points of the catalog, each of which is expected.
    fn listed<'a>(&self, expected: &Expected<'a>) -> Result<BTreeMap<&'a str, usize>, Finding> {
        let mut listed = BTreeMap::new();
        for point in self.catalog.points() {
            let id = point.id.to_string();
            let known = expected.may.get_key_value(id.as_str());
            let (id, image) = known.ok_or_else(|| format!("{id} is listed, and should not be"))?;
            listed.insert(*id, *image);
        }
        match expected.must.keys().find(|id| !listed.contains_key(*id)) {
            Some(lost) => Err(format!("{lost} was acknowledged and is lost")),
            None => Ok(listed),
        }
    }

    fn read(&self, point: catalog::Point, image: &[u8]) -> Result<(), Finding> {
        let opened = now(RestorePoint::open(&self.access, point))?;
        let volume = opened.volume(0).ok_or("has no volume")?;
        if volume.bytes() != image.len() as u64 {
            return Err(format!("is {} bytes long, not {}", volume.bytes(), image.len()));
        }
        let target = Same::new(image);
        restore(&self.access, || volume.clone(), &target, 1, &Progress::default()).map_err(text)?;
        match target.differs() {
            Some(at) => Err(format!("differs from its image from {at} on")),
            None => Ok(()),
        }
    }

    /// What `holdfast verify` does: nothing is lost, and every point has all that it names.
    fn scrub(&self) -> Result<(), Finding> {
        let mut reader = RecordReader::new(&self.access).map_err(text)?;
        let mut lost = now(self.store.scrub_structures())?.lost;
        for segment in self.store.segment_list() {
            let scrubbed = now(self.store.scrub_segment(segment, |view| reader.check_seal(view)))?;
            lost.extend(scrubbed.lost);
        }
        let points = self.catalog.points();
        let depth = Depth::Tags;
        let broken = now(broken_points(&self.access, points, &lost, depth, &Progress::default()))?;
        match (lost.first(), broken.first()) {
            (Some(record), _) => Err(format!("verify finds record {record} lost")),
            (_, Some(broken)) => Err(format!("verify finds point {} broken", broken.point)),
            _ => Ok(()),
        }
    }

    /// The first commit of a new opening, and the end of it.
    fn go_on(&self) -> Result<(), Finding> {
        let uptime = Uptime { boot: [7; 16], seconds: 1, proven: None };
        let event = self.catalog.clock_event(uptime, WallTime(0));
        now(catalog::commit_all(&self.store, vec![event]))?;
        now(self.store.clone().close())
    }
}

/// The outcome of something whose disks answer at once.
fn now<T, E: std::fmt::Display>(work: impl Future<Output = Result<T, E>>) -> Result<T, Finding> {
    block_on(work).map_err(text)
}

fn text(error: impl std::fmt::Display) -> Finding {
    error.to_string()
}

/// Randomness that repeats.
struct Seeded(Mutex<SimRng>);

impl Entropy for Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        let mut rng = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bytes.iter_mut().for_each(|byte| *byte = rng.next_u64() as u8);
    }
}
