//! The portal in a real browser, before a real engine: how little it loads, what is done with it,
//! and that everybody can read it.
//!
//! Where `HOLDFAST_PICTURES` names a folder, pictures of what is seen are left there.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::lab::{Lab, PASSWORD};
use crate::harness::{Browser, MIB, Random, image, run, skipped};

/// Most bytes that the first view may take: two seconds through a slow tunnel.
const FIRST_VIEW: u64 = 300 * 1024;

/// Pixels of what people look at it with.
const TELEPHONE: (u32, u32) = (390, 844);
const TABLET: (u32, u32) = (768, 1024);
const NOTEBOOK: (u32, u32) = (1280, 800);

/// What the offices of two small firms have: name, client, agreements, GiB of their disks, and MiB
/// of what is on them. The last one's disk is not there.
const SYSTEMS: [(&str, &str, [&str; 3], u64, usize); 5] = [
    ("practice-db", "harbour-dental", ["1h", "1h", "1h"], 120, 12),
    ("x-ray-archive", "harbour-dental", ["24h", "8h", "24h"], 800, 20),
    ("mail", "northwind-legal", ["8h", "1h", "4h"], 250, 8),
    ("file-server", "northwind-legal", ["8h", "4h", "4h"], 0, 128),
    ("time-sheets", "northwind-legal", ["4h", "4h", "4h"], 0, 0),
];

const CLIENTS: &str = "format = 1\n[[client]]\nname = \"harbour-dental\"\nzone = \"UTC\"\n\
    [[client]]\nname = \"northwind-legal\"\nzone = \"UTC\"\n\
    retry = { count = 1, back-off = \"1s\" }\n";

/// What the page has loaded, and the bytes of each that came.
const LOADED: &str = r#"
const kinds = ["navigation", "resource"];
const all = kinds.flatMap((kind) => performance.getEntriesByType(kind));
return all.map((one) => [one.name, Math.max(one.transferSize, one.encodedBodySize)]);
"#;

/// Goes to a view: the node of another one that was there is remembered as left.
const GO: &str = r##"
const view = document.querySelector("#main .view");
if (view && location.hash !== arguments[0]) view.left = true;
location.hash = arguments[0];
"##;

/// Whether it has come.
const ARRIVED: &str = r##"
const view = document.querySelector("#main .view");
return view && !view.left && view.querySelector("h1");
"##;

/// Whether the jobs view shows a backup that goes on, and how far it is.
const RUNNING: &str = r##"
return [...document.querySelectorAll("#main li.card")].some((card) => {
  const bar = card.querySelector("[role=progressbar]");
  const text = card.textContent;
  const isIt = text.includes("Running") && text.includes("Backup: file-server");
  return isIt && Number(bar.getAttribute("aria-valuenow")) > 0;
});
"##;

/// Whether it shows that this backup has ended, and nothing that goes on.
const DONE: &str = r##"
const rows = [...document.querySelectorAll("#main tbody tr")].map((row) => row.textContent);
const ended = rows.some((text) => text.includes("Backup: file-server") && text.includes("Done"));
return ended && !document.querySelector("#main li.card");
"##;

/// Whether a job's own view says that it is done.
const JOB_DONE: &str = r##"
const chip = document.querySelector("#main .title .chip");
return location.hash.startsWith("#/job/") && chip && chip.textContent.includes("Done");
"##;

/// Whether it is shown that a change is announced, to the client that was chosen and to no other.
const ANNOUNCED: &str = r##"
return [...document.querySelectorAll("#main li.card")].some((card) => {
  const text = card.textContent;
  const isIt = text.includes("The box gets new memory") && text.includes("To be told within");
  return isIt && text.includes("northwind-legal") && !text.includes("harbour-dental");
});
"##;

/// What makes a page wider than a number of pixels.
const WIDE: &str = r#"
const { scrollWidth } = document.documentElement;
if (scrollWidth <= arguments[0]) return [];
const isWide = (one) => one.getBoundingClientRect().right > arguments[0];
const wide = [...document.body.querySelectorAll("*")].filter(isWide);
const names = wide.map((one) => `${one.localName}.${one.className}`).slice(0, 5);
return [`${scrollWidth}`, ...names];
"#;

