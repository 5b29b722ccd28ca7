//! What others know: the service manager, UDisks2, the server of Network UPS Tools.

use std::collections::BTreeSet;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use health::facts::{Reading, UpsFacts};
use store::MemberStatus;

use super::smart::Known;
use super::{services, ups};
use crate::engine::{Engine, lock};

/// How often UDisks2 is asked: it asks disks itself every ten minutes.
const SMART_EVERY: Duration = Duration::from_secs(300);

/// What was answered.
#[derive(Debug)]
pub(crate) struct Outside {
    /// Services of the appliance that have failed; `None` if nobody says.
    pub(super) failed_services: Option<Vec<String>>,
    pub(super) smart: Arc<Known>,
    pub(super) ups: Reading<Vec<UpsFacts>>,
}

/// What was known of the disks when they were last asked about.
#[derive(Debug, Default)]
pub(crate) struct LastSmart {
    asked: Option<(Instant, BTreeSet<u64>)>,
    known: Arc<Known>,
}

impl Outside {
    /// Asks all of them at once; each has some seconds.
    pub(crate) async fn ask(engine: &Engine, members: &[MemberStatus]) -> Self {
        let failed_services = async {
            match engine.system_bus.get() {
                Some(bus) => services::failed(bus).await,
                // On a workstation nobody manages services.
                None => Some(Vec::new()),
            }
        };
        let ups = async {
            match &engine.config.ups {
                Some(address) => ups::ask(address, &engine.supplies).await,
                // Nobody has said that there is one.
                None => Reading::Absent,
            }
        };
        let (failed_services, smart, ups) =
            tokio::join!(failed_services, smart(engine, members), ups);
        Self { failed_services, smart, ups }
    }
}

async fn smart(engine: &Engine, members: &[MemberStatus]) -> Arc<Known> {
    let names = members.iter().filter_map(|member| member.name.as_deref());
    let devices: BTreeSet<u64> = names.filter_map(device).collect();
    let Some(bus) = engine.system_bus.get().filter(|_| !devices.is_empty()) else {
        return Arc::default();
    };
    {
        let last = lock(&engine.smart);
        let is_new =
            |(when, of): &(Instant, BTreeSet<u64>)| when.elapsed() < SMART_EVERY && *of == devices;
        if last.asked.as_ref().is_some_and(is_new) {
            return last.known.clone();
        }
    }
    let list: Vec<u64> = devices.iter().copied().collect();
    let known = Arc::new(Known::ask(bus, &list).await);
    let asked = Some((Instant::now(), devices));
    *lock(&engine.smart) = LastSmart { asked, known: known.clone() };
    known
}

/// The number of a block device; `None` for anything else.
pub(super) fn device(name: &str) -> Option<u64> {
    let meta = std::fs::metadata(Path::new(name)).ok()?;
    meta.file_type().is_block_device().then(|| meta.rdev())
}
