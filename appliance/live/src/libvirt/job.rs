//! Backups in pull mode: what libvirt calls it that QEMU serves disks as they were at one moment.
//!
//! A machine has one backup at a time. Ours is known by what its exports are called; whatever else
//! is at work on a machine is somebody else's.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use ingest::NbdAddress;
use model::PointId;

use super::disks::{Machine, MachineDisk};
use super::place::{Place, Server};
use super::virsh::{PATIENCE, SOON, Text, Virsh};
use super::xml::{escaped, values};
use super::{Stopped, bitmaps};
use crate::error::{LiveError, Result};

/// The bitmap that tells what was written, as it is called over NBD.
pub(super) const BITMAP: &str = "holdfast";

/// So long it is waited before it is looked whether a backup has ended.
const LOOK: Duration = Duration::from_millis(50);

/// What QEMU says of a port that it cannot have.
const TAKEN: &str = "Address already in use";

/// What is to be begun.
#[derive(Debug, Clone)]
pub(super) struct Wanted<'a> {
    pub(super) point: PointId,
    /// The checkpoint that was begun with the point that is asked about.
    pub(super) since: Option<String>,
    /// Disks that it covers.
    pub(super) covered: Vec<String>,
    pub(super) disks: &'a [MachineDisk],
    /// A scratch image for each.
    pub(super) scratch: &'a [PathBuf],
}

/// What was begun.
#[derive(Debug)]
pub(super) struct Begun {
    /// Of each disk.
    pub(super) addresses: Vec<NbdAddress>,
    /// Of each disk, whether it is told what was written to it.
    pub(super) tells: Vec<bool>,
    /// What a person should know about how the disks come.
    pub(super) warning: Option<String>,
}

/// What the exports of a point are called, but for their numbers.
fn exports_of(point: PointId) -> String {
    format!("{}-", bitmaps::name(point))
}

/// What is at work on a machine, in a word; `None` when nothing is. `virsh` itself says so, in the
/// language that it is told: libvirt has one of its own.
fn at_work(virsh: &Virsh, uuid: &str, stopped: Stopped<'_>) -> Result<Option<String>> {
    let told = virsh.run(&["domjobinfo", &format!("--domain={uuid}")], SOON, stopped)?;
    let told = |key: &str| told.lines().find_map(|line| Some(line.strip_prefix(key)?.trim()));
    Ok(match told("Job type:") {
        None | Some("None") => None,
        Some(_) => Some(told("Operation:").unwrap_or("unknown").to_owned()),
    })
}

/// What the backup of a machine exports; nothing when something else is at work on it, and `None`
/// when nothing is.
fn exported(virsh: &Virsh, uuid: &str, stopped: Stopped<'_>) -> Result<Option<Vec<String>>> {
    if at_work(virsh, uuid, stopped)?.is_none() {
        return Ok(None);
    }
    let domain = format!("--domain={uuid}");
    let path = "--xpath=/domainbackup/disks/disk/@exportname";
    match virsh.run(&["backup-dumpxml", &domain, path], SOON, stopped) {
        Ok(printed) => Ok(Some(values(&printed))),
        Err(LiveError::Libvirt { .. }) => {
            // It may have ended meanwhile.
            let other = at_work(virsh, uuid, stopped)?;
            Ok(other.map(|_| Vec::new()))
        }
        Err(error) => Err(error),
    }
}

/// Ends a backup that a pull has left, and refuses a machine that somebody else is at work on.
pub(super) fn end_left(virsh: &Virsh, machine: &Machine, stopped: Stopped<'_>) -> Result<()> {
    match exported(virsh, &machine.uuid, stopped)? {
        None => return Ok(()),
        Some(exports) if is_ours(&exports, bitmaps::OURS) => {
            abort(virsh, &machine.uuid, bitmaps::OURS, stopped)?;
        }
        Some(_) => {}
    }
    match at_work(virsh, &machine.uuid, stopped)? {
        None => Ok(()),
        Some(operation) => Err(LiveError::Busy {
            domain: machine.name().to_owned(),
            with: format!("a job of somebody else's ({operation})"),
        }),
    }
}