/// What axe-core says against a page, once it is loaded.
const AXE: &str = r#"
const done = arguments[arguments.length - 1];
const where = (violation) => violation.nodes.map((node) => node.target.join(" ")).join(", ");
axe.run(document, { resultTypes: ["violations"] }).then(
  ({ violations }) => done(violations.map((one) => `${one.id}: ${one.help}: ${where(one)}`)),
  (error) => done([String(error)]),
);
"#;

/// Somebody who sits before a browser, and the box that he looks after.
struct Portal {
    browser: Browser,
    lab: Lab,
    /// The code of axe-core, if it was prepared.
    axe: Option<String>,
    /// What was seen that must not be.
    wrong: Vec<String>,
}

impl Portal {
    /// `None` where there is no browser.
    fn new(lab: Lab) -> Option<Self> {
        let portal = Self { browser: Browser::start()?, lab, axe: None, wrong: Vec::new() };
        portal.size(NOTEBOOK);
        portal.browser.scheme("light");
        Some(portal)
    }

    /// One whose views axe-core looks at as well.
    fn with_axe(lab: Lab) -> Option<Self> {
        // Where `cargo xtask test` puts it.
        let test = std::env::current_exe().expect("the path of the test executable");
        let target = test.ancestors().nth(3).expect("target above the executable");
        let axe = fs::read_to_string(target.join("axe/axe.min.js")).ok();
        if axe.is_none() {
            skipped("axe-core is not there: `cargo xtask test` prepares it");
        }
        Some(Self { axe, ..Self::new(lab)? })
    }

    fn url(&self) -> String {
        format!("https://{}/", self.lab.address)
    }

    fn size(&self, (width, height): (u32, u32)) {
        self.browser.size(width, height);
    }

    /// Opens the portal, and signs in as the owner.
    fn sign_in(&self) {
        self.browser.open(&self.url());
        self.browser.fill("input[name=name]", "owner");
        self.browser.fill("input[name=password]", PASSWORD);
        self.browser.press("Sign in");
        self.arrived();
    }

    /// Waits until everything is offered that the box has.
    fn arrived(&self) {
        self.browser.until_there("#nav a[href='#/reports']");
    }

    fn go(&self, hash: &str) {
        self.browser.run(GO, &json!([hash]));
        self.browser.until(hash, ARRIVED);
    }

    /// Looks at what is seen as different people do: with large and small screens, by day and by
    /// night, with a screen reader.
    fn look(&mut self, place: &str) {
        if let Some(axe) = &self.axe {
            self.browser.run(axe, &json!([]));
        }
        for size in [TELEPHONE, TABLET, NOTEBOOK] {
            self.size(size);
            let wide = self.browser.run(WIDE, &json!([size.0]));
            self.complain(place, &format!("is wider than {} pixels", size.0), &wide);
            for scheme in ["dark", "light"] {
                self.browser.scheme(scheme);
                if self.axe.is_some() {
                    let said = self.browser.run_on(AXE, &json!([]));
                    self.complain(place, &format!("{scheme}, {} pixels", size.0), &said);
                }
            }
        }
    }

    fn complain(&mut self, place: &str, how: &str, what: &Value) {
        for one in what.as_array().expect("a list") {
            self.wrong.push(format!("{place}: {how}: {}", one.as_str().expect("text")));
        }
    }

    /// Opens the dialog of a button of a view, looks at it, and leaves it.
    fn look_at_dialog(&mut self, view: &str, button: &str) {
        self.go(view);
        self.browser.press(button);
        self.browser.until_there("dialog[open]");
        self.look(button);
        self.browser.press("Cancel");
        self.browser.until(button, "return !document.querySelector('dialog')");
    }

    /// Announces a change to one client, in the portal's dialog.
    fn announce(&self) {
        self.go("#/notices");
        self.browser.press("Announce a change");
        self.browser.fill("dialog input[name=what]", "The box gets new memory");
        self.browser.click("dialog input[name='client northwind-legal']");
        self.browser.press("Announce it");
        self.browser.until("a change that is announced", ANNOUNCED);
    }

    /// Leaves a picture, where somebody wants one.
    fn picture(&self, name: &str) {
        if let Some(folder) = std::env::var_os("HOLDFAST_PICTURES").map(PathBuf::from) {
            fs::create_dir_all(&folder).expect("a folder for pictures");
            fs::write(folder.join(name), self.browser.screenshot()).expect("room for a picture");
        }
    }

