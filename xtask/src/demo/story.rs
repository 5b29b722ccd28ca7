//! The steps of the demo, in the order in which an administrator would meet them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::damage;
use super::figures::{Figures, megabytes};
use super::guest::Guest;
use super::holdfast::{Holdfast, Ingested, Verified, drive_of};
use super::source::Source;
use super::tools::Tools;
use crate::compare;
use crate::error::{Error, Result};

/// Of each of the pool's two disks, at least; the files are sparse.
const DISK_BYTES: u64 = 8 << 30;

/// A boot takes about 45 s of processor time; the rest is for a machine that is busy.
const BOOT_LIMIT: Duration = Duration::from_secs(600);

/// An image of the user's may have no console on the serial line: then a picture must do.
const OWN_BOOT_LIMIT: Duration = Duration::from_secs(120);

/// Why an image is not booted.
const NO_SYSTEM: &str = "left out: no boot sector and no EFI partition, so no system to boot";

/// Single bits that go bad on one of the two disks.
const FLIPS: u64 = 64;

/// Runs every step and prints the figures. `folder` is empty and takes everything that is made.
/// False when there was nothing to boot and so no picture to take.
pub(super) fn tell(image: Option<&Path>, folder: &Path, picture: &Path) -> Result<bool> {
    let mut figures = Figures::default();
    let tools = figures.step("QEMU", Tools::ready, |_| "kept in the cache".into())?;
    let source = figures.step(
        "the system to protect",
        || image.map_or_else(Source::debian, |image| Source::of_image(image, &tools, folder)),
        |source| source.name.clone(),
    )?;
    let holdfast = set_up(&mut figures, &source, folder)?;
    let points = ingest(&mut figures, &holdfast, &source)?;
    let firmware = source.firmware()?;
    match firmware {
        Some(firmware) => {
            let start = |disk: &str| Guest::start(&tools, firmware, disk, folder);
            boot(&mut figures, start, &holdfast, &source, &points[1], folder, picture)?;
        }
        None => figures.step("boot day 2 from the export", || Ok(()), |()| NO_SYSTEM.into())?,
    }
    restore(&mut figures, "restore and compare", &holdfast, &source, &points, folder)?;
    damage(&mut figures, &holdfast, folder)?;
    restore(&mut figures, "restore and compare again", &holdfast, &source, &points, folder)?;
    figures.print();
    Ok(firmware.is_some())
}

fn set_up(figures: &mut Figures, source: &Source, folder: &Path) -> Result<Holdfast> {
    let passphrase = folder.join("passphrase");
    fs::write(&passphrase, "correct horse battery staple\n").map_err(Error::io(&passphrase))?;
    let build = || Holdfast::build(disks(folder), passphrase);
    let holdfast = figures.step("build holdfast", build, |_| "release profile".into())?;
    let kit = folder.join("recovery-kit");
    // What cannot be compressed needs its own size and a little more.
    let bytes = DISK_BYTES.max(source.bytes()? / 8 * 9 + (1 << 30));
    let create = || holdfast.create_pool(bytes, &kit);
    figures.step("create a pool", create, |()| format!("two disks of {}", megabytes(bytes)))?;
    let prove = || holdfast.prove_kit(&kit);
    figures.step("prove the recovery kit", prove, |()| "opens the pool".into())?;
    Ok(holdfast)
}

fn disks(folder: &Path) -> [PathBuf; 2] {
    [folder.join("disk-a"), folder.join("disk-b")]
}

fn ingest(figures: &mut Figures, holdfast: &Holdfast, source: &Source) -> Result<[String; 2]> {
    let fact = |done: &Ingested| {
        let (read, added) = (megabytes(done.bytes_read), megabytes(done.bytes_added));
        format!("{read} read, {added} added to each disk")
    };
    let mut ingest = |name, image| {
        figures.step(name, || holdfast.ingest(&source.name, image), fact).map(|done| done.point)
    };
    Ok([ingest("ingest day 1", &source.images[0])?, ingest("ingest day 2", &source.images[1])?])
}

/// Boots the second day from its recovery point and takes a picture.
fn boot(
    figures: &mut Figures,
    guest: impl FnOnce(&str) -> Result<Guest>,
    holdfast: &Holdfast,
    source: &Source,
    point: &str,
    folder: &Path,
    picture: &Path,
) -> Result<()> {
    let (overlay, socket) = (folder.join("overlay"), folder.join("export.sock"));
    let serve = || holdfast.export(point, &overlay, &socket);
    let export = figures.step("export day 2", serve, |_| "over a Unix socket".into())?;
    let start = || {
        let mut guest = guest(&drive_of(&socket))?;
        let outcome = wait_for_login(&mut guest, source)?;
        Ok((outcome, guest.finish(picture)?))
    };
    figures.step("boot day 2 from the export", start, |(outcome, busy)| {
        format!("{outcome}; {:.0} s of QEMU's processor time", busy.as_secs_f64())
    })?;
    export.stop()
}

fn wait_for_login(guest: &mut Guest, source: &Source) -> Result<String> {
    let Some(greeting) = &source.greeting else {
        return match guest.wait_for("login:", OWN_BOOT_LIMIT) {
            Ok(()) => Ok("login prompt".into()),
            Err(Error::TimedOut { .. }) => Ok("no serial login prompt: see the picture".into()),
            Err(error) => Err(error),
        };
    };
    guest.wait_for("login:", BOOT_LIMIT)?;
    if guest.has_shown(greeting) {
        return Ok(format!("login prompt, {greeting:?}"));
    }
    let facts = format!("{greeting:?} is not on the screen");
    Err(Error::Broken { rule: "the guest shows the data of day 2".into(), facts })
}

fn restore(
    figures: &mut Figures,
    name: &str,
    holdfast: &Holdfast,
    source: &Source,
    points: &[String; 2],
    folder: &Path,
) -> Result<()> {
    let restored = folder.join("restored.raw");
    for (day, (point, raw)) in (1..).zip(points.iter().zip(&source.raw)) {
        let restore = || {
            holdfast.restore(point, &restored)?;
            compare::equal(raw, &restored)?;
            fs::remove_file(&restored).map_err(Error::io(&restored))
        };
        figures.step(&format!("{name}, day {day}"), restore, |()| "equal byte for byte".into())?;
    }
    Ok(())
}

/// Flips bits while the pool is closed; the other disk's copy must heal all of them.
fn damage(figures: &mut Figures, holdfast: &Holdfast, folder: &Path) -> Result<()> {
    let disk = &disks(folder)[0];
    let flip = || damage::flip_bits(disk, FLIPS);
    figures.step("damage one disk", flip, |count| format!("{count} bits flipped"))?;
    let healed = figures.step("verify and heal", || holdfast.verify(), fact_of_verify)?;
    let clean = figures.step("verify again", || holdfast.verify(), fact_of_verify)?;
    if healed.healed > 0 && healed.lost == 0 && clean.healed == 0 && clean.lost == 0 {
        return Ok(());
    }
    let facts = format!("first {healed:?}, then {clean:?}");
    Err(Error::Broken { rule: "verify heals what one disk has wrong".into(), facts })
}

fn fact_of_verify(done: &Verified) -> String {
    format!("{} read, {} healed, {} lost", megabytes(done.bytes_read), done.healed, done.lost)
}
