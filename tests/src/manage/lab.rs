//! A box with its engine and its management daemon, and people who use that.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::harness::{Asked, MIB, Peer, beside, image, run};

/// The password of everybody.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// A box that is managed.
#[derive(Debug)]
pub(crate) struct Lab {
    pub(crate) asked: Asked,
    manage: Option<Child>,
    pub(crate) address: SocketAddr,
    /// Where certificates are asked for.
    pub(crate) certificates: SocketAddr,
    /// What the daemon has written to its log.
    pub(crate) log: Arc<Mutex<String>>,
}

/// Two clients with a system each, `mail` of acme and `erp` of globex.
const PLAN: &str = "format = 1\n[[client]]\nname = \"acme\"\nzone = \"UTC\"\n[[client]]\n\
    name = \"globex\"\nzone = \"UTC\"\n";

impl Lab {
    /// A box that nobody has claimed.
    pub(crate) fn new() -> Self {
        Self::with_room(256)
    }

    /// The same with so many MiB on each of its two disks.
    pub(crate) fn with_room(mib: usize) -> Self {
        let asked = Asked::start(2, mib);
        let free: SocketAddr = ([127, 0, 0, 1], 0).into();
        let log = Arc::default();
        let mut lab = Self { asked, manage: None, address: free, certificates: free, log };
        lab.configure();
        lab.start();
        lab
    }

    /// One with an owner, whose token comes with it.
    pub(crate) fn claimed() -> (Self, String) {
        let lab = Self::new();
        let token = lab.claims();
        (lab, token)
    }

    /// Makes somebody its owner, and gives the token.
    pub(crate) fn claims(&self) -> String {
        let claimed = self.ask("POST", "/api/v1/claim", "", &self.claim("owner"));
        assert_eq!(claimed.0, 200, "{}", claimed.1);
        self.sign_in("owner")
    }

    fn configure(&self) {
        let text = format!(
            "listen = \"127.0.0.1:0\"\nlisten_for_certificates = \"127.0.0.1:0\"\n\
             name = \"box-7\"\ncertificate = \"manage.pem\"\nkey = \"manage.key\"\n\
             state = \"manage\"\nruntime = \"manage-run\"\nbus = {:?}\n",
            self.asked.bus.address
        );
        std::fs::write(self.asked.pool.path("manage.toml"), text).expect("room");
    }

    /// Starts the daemon, again or for the first time, and waits until it is ready.
    pub(crate) fn start(&mut self) {
        self.stop();
        let mut manage = Command::new(beside("holdfast-manage"))
            .arg("--config")
            .arg(self.asked.pool.path("manage.toml"))
            .stderr(Stdio::piped())
            .spawn()
            .expect("the daemon can be started");
        let mut lines = BufReader::new(manage.stderr.take().expect("its log")).lines();
        let ready = loop {
            let line = lines.next().expect("it gets ready").expect("text");
            keep(&self.log, &line);
            if line.contains("ready at") {
                break line;
            }
        };
        // It must never wait for somebody who reads its log.
        let log = self.log.clone();
        std::thread::spawn(move || {
            lines.map_while(Result::ok).for_each(|line| keep(&log, &line));
        });
        let mut found = ready.split([' ', ';']).filter_map(|word| word.parse().ok());
        self.address = found.next().expect("an address");
        self.certificates = found.next().expect("another");
        self.manage = Some(manage);
    }

    fn stop(&mut self) {
        if let Some(mut manage) = self.manage.take() {
            let _ = manage.kill();
            let _ = manage.wait();
        }
    }

    /// What the console is told.
    pub(crate) fn told(&self) -> Value {
        let path = self.asked.pool.path("manage-run/claim.json");
        serde_json::from_slice(&std::fs::read(path).expect("the file")).expect("JSON")
    }

    /// The body of a claim with the right code.
    pub(crate) fn claim(&self, name: &str) -> Value {
        json!({ "code": self.told()["code"], "name": name, "password": PASSWORD })
    }

    pub(crate) fn peer(&self) -> Peer {
        Peer::connect(self.address, None)
    }