    /// That nothing was wrong, not on the console of the browser either.
    fn ends_well(mut self) {
        // Who opens the portal is asked for at once, and is nobody before he signs in.
        let is_known = |error: &String| error.contains("/api/v1/me ") && error.contains(" 401 ");
        self.wrong.extend(self.browser.errors().into_iter().filter(|error| !is_known(error)));
        assert!(self.wrong.is_empty(), "{}", self.wrong.join("\n"));
    }
}

/// Protects the systems and takes a backup of each but the file server, whose content this gives.
fn protect(lab: &Lab, owner: &str) -> Vec<u8> {
    let mut content = vec![0; 128 * MIB];
    Random(821).fill(&mut content);
    let mut plan = CLIENTS.to_owned();
    for (seed, (name, client, [rpo, rto, interval], gib, mib)) in (830..).zip(SYSTEMS) {
        let path = match (gib, mib) {
            (_, 0) => PathBuf::from(format!("/srv/disks/{name}.img")),
            (0, _) => lab.asked.pool.image(name, &content),
            _ => large(&lab.asked.pool.path(name), gib, &image(seed, mib * MIB)),
        };
        plan.push_str(&format!(
            "[[system]]\nname = {name:?}\nclient = {client:?}\nrpo = {rpo:?}\nrto = {rto:?}\n\
             interval = {interval:?}\nretention = {{ daily = 7 }}\n\
             source = {{ kind = \"image\", path = {:?} }}\n",
            path.display().to_string()
        ));
    }
    let path = lab.asked.pool.path("plan.toml");
    fs::write(&path, plan).expect("room");
    run(lab.asked.command(&["plan", "apply"]).arg(&path)).done();
    for system in ["practice-db", "x-ray-archive", "mail"] {
        lab.asked.ask(&["ingest", "--system", system]).done();
    }
    assert_eq!(lab.asked.ask(&["ingest", "--system", "time-sheets"]).code, Some(1));
    let verify = format!("/api/v1/points/{}/verify", lab.point(owner, "mail"));
    assert_eq!(lab.ask("POST", &verify, owner, &json!({})).0, 200);
    lab.asked.engine().all_over();
    content
}

/// A disk that holds little.
fn large(path: &Path, gib: u64, content: &[u8]) -> PathBuf {
    let file = File::create(path).expect("a new file");
    file.write_all_at(content, 0).expect("room");
    file.set_len(gib << 30).expect("a sparse file");
    path.to_owned()
}

/// Agrees with a client on work, most of which is done.
fn agree(lab: &Lab, owner: &str) {
    let contract = json!({ "tier": "gold", "systems": 5, "work_seconds": 3600 });
    assert_eq!(lab.ask("PUT", "/api/v1/contracts/northwind-legal", owner, &contract).0, 200);
    let what = "Restored a mailbox";
    let work = json!({ "client": "northwind-legal", "seconds": 3000, "what": what });
    assert_eq!(lab.ask("POST", "/api/v1/work", owner, &work).0, 200);
}

#[test]
fn a_box_is_claimed_with_a_picture_of_its_code_and_its_first_view_is_small() {
    let Some(mut portal) = Portal::with_axe(Lab::new()) else { return };
    let told = portal.lab.told();
    let code = told["code"].as_str().expect("a code");
    portal.browser.open(&format!("{}#claim={code}", portal.url()));
    portal.browser.fill("input[name=name]", "owner");
    assert_eq!(portal.browser.run("return location.hash", &json!([])), "#/");
    portal.look("claim");
    portal.browser.fill("input[name=password]", PASSWORD);
    portal.browser.fill("input[name=again]", PASSWORD);
    portal.browser.press("Claim this box");
    portal.arrived();
    assert_eq!(portal.lab.told()["claimed"], true);

    portal.browser.open(&portal.url());
    portal.arrived();
    let loaded = portal.browser.run(LOADED, &json!([]));
    let loaded = loaded.as_array().expect("a list");
    assert!(loaded.len() > 10, "{loaded:?}");
    let bytes: u64 = loaded.iter().map(|one| one[1].as_u64().expect("a number")).sum();
    println!("the first view: {} requests, {bytes} bytes", loaded.len());
    assert!(bytes < FIRST_VIEW, "{loaded:?}");
    for one in loaded {
        assert!(one[0].as_str().expect("a URL").starts_with(&portal.url()), "{one} is elsewhere");
    }

    portal.browser.press("Sign out");
    portal.browser.until_there("input[name=password]");
    portal.look("sign in");
    portal.sign_in();
    portal.ends_well();
}

