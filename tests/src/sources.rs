//! Sources that are not raw: image files of hypervisors, and NBD servers.

use crate::harness::{Export, MIB, Pool, Random, Work, client, image, number, run, text};

#[test]
fn images_of_hypervisors_come_back_as_the_raw_disk() {
    let pool = Pool::new(1, 64);
    let bytes = image(101, 10 * MIB + 512);
    let raw = pool.image("raw", &bytes);
    run(&mut pool.ingest(&raw)).done();
    for format in ["qcow2", "vmdk", "vhdx", "vdi"] {
        let path = pool.path(format);
        let (from, to) = (raw.to_string_lossy(), path.to_string_lossy());
        let convert = ["convert", "-f", "raw", "-O", format, &from, &to];
        if client("qemu-img", &convert).is_none() {
            return;
        }
        let same = run(&mut pool.ingest(&path)).done();
        // Some formats have whole mebibytes only: zeroes follow.
        let restored = pool.restore(text(&same, "point"));
        assert!(restored[..bytes.len()] == bytes, "from {format}");
        assert!(restored[bytes.len()..].iter().all(|byte| *byte == 0), "from {format}");
        assert!(number(&same, "bytes_added") < 256 * 1024, "{format}: {same}");
    }
}

#[test]
fn an_image_that_names_another_file_is_refused() {
    let pool = Pool::new(1, 64);
    let base = pool.image("base", &image(102, MIB));
    let path = pool.path("overlay.qcow2");
    let (base, overlay) = (base.to_string_lossy(), path.to_string_lossy());
    let create = ["create", "-q", "-f", "qcow2", "-F", "raw", "-b", &base, &overlay];
    if client("qemu-img", &create).is_none() {
        return;
    }
    run(&mut pool.ingest(&path)).refused("base", "");
    assert!(pool.points().is_empty());
}

#[test]
fn an_export_of_another_pool_is_a_source() {
    let from = Pool::new(1, 64);
    let bytes = image(103, 9 * MIB + 333);
    from.take_bytes("image", &bytes);
    let export = Export::start(from.command(&["export", "--point=latest"]), from.path("socket"));
    let to = Pool::new(2, 64);
    let taken = run(&mut to.ingest(export.uri().as_ref())).done();
    assert_eq!(number(&taken, "bytes_logical"), bytes.len() as u64);
    assert!(number(&taken, "bytes_read") < bytes.len() as u64, "holes were read: {taken}");
    let again = run(&mut to.ingest(export.uri().as_ref())).done();
    assert_eq!(number(&again, "bytes_new"), 0);
    let uri = export.uri();
    export.stop();
    assert!(to.restore("latest") == bytes);
    run(&mut to.ingest(uri.as_ref())).refused("cannot reach", "server");
}

#[test]
fn a_server_that_goes_away_leaves_no_recovery_point() {
    let from = Pool::new(1, 128);
    let mut bytes = vec![0; 80 * MIB];
    Random(104).fill(&mut bytes);
    from.take_bytes("image", &bytes);
    let export = Export::start(from.command(&["export", "--point=latest"]), from.path("socket"));
    let to = Pool::new(1, 128);
    let mut work = Work::start(&mut to.ingest(export.uri().as_ref()), &to.disks[0]);
    assert!(work.grown(16 * MIB as u64), "too fast to be cut off");
    work.while_stopped(|| export.kill());
    work.wait().refused("the NBD server", "run the command again");
    assert!(to.points().is_empty());
}
