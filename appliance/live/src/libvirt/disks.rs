//! A machine of libvirt's, and its disks.

use std::path::PathBuf;

use super::Stopped;
use super::virsh::{SOON, Virsh};
use super::xml::{attributes, values};
use crate::error::{LiveError, Result};

/// Disks that a guest writes to and that stay: each has its target last.
const WRITABLE: &str = "/domain/devices/disk[@device='disk' or @device='lun'][not(readonly)]\
                        [not(transient)]";

/// Names of machines and disks that are shown, at most.
const MAX_SHOWN: usize = 40;

/// A machine as libvirt knows it.
#[derive(Debug, Clone)]
pub(super) struct Machine {
    /// Names may look like an option, or like the number of another machine.
    pub(super) uuid: String,
    name: String,
    /// As libvirt numbers them.
    state: u32,
    /// Names of its disks, and their sizes in bytes.
    sizes: Vec<(String, u64)>,
}

/// A disk that can be pulled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct MachineDisk {
    /// What the guest's bus calls it: `vda`.
    pub(super) target: String,
    /// The image; `None` when it is no file.
    pub(super) file: Option<PathBuf>,
    /// Bytes; `None` when libvirt does not say.
    pub(super) size: Option<u64>,
    /// The image has room for bitmaps: what changed can be told the next time.
    pub(super) tells: bool,
}

/// Finds a machine by its name.
pub(super) fn find(virsh: &Virsh, name: &str, stopped: Stopped<'_>) -> Result<Machine> {
    let listed = virsh.run(&["list", "--all", "--uuid", "--name"], SOON, stopped)?;
    let all = listed.lines().filter_map(|line| line.trim_end().split_once(' '));
    let all: Vec<(&str, &str)> = all.map(|(uuid, name)| (uuid, name.trim_start())).collect();
    let Some((uuid, _)) = all.iter().find(|(_, known)| *known == name) else {
        let have = shown(all.iter().map(|(_, name)| *name));
        return Err(LiveError::NoDomain { wanted: name.to_owned(), have });
    };
    let stats = ["domstats", "--state", "--block", &format!("--domain={uuid}")];
    let stats = virsh.run(&stats, SOON, stopped)?;
    let (uuid, name) = ((*uuid).to_owned(), name.to_owned());
    let (state, sizes) = statistics(&stats);
    Ok(Machine { uuid, name, state, sizes })
}

/// State and sizes, of lines as `block.0.name=vda`.
fn statistics(stats: &str) -> (u32, Vec<(String, u64)>) {
    let (mut state, mut sizes, mut name) = (0, Vec::new(), "");
    for (key, value) in stats.lines().filter_map(|line| line.trim().split_once('=')) {
        match key.rsplit('.').next() {
            _ if key == "state.state" => state = value.parse().unwrap_or(0),
            Some("name") => name = value,
            Some("capacity") => {
                sizes.extend(value.parse().ok().map(|size| (name.to_owned(), size)));
            }
            _ => {}
        }
    }
    (state, sizes)
}

/// Whether a machine has no QEMU at this moment.
pub(super) fn is_off(virsh: &Virsh, uuid: &str, stopped: Stopped<'_>) -> Result<bool> {
    let stats = ["domstats", "--state", &format!("--domain={uuid}")];
    let (state, _) = statistics(&virsh.run(&stats, SOON, stopped)?);
    Ok(matches!(state, 5 | 6))
}

impl Machine {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Refuses a machine without a QEMU.
    pub(super) fn demand_running(&self) -> Result<()> {
        let state = match self.state {
            // It runs, waits for something, or is paused.
            1..=3 => return Ok(()),
            4 => "is being shut down",
            5 => "is switched off",
            6 => "has crashed",
            7 => "is suspended",
            _ => "is in a state that libvirt does not tell",
        };
        Err(LiveError::NotRunning { domain: self.name.clone(), state })
    }

    /// The disks that are wanted; all but what is `excluded` if none is.
    pub(super) fn choose(
        &self,
        virsh: &Virsh,
        wanted: &[String],
        excluded: &[String],
        stopped: Stopped<'_>,
    ) -> Result<Vec<MachineDisk>> {
        let of = ["@device", "driver/@type", "source/@file", "target/@dev"];
        let path: Vec<String> = of.iter().map(|of| format!("{WRITABLE}/{of}")).collect();
        let disks = self.listed(virsh, &path.join(" | "), stopped)?;
        let mut disks = self.read(&disks);
        let is = |disk: &Listed, name: &String| disk.disk.target == *name;
        let known = |name: &String| disks.iter().any(|disk| is(disk, name));
        if let Some(unknown) = wanted.iter().find(|name| !known(name)) {
            return Err(self.no_disk(virsh, unknown, &disks, stopped));
        }
        let have = shown(disks.iter().map(|disk| disk.disk.target.as_str()));
        disks.retain(|disk| wanted.is_empty() || wanted.iter().any(|name| is(disk, name)));
        disks.retain(|disk| !excluded.iter().any(|name| is(disk, name)));
        if let Some(passed) = disks.iter().find(|disk| disk.is_passed_through) {
            let why = "it is passed through to the guest";
            return Err(LiveError::Unpullable { disk: passed.disk.target.clone(), why });
        }
        match disks.is_empty() {
            true => Err(LiveError::NoneLeft { have }),
            false => Ok(disks.into_iter().map(|listed| listed.disk).collect()),
        }
    }

