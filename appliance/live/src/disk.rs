//! The disks of a machine, as QEMU lists them.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::bitmaps::Bitmap;
use crate::error::{LiveError, Result};
use crate::qmp::Qmp;

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

/// The disk of this name; the only one if none is named.
pub(crate) fn find(qmp: &mut Qmp, wanted: Option<&str>) -> Result<Disk> {
    let listed = qmp.execute("query-block", json!({}))?;
    choose(&listed, wanted)
}

fn choose(listed: &Value, wanted: Option<&str>) -> Result<Disk> {
    let devices = listed.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut disks: Vec<Disk> = devices.iter().filter_map(disk).collect();
    let shown = |disks: &[Disk]| match disks {
        [] => "none that a guest can write to".to_owned(),
        disks => disks.iter().map(Disk::name).collect::<Vec<_>>().join(", "),
    };
    match wanted {
        None if disks.len() == 1 => Ok(disks.remove(0)),
        None => Err(LiveError::Unnamed { have: shown(&disks) }),
        Some(wanted) => {
            let found = disks.iter().position(|disk| disk.names.iter().any(|name| name == wanted));
            let have = shown(&disks);
            found
                .map(|at| disks.remove(at))
                .ok_or_else(|| LiveError::NoDisk { wanted: wanted.to_owned(), have })
        }
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
    fn name(&self) -> &str {
        self.names.first().map_or(&self.node, String::as_str)
    }

    /// Where QEMU can put what it has to remember for a while.
    pub(crate) fn scratch(&self, socket: &Path) -> PathBuf {
        let mut beside = self.file.as_deref().unwrap_or(socket).as_os_str().to_owned();
        beside.push(".holdfast-scratch");
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
            let _ = choose(&listed, named.then_some("a"));
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

    #[test]
    fn a_disk_is_found_by_any_of_its_names() {
        for name in ["vda", "system"] {
            assert_eq!(choose(&listed(), Some(name)).unwrap().node, "system", "{name}");
        }
        let data = choose(&listed(), Some("data")).unwrap();
        assert_eq!(data.node, "#block123");
        assert_eq!(data.device, "/machine/peripheral-anon/device[0]");
        assert!(
            data.persistent
                && !disk(&json!({ "qdev": "/machine/d", "removable": false, "inserted": {
            "ro": false, "node-name": "n", "image": { "virtual-size": 1 } } }))
                .unwrap()
                .persistent
        );
        assert_eq!(data.scratch(Path::new("/q")), Path::new("/vm/#block123.holdfast-scratch"));
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
    fn which_disk_is_said_unless_there_is_one() {
        let error = choose(&listed(), None).unwrap_err().to_string();
        assert!(error.contains("vda, data"), "{error}");
        let error = choose(&listed(), Some("iso")).unwrap_err().to_string();
        assert!(error.contains("no disk \"iso\""), "{error}");
        let one = json!([listed()[0]]);
        assert_eq!(choose(&one, None).unwrap().node, "system");
        assert!(choose(&json!("nonsense"), None).is_err());
    }
}
