//! A real browser without a window: headless Chromium, told what to do over WebDriver.

use std::io::{BufRead, BufReader, ErrorKind, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::peer::http_answer;
use super::skipped;

/// By then a page shows what is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// By then the driver has answered: it waits itself, for the page.
const ANSWERED: Duration = Duration::from_secs(120);

/// Settles when what stands in the place of `IS` is true: with true, with false when that takes too
/// long, and with a text when it cannot be told. It looks whenever the page changes, and now and
/// then for what changes no element.
const UNTIL: &str = r#"
const done = arguments[arguments.length - 1];
const is = () => { IS };
const end = (what) => {
  observer.disconnect();
  clearInterval(ticking);
  clearTimeout(late);
  done(what);
};
const look = () => {
  try {
    if (is()) end(true);
  } catch (error) {
    end(String(error));
  }
};
const observer = new MutationObserver(look);
const all = { subtree: true, childList: true, attributes: true, characterData: true };
observer.observe(document, all);
const ticking = setInterval(look, 100);
const late = setTimeout(() => end(false), MOST);
look();
"#;

/// What a page shows, for who wonders why it does not show something else.
const SHOWN: &str = "return [location.href, document.title, document.body.innerText].join('\\n')";

/// A button or link by its name, in the dialog if one is open. A spoken name counts as a shown one.
const NAMED: &str = r#"
const place = document.querySelector("dialog[open]") ?? document;
const nameOf = (one) => (one.getAttribute("aria-label") ?? one.textContent).trim();
const all = [...place.querySelectorAll("button, a")];
return all.find((one) => nameOf(one) === arguments[0]) ?? null;
"#;

/// The field in which an answer of WebDriver names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser with one page, and a profile of its own. It ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Browser {
    driver: Child,
    address: SocketAddr,
    /// What the requests of its session begin with.
    session: String,
    folder: TempDir,
}