#[test]
fn a_backup_and_a_restore_are_begun_in_the_portal_and_seen_to_their_ends() {
    let lab = Lab::with_room(1024);
    let owner = lab.claims();
    let content = protect(&lab, &owner);
    let Some(portal) = Portal::new(lab) else { return };
    portal.sign_in();
    let browser = &portal.browser;
    browser.run("window.isTheSame = true", &json!([]));
    portal.go("#/systems");
    browser.press("file-server");
    browser.press("Back it up now");
    // Else it might be done before anybody can have seen it.
    let slowed = portal.lab.asked.engine().slowed();
    browser.press("Back it up");
    browser.press("Close this notice");
    portal.go("#/jobs");
    browser.until("a backup that goes on", RUNNING);
    portal.picture("portal-jobs.png");
    drop(slowed);
    browser.until("a backup that is done", DONE);

    portal.go("#/systems");
    browser.press("file-server");
    browser.click("#main a.button.main");
    browser.press("Restore");
    let target = portal.lab.asked.pool.path("restored");
    browser.fill("dialog input[name=target]", &target.display().to_string());
    browser.press("Restore");
    browser.until("a restore that is done", JOB_DONE);
    assert!(fs::read(&target).expect("the restored file") == content);
    // All this was told, and not loaded again.
    assert_eq!(browser.run("return window.isTheSame", &json!([])), true);
    portal.ends_well();
}

#[test]
fn every_view_fits_every_screen_and_can_be_read_by_day_and_night() {
    let lab = Lab::with_room(1024);
    let owner = lab.claims();
    protect(&lab, &owner);
    let (system, point) = (lab.system(&owner, "mail"), lab.point(&owner, "mail"));
    let export = format!("/api/v1/points/{point}/export");
    assert_eq!(lab.ask("POST", &export, &owner, &json!({})).0, 200);
    agree(&lab, &owner);
    lab.account(&owner, "anna.schmidt", "technician", &[]);
    lab.account(&owner, "b.mueller@harbour-dental", "client-reader", &["harbour-dental"]);
    let Some(mut portal) = Portal::with_axe(lab) else { return };
    portal.sign_in();
    portal.browser.until_there("#nav .badge.alerts");
    portal.go("#/systems");
    portal.picture("portal-systems.png");
    portal.size(TELEPHONE);
    portal.go("#/");
    portal.picture("portal-phone.png");
    portal.size(NOTEBOOK);
    portal.announce();
    let (_, announced) = portal.lab.get("/api/v1/notices", &owner);
    let announced = &announced["notices"][0];
    assert_eq!(announced["clients"][0]["client"], "northwind-legal");
    assert_eq!(announced["clients"][0]["state"], "due", "what is offered is in time: {announced}");

    let offered = "return [...document.querySelectorAll('#nav a')].map((a) => a.hash)";
    let offered = portal.browser.run(offered, &json!([]));
    let offered = offered.as_array().expect("a list").iter();
    let mut views: Vec<String> =
        offered.map(|view| view.as_str().expect("text").to_owned()).collect();
    assert!(views.len() >= 14, "{views:?}");
    views.extend([format!("#/system/{system}"), "#/job/4".to_owned(), "#/nowhere".to_owned()]);
    views.push(format!("#/point/{point}"));
    for view in &views {
        portal.go(view);
        portal.look(view);
    }
    portal.browser.press("Restore");
    portal.look("a dialog");
    portal.browser.press("Cancel");
    let dialogs = [
        ("#/notices", "Announce a change"),
        ("#/contracts", "Add a contract"),
        ("#/contracts", "Write down work"),
        ("#/accounts", "Make an account"),
    ];
    for (view, button) in dialogs {
        portal.look_at_dialog(view, button);
    }
    portal.ends_well();
}
