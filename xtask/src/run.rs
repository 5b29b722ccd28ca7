//! `cargo xtask run`: engine, portal and console on a workstation, with disks that are files and a
//! bus of its own.
//!
//! Everything is in one folder, which is used again the next time; no root is needed once the
//! packages are there. On a terminal the console is what is seen, and `q` ends all; elsewhere the
//! logs are, and Ctrl-C does. Either ends the engine as the service manager would: jobs stop at a
//! safe place and go on at the next start.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, IsTerminal, Read, Write, stdin, stdout};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::debian::{self, Package};
use crate::error::{Error, Result};
use crate::process::{cargo, command, failed, quiet, shown, start_error, target_folder};

const NEEDED: &[Package] =
    &[Package { name: "dbus-daemon", why: "the bus that the engine is on, for nobody else" }];

/// What is built for it.
const PACKAGES: [&str; 4] = ["holdfast", "engine", "manage", "console"];

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Keep pool, state and sockets here; made if it is not there
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,

    /// Size of each of the two disks, which take room as they fill
    #[arg(long, value_name = "BYTES", default_value = "20GiB")]
    size: String,

    /// Port of the portal, on this machine alone
    #[arg(long, value_name = "NUMBER", default_value_t = 8443)]
    port: u16,

    /// Show the logs, and no console
    #[arg(long)]
    no_console: bool,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    debian::ensure(NEEDED)?;
    let mut build = cargo();
    build.args(["build", "--release", "--locked"]);
    shown(build.args(PACKAGES.iter().flat_map(|name| ["-p", name])))?;
    let folder = args.folder.clone().unwrap_or_else(|| target_folder().join("run"));
    fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
    let folder = folder.canonicalize().map_err(Error::io(&folder))?;
    if !folder.join("disk0").exists() {
        make_pool(&folder, &args.size)?;
    }
    configure(&folder, args.port)?;
    let _bus = Bus::start(&folder)?;
    tell(&folder);
    let has_screen = stdin().is_terminal() && stdout().is_terminal() && !args.no_console;
    let mut engine = command(program("holdfast-engine"));
    engine.arg("--config").arg(folder.join("engine.toml"));
    if has_screen {
        engine.stderr(log_file(&folder, "engine.log")?);
    }
    let mut running = engine.spawn().map_err(|source| start_error(&engine, source))?;
    let _portal = Portal::start(&folder, has_screen)?;
    let seen = if has_screen { show_console(&folder) } else { Ok(()) };
    if has_screen {
        // It may have ended by itself.
        let _ = kill(Pid::from_raw(running.id().cast_signed()), Signal::SIGTERM);
    }
    // Ctrl-C reaches the engine too, which ends in its own time; then this does. Not before the
    // engine is started: it would inherit that.
    let interrupt: SigSet = [Signal::SIGINT].into_iter().collect();
    interrupt.thread_block().map_err(|errno| Error::io(&folder)(errno.into()))?;
    let status = running.wait().map_err(Error::io(&folder))?;
    if status.success() { seen } else { Err(failed(&engine, &status.to_string(), "")) }
}

/// Where a daemon writes that must not write on the console.
fn log_file(folder: &Path, name: &str) -> Result<File> {
    let path = folder.join(name);
    File::create(&path).map_err(Error::io(&path))
}

/// Shows the console until somebody ends it. What it would ask of the machine's own services, as
/// restarting it, it asks on the bus of this run, where there is none.
fn show_console(folder: &Path) -> Result<()> {
    let at = address(folder);
    let text = format!(
        "bus = {at:?}\nsystem_bus = {at:?}\nclaim = {:?}\nreset = {:?}\nnetwork = {:?}\n\
         quit = true\n",
        folder.join("portal/claim.json").display().to_string(),
        folder.join("portal/reset").display().to_string(),
        folder.join("network").display().to_string(),
    );
    fs::create_dir_all(folder.join("network")).map_err(Error::io(folder))?;
    let path = folder.join("console.toml");
    fs::write(&path, text).map_err(Error::io(&path))?;
    let mut console = command(program("holdfast-console"));
    shown(console.arg("--config").arg(&path).stdin(Stdio::inherit()))
}

fn program(name: &str) -> PathBuf {
    target_folder().join("release").join(name)
}

/// A mirror with a passphrase that nobody has to type, and a kit that is proved.
fn make_pool(folder: &Path, size: &str) -> Result<()> {
    let mut secret = [0; 16];
    let random = Path::new("/dev/urandom");
    let read = File::open(random).and_then(|mut file| file.read_exact(&mut secret));
    read.map_err(Error::io(random))?;
    let passphrase = folder.join("passphrase");
    // Nobody else is to read it, from the first moment on.
    let mut options = File::options();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(&passphrase);
    let written = file.and_then(|mut file| writeln!(file, "{:032x}", u128::from_be_bytes(secret)));
    written.map_err(Error::io(&passphrase))?;
    let (disks, kit) = ([folder.join("disk0"), folder.join("disk1")], folder.join("kit"));
    let mut create = command(program("holdfast"));
    create.args(["pool", "create", "--size", size, "--kit-out"]).arg(&kit);
    quiet(create.arg("--passphrase-file").arg(&passphrase).args(&disks))?;
    let mut prove = command(program("holdfast"));
    quiet(prove.args(["kit", "prove", "--kit-file"]).arg(&kit).args(&disks))?;
    Ok(())
}

