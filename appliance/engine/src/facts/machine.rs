//! The machine: memory, sensors, fans, the clock.

use std::fs;
use std::path::{Path, PathBuf};

use health::facts::{ClockFacts, Fan, MachineFacts, Memory, Reading, Sensor};
use model::{Bytes, Span, WallTime};

use crate::clock::moment;
use crate::engine::Engine;

/// Where the kernel shows sensors and fans.
const HWMON: &str = "/sys/class/hwmon";

/// Sensors, or fans, that are looked at, at most.
const MOST: usize = 64;

/// The year 2026 began: no clock of a box with this version can be earlier.
const BUILT: WallTime = WallTime(1_767_225_600);

pub(super) fn machine(engine: &Engine, failed_services: Option<Vec<String>>) -> MachineFacts {
    MachineFacts {
        memory: memory(),
        sensors: known(sensors(Path::new(HWMON))),
        fans: known(fans(Path::new(HWMON))),
        failed_services,
        restarts: Some(engine.life.restarts(engine.pool.age())),
    }
}

/// A machine without any has none: a virtual one, say.
fn known<T>(list: Vec<T>) -> Reading<Vec<T>> {
    if list.is_empty() { Reading::Absent } else { Reading::Known(list) }
}

fn memory() -> Option<Memory> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let bytes = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(Bytes(kib * 1024))
    };
    let (total, available) = (bytes("MemTotal:")?, bytes("MemAvailable:")?);
    Some(Memory { total, available, errors: None })
}

/// The inputs of one kind below a folder, as in `temp1_input`, each without `_input`.
fn inputs(folder: &Path, kind: &str) -> Vec<PathBuf> {
    let entries = |path: &Path| fs::read_dir(path).into_iter().flatten().flatten();
    let files = entries(folder).flat_map(|chip| entries(&chip.path()).collect::<Vec<_>>());
    let stem = |path: PathBuf| {
        let name = path.file_name()?.to_str()?.strip_suffix("_input")?.to_owned();
        name.starts_with(kind).then(|| path.with_file_name(name))
    };
    let mut found: Vec<PathBuf> = files.filter_map(|file| stem(file.path())).collect();
    found.sort();
    found.truncate(MOST);
    found
}

/// What an input's file says, with `end` behind its name.
fn number(input: &Path, end: &str) -> Option<i64> {
    let mut path = input.as_os_str().to_owned();
    path.push(end);
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn name(input: &Path) -> String {
    let label = {
        let mut path = input.as_os_str().to_owned();
        path.push("_label");
        fs::read_to_string(path).ok()
    };
    let own = input.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let chip = input.parent().and_then(|chip| fs::read_to_string(chip.join("name")).ok());
    let chip = chip.unwrap_or_default();
    format!("{} {}", chip.trim(), label.as_deref().unwrap_or(own).trim()).trim().to_owned()
}

fn sensors(folder: &Path) -> Vec<Sensor> {
    let degrees = |thousandths: i64| i16::try_from(thousandths / 1000).ok();
    let sensor = |input: PathBuf| Sensor {
        name: name(&input),
        celsius: number(&input, "_input").and_then(degrees),
        celsius_max: number(&input, "_crit").and_then(degrees),
    };
    inputs(folder, "temp").into_iter().map(sensor).collect()
}

fn fans(folder: &Path) -> Vec<Fan> {
    let fan = |input: PathBuf| Fan {
        name: name(&input),
        rpm: number(&input, "_input").and_then(|rpm| u32::try_from(rpm).ok()),
        rpm_min: number(&input, "_min").and_then(|rpm| u32::try_from(rpm).ok()),
    };
    inputs(folder, "fan").into_iter().map(fan).collect()
}

pub(super) fn clock(engine: &Engine) -> ClockFacts {
    let now = moment();
    ClockFacts {
        wall: WallTime(now.wall),
        built: BUILT,
        jump: engine.life.jump(now.running),
        unconfirmed: match is_confirmed() {
            true => Reading::Known(Span(0)),
            false => Reading::Absent,
        },
        uptimes: engine.life.uptimes(engine.pool.age(), now.wall),
    }
}

/// Where nobody keeps time from outside there is neither a proof nor systemd-timesyncd's file.
fn is_confirmed() -> bool {
    let proven = operations::uptime().proven.is_some();
    proven || Path::new("/run/systemd/timesync/synchronized").exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sensors_and_fans_are_read_as_the_kernel_shows_them() {
        let folder = tempfile::tempdir().unwrap();
        let chip = folder.path().join("hwmon0");
        fs::create_dir(&chip).unwrap();
        let files = [
            ("name", "coretemp\n"),
            ("temp1_input", "45000\n"),
            ("temp1_crit", "100000\n"),
            ("temp1_label", "Package id 0\n"),
            ("temp2_input", "broken\n"),
            ("fan1_input", "1200\n"),
            ("fan1_min", "300\n"),
        ];
        for (file, text) in files {
            fs::write(chip.join(file), text).unwrap();
        }
        let found = sensors(folder.path());
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].name, "coretemp Package id 0");
        assert_eq!((found[0].celsius, found[0].celsius_max), (Some(45), Some(100)));
        assert_eq!((found[1].name.as_str(), found[1].celsius), ("coretemp temp2", None));
        let found = fans(folder.path());
        assert_eq!((found[0].rpm, found[0].rpm_min), (Some(1200), Some(300)));
        assert!(sensors(Path::new("/nowhere")).is_empty());
    }
}
