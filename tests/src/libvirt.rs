//! Disks of a machine that a real libvirt looks after, held at one moment while they are written
//! to.

use std::process::Command;

use bus::{Fact, JobState};
use live::{Domain, Held, LiveError};
use model::PointId;

use crate::guests::{consistency, features};
use crate::harness::{
    Bus, Engine, Guest, Libvirt, MACHINE, MIB, Pool, Random, image, run, run_tool, skipped,
};
use crate::pulls::{begin, point, pull};

const CLUSTER: u64 = 64 << 10;

fn domain(libvirt: &Libvirt) -> Domain {
    let (uri, name) = (libvirt.uri.clone(), MACHINE.to_owned());
    Domain { uri, name, disks: Vec::new(), excluded: Vec::new() }
}

fn hold(libvirt: &Libvirt, point: u8, since: Option<u8>) -> Result<Box<dyn Held>, LiveError> {
    let id = |number| PointId([number; 16]);
    domain(libvirt).hold(id(point), since.map(id), &|| false)
}

fn checkpoint(point: u8) -> String {
    format!("holdfast-{}", PointId([point; 16]))
}

/// What is served, read by QEMU's own client.
fn served(libvirt: &Libvirt, held: &dyn Held, disk: usize) -> Vec<u8> {
    let to = libvirt.path("read");
    let from = held.disks()[disk].address.to_string();
    run_tool(Command::new("qemu-img").args(["convert", "-O", "raw", "-f", "raw", &from]).arg(&to));
    std::fs::read(to).expect("what was read")
}

/// Bytes that are said to have been written to a disk.
fn written(held: &dyn Held, disk: usize) -> Option<u64> {
    let dirty = held.dirty(disk).expect("QEMU tells")?;
    Some(dirty.into_ranges().into_iter().map(|range| range.end - range.start).sum())
}

/// A machine with two disks, and what is on them.
struct Written {
    libvirt: Libvirt,
    contents: [Vec<u8>; 2],
    random: Random,
}

impl Written {
    fn new(seed: u64, second: &str) -> Option<Self> {
        let libvirt = Libvirt::start()?;
        let contents = [image(seed, 32 * MIB), image(seed + 1, 8 * MIB)];
        libvirt.define(&[(&contents[0], "qcow2"), (&contents[1], second)]);
        libvirt.switch_on();
        Some(Self { libvirt, contents, random: Random(seed + 2) })
    }

    /// Writes to some clusters of both disks.
    fn write(&mut self, pattern: u8, clusters: usize) {
        for (disk, content) in self.contents.iter_mut().enumerate() {
            for _ in 0..clusters {
                let all = content.len() / CLUSTER as usize;
                let start = self.random.below(all) as u64 * CLUSTER;
                self.libvirt.write(disk, pattern, start, CLUSTER);
                content[start as usize..(start + CLUSTER) as usize].fill(pattern);
            }
        }
    }

    fn hold(&self, point: u8, since: Option<u8>) -> Box<dyn Held> {
        hold(&self.libvirt, point, since).expect("the machine is held")
    }

    fn is_held(&self, held: &dyn Held, contents: &[Vec<u8>; 2]) {
        for (disk, content) in contents.iter().enumerate() {
            assert!(served(&self.libvirt, held, disk) == *content, "disk {disk}");
        }
    }
}

#[test]
fn all_disks_are_held_at_one_moment_and_told_apart_by_what_changed() {
    let Some(mut written) = Written::new(201, "qcow2") else { return };
    let first = written.hold(1, None);
    let names: Vec<&str> = first.disks().iter().map(|disk| disk.name.as_str()).collect();
    assert_eq!(names, ["vda", "vdb"]);
    assert_eq!((self::written(&*first, 0), first.warning()), (None, None));
    let moment = written.contents.clone();
    written.write(1, 10);
    written.is_held(&*first, &moment);
    first.keep().expect("libvirt tidies up");
    for point in 2..4 {
        let held = written.hold(point, Some(point - 1));
        for disk in 0..2 {
            let told = self::written(&*held, disk).expect("it is told");
            assert!((CLUSTER..=10 * CLUSTER).contains(&told), "{told} bytes of disk {disk}");
        }
        let moment = written.contents.clone();
        written.write(point, 10);
        written.is_held(&*held, &moment);
        held.keep().expect("libvirt tidies up");
        assert_eq!(written.libvirt.checkpoints(), [checkpoint(point)]);
        assert_eq!(written.libvirt.exported(), None);
    }
    let folder = std::fs::read_dir(written.libvirt.path("")).expect("a folder");
    let left = folder.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let left: Vec<String> = left.filter(|name| name.contains("holdfast")).collect();
    assert!(left.is_empty(), "{left:?}");
}

