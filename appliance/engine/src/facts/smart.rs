//! What disks say of themselves (SMART), as UDisks2 on the system bus knows it.
//!
//! Asking a disk takes privileges that the engine has not; UDisks2 asks every ten minutes and tells
//! everybody.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use health::facts::{Reading, Smart};

use zbus::{Connection, OwnedObjectPath, OwnedVariant};

/// How long it is waited for all answers.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a disk said longer ago than this, in seconds, says nothing of how it is.
const STALE: u64 = 26 * 3600;

const SERVICE: &str = "org.freedesktop.UDisks2";
const BLOCK: &str = "org.freedesktop.UDisks2.Block";
const ATA: &str = "org.freedesktop.UDisks2.Drive.Ata";
const NVME: &str = "org.freedesktop.UDisks2.NVMe.Controller";

/// 0 degrees Celsius in kelvins, to the degree.
const FREEZING: i64 = 273;

/// Objects with their interfaces, with their properties.
type Objects = HashMap<OwnedObjectPath, HashMap<String, HashMap<String, OwnedVariant>>>;

/// An attribute of an ATA disk: number, name, flags, value, worst, threshold, what it means, in
/// which unit, and more.
type Attribute = (u8, String, u16, i32, i32, i32, i64, i32, HashMap<String, OwnedVariant>);

/// What UDisks2 knows, by the numbers of block devices.
#[derive(Debug, Default)]
pub(crate) struct Known(HashMap<u64, Reading<Smart>>);

impl Known {
    /// Absent: the disk has no SMART. Unknown: nobody says.
    pub(crate) fn of(&self, device: u64) -> Reading<Smart> {
        self.0.get(&device).cloned().unwrap_or(Reading::Unknown)
    }

    /// Asks for these devices. Of a service that is not there, or takes too long, nothing is known.
    pub(crate) async fn ask(bus: &Connection, devices: &[u64]) -> Self {
        let asked = tokio::time::timeout(PATIENCE, Self::answered(bus, devices)).await;
        asked.unwrap_or_default()
    }

    async fn answered(bus: &Connection, devices: &[u64]) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let mut known = HashMap::new();
        let Some(objects) = objects(bus).await else { return Self::default() };
        for device in devices {
            let drive = drive_of(&objects, *device);
            let Some((path, interfaces)) = drive.and_then(|drive| objects.get_key_value(&drive))
            else {
                continue;
            };
            let smart = match (interfaces.get(ATA), interfaces.get(NVME)) {
                (Some(ata), _) => of_ata(ata, call(bus, path, ATA).await, now),
                (_, Some(nvme)) => of_nvme(nvme, call(bus, path, NVME).await, now),
                (None, None) if is_virtual(*device) => Reading::Absent,
                // Behind a controller, or of a kind that this UDisks2 does not ask: of NVMe
                // versions before 2.10 know nothing.
                (None, None) => Reading::Unknown,
            };
            known.insert(*device, smart);
        }
        Self(known)
    }
}

async fn objects(bus: &Connection) -> Option<Objects> {
    let asked = bus.call_method(
        Some(SERVICE),
        "/org/freedesktop/UDisks2",
        Some("org.freedesktop.DBus.ObjectManager"),
        "GetManagedObjects",
        &(),
    );
    asked.await.ok()?.body().deserialize().ok()
}

async fn call<T>(bus: &Connection, path: &OwnedObjectPath, interface: &str) -> Option<T>
where
    T: serde::de::DeserializeOwned + zbus::zvariant::Type,
{
    let options: HashMap<String, OwnedVariant> = HashMap::new();
    let method = "SmartGetAttributes";
    let asked = bus.call_method(Some(SERVICE), path, Some(interface), method, &options);
    asked.await.ok()?.body().deserialize().ok()
}

/// Whether no hardware of its own is behind a block device.
fn is_virtual(device: u64) -> bool {
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    let path = std::fs::canonicalize(format!("/sys/dev/block/{major}:{minor}"));
    path.is_ok_and(|path| {
        let path = path.to_string_lossy();
        path.contains("/virtio") || path.contains("/devices/virtual/")
    })
}

