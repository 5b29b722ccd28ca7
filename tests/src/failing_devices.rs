//! Block devices that fail for real: the kernel answers a write or a read with an error.
//!
//! Writes fail for want of room behind the device, reads because what was behind it is gone. What
//! was acknowledged before is never lost by it, and whoever asks is told which disk it is.

use std::path::PathBuf;

use crate::harness::{Loop, MIB, Pool, Random, SmallRoom, points, run, text};

/// Bytes of each device.
const DEVICE: usize = 96 * MIB;

/// Bytes behind a device that fails: an image of 8 MiB fits, one of 48 does not.
const ROOM: usize = 32 * MIB;

/// A pool, and what its last device lies on: what goes first stands first.
struct Scene {
    pool: Pool,
    device: Loop,
    room: SmallRoom,
    _folder: tempfile::TempDir,
}

/// A pool on good disks, if any, and one that begins to fail when it has taken enough.
fn scene(good: &[&Loop]) -> Option<Scene> {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let room = SmallRoom::new(&folder.path().join("room"), ROOM)?;
    let device = Loop::new(&room.path("failing"), DEVICE)?;
    let mut disks: Vec<PathBuf> = good.iter().map(|good| good.device.clone()).collect();
    disks.push(device.device.clone());
    Some(Scene { pool: Pool::on_devices(disks), device, room, _folder: folder })
}

fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut noise = vec![0; bytes];
    Random(seed).fill(&mut noise);
    noise
}

#[test]
fn a_single_disk_that_fails_to_write_keeps_what_it_has() {
    let Some(scene) = scene(&[]) else { return };
    let Scene { pool, device, room, .. } = &scene;
    let bytes = noise(141, 8 * MIB);
    let id = pool.take_bytes("first", &bytes);
    let large = noise(142, 48 * MIB);
    let path = pool.image("large", &large);
    // The kernel says what it was: an I/O error or, since some version, that there is no room.
    let failed = format!("on {} failed: ", device.device.display());
    run(&mut pool.ingest(&path)).refused(&failed, "check the disk");
    assert_eq!(pool.points(), [id.as_str()]);
    assert!(pool.restore(&id) == bytes);
    // Nothing was spoiled: with a disk that takes writes again it goes on.
    room.grow(2 * DEVICE);
    let next = pool.take(&path);
    assert!(pool.restore(&next) == large && pool.restore(&id) == bytes);
    assert_eq!(pool.verify(), 0);
}

#[test]
fn a_mirror_goes_on_without_a_disk_that_fails_to_write_and_says_so() {
    let files = tempfile::tempdir().expect("a folder for the test");
    let Some(good) = Loop::new(&files.path().join("good"), DEVICE) else { return };
    let Some(scene) = scene(&[&good]) else { return };
    let Scene { pool, device, .. } = &scene;
    let bytes = noise(143, 8 * MIB);
    let first = pool.take_bytes("first", &bytes);
    let large = noise(144, 48 * MIB);
    let ingest = run(&mut pool.ingest(&pool.image("large", &large)));
    let second = text(&ingest.done(), "point").to_owned();
    let failing = device.device.to_string_lossy().into_owned();
    let told = ingest.stderr.lines().find(|line| line.contains(&failing));
    assert!(told.is_some_and(|line| line.contains("holdfast disk")), "{}", ingest.stderr);
    assert_eq!(ingest.done()["failed_disks"], serde_json::json!([failing]));

    // The one that failed is not believed any more, and the other has everything.
    let both = run(&mut pool.command(&["points"]));
    assert_eq!(points(&both), [first.as_str(), second.as_str()]);
    assert!(both.stderr.contains("stale") && both.stderr.contains(&failing), "{}", both.stderr);
    assert!(pool.restore(&second) == large && pool.restore(&first) == bytes);
}

#[test]
fn reads_that_fail_are_answered_by_the_other_disk_or_told() {
    let files = tempfile::tempdir().expect("a folder for the test");
    let device = |name: &str| Loop::new(&files.path().join(name), DEVICE);
    let bytes = noise(145, 24 * MIB);
    let Some(failing) = device("failing") else { return };
    let Some(good) = device("good") else { return };
    let mirror = Pool::on_devices(vec![failing.device.clone(), good.device.clone()]);
    let id = mirror.take_bytes("image", &bytes);
    failing.cut(12 * MIB);
    assert!(mirror.restore(&id) == bytes);
    assert!(mirror.verify() > 0, "nothing failed");
    assert_eq!(mirror.verify(), 0, "what was written anew can be read");

    let Some(alone) = device("alone") else { return };
    let single = Pool::on_devices(vec![alone.device.clone()]);
    let id = single.take_bytes("image", &bytes);
    alone.cut(12 * MIB);
    let to = single.path("to");
    run(&mut single.restore_to(&id, &to)).refused("", "check the disk");
    assert!(!to.exists(), "a part of an image is left behind");
    let verified = run(&mut single.command(&["verify"])).refused("are lost", "ingest");
    assert_eq!(text(&verified["broken"][0], "point"), id);
}
