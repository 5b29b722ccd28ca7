//! A box of plain files with its receiver, and agents of it.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use receiver::sim::Files;
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::beside;

/// A receiver that runs.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    pub(crate) address: SocketAddr,
    pub(crate) fingerprint: String,
}

impl Server {
    fn start(config: &Path, folder: &Path) -> Self {
        let mut process = Command::new(beside("received"))
            .args([config, folder])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the receiver can be started");
        let mut line = String::new();
        let out = process.stdout.take().expect("its output");
        BufReader::new(out).read_line(&mut line).expect("what it prints");
        let (address, fingerprint) = line.trim().split_once(' ').expect("an address");
        let address = address.parse().expect("an address and a port");
        Self { process, address, fingerprint: fingerprint.to_owned() }
    }

    /// Most bytes of memory that it ever had resident.
    pub(crate) fn peak(&self) -> u64 {
        let path = format!("/proc/{}/status", self.process.id());
        let status = fs::read_to_string(path).expect("the receiver runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line");
        let kib = line.trim().strip_suffix("kB").expect("its unit").trim().parse::<u64>();
        kib.expect("a number") * 1024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A folder with a box and agents in it.
#[derive(Debug)]
pub(crate) struct Lab {
    folder: TempDir,
    agents: Vec<(String, String)>,
}

impl Lab {
    /// Agents of these systems, each with the volumes `root` and `data`, enrolled at the box.
    pub(crate) fn new(systems: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut lab = Self { folder, agents: Vec::new() };
        for system in systems {
            lab.configure(system, "127.0.0.1:1", &"00".repeat(32), "");
            fs::write(lab.volume(system), [1]).expect("room for a byte");
            let mut told = lab.agent(system, &["enroll", "--system", system]);
            let told = Self::json(&told.output().expect("the agent can be started"));
            let fingerprint = told["fingerprint"].as_str().expect("a fingerprint").to_owned();
            lab.agents.push(((*system).to_owned(), fingerprint));
        }
        lab
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The disk image that is the volume `root` of a system.
    pub(crate) fn volume(&self, system: &str) -> PathBuf {
        self.path(&format!("{system}.img"))
    }

    /// Where an agent keeps what it has to know.
    pub(crate) fn state(&self, system: &str) -> PathBuf {
        self.path(&format!("{system}.state"))
    }

    /// The certificate and key of an agent.
    pub(crate) fn identity(&self, system: &str) -> (PathBuf, PathBuf) {
        (self.path(&format!("{system}.pem")), self.path(&format!("{system}.key")))
    }

    /// Starts the receiver, at this address or wherever there is room.
    pub(crate) fn serve(&self, at: &str) -> Server {
        let mut text = format!("listen = {at:?}\ncertificate = \"box.pem\"\nkey = \"box.key\"\n");
        for (system, fingerprint) in &self.agents {
            text.push_str(&format!(
                "[[agent]]\nsystem = {system:?}\nfingerprint = {fingerprint:?}\n\
                 volumes = [\"root\", \"data\"]\nmost_bytes = \"1G\"\n"
            ));
        }
        let config = self.path("receiver.toml");
        fs::write(&config, text).expect("room for a small file");
        let server = Server::start(&config, &self.path("box"));
        for (system, _) in &self.agents {
            self.configure(system, &server.address.to_string(), &server.fingerprint, "");
        }
        server
    }

    /// Writes the configuration of an agent, with more lines for its one volume.
    pub(crate) fn configure(&self, system: &str, address: &str, fingerprint: &str, more: &str) {
        let text = format!(
            "box = {address:?}\nfingerprint = {fingerprint:?}\ncertificate = \"{system}.pem\"\n\
             key = \"{system}.key\"\nstate = \"{system}.state\"\npatience = \"20s\"\n{more}\n\
             [[volume]]\nname = \"root\"\npath = \"{system}.img\"\n"
        );
        fs::write(self.path(&format!("{system}.toml")), text).expect("room for a small file");
    }

    /// The agent's command.
    pub(crate) fn agent(&self, system: &str, words: &[&str]) -> Command {
        let mut command = Command::new(beside("holdfast-agent"));
        let config = self.path(&format!("{system}.toml"));
        command.args(["--json", "--quiet", "--config"]).arg(config).args(words);
        command
    }

    /// Does a run of an agent to its success; what it says of its volume.
    pub(crate) fn run(&self, system: &str) -> Value {
        let output = self.agent(system, &["run"]).output().expect("the agent can be started");
        Self::json(&output)["volumes"][0].clone()
    }

    /// What a command that succeeded printed.
    pub(crate) fn json(output: &Output) -> Value {
        let complaints = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{complaints}");
        serde_json::from_slice(&output.stdout).expect("what it prints is JSON")
    }

    /// The box as it is on the disk now.
    pub(crate) fn files(&self) -> Files {
        Files::open(&self.path("box")).expect("the box")
    }

    /// Checks that the newest recovery point of a system is its volume, byte for byte; how many
    /// there are.
    pub(crate) fn newest_is(&self, system: &str, bytes: &[u8]) -> usize {
        let points = self.files().points(system, "root");
        let (path, _) = points.last().expect("a recovery point");
        let mut found = Vec::new();
        let mut file = fs::File::open(path).expect("its bytes");
        file.read_to_end(&mut found).expect("its bytes");
        assert!(found == bytes, "the recovery point is not what the volume is");
        points.len()
    }
}