/// The drive of a block device; of a partition that of its disk.
fn drive_of(objects: &Objects, device: u64) -> Option<OwnedObjectPath> {
    let mut blocks = objects.values().filter_map(|interfaces| interfaces.get(BLOCK));
    let block = blocks.find(|block| get::<u64>(block, "DeviceNumber") == Some(device))?;
    get(block, "Drive")
}

fn get<T: TryFrom<OwnedVariant>>(
    properties: &HashMap<String, OwnedVariant>,
    name: &str,
) -> Option<T> {
    T::try_from(properties.get(name)?.try_clone().ok()?).ok()
}

/// Whether a drive was asked lately. Never since the start is 0.
fn is_fresh(drive: &HashMap<String, OwnedVariant>, now: u64) -> bool {
    let updated = get(drive, "SmartUpdated").unwrap_or(0_u64);
    updated > 0 && updated.saturating_add(STALE) >= now
}

fn of_ata(
    ata: &HashMap<String, OwnedVariant>,
    attributes: Option<Vec<Attribute>>,
    now: u64,
) -> Reading<Smart> {
    if get(ata, "SmartSupported") != Some(true) {
        return Reading::Absent;
    }
    let failing = get(ata, "SmartFailing").unwrap_or(false);
    let Some(attributes) = attributes.filter(|_| is_fresh(ata, now)) else {
        return only(failing);
    };
    let find = |wanted: u8| attributes.iter().find(|attribute| attribute.0 == wanted);
    let count = |wanted: u8| {
        find(wanted).and_then(|attribute| u64::try_from(attribute.6).ok()).unwrap_or(0)
    };
    // These count down from 100, in this order the ones that most makers mean so: life that is
    // left, media wear-out, wear levelling. What is no number of that kind says nothing.
    let left = [231, 233, 177].into_iter().filter_map(find).map(|attribute| attribute.3);
    let left = left.into_iter().find(|left| (1..=100).contains(left));
    let kelvins = get::<f64>(ata, "SmartTemperature").filter(|kelvins| *kelvins > 0.0);
    Reading::Known(Smart {
        failing,
        reallocated: count(5),
        pending: count(197),
        uncorrectable: count(198),
        wear_percent: left.and_then(|left| u8::try_from(100 - left).ok()),
        celsius: kelvins.map(|kelvins| (kelvins - FREEZING as f64) as i16),
        celsius_max: None,
    })
}

fn of_nvme(
    nvme: &HashMap<String, OwnedVariant>,
    details: Option<HashMap<String, OwnedVariant>>,
    now: u64,
) -> Reading<Smart> {
    let warnings: Vec<String> = get(nvme, "SmartCriticalWarning").unwrap_or_default();
    // Of its warnings temperature is told by itself.
    let failing = warnings.iter().any(|warning| warning != "temperature");
    let Some(details) = details.filter(|_| is_fresh(nvme, now)) else { return only(failing) };
    let celsius = |kelvins: Option<u16>| {
        let kelvins = kelvins.filter(|kelvins| *kelvins > 0)?;
        i16::try_from(i64::from(kelvins) - FREEZING).ok()
    };
    Reading::Known(Smart {
        failing,
        uncorrectable: get(&details, "media_errors").unwrap_or(0),
        wear_percent: get(&details, "percent_used"),
        celsius: celsius(get(nvme, "SmartTemperature")),
        celsius_max: celsius(get(&details, "wctemp")),
        ..Smart::default()
    })
}

/// What is known when a disk says no more than whether it fails.
fn only(failing: bool) -> Reading<Smart> {
    if failing { Reading::Known(Smart { failing, ..Smart::default() }) } else { Reading::Unknown }
}

#[cfg(test)]
mod tests {
    use zbus::Variant;

    use super::*;

