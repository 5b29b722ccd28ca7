//! The power supply: a real server of Network UPS Tools whose device is a file, and an engine that
//! asks it.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bus::{AlertView, Object};

use crate::harness::{Bus, Engine, Pool, skipped};

/// Where Debian has the programs of the package nut-server.
const DRIVER: &str = "/lib/nut/dummy-ups";
const SERVER: &str = "/lib/nut/upsd";

/// How long the programs may take to start.
const PATIENCE: Duration = Duration::from_secs(30);

/// A supply that says what a file says.
struct Supply {
    folder: PathBuf,
    port: u16,
    programs: Vec<Child>,
}

impl Supply {
    /// `None` where the programs are not installed.
    fn start(folder: &Path, says: &str) -> Option<Self> {
        if !Path::new(SERVER).exists() || !Path::new(DRIVER).exists() {
            skipped("needs the Debian package nut-server");
            return None;
        }
        fs::create_dir(folder).expect("a new folder");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its number").port();
        drop(listener);
        let write = |name: &str, text: &str| {
            fs::write(folder.join(name), text).expect("room for a small file");
        };
        let device = folder.join("apc.dev");
        let ups = format!("driver = dummy-ups\nport = {}\nmode = dummy-once", device.display());
        write("ups.conf", &format!("[apc]\n{ups}\n"));
        write("upsd.conf", &format!("LISTEN 127.0.0.1 {port}\n"));
        write("upsd.users", "");
        let mut supply = Self { folder: folder.to_owned(), port, programs: Vec::new() };
        supply.says(says);
        supply.run(DRIVER, &["-D", "-a", "apc", "-u", "root"]);
        let begun = Instant::now();
        while !folder.join("dummy-ups-apc").exists() {
            assert!(begun.elapsed() < PATIENCE, "the driver has no socket");
            std::thread::yield_now();
        }
        supply.run(SERVER, &["-D", "-u", "root"]);
        supply.until("OB DISCHRG");
        Some(supply)
    }

    fn run(&mut self, program: &str, arguments: &[&str]) {
        let child = Command::new(program)
            .args(arguments)
            .env("NUT_CONFPATH", &self.folder)
            .env("NUT_STATEPATH", &self.folder)
            .env("NUT_ALTPIDPATH", &self.folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.programs.push(child.expect("the program can be started"));
    }

    fn says(&self, what: &str) {
        let unfinished = self.folder.join("unfinished");
        fs::write(&unfinished, what).expect("room for a small file");
        fs::rename(unfinished, self.folder.join("apc.dev")).expect("the device");
    }

    /// Waits until the server has this status of the supply.
    fn until(&self, status: &str) {
        let begun = Instant::now();
        let status = format!("ups.status \"{status}\"");
        while !self.answer().is_ok_and(|answer| answer.contains(&status)) {
            assert!(begun.elapsed() < PATIENCE, "the server does not tell {status}");
            std::thread::yield_now();
        }
    }

    fn answer(&self) -> std::io::Result<String> {
        let mut server = TcpStream::connect(("127.0.0.1", self.port))?;
        server.write_all(b"GET VAR apc ups.status\nLOGOUT\n")?;
        let mut answer = String::new();
        server.read_to_string(&mut answer)?;
        Ok(answer)
    }

    fn end(&mut self) {
        for mut program in self.programs.drain(..) {
            // It may have ended.
            let _ = program.kill();
            let _ = program.wait();
        }
    }
}

impl Drop for Supply {
    fn drop(&mut self) {
        self.end();
    }
}

/// Has the engine look at everything now, and not in half a minute.
fn looks(engine: &Engine) {
    engine.apply("format = 1\n");
}

/// Waits for an alert with this code.
fn alert(engine: &Engine, code: &str) -> AlertView {
    engine.wait(async {
        let mut watch = engine.client.watch().await.expect("the engine answers");
        loop {
            let objects = engine.client.objects().await.expect("the engine answers");
            let mut alerts = objects.into_iter().filter_map(|object| match object {
                Object::Alert(alert) => Some(alert),
                _ => None,
            });
            if let Some(alert) = alerts.find(|alert| alert.code == code) {
                return alert;
            }
            let _ = watch.next().await;
        }
    })
}

#[test]
fn a_box_that_runs_on_battery_says_so_and_one_whose_supply_is_silent_too() {
    let pool = Pool::new(1, 64);
    let on_battery = "ups.status: OB DISCHRG\nbattery.charge: 64\nbattery.runtime: 900\n";
    let Some(mut supply) = Supply::start(&pool.path("nut"), on_battery) else { return };
    let bus = Bus::start(&pool.path(""));
    let engine = Engine::start(&pool, &bus, &format!("ups = \"127.0.0.1:{}\"\n", supply.port));
    let told = alert(&engine, "ups-on-battery");
    assert!(told.cause.contains("UPS apc") && told.cause.contains("64 %"), "{}", told.cause);
    supply.says("ups.status: OB LB\nbattery.charge: 4\nbattery.runtime: 40\n");
    supply.until("OB LB");
    looks(&engine);
    let told = alert(&engine, "ups-battery-low");
    assert!(told.cause.contains("4 %"), "{}", told.cause);
    supply.end();
    looks(&engine);
    alert(&engine, "ups-unreachable");
    engine.stop();
}
