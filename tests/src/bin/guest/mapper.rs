//! A disk behind the device mapper, whose behaviour can be changed under the one who uses it.

use std::io::Write;
use std::process::{Command, Stdio};

const PROGRAM: &str = "/bin/dmsetup";

/// Delay of each request of a slow disk, in milliseconds: a hundred times what a disk takes.
const SLOW: u32 = 200;

/// Seconds that a flakey table behaves in the way that is meant: for as long as anybody looks.
const FOR_GOOD: u32 = 1_000_000;

/// A region with segments that hold the first recovery point, in sectors: behind the log, which the
/// layout for small disks has up to the second MiB.
const REGION: std::ops::Range<u64> = 2 << 11..4 << 11;

/// What becomes of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// They reach the disk.
    Healthy,
    /// All fail.
    Errors,
    /// All to some segments fail.
    BadRegion,
    /// Writes and flushes fail.
    WriteErrors,
    /// Writes are acknowledged and thrown away.
    LostWrites,
    /// All take long.
    Slow,
}

/// The disk. `number` is that of the kernel's device, which it gives in order of making.
#[derive(Debug)]
pub(crate) struct Mapped {
    name: String,
    number: usize,
    under: String,
    sectors: u64,
}

impl Mapped {
    /// Puts a healthy mapping over the device `under`.
    pub(crate) fn create(number: usize, under: &str) -> Self {
        let device = under.trim_start_matches("/dev/");
        let size = std::fs::read_to_string(format!("/sys/class/block/{device}/size"));
        let sectors = size.expect("the size of a disk").trim().parse().expect("a number");
        let name = format!("disk{number}");
        let mapped = Self { name, number, under: under.to_owned(), sectors };
        dmsetup(&["create", &mapped.name], &mapped.table(Behaviour::Healthy));
        mapped
    }

    pub(crate) fn path(&self) -> String {
        format!("/dev/mapper/{}", self.name)
    }

    /// Gets ready to behave in another way, from [`go_on`](Self::go_on) on.
    pub(crate) fn prepare(&self, behaviour: Behaviour) {
        dmsetup(&["load", &self.name], &self.table(behaviour));
    }

    /// Forgets what was prepared.
    pub(crate) fn stay(&self) {
        dmsetup(&["clear", &self.name], "");
    }

    /// Answers nothing until [`go_on`](Self::go_on).
    pub(crate) fn hold(&self) {
        dmsetup(&["suspend", "--noflush", "--nolockfs", &self.name], "");
    }

    /// Answers again, in the way that was prepared, also requests that wait.
    pub(crate) fn go_on(&self) {
        dmsetup(&["resume", "--noflush", "--nolockfs", &self.name], "");
    }

    /// Reads and writes that have been done so far.
    pub(crate) fn requests(&self) -> u64 {
        let path = format!("/sys/block/dm-{}/stat", self.number);
        let text = std::fs::read_to_string(path).expect("the counters of a disk");
        let counters: Vec<u64> = text.split_whitespace().flat_map(str::parse).collect();
        counters[0] + counters[4]
    }

    fn table(&self, behaviour: Behaviour) -> String {
        let Self { under, sectors, .. } = self;
        match behaviour {
            Behaviour::Healthy => format!("0 {sectors} linear {under} 0"),
            Behaviour::Errors => format!("0 {sectors} flakey {under} 0 0 {FOR_GOOD}"),
            Behaviour::BadRegion => {
                let (start, end) = (REGION.start, REGION.end);
                let (bad, rest) = (end - start, sectors - end);
                format!("0 {start} linear {under} 0\n{start} {bad} error\n")
                    + &format!("{end} {rest} linear {under} {end}\n")
            }
            Behaviour::WriteErrors => {
                format!("0 {sectors} flakey {under} 0 0 {FOR_GOOD} 1 error_writes")
            }
            Behaviour::LostWrites => {
                format!("0 {sectors} flakey {under} 0 0 {FOR_GOOD} 1 drop_writes")
            }
            Behaviour::Slow => format!("0 {sectors} delay {under} 0 {SLOW}"),
        }
    }
}

/// Runs the program, which reads tables from its standard input.
fn dmsetup(words: &[&str], table: &str) {
    let mut command = Command::new(PROGRAM);
    // There is no udev: the program makes the device nodes.
    command.args(words).env("DM_DISABLE_UDEV", "1");
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut process = command.spawn().expect("dmsetup can be started");
    let mut input = process.stdin.take().expect("a pipe");
    input.write_all(table.as_bytes()).expect("less than a pipe holds");
    drop(input);
    let output = process.wait_with_output().expect("a child of this process");
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
}