    /// Asks as somebody with this token, or as nobody.
    pub(crate) fn ask(&self, verb: &str, path: &str, token: &str, body: &Value) -> (u16, Value) {
        ask(&mut self.peer(), verb, path, token, body)
    }

    pub(crate) fn get(&self, path: &str, token: &str) -> (u16, Value) {
        self.ask("GET", path, token, &Value::Null)
    }

    /// A token of an account.
    pub(crate) fn sign_in(&self, name: &str) -> String {
        let body = json!({ "name": name, "password": PASSWORD, "bearer": true });
        let (status, signed) = self.ask("POST", "/api/v1/session", "", &body);
        assert_eq!(status, 200, "{signed}");
        signed["token"].as_str().expect("a token").to_owned()
    }

    /// Makes an account, and signs it in.
    pub(crate) fn account(&self, owner: &str, name: &str, role: &str, clients: &[&str]) -> String {
        let body = json!({
            "name": name, "role": role, "clients": clients, "password": PASSWORD,
            "confirm": PASSWORD,
        });
        let made = self.ask("POST", "/api/v1/accounts", owner, &body);
        assert_eq!(made, (200, json!({ "done": true })));
        self.sign_in(name)
    }

    /// Protects a system of each of two clients and takes a backup of each.
    pub(crate) fn protect(&self) {
        let mut plan = PLAN.to_owned();
        for (system, client, seed) in [("mail", "acme", 701), ("erp", "globex", 702)] {
            let source = self.asked.pool.image(&format!("{system}.img"), &image(seed, 2 * MIB));
            plan.push_str(&format!(
                "[[system]]\nname = {system:?}\nclient = {client:?}\nrpo = \"8h\"\nrto = \"1h\"\n\
                 interval = \"4h\"\nretention = {{ daily = 7 }}\n\
                 source = {{ kind = \"image\", path = {:?} }}\n",
                source.display().to_string()
            ));
        }
        let path = self.asked.pool.path("plan.toml");
        std::fs::write(&path, plan).expect("room");
        run(self.asked.command(&["plan", "apply"]).arg(&path)).done();
        for system in ["mail", "erp"] {
            self.asked.ask(&["ingest", "--system", system]).done();
        }
    }

    /// The id of the newest recovery point of a system, as this account sees it.
    pub(crate) fn point(&self, token: &str, system: &str) -> String {
        let (_, points) = self.get("/api/v1/points", token);
        let id = self.system(token, system);
        let points = points["points"].as_array().expect("a list");
        let found = points.iter().find(|point| point["system"] == id.as_str());
        found.expect("a point")["id"].as_str().expect("an id").to_owned()
    }

    pub(crate) fn system(&self, token: &str, name: &str) -> String {
        let (_, systems) = self.get("/api/v1/systems", token);
        let systems = systems["systems"].as_array().expect("a list").clone();
        let found = systems.into_iter().find(|system| system["name"] == name).expect("a system");
        found["id"].as_str().expect("an id").to_owned()
    }

    /// Most bytes of memory that the daemon ever had resident, and what it has now.
    pub(crate) fn memory(&self) -> (u64, u64) {
        let process = self.manage.as_ref().expect("it runs").id();
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
        let of = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
            let kib = line.trim().strip_suffix("kB").expect("its unit").trim().parse::<u64>();
            kib.expect("a number") * 1024
        };
        (of("VmHWM:"), of("VmRSS:"))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.stop();
    }
}

fn keep(log: &Mutex<String>, line: &str) {
    println!("{line}");
    log.lock().expect("nobody panics").push_str(&format!("{line}\n"));
}

/// Asks over a connection that goes on.
pub(crate) fn ask(
    peer: &mut Peer,
    verb: &str,
    path: &str,
    token: &str,
    body: &Value,
) -> (u16, Value) {
    let mut more = String::new();
    if !token.is_empty() {
        more.push_str(&format!("authorization: Bearer {token}\r\n"));
    }
    let body = match body {
        Value::Null => String::new(),
        body => {
            more.push_str("content-type: application/json\r\n");
            body.to_string()
        }
    };
    peer.ask(&format!("{verb} {path}"), &more, body.as_bytes())
}