fn plan(libvirt: &Libvirt) -> String {
    format!(
        "format = 1\n[[client]]\nname = \"acme\"\nzone = \"UTC\"\n[[system]]\nname = \"mail\"\n\
         client = \"acme\"\nrpo = \"8h\"\nrto = \"1h\"\ninterval = \"4h\"\n\
         retention = {{ daily = 7 }}\n\
         source = {{ kind = \"libvirt\", uri = {:?}, domain = {MACHINE:?} }}\n",
        libvirt.uri
    )
}

#[test]
fn an_engine_pulls_a_machine_by_its_plan_and_gives_each_disk_back() {
    let Some(mut written) = Written::new(251, "qcow2") else { return };
    let pool = Pool::new(1, 512);
    let bus = Bus::start(&pool.path(""));
    let mut engine = Engine::start(&pool, &bus, "");
    engine.apply(&plan(&written.libvirt));
    let mut points = Vec::new();
    for round in 0..4 {
        let number = begin(&engine, false);
        let mut expected = written.contents.clone();
        let is_over = |engine: &Engine| engine.until(number, |_| true).state.is_ended();
        while written.libvirt.exported().is_none() && !is_over(&engine) {}
        written.write(round + 1, 2);
        if round == 2 && !is_over(&engine) {
            engine.kill();
            // The next one does the job again, at a later moment.
            engine = Engine::start(&pool, &bus, "");
            expected = written.contents.clone();
        }
        let job = engine.until(number, |job| job.state.is_ended());
        assert_eq!(job.state, JobState::Done, "{job:?}");
        if round > 0 {
            let Some(Fact::Number(read)) = job.result.get("bytes_read") else { panic!("{job:?}") };
            // Four clusters of each disk at most, and a leaf of each to check the bitmaps.
            assert!(*read <= 2 * (4 * CLUSTER + (16 << 20)), "{job:?}");
        }
        points.push((point(&job), expected));
        assert_eq!(written.libvirt.checkpoints().len(), 1);
    }
    engine.stop();
    for (point, expected) in points {
        let of_either = ["vda", "vdb"].map(|volume| pool.restore_volume(&point, volume));
        assert!(of_either == expected, "{point}");
    }
}

#[test]
fn a_real_guest_is_frozen_for_the_moment_and_one_that_was_left_frozen_goes_on() {
    let Some(prepared) = Guest::prepared() else {
        return skipped("there is no guest: `cargo xtask guest` prepares it");
    };
    let Some(libvirt) = Libvirt::start() else { return };
    let raw = libvirt.path("content");
    let file = std::fs::File::create(&raw).expect("a new file");
    file.set_len(64 * MIB as u64).expect("a sparse file");
    run_tool(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&raw));
    let convert = ["convert", "-O", "qcow2"];
    run_tool(Command::new("qemu-img").args(convert).arg(&raw).arg(libvirt.image("vda")));
    libvirt.define_guest(&prepared);
    let mut guest = libvirt.boot_guest();
    guest.goes_on();
    let pool = Pool::new(1, 512);
    let bus = Bus::start(&pool.path(""));
    let engine = Engine::start(&pool, &bus, "");
    engine.apply(&plan(&libvirt));
    let mut points = Vec::new();
    for left_frozen in [false, true, false] {
        if left_frozen {
            libvirt.machine("domfsfreeze", &[]);
        }
        let job = pull(&engine, false);
        let (state, kept) = match left_frozen {
            true => (JobState::Warned, "crash"),
            false => (JobState::Done, "file-system"),
        };
        assert_eq!(job.state, state, "{job:?}");
        assert_eq!(consistency(&engine, &job), kept);
        guest.goes_on();
        points.push((point(&job), left_frozen));
    }
    engine.stop();
    let restored = pool.path("restored");
    for (point, left_frozen) in points {
        run(&mut pool.restore_to(&point, &restored)).done();
        let recovers = features(&restored).contains("needs_recovery");
        assert!(left_frozen || !recovers, "{}", features(&restored));
        if !recovers {
            run_tool(Command::new("e2fsck").args(["-f", "-n"]).arg(&restored));
        }
        std::fs::remove_file(&restored).expect("the restored file");
    }
}

#[test]
fn what_was_cut_off_is_tidied_up_and_what_it_had_changed_is_told_again() {
    let Some(mut written) = Written::new(211, "qcow2") else { return };
    written.hold(1, None).keep().expect("libvirt tidies up");
    written.write(1, 3);
    // As by a kill: nobody ends it.
    std::mem::forget(written.hold(2, Some(1)));
    assert!(written.libvirt.exported().is_some(), "it goes on");
    written.write(2, 3);
    let held = written.hold(3, Some(1));
    written.is_held(&*held, &written.contents);
    let told = self::written(&*held, 0).expect("it is told");
    assert!((2 * CLUSTER..=6 * CLUSTER).contains(&told), "{told}");
    assert_eq!(written.libvirt.checkpoints(), [checkpoint(1), checkpoint(3)]);
    // It comes to nothing.
    drop(held);
    assert_eq!(written.libvirt.checkpoints(), [checkpoint(1)]);
    assert_eq!(written.libvirt.exported(), None);
    let held = written.hold(4, Some(1));
    assert_eq!(self::written(&*held, 0), Some(told));
    // Killed after its recovery point was durable.
    std::mem::forget(held);
    written.write(5, 1);
    let held = written.hold(5, Some(4));
    assert_eq!(self::written(&*held, 0), Some(CLUSTER));
    held.keep().expect("libvirt tidies up");
    assert_eq!(written.libvirt.checkpoints(), [checkpoint(5)]);
}