fn is_ours(exports: &[String], prefix: &str) -> bool {
    !exports.is_empty() && exports.iter().all(|name| name.starts_with(prefix))
}

/// Begins a backup of all wanted disks, and a checkpoint of those that can have one. Without what
/// the older checkpoint tells, if libvirt finds that broken.
///
/// # Errors
/// When it was stopped or took too long libvirt may have begun it, or still be at it.
pub(super) fn begin(
    virsh: &Virsh,
    uuid: &str,
    place: &Place,
    wanted: &Wanted<'_>,
    stopped: Stopped<'_>,
) -> Result<Begun> {
    match begin_at_any(virsh, uuid, place, wanted, stopped) {
        Err(LiveError::Libvirt { .. }) if wanted.since.is_some() => {
            let whole = Wanted { since: None, covered: Vec::new(), ..wanted.clone() };
            begin_at_any(virsh, uuid, place, &whole, stopped)
        }
        begun => begun,
    }
}

fn begin_at_any(
    virsh: &Virsh,
    uuid: &str,
    place: &Place,
    wanted: &Wanted<'_>,
    stopped: Stopped<'_>,
) -> Result<Begun> {
    let mut refused = None;
    for server in place.servers(uuid) {
        match begin_at(virsh, uuid, &server, wanted, stopped) {
            Err(LiveError::Libvirt { command, message }) if message.contains(TAKEN) => {
                refused = Some(LiveError::Libvirt { command, message });
            }
            Err(error) => return Err(error),
            Ok(()) => return wanted.begun(&server),
        }
    }
    let command = "backup-begin".to_owned();
    let message = "there is no place for its server".to_owned();
    Err(refused.unwrap_or(LiveError::Libvirt { command, message }))
}

fn begin_at(
    virsh: &Virsh,
    uuid: &str,
    server: &Server,
    wanted: &Wanted<'_>,
    stopped: Stopped<'_>,
) -> Result<()> {
    let text = |text: &str| Text::new(text).map_err(|source| virsh.broken(source));
    let backup = text(&wanted.backup(server))?;
    let checkpoint = wanted.checkpoint().map(|xml| text(&xml)).transpose()?;
    let domain = format!("--domain={uuid}");
    let backup = format!("--backupxml={}", backup.path());
    let named = checkpoint.as_ref().map(|text| format!("--checkpointxml={}", text.path()));
    let mut arguments = vec!["backup-begin", domain.as_str(), backup.as_str()];
    arguments.extend(named.as_deref());
    virsh.run(&arguments, PATIENCE, stopped).map(drop)
}

impl Wanted<'_> {
    fn tells(&self, disk: &MachineDisk) -> Option<&str> {
        self.since.as_deref().filter(|_| self.covered.contains(&disk.target))
    }

    fn backup(&self, server: &Server) -> String {
        let exports = exports_of(self.point);
        let disks = self.disks.iter().zip(self.scratch).enumerate().map(|(at, (disk, scratch))| {
            let mode = match self.tells(disk) {
                Some(since) => format!(
                    "backupmode='incremental' incremental='{since}' exportbitmap='{BITMAP}'"
                ),
                None => "backupmode='full'".to_owned(),
            };
            let scratch = escaped(&scratch.display().to_string());
            format!(
                "<disk name='{}' backup='yes' type='file' {mode} exportname='{exports}{at}'>\
                 <scratch file='{scratch}'/></disk>",
                escaped(&disk.target)
            )
        });
        let disks: String = disks.collect();
        let server = server.xml();
        format!("<domainbackup mode='pull'>{server}<disks>{disks}</disks></domainbackup>")
    }

    /// `None` when no disk can have one.
    fn checkpoint(&self) -> Option<String> {
        let disks = self.disks.iter().filter(|disk| disk.tells);
        let disks = disks
            .map(|disk| format!("<disk name='{}' checkpoint='bitmap'/>", escaped(&disk.target)));
        let disks: String = disks.collect();
        let name = bitmaps::name(self.point);
        (!disks.is_empty()).then(|| {
            format!(
                "<domaincheckpoint><name>{name}</name><disks>{disks}</disks></domaincheckpoint>"
            )
        })
    }

    fn begun(&self, server: &Server) -> Result<Begun> {
        let exports = exports_of(self.point);
        let addresses = (0..self.disks.len()).map(|at| server.address(&format!("{exports}{at}")));
        Ok(Begun {
            addresses: addresses.collect::<Result<_>>()?,
            tells: self.disks.iter().map(|disk| self.tells(disk).is_some()).collect(),
            warning: server.warning(),
        })
    }
}