    fn listed(&self, virsh: &Virsh, path: &str, stopped: Stopped<'_>) -> Result<String> {
        let (domain, path) = (format!("--domain={}", self.uuid), format!("--xpath={path}"));
        virsh.run(&["dumpxml", &domain, &path], SOON, stopped)
    }

    fn read(&self, printed: &str) -> Vec<Listed> {
        let (mut all, mut next) = (Vec::new(), Listed::default());
        for (name, value) in attributes(printed) {
            match name {
                "device" => next.is_passed_through = value == "lun",
                "type" => next.disk.tells = value == "qcow2",
                "file" => next.disk.file = Some(value.into()),
                "dev" => {
                    let size = self.sizes.iter().find(|(name, _)| *name == value);
                    next.disk.size = size.map(|(_, size)| *size);
                    next.disk.target = value;
                    all.push(std::mem::take(&mut next));
                }
                _ => {}
            }
        }
        all
    }

    fn no_disk(
        &self,
        virsh: &Virsh,
        wanted: &str,
        disks: &[Listed],
        stopped: Stopped<'_>,
    ) -> LiveError {
        let all = match self.listed(virsh, "/domain/devices/disk/target/@dev", stopped) {
            Ok(all) => values(&all),
            Err(error) => return error,
        };
        if all.iter().any(|name| name == wanted) {
            let why = "the guest cannot write to it, or what it writes does not stay";
            return LiveError::Unpullable { disk: wanted.to_owned(), why };
        }
        let have = shown(disks.iter().map(|disk| disk.disk.target.as_str()));
        LiveError::NoDisk { wanted: wanted.to_owned(), have }
    }
}

/// A disk as libvirt lists it.
#[derive(Debug, Default)]
struct Listed {
    disk: MachineDisk,
    is_passed_through: bool,
}

fn shown<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    let some = names.get(..MAX_SHOWN).unwrap_or(&names).join(", ");
    match names.len() {
        0 => "none".to_owned(),
        count if count > MAX_SHOWN => format!("{some}, and {} more", count - MAX_SHOWN),
        _ => some,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_what_comes_before_its_target() {
        let sizes = vec![("vda".to_owned(), 64), ("sdb".to_owned(), 7)];
        let machine = Machine { uuid: "u".into(), name: "mail".into(), state: 1, sizes };
        let printed = " device=\"disk\"\n type=\"qcow2\"\n file=\"/vm/a\"\n dev=\"vda\"\n \
                       device=\"lun\"\n type=\"raw\"\n dev=\"sda\"\n device=\"disk\"\n dev=\"sdb\"";
        let read = machine.read(printed);
        let disk = |at: usize| (read[at].disk.target.as_str(), read[at].disk.tells);
        assert_eq!([disk(0), disk(1), disk(2)], [("vda", true), ("sda", false), ("sdb", false)]);
        assert_eq!(read[0].disk.file.as_deref(), Some(std::path::Path::new("/vm/a")));
        assert_eq!((read[1].disk.file.as_ref(), read[2].disk.file.as_ref()), (None, None));
        assert_eq!([0, 1, 2].map(|at| read[at].disk.size), [Some(64), None, Some(7)]);
        assert_eq!([0, 1, 2].map(|at: usize| read[at].is_passed_through), [false, true, false]);
    }

    #[test]
    fn states_and_sizes_are_read_from_statistics() {
        let stats = "Domain: 'a=b'\n  state.state=3\n  state.reason=1\n  block.count=2\n  \
                     block.0.name=vda\n  block.0.path=/a=b\n  block.0.capacity=64\n  \
                     block.1.name=vdb\n  block.1.capacity=x\n";
        assert_eq!(statistics(stats), (3, vec![("vda".to_owned(), 64)]));
        assert_eq!(statistics(""), (0, vec![]));
    }

    #[test]
    fn many_names_are_not_all_shown() {
        let names = vec!["a"; MAX_SHOWN + 2];
        assert!(shown(names.iter().copied()).ends_with("a, and 2 more"));
        assert_eq!(shown([].into_iter()), "none");
    }
}