impl Browser {
    /// Starts one; `None` where it is not installed. It believes every certificate, as whoever
    /// opens a new box does after a look at the fingerprint.
    pub(crate) fn start() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let started = Command::new("chromedriver")
            .arg("--port=0")
            .env("HOME", folder.path())
            .env("TMPDIR", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // With everything that it starts, so that all of it can be ended.
            .process_group(0)
            .spawn();
        let mut driver = match started {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                skipped("chromedriver is not installed: it is in the package chromium-driver");
                return None;
            }
            started => started.expect("chromedriver can be started"),
        };
        let mut lines = BufReader::new(driver.stdout.take().expect("its output")).lines();
        let address: SocketAddr = ([127, 0, 0, 1], 0).into();
        let mut browser = Self { driver, address, session: "/session".to_owned(), folder };
        let port = loop {
            let line = lines.next().expect("it gets ready").expect("text");
            if let Some((_, port)) = line.split_once("successfully on port ") {
                break port.trim_end_matches('.').parse::<u16>().expect("a port");
            }
        };
        browser.address.set_port(port);
        // It must never wait for somebody who reads its log.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        browser.begin();
        Some(browser)
    }

    fn begin(&mut self) {
        let profile = format!("--user-data-dir={}", self.folder.path().join("profile").display());
        let arguments = [
            "--headless=new",
            // Root has none, and nothing is opened but pages of our own.
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--hide-scrollbars",
            "--no-first-run",
            "--lang=en-GB",
            profile.as_str(),
        ];
        let wanted = json!({
            "acceptInsecureCerts": true,
            "timeouts": { "script": ANSWERED.as_millis() as u64 },
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": { "args": arguments },
        });
        let body = json!({ "capabilities": { "alwaysMatch": wanted } });
        let begun = self.command("POST", "", &body);
        let id = begun["sessionId"].as_str().expect("the id of a session");
        self.session = format!("/session/{id}");
    }

    /// Opens a page and waits until it is loaded.
    pub(crate) fn open(&self, url: &str) {
        self.command("POST", "/url", &json!({ "url": url }));
    }

    /// Runs the body of a function in the page, and gives what it returns. `arguments` is an array.
    pub(crate) fn run(&self, script: &str, arguments: &Value) -> Value {
        self.command("POST", "/execute/sync", &json!({ "script": script, "args": arguments }))
    }

    /// The same for one whose last argument is to be called with what it gives.
    pub(crate) fn run_on(&self, script: &str, arguments: &Value) -> Value {
        self.command("POST", "/execute/async", &json!({ "script": script, "args": arguments }))
    }

    /// Waits until the page is as is wanted: `is` is the body of a function that tells. Panics with
    /// what the page shows instead when that takes longer than a minute.
    pub(crate) fn until(&self, what: &str, is: &str) {
        let most = PATIENCE.as_millis().to_string();
        let script = UNTIL.replace("MOST", &most).replace("IS", is);
        let outcome = self.run_on(&script, &json!([]));
        if outcome != Value::Bool(true) {
            let shown = self.run(SHOWN, &json!([]));
            panic!("{what}: {outcome}; the page shows {}", shown.as_str().unwrap_or_default());
        }
    }

    /// Waits until an element is there.
    pub(crate) fn until_there(&self, css: &str) {
        self.until(css, &format!("return document.querySelector({css:?})"));
    }

    /// Waits until an element is there, and clicks on it.
    pub(crate) fn click(&self, css: &str) {
        self.click_on(&self.find(css));
    }

    /// Waits until a button or a link of this name is there, in the dialog if one is open, and
    /// clicks on it.
    pub(crate) fn press(&self, name: &str) {
        let is = NAMED.replace("arguments[0]", &format!("{name:?}"));
        self.until(name, &is);
        self.click_on(&self.run(&is, &json!([])));
    }

    /// Waits until a field is there, empties it, and types into it.
    pub(crate) fn fill(&self, css: &str, text: &str) {
        let field = path_of(&self.find(css));
        self.command("POST", &format!("{field}/clear"), &json!({}));
        self.command("POST", &format!("{field}/value"), &json!({ "text": text }));
    }

    fn find(&self, css: &str) -> Value {
        self.until_there(css);
        self.command("POST", "/element", &json!({ "using": "css selector", "value": css }))
    }

    fn click_on(&self, element: &Value) {
        self.command("POST", &format!("{}/click", path_of(element)), &json!({}));
    }

    /// Gives the page so many pixels: a window of its own could not be as narrow as a telephone.
    pub(crate) fn size(&self, width: u32, height: u32) {
        let size = json!({
            "width": width,
            "height": height,
            "deviceScaleFactor": 1,
            "mobile": false,
        });
        self.devtools("Emulation.setDeviceMetricsOverride", &size);
    }

    /// Says that whoever looks wants a `light` or a `dark` page, and nothing that moves.
    pub(crate) fn scheme(&self, scheme: &str) {
        let features = json!([
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        self.devtools("Emulation.setEmulatedMedia", &json!({ "features": features }));
    }

    fn devtools(&self, command: &str, parameters: &Value) {
        let body = json!({ "cmd": command, "params": parameters });
        self.command("POST", "/goog/cdp/execute", &body);
    }

    /// What the page looks like, as PNG.
    pub(crate) fn screenshot(&self) -> Vec<u8> {
        decoded(self.command("GET", "/screenshot", &Value::Null).as_str().expect("base64"))
    }

    /// Errors in the log of the browser's console, since it was asked last.
    pub(crate) fn errors(&self) -> Vec<String> {
        let log = self.command("POST", "/se/log", &json!({ "type": "browser" }));
        let entries = log.as_array().expect("a list").iter();
        let errors = entries.filter(|entry| entry["level"] == "SEVERE");
        errors.map(|entry| entry["message"].as_str().expect("text").to_owned()).collect()
    }

    /// Has the driver do something in the session, and gives the value of its answer.
    fn command(&self, verb: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = self.ask(verb, path, body).expect("the driver answers");
        let value = &answer["value"];
        assert_eq!(status, 200, "{verb} {path}: {} {}", value["error"], value["message"]);
        value.clone()
    }

    fn ask(&self, verb: &str, path: &str, body: &Value) -> Result<(u16, Value)> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(ANSWERED + PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let head = format!(
            "{verb} {}{path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            self.session,
            self.address,
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body.as_bytes()].concat())?;
        let (status, _, body) = http_answer(&mut BufReader::new(stream))?;
        Ok((status, serde_json::from_slice(&body)?))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It ends the browser and waits for that, so that nothing writes into the folder any more.
        let _ = self.ask("DELETE", "", &Value::Null);
        let _ = killpg(Pid::from_raw(self.driver.id().cast_signed()), Signal::SIGKILL);
        let _ = self.driver.wait();
    }
}

/// The path of the requests about an element.
fn path_of(element: &Value) -> String {
    format!("/element/{}", element[ELEMENT].as_str().expect("an element"))
}

/// What base64 stands for.
fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut held, mut bits) = (0_u32, 0);
    for letter in text.bytes() {
        let six = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => continue,
        };
        held = ((held << 6) | u32::from(six)) & 0xffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
        }
    }
    bytes
}

#[test]
fn base64_is_read_as_others_write_it() {
    assert_eq!(decoded("SG9sZGZhc3Q="), b"Holdfast");
    assert_eq!(decoded("+/8A"), [0xfb, 0xff, 0]);
    assert_eq!(decoded(""), b"");
}
