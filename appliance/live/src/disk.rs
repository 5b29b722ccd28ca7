//! The disks of a machine, as QEMU lists them.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::bitmaps::Bitmap;
use crate::error::{LiveError, Result};
use crate::qmp::Qmp;

/// Disks that a machine is looked at for, at most.
const MAX_DISKS: usize = 100;

/// A disk that a guest can write to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Disk {
    /// Names that a person may know it by.
    names: Vec<String>,
    /// What QEMU calls it.
    pub(crate) node: String,
    /// Where its device stands in QEMU's tree.
    pub(crate) device: String,
    /// Bytes.
    pub(crate) size: u64,
    /// The image's file; `None` when it is no file.
    pub(crate) file: Option<PathBuf>,
    /// Bitmaps stay in the image when the machine is switched off.
    pub(crate) persistent: bool,
    pub(crate) bitmaps: Vec<Bitmap>,
}

/// The disks of these names, in their order; without any names all, but for those that are left
/// out.
pub(crate) fn find(qmp: &mut Qmp, wanted: &[String], excluded: &[String]) -> Result<Vec<Disk>> {
    let listed = qmp.execute("query-block", json!({}))?;
    choose(&listed, wanted, excluded)
}

fn choose(listed: &Value, wanted: &[String], excluded: &[String]) -> Result<Vec<Disk>> {
    let devices = listed.as_array().map(Vec::as_slice).unwrap_or_default();
    let all: Vec<Disk> = devices.iter().filter_map(disk).collect();
    if all.len() > MAX_DISKS {
        return Err(LiveError::TooMany { have: all.len(), most: MAX_DISKS });
    }
    let shown_names = all.iter().map(Disk::name);
    let named = wanted.iter().chain(excluded).map(String::as_str);
    for name in shown_names.chain(named) {
        if all.iter().filter(|disk| disk.is(name)).count() > 1 {
            return Err(LiveError::Ambiguous { name: name.to_owned(), have: shown(&all) });
        }
    }
    let stays = |disk: &&Disk| !excluded.iter().any(|name| disk.is(name));
    let chosen: Vec<Disk> = match wanted {
        [] => all.iter().filter(stays).cloned().collect(),
        names => {
            let named = |name: &String| {
                let found = all.iter().find(|disk| disk.is(name)).cloned();
                found.ok_or_else(|| LiveError::NoDisk { wanted: name.clone(), have: shown(&all) })
            };
            let mut chosen: Vec<Disk> = names.iter().map(named).collect::<Result<_>>()?;
            // One disk may go by two names.
            let mut seen = Vec::new();
            chosen.retain(|disk| {
                !seen.contains(&disk.node) && {
                    seen.push(disk.node.clone());
                    true
                }
            });
            chosen.retain(|disk| stays(&disk));
            chosen
        }
    };
    match chosen.as_slice() {
        [] => Err(LiveError::NoneLeft { have: shown(&all) }),
        _ => Ok(chosen),
    }
}

fn shown(disks: &[Disk]) -> String {
    match disks {
        [] => "none that a guest can write to".to_owned(),
        disks => disks.iter().map(Disk::name).collect::<Vec<_>>().join(", "),
    }
}

fn disk(device: &Value) -> Option<Disk> {
    let medium = &device["inserted"];
    if device["removable"] == true || medium["ro"] != false {
        return None;
    }
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let node = text(&medium["node-name"])?;
    // `vda`, or where the device stands in QEMU's tree: /machine/peripheral/vda/virtio-backend.
    let qdev = text(&device["qdev"]).unwrap_or_default();
    let is_name =
        |part: &&str| !part.is_empty() && *part != "machine" && !part.starts_with("peripheral");
    let of_device = qdev.split('/').find(is_name).map(str::to_owned);
    let names = [text(&device["device"]), of_device].into_iter().flatten();
    let listed = medium["dirty-bitmaps"].as_array().map(Vec::as_slice).unwrap_or_default();
    let file = text(&medium["image"]["filename"]).map(PathBuf::from);
    Some(Disk {
        names: names.chain([node.clone()]).collect(),
        node,
        device: self::device(device)?,
        size: medium["image"]["virtual-size"].as_u64()?,
        file: file.filter(|file| file.is_absolute() && !file.starts_with("/dev")),
        // The old version of the format has no place for them.
        persistent: medium["image"]["format-specific"]["data"]["compat"] == "1.1",
        bitmaps: listed.iter().filter_map(Bitmap::read).collect(),
    })
}

/// Where a device stands in QEMU's tree. It is listed by its name, if it has one; a virtio disk by
/// the part of it that has the medium.
pub(crate) fn device(listed: &Value) -> Option<String> {
    let listed = listed["qdev"].as_str().filter(|listed| !listed.is_empty())?;
    Some(match listed.starts_with('/') {
        true => listed.strip_suffix("/virtio-backend").unwrap_or(listed).to_owned(),
        false => format!("/machine/peripheral/{listed}"),
    })
}

impl Disk {
    /// The name that is shown.
    pub(crate) fn name(&self) -> &str {
        self.names.first().map_or(&self.node, String::as_str)
    }

    fn is(&self, name: &str) -> bool {
        self.names.iter().any(|own| own == name)
    }

