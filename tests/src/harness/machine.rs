//! A real QEMU whose processors stand still: what a guest would write, QEMU's own `qemu-io` writes
//! through the same device.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Pool, run_tool};

/// By then QEMU listens.
const PATIENCE: Duration = Duration::from_secs(30);

/// A QEMU with one disk or more, and a second control socket for the test.
pub(crate) struct Machine {
    qemu: Child,
    control: BufReader<UnixStream>,
    pub(crate) disk: PathBuf,
    pub(crate) socket: PathBuf,
    /// Where its disk is turned into a raw image.
    raw: PathBuf,
}

impl Machine {
    /// Starts one on a qcow2 image with this content.
    pub(crate) fn start(pool: &Pool, content: &[u8]) -> Self {
        let (raw, disk) = (pool.image("content", content), pool.path("machine.qcow2"));
        run_tool(Command::new("qemu-img").args(["convert", "-O", "qcow2"]).args([&raw, &disk]));
        Self::on(pool, disk)
    }

    /// Starts one on an image that is there.
    pub(crate) fn on(pool: &Pool, disk: PathBuf) -> Self {
        Self::with(pool, disk, &[])
    }

    /// Starts one on images that are there: the first is `vda`, then `vdb`.
    pub(crate) fn with(pool: &Pool, disk: PathBuf, others: &[&Path]) -> Self {
        let (socket, control) = (pool.path("qmp"), pool.path("control"));
        for left in [&socket, &control] {
            let _ = std::fs::remove_file(left);
        }
        let listens = |path: &Path| format!("unix:{},server=on,wait=off", path.display());
        let mut qemu = Command::new("qemu-system-x86_64");
        qemu.args(["-accel", "tcg", "-S", "-display", "none", "-nodefaults", "-m", "64"]);
        let nodes = [("system", "vda"), ("data", "vdb"), ("more", "vdc")];
        for ((node, device), image) in nodes.iter().zip([disk.as_path()].iter().chain(others)) {
            qemu.arg("-blockdev").arg(format!(
                "driver=qcow2,node-name={node},discard=unmap,file.driver=file,file.filename={}",
                image.display()
            ));
            qemu.args(["-device", &format!("virtio-blk-pci,drive={node},id={device}")]);
        }
        let qemu = qemu
            .args(["-qmp", &listens(&socket), "-qmp", &listens(&control)])
            .stdin(Stdio::null())
            .spawn()
            .expect("qemu can be started: it is in the Debian package qemu-system-x86");
        let began = Instant::now();
        let control = loop {
            match UnixStream::connect(&control) {
                Ok(control) => break BufReader::new(control),
                Err(error) if began.elapsed() > PATIENCE => panic!("QEMU: {error}"),
                Err(_) => std::thread::park_timeout(Duration::from_millis(10)),
            }
        };
        let raw = pool.path("machine.raw");
        let mut machine = Self { qemu, control, disk, socket, raw };
        machine.line();
        machine.execute("qmp_capabilities", json!({}));
        machine
    }

    fn line(&mut self) -> Value {
        let mut line = String::new();
        self.control.read_line(&mut line).expect("QEMU runs");
        serde_json::from_str(&line).expect("JSON")
    }

    pub(crate) fn execute(&mut self, command: &str, arguments: Value) -> Value {
        let line = json!({ "execute": command, "arguments": arguments });
        writeln!(self.control.get_mut(), "{line}").expect("QEMU runs");
        loop {
            let answer = self.line();
            assert!(answer.get("error").is_none(), "{command}: {answer}");
            if answer.get("return").is_some() {
                return answer["return"].clone();
            }
        }
    }

    /// Writes a byte all over a range, as the guest would.
    pub(crate) fn write(&mut self, pattern: u8, start: u64, length: u64) {
        self.write_to("vda", pattern, start, length);
    }

    /// The same to the disk of this name.
    pub(crate) fn write_to(&mut self, disk: &str, pattern: u8, start: u64, length: u64) {
        let device = format!("/machine/peripheral/{disk}/virtio-backend");
        let line = format!("qemu-io -d {device} \"write -P {pattern} {start} {length}\"");
        let said = self.execute("human-monitor-command", json!({ "command-line": line }));
        assert!(!said.to_string().contains("rror"), "{said}");
    }

    /// Waits until somebody has let it go on.
    pub(crate) fn until_running(&mut self) {
        if self.execute("query-status", json!({}))["running"] == true {
            return;
        }
        while self.line()["event"] != "RESUME" {}
    }

    /// Whether its disk is served at this moment.
    pub(crate) fn is_pulled(&mut self) -> bool {
        let exports = self.execute("query-block-exports", json!({}));
        exports.as_array().is_some_and(|exports| !exports.is_empty())
    }

    /// Bitmaps that the disk has.
    pub(crate) fn bitmaps(&mut self) -> usize {
        let devices = self.execute("query-block", json!({}));
        devices[0]["inserted"]["dirty-bitmaps"].as_array().map_or(0, Vec::len)
    }

    /// Ends it and gives what is on its disk.
    pub(crate) fn content(mut self) -> Vec<u8> {
        self.execute("quit", json!({}));
        self.qemu.wait().expect("it ends");
        run_tool(
            Command::new("qemu-img").args(["convert", "-O", "raw"]).args([&self.disk, &self.raw]),
        );
        std::fs::read(&self.raw).expect("the raw image")
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}