/// Ends the backup of a point, if it is this that the machine has. That is how every backup in pull
/// mode ends; what the guest has written is where it always was.
pub(super) fn end(virsh: &Virsh, uuid: &str, point: PointId) -> Result<()> {
    let exports = exports_of(point);
    match exported(virsh, uuid, &|| false)? {
        Some(exported) if is_ours(&exported, &exports) => abort(virsh, uuid, &exports, &|| false),
        _ => Ok(()),
    }
}

/// Ends a backup whose exports begin like this, and waits until it has.
fn abort(virsh: &Virsh, uuid: &str, prefix: &str, stopped: Stopped<'_>) -> Result<()> {
    let domain = format!("--domain={uuid}");
    // It may have ended by itself; that is looked at.
    let aborted = virsh.run(&["domjobabort", &domain], PATIENCE, stopped);
    let begun = Instant::now();
    while exported(virsh, uuid, stopped)?.is_some_and(|exports| is_ours(&exports, prefix)) {
        if begun.elapsed() > PATIENCE {
            let (command, message) =
                ("domjobabort".to_owned(), "the backup does not end".to_owned());
            return Err(aborted.err().unwrap_or(LiveError::Libvirt { command, message }));
        }
        thread::park_timeout(LOOK);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const POINT: PointId = PointId([7; 16]);

    #[test]
    fn only_what_is_ours_is_ended() {
        let exports = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let own = exports_of(POINT);
        let ours = exports(&[&format!("{own}0"), &format!("{own}1")]);
        assert!(is_ours(&ours, bitmaps::OURS) && is_ours(&ours, &own));
        assert!(!is_ours(&ours, &exports_of(PointId([8; 16]))), "that of another pull");
        for other in [&[][..], &["vda"], &["holdfast-0", "vdb"]] {
            assert!(!is_ours(&exports(other), bitmaps::OURS), "{other:?}");
        }
    }

    #[test]
    fn disks_are_told_of_as_far_as_the_checkpoint_covers_them() {
        let disk = |target: &str, tells| MachineDisk {
            target: target.to_owned(),
            tells,
            ..MachineDisk::default()
        };
        let disks = [disk("vda", true), disk("v'b", true), disk("vdc", false)];
        let scratch = ["/a", "/b&", "/c"].map(PathBuf::from);
        let since = Some("holdfast-old".to_owned());
        let covered = vec!["vda".to_owned()];
        let wanted = Wanted { point: POINT, since, covered, disks: &disks, scratch: &scratch };
        let server = Server::Unix("/s".into());
        let xml = wanted.backup(&server);
        assert_eq!(xml.matches("backupmode='incremental' incremental='holdfast-old'").count(), 1);
        assert_eq!(xml.matches("backupmode='full'").count(), 2);
        assert!(xml.contains("name='v&#39;b'") && xml.contains("file='/b&#38;'"), "{xml}");
        let checkpoint = wanted.checkpoint().unwrap();
        assert!(checkpoint.contains("'vda'") && !checkpoint.contains("vdc"), "{checkpoint}");
        assert_eq!(wanted.begun(&server).unwrap().tells, [true, false, false]);
        let raw = Wanted { disks: &disks[2..], ..wanted };
        assert_eq!(raw.checkpoint(), None);
    }
}