    fn properties(list: &[(&str, Variant<'_>)]) -> HashMap<String, OwnedVariant> {
        let owned = |(name, value): &(&str, Variant<'_>)| {
            ((*name).to_owned(), value.try_to_owned().unwrap())
        };
        list.iter().map(owned).collect()
    }

    fn attribute(number: u8, value: i32, pretty: i64) -> Attribute {
        (number, String::new(), 0, value, 0, 0, pretty, 0, HashMap::new())
    }

    #[test]
    fn a_partition_is_found_by_its_number_and_has_the_drive_of_its_disk() {
        let path = |text: &str| OwnedObjectPath::try_from(text.to_owned()).unwrap();
        let drive = path("/org/freedesktop/UDisks2/drives/ST4000");
        let block = |number: u64| {
            let drive = Variant::from(drive.clone().into_inner());
            let block = properties(&[("DeviceNumber", number.into()), ("Drive", drive)]);
            HashMap::from([(BLOCK.to_owned(), block)])
        };
        let objects: Objects =
            [(path("/a/sda"), block(2048)), (path("/a/sda1"), block(2049))].into();
        assert_eq!(drive_of(&objects, 2049), Some(drive));
        assert_eq!(drive_of(&objects, 7), None);
    }

    #[test]
    fn what_an_ata_disk_says_is_known_when_it_was_asked() {
        let told = |updated: u64| {
            properties(&[
                ("SmartSupported", true.into()),
                ("SmartUpdated", updated.into()),
                ("SmartFailing", true.into()),
                ("SmartTemperature", 311.15.into()),
            ])
        };
        // The first two of wear are what drives say that mean something else by them.
        let attributes = || {
            let list = [(5, 100, 8), (177, 0, 0), (197, 100, 2), (198, 100, 1), (231, 93, 0)];
            Some(list.map(|(number, value, pretty)| attribute(number, value, pretty)).to_vec())
        };
        let now = 1_760_000_100;
        let smart = Smart {
            failing: true,
            reallocated: 8,
            pending: 2,
            uncorrectable: 1,
            wear_percent: Some(7),
            celsius: Some(38),
            celsius_max: None,
        };
        assert_eq!(of_ata(&told(1_760_000_000), attributes(), now), Reading::Known(smart));
        let failing = Reading::Known(Smart { failing: true, ..Smart::default() });
        for (updated, attributes) in [(0, attributes()), (1, attributes()), (now, None)] {
            assert_eq!(of_ata(&told(updated), attributes, now), failing, "no more than that");
        }
        assert_eq!(of_ata(&properties(&[]), None, now), Reading::Absent);
        let silent = properties(&[("SmartSupported", true.into())]);
        assert_eq!(of_ata(&silent, Some(Vec::new()), now), Reading::Unknown);
        let invalid = Some(vec![attribute(231, -1, 0)]);
        let Reading::Known(smart) = of_ata(&told(now), invalid, now) else { panic!() };
        assert_eq!(smart.wear_percent, None);
    }

    #[test]
    fn an_nvme_disk_that_is_only_hot_does_not_fail() {
        let told = |warning: &str| {
            properties(&[
                ("SmartUpdated", 1_u64.into()),
                ("SmartCriticalWarning", vec![warning.to_owned()].into()),
                ("SmartTemperature", 330_u16.into()),
            ])
        };
        let details = || {
            let wctemp = ("wctemp", 358_u16.into());
            let used = ("percent_used", 12_u8.into());
            Some(properties(&[used, ("media_errors", 3_u64.into()), wctemp]))
        };
        let smart = Smart {
            uncorrectable: 3,
            wear_percent: Some(12),
            celsius: Some(57),
            celsius_max: Some(85),
            ..Smart::default()
        };
        assert_eq!(of_nvme(&told("temperature"), details(), 2), Reading::Known(smart));
        let failing = Smart { failing: true, ..smart };
        assert_eq!(of_nvme(&told("readonly"), details(), 2), Reading::Known(failing));
        assert_eq!(of_nvme(&told("temperature"), None, 2), Reading::Unknown);
    }
}