    /// Where QEMU can put what it has to remember for a while. The disks of a machine have
    /// different numbers.
    pub(crate) fn scratch(&self, socket: &Path, number: usize) -> PathBuf {
        let (beside, end) = match &self.file {
            Some(file) => (file.as_path(), ".holdfast-scratch".to_owned()),
            None => (socket, format!(".holdfast-scratch-{number}")),
        };
        let mut beside = beside.as_os_str().to_owned();
        beside.push(end);
        beside.into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// JSON of which some has the names that are looked for.
    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[/a-z]{0,9}".prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 64, 8, |inner| {
            let name = prop::sample::select(vec![
                "device",
                "qdev",
                "removable",
                "inserted",
                "ro",
                "node-name",
                "drv",
                "image",
                "filename",
                "virtual-size",
                "dirty-bitmaps",
                "name",
            ]);
            let fields = prop::collection::btree_map(name, inner.clone(), 0..8);
            prop_oneof![
                prop::collection::vec(inner, 0..4).prop_map(Value::from),
                fields.prop_map(|fields| {
                    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_is_listed_is_a_disk_or_refused(listed in any_json(), named in any::<bool>()) {
            let names = if named { vec!["a".to_owned()] } else { Vec::new() };
            let _ = choose(&listed, &names, &[]);
        }
    }

    fn listed() -> Value {
        let medium = |node: &str, driver: &str| {
            json!({
                "ro": false, "node-name": node, "drv": driver,
                "image": {
                    "filename": format!("/vm/{node}"), "virtual-size": 4096,
                    "format-specific": { "type": driver, "data": { "compat": "1.1" } },
                },
            })
        };
        json!([
            { "device": "", "qdev": "/machine/peripheral/vda/virtio-backend",
              "removable": false, "inserted": medium("system", "qcow2") },
            { "device": "data", "qdev": "/machine/peripheral-anon/device[0]",
              "removable": false, "inserted": medium("#block123", "raw") },
            { "device": "cd", "removable": true, "inserted": medium("iso", "raw") },
            { "device": "floppy", "removable": true },
        ])
    }

    fn chosen(wanted: &[&str], excluded: &[&str]) -> Result<Vec<Disk>> {
        let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        choose(&listed(), &owned(wanted), &owned(excluded))
    }

    fn nodes(wanted: &[&str], excluded: &[&str]) -> Vec<String> {
        chosen(wanted, excluded).unwrap().into_iter().map(|disk| disk.node).collect()
    }

    #[test]
    fn a_disk_is_found_by_any_of_its_names() {
        for name in ["vda", "system"] {
            assert_eq!(nodes(&[name], &[]), ["system"], "{name}");
        }
        let data = chosen(&["data"], &[]).unwrap().remove(0);
        assert_eq!(data.node, "#block123");
        assert_eq!(data.device, "/machine/peripheral-anon/device[0]");
        let old = json!({ "qdev": "/machine/d", "removable": false, "inserted": {
            "ro": false, "node-name": "n", "image": { "virtual-size": 1 } } });
        let old = disk(&old).unwrap();
        assert!(data.persistent && !old.persistent);
        let scratch = |disk: &Disk| disk.scratch(Path::new("/q"), 3);
        assert_eq!(scratch(&data), Path::new("/vm/#block123.holdfast-scratch"));
        assert_eq!(scratch(&old), Path::new("/q.holdfast-scratch-3"));
    }

    #[test]
    fn a_name_that_two_disks_have_is_refused() {
        let mut listed = listed();
        listed[1]["device"] = "system".into();
        for (wanted, excluded) in [(&[][..], &[][..]), (&["system"][..], &[]), (&[], &["system"])] {
            let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
            let chosen = choose(&listed, &owned(wanted), &owned(excluded));
            assert!(matches!(chosen, Err(LiveError::Ambiguous { .. })), "{chosen:?}");
        }
        let many: Vec<Value> = (0..=MAX_DISKS)
            .map(|number| {
                let mut disk = listed[0].clone();
                disk["qdev"] = format!("/machine/peripheral/d{number}").into();
                disk["inserted"]["node-name"] = format!("n{number}").into();
                disk
            })
            .collect();
        let many = choose(&many.into(), &[], &[]);
        assert!(matches!(many, Err(LiveError::TooMany { .. })), "a part is not all");
    }

    #[test]
    fn a_device_is_where_its_name_or_its_path_says() {
        let device = |qdev: &str| device(&json!({ "qdev": qdev }));
        assert_eq!(device("hd0").as_deref(), Some("/machine/peripheral/hd0"));
        let virtio = device("/machine/peripheral/vda/virtio-backend");
        assert_eq!(virtio.as_deref(), Some("/machine/peripheral/vda"));
        assert_eq!((device(""), self::device(&json!({}))), (None, None));
    }

    #[test]
    fn all_disks_are_taken_but_for_those_that_are_left_out() {
        assert_eq!(nodes(&[], &[]), ["system", "#block123"]);
        assert_eq!(nodes(&[], &["vda", "no such"]), ["#block123"]);
        assert_eq!(nodes(&["data", "vda"], &[]), ["#block123", "system"]);
        assert_eq!(nodes(&["vda", "system"], &[]), ["system"], "one by two names");
        let error = chosen(&["iso"], &[]).unwrap_err().to_string();
        assert!(error.contains("no disk \"iso\"") && error.contains("vda, data"), "{error}");
        let error = chosen(&["vda"], &["system"]).unwrap_err().to_string();
        assert!(error.contains("no disk is left") && error.contains("vda, data"), "{error}");
        assert!(choose(&json!("nonsense"), &[], &[]).is_err());
    }
}
