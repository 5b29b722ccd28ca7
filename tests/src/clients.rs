//! Exports as NBD clients see them that nobody here wrote.

use std::path::Path;

use serde_json::Value;

use crate::harness::{Export, MIB, Pool, client, image, number, text};

fn export(pool: &Pool, more: &[&str]) -> Export {
    let mut export = pool.command(&["export", "--point", "latest"]);
    export.args(more);
    Export::start(export, pool.path("socket"))
}

fn show(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// What nbdcopy gets from an export.
fn copied(pool: &Pool, export: &Export) -> Option<Vec<u8>> {
    let to = pool.path("copied");
    client("nbdcopy", &[&export.uri(), show(&to)])?;
    let bytes = std::fs::read(&to).expect("the copy");
    std::fs::remove_file(&to).expect("the copy");
    Some(bytes)
}

#[test]
fn nbdinfo_and_nbdcopy_see_the_recovery_point() {
    let pool = Pool::new(2, 64);
    let bytes = image(31, 9 * MIB + 777);
    let id = pool.take_bytes("image", &bytes);
    let export = export(&pool, &[]);
    assert_eq!(text(&export.ready, "point"), id);
    assert_eq!(export.ready["read_only"], true);

    let Some(info) = client("nbdinfo", &["--json", &export.uri()]) else { return };
    let info: Value = serde_json::from_str(&info).expect("the JSON of nbdinfo");
    assert_eq!(text(&info, "protocol"), "newstyle-fixed");
    assert_eq!(info["structured"], true);
    let seen = &info["exports"][0];
    assert_eq!(number(seen, "export-size"), bytes.len() as u64);
    assert_eq!(seen["is_read_only"], true);
    assert_eq!(seen["can_multi_conn"], true);
    assert_eq!(seen["contexts"], serde_json::json!(["base:allocation"]));

    let map = client("nbdinfo", &["--map", "--json", &export.uri()]).expect("nbdinfo again");
    let map: Value = serde_json::from_str(&map).expect("the JSON of nbdinfo");
    let extents = map.as_array().expect("a list of extents");
    let mut end = 0;
    for extent in extents {
        assert_eq!(number(extent, "offset"), end);
        end += number(extent, "length");
        let content = &bytes[number(extent, "offset") as usize..end as usize];
        let hole = number(extent, "type") != 0;
        assert!(!hole || content.iter().all(|byte| *byte == 0), "a hole in data: {extent}");
    }
    assert_eq!(end, bytes.len() as u64);
    assert!(extents.iter().any(|extent| number(extent, "type") == 3), "no hole at all");

    let Some(copy) = copied(&pool, &export) else { return };
    assert!(copy == bytes, "nbdcopy got something else");
    export.stop();
    assert!(!pool.path("socket").exists(), "the socket is left behind");
}

#[test]
fn qemu_reads_the_recovery_point_and_cannot_write_to_it() {
    let pool = Pool::new(1, 64);
    let bytes = image(32, 8 * MIB);
    let path = pool.image("image", &bytes);
    pool.take(&path);
    let export = export(&pool, &["--cache", "8MiB"]);
    let uri = export.uri();
    let compare = ["compare", "-f", "raw", "-F", "raw", show(&path), &uri];
    if client("qemu-img", &compare).is_none() {
        return;
    }
    let read = ["-r", "-f", "raw", "-c", "read -v 5000000 16", &uri];
    client("qemu-io", &read).expect("qemu-io comes with qemu-img");
    let write = std::process::Command::new("qemu-io")
        .args(["-f", "raw", "-c", "write -P 1 0 4096", &uri])
        .output()
        .expect("qemu-io comes with qemu-img");
    assert!(!write.status.success(), "a read-only export took a write");
    export.stop();
}

#[test]
fn writes_to_an_overlay_survive_restarts_and_kills_and_never_reach_the_recovery_point() {
    let pool = Pool::new(1, 64);
    let mut bytes = image(33, 8 * MIB);
    let id = pool.take_bytes("image", &bytes);
    let before = pool.fingerprint();
    let overlay = pool.path("overlay");
    let start = || export(&pool, &["--overlay", show(&overlay)]);

    let served = start();
    assert_eq!(served.ready["read_only"], false);
    let first = [
        ["-c", "write -P 0x11 0 65536"],
        ["-c", "write -P 0x22 5000192 1536"],
        ["-c", "write -z 1048576 8192"],
        ["-c", "discard 2097152 65536"],
        ["-c", "flush"],
    ];
    let mut arguments = vec!["-f", "raw"];
    arguments.extend(first.as_flattened());
    let uri = served.uri();
    arguments.push(&uri);
    if client("qemu-io", &arguments).is_none() {
        return;
    }
    served.stop();
    bytes[..65536].fill(0x11);
    bytes[5_000_192..5_001_728].fill(0x22);
    bytes[1_048_576..1_056_768].fill(0);
    bytes[2_097_152..2_162_688].fill(0);

    let served = start();
    assert!(copied(&pool, &served).is_none_or(|copy| copy == bytes), "after a restart");
    // With FUA the answer is the promise; then no chance to do anything more.
    let uri = served.uri();
    client("qemu-io", &["-f", "raw", "-c", "write -f -P 0x33 4194304 12288", &uri]);
    served.kill();
    bytes[4_194_304..4_206_592].fill(0x33);

    let served = start();
    assert!(copied(&pool, &served).is_none_or(|copy| copy == bytes), "after a kill");
    served.stop();
    assert_eq!(pool.fingerprint(), before, "an export wrote to the pool");
    assert!(pool.restore(&id) == image(33, 8 * MIB));
}