fn configure(folder: &Path, port: u16) -> Result<()> {
    let portal = format!(
        "listen = \"127.0.0.1:{port}\"\ncertificate = \"manage/certificate.pem\"\n\
         key = \"manage/key.pem\"\nstate = \"manage\"\nruntime = \"portal\"\nbus = \"{}\"\n",
        address(folder)
    );
    let path = folder.join("manage.toml");
    fs::write(&path, portal).map_err(Error::io(&path))?;
    let text = format!(
        "disks = [\"disk0\", \"disk1\"]\npassphrase_file = \"passphrase\"\nstate = \"state\"\n\
         runtime = \"sockets\"\nbus = \"{}\"\n",
        address(folder)
    );
    let path = folder.join("engine.toml");
    fs::write(&path, text).map_err(Error::io(&path))
}

fn address(folder: &Path) -> String {
    format!("unix:path={}", folder.join("bus").display())
}

/// A message bus, until it is dropped.
struct Bus(Child);

impl Bus {
    fn start(folder: &Path) -> Result<Self> {
        let path = folder.join("bus.conf");
        let text = format!(
            "<busconfig><type>session</type><listen>{}</listen><policy context=\"default\">\
             <allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/>\
             <allow own=\"*\"/></policy></busconfig>",
            address(folder)
        );
        fs::write(&path, text).map_err(Error::io(&path))?;
        // That of a run that was killed.
        let _ = fs::remove_file(folder.join("bus"));
        let mut daemon = Command::new("dbus-daemon");
        daemon.arg(format!("--config-file={}", path.display())).args(["--nofork", "--nopidfile"]);
        // It prints its address when it listens, and nothing if it cannot.
        daemon.arg("--print-address").stdout(Stdio::piped());
        // Ctrl-C is for the engine, which needs the bus until it has ended.
        daemon.process_group(0);
        let mut child = daemon.spawn().map_err(|source| start_error(&daemon, source))?;
        let mut listens = String::new();
        let read = child.stdout.take().map(|out| BufReader::new(out).read_line(&mut listens));
        if !matches!(read, Some(Ok(1..))) {
            let status = child.wait().map_err(Error::io(&path))?;
            return Err(failed(&daemon, &status.to_string(), ""));
        }
        Ok(Self(child))
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The management daemon, until it is dropped.
struct Portal(Child);

impl Portal {
    /// Starts it, and tells where it is found and how it becomes somebody's.
    fn start(folder: &Path, quietly: bool) -> Result<Self> {
        let told = folder.join("portal/claim.json");
        // That of the last run: its code opens nothing.
        let _ = fs::remove_file(&told);
        let mut manage = command(program("holdfast-manage"));
        manage.arg("--config").arg(folder.join("manage.toml")).stderr(Stdio::piped());
        let mut child = manage.spawn().map_err(|source| start_error(&manage, source))?;
        let log = child.stderr.take().map(BufReader::new);
        let portal = Self(child);
        let mut lines = log.into_iter().flat_map(BufReader::lines).map_while(std::io::Result::ok);
        for line in lines.by_ref() {
            eprintln!("{line}");
            if line.contains("ready at") {
                break;
            }
        }
        // It must never wait for somebody who reads its log.
        let mut to: Box<dyn Write + Send> = match quietly {
            true => Box::new(log_file(folder, "manage.log")?),
            false => Box::new(std::io::stderr()),
        };
        std::thread::spawn(move || {
            for line in lines {
                // Where there is no room the daemon goes on.
                let _ = writeln!(to, "{line}");
            }
        });
        let text = fs::read_to_string(&told).map_err(Error::io(&told))?;
        let told: Value = serde_json::from_str(&text).unwrap_or_default();
        println!("portal:    {}", told["addresses"][0].as_str().unwrap_or("?"));
        match told["code"].as_str() {
            Some(code) => println!("claim it:  with the code {code}"),
            None => println!("claimed:   sign in with your account"),
        }
        Ok(portal)
    }
}

impl Drop for Portal {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn tell(folder: &Path) {
    let at = address(folder);
    println!("pool, state and sockets: {}", folder.display());
    println!("see it:    busctl --address={at} tree org.holdfast.Engine1");
    println!(
        "protect:   busctl --address={at} call org.holdfast.Engine1 /org/holdfast/appliance \
         org.holdfast.Appliance1 ApplyPlan sb \"$(cat plan.toml)\" false"
    );
}