#[test]
fn a_checkpoint_that_broke_is_not_believed_and_the_next_is() {
    let Some(mut written) = Written::new(221, "qcow2") else { return };
    written.hold(1, None).keep().expect("libvirt tidies up");
    written.libvirt.kill_machine();
    let off = hold(&written.libvirt, 2, Some(1)).expect_err("it is off");
    assert!(matches!(off, LiveError::NotRunning { .. }), "{off}");
    written.libvirt.switch_on();
    written.write(1, 2);
    let held = written.hold(2, Some(1));
    assert_eq!([0, 1].map(|disk| self::written(&*held, disk)), [None, None]);
    written.is_held(&*held, &written.contents);
    held.keep().expect("libvirt tidies up");
    assert_eq!(written.libvirt.checkpoints(), [checkpoint(2)]);
    // It is switched off and on, and knows what it knew.
    written.write(3, 1);
    written.libvirt.machine("destroy", &["--graceful"]);
    written.libvirt.switch_on();
    let held = written.hold(3, Some(2));
    assert_eq!([0, 1].map(|disk| self::written(&*held, disk)), [Some(CLUSTER); 2]);
}

#[test]
fn a_raw_image_is_read_whole_each_time_beside_one_that_tells() {
    let Some(mut written) = Written::new(231, "raw") else { return };
    for point in 1..3 {
        let held = written.hold(point, (point > 1).then(|| point - 1));
        let told = [0, 1].map(|disk| self::written(&*held, disk));
        assert_eq!(told, [(point > 1).then_some(CLUSTER), None]);
        written.is_held(&*held, &written.contents);
        held.keep().expect("libvirt tidies up");
        written.write(point, 1);
    }
}

#[test]
fn what_is_somebody_elses_is_left_alone() {
    let Some(written) = Written::new(241, "qcow2") else { return };
    let libvirt = &written.libvirt;
    libvirt.machine("checkpoint-create-as", &["--name=before-the-update"]);
    written.hold(1, None).keep().expect("libvirt tidies up");
    written.hold(2, Some(1)).keep().expect("libvirt tidies up");
    assert_eq!(libvirt.checkpoints(), ["before-the-update".to_owned(), checkpoint(2)]);
    let xml = libvirt.path("foreign.xml");
    let text = format!(
        "<domainbackup mode='pull'><server transport='unix' socket='{}'/><disks>\
         <disk name='vdb' backup='yes' type='file'><scratch file='{}'/></disk></disks>\
         </domainbackup>",
        libvirt.path("foreign").display(),
        libvirt.path("foreign.scratch").display()
    );
    std::fs::write(&xml, text).expect("a file");
    libvirt.machine("backup-begin", &[&format!("--backupxml={}", xml.display())]);
    let busy = hold(libvirt, 3, Some(2)).expect_err("somebody else is at work");
    assert!(matches!(busy, LiveError::Busy { .. }), "{busy}");
    assert!(libvirt.exported().is_some(), "his backup goes on");
    libvirt.machine("domjobabort", &[]);
    assert_eq!(libvirt.checkpoints(), ["before-the-update".to_owned(), checkpoint(2)]);
}

#[test]
fn a_machine_that_is_not_there_is_told_from_those_that_are() {
    let Some(libvirt) = Libvirt::start() else { return };
    libvirt.define(&[(&[1; 4096], "qcow2")]);
    let other = Domain { name: "1".to_owned(), ..domain(&libvirt) };
    let hold = |domain: &Domain| domain.hold(PointId([1; 16]), None, &|| false);
    let error = hold(&other).expect_err("there is none").to_string();
    assert!(error.contains(MACHINE), "{error}");
    libvirt.switch_on();
    let disk = Domain { disks: vec!["vdb".to_owned()], ..domain(&libvirt) };
    let error = hold(&disk).expect_err("it has none").to_string();
    assert!(error.contains("it has vda"), "{error}");
    let nobody = Domain { uri: libvirt.uri.replace("libvirt-sock", "no-sock"), ..other };
    let error = hold(&nobody).expect_err("nobody listens");
    assert!(matches!(error, LiveError::Unreachable { .. }), "{error}");
}
