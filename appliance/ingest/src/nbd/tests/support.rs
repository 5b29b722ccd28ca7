//! Servers of others to test against, and images for them.

use std::fs;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use tempfile::TempDir;

use crate::nbd::image::activate;
use crate::nbd::{NbdAddress, NbdSource};
use crate::source::Source;

/// Whether a program can be run here; says so when it cannot, so that a skipped test shows.
pub(crate) fn installed(tool: &str) -> bool {
    let there = Command::new(tool).arg("--version").output().is_ok();
    if !there {
        eprintln!("skipped: {tool} is not installed");
    }
    there
}

/// A server that ends with the value.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    folder: TempDir,
}

impl Server {
    pub(crate) fn start(tool: &str, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { child: start(&folder.path().join("s"), tool, arguments), folder }
    }

    /// On a port of the loopback that the kernel chooses.
    pub(crate) fn start_tcp(tool: &str, arguments: &[&str]) -> (Self, NbdAddress) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("nbd://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let child = activate(listener.into(), Command::new(tool).args(arguments)).unwrap();
        (Self { child, folder: tempfile::tempdir().unwrap() }, address)
    }

    /// Ends the server and frees its place.
    pub(crate) fn stop(&mut self) {
        self.end();
        fs::remove_file(self.socket()).unwrap();
    }

    /// Puts another server into the place of one that was stopped.
    pub(crate) fn start_again(&mut self, tool: &str, arguments: &[&str]) {
        self.child = start(&self.socket(), tool, arguments);
    }

    pub(crate) fn address(&self, export: &str) -> NbdAddress {
        NbdAddress::unix(&self.socket(), export).unwrap()
    }

    pub(crate) fn connect(&self) -> NbdSource {
        NbdSource::connect(&self.address("")).unwrap()
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("s")
    }

    fn end(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

fn start(socket: &Path, tool: &str, arguments: &[&str]) -> Child {
    let listener = UnixListener::bind(socket).unwrap();
    activate(listener.into(), Command::new(tool).args(arguments)).unwrap()
}

/// A disk with data, zeroes and holes in pieces of many sizes, and with an odd sector at its end.
pub(crate) fn disk_bytes() -> Vec<u8> {
    let mut bytes = vec![0; (24 << 20) + 512];
    let mut seed = 1_u32;
    for (start, length) in
        [(0, 512), (1 << 20, 3 << 20), (5 << 20, 65536), ((5 << 20) + 196_608, 4096)]
            .into_iter()
            .chain([(9 << 20, 100), ((23 << 20) + 7, (1 << 20) + 505)])
    {
        for byte in &mut bytes[start..start + length] {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = (seed >> 24) as u8 | 1;
        }
    }
    bytes
}

/// Writes the disk as a sparse raw image.
pub(crate) fn raw_image(folder: &Path) -> PathBuf {
    let path = folder.join("disk.raw");
    let bytes = disk_bytes();
    let file = fs::File::create(&path).unwrap();
    file.set_len(bytes.len() as u64).unwrap();
    for (number, block) in bytes.chunks(4096).enumerate() {
        if block.iter().any(|byte| *byte != 0) {
            let at = number as u64 * 4096;
            std::os::unix::fs::FileExt::write_all_at(&file, block, at).unwrap();
        }
    }
    path
}

/// Runs `qemu-img`, which must succeed, and gives what it prints.
pub(crate) fn qemu_img(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("qemu-img").args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Reads a volume the way a pull does: only what may hold data, over zeroes.
pub(crate) fn pull(source: &dyn Source) -> Vec<u8> {
    let mut bytes = vec![0; source.size() as usize];
    let mut at = 0;
    while let Some(data) = source.data(at..source.size()).unwrap() {
        assert!(data.start >= at && data.end > data.start && data.end <= source.size());
        source.read(data.start, &mut bytes[data.start as usize..data.end as usize]).unwrap();
        at = data.end;
    }
    bytes
}

/// Compares without printing two disks.
pub(crate) fn assert_same(got: &[u8], wanted: &[u8]) {
    assert_eq!(got.len(), wanted.len(), "size");
    let differs = got.iter().zip(wanted).position(|(got, wanted)| got != wanted);
    assert_eq!(differs, None, "first byte that differs");
}
