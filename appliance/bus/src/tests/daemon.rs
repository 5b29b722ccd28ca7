//! Over a real bus: what `busctl` shows, many watchers of which one never reads, long listings,
//! an engine that is started again.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use zbus::fdo::PropertiesProxy;
use zbus::{Connection, MatchRule, MessageStream, connection};

use super::harness::{Always, Recorder, one_of_each, tree_with_one_of_each};
use super::interfaces::introspect;
use super::xml::tags;
use crate::{
    Client, Edge, Followed, JobState, JobView, Object, Place, PointView, Refusal, RefusalKind,
    SERVICE, SameUser, ServeError, Serving, Tree, Update, Watch,
};

/// Clients that watch at the same time.
const WATCHERS: usize = 200;

const CONFIGURATION: &str = r#"<!DOCTYPE busconfig PUBLIC
 "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=FOLDER/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
  </policy>
  INCLUDE
  <limit name="max_connections_per_user">1024</limit>
</busconfig>
"#;

/// A user that is neither root nor in the group.
const NOBODY: u32 = 65_534;

/// A bus of our own, gone when dropped.
struct Bus {
    address: String,
    _daemon: Child,
    _folder: tempfile::TempDir,
}

impl Bus {
    async fn start(include: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let shown = folder.path().to_str().unwrap();
        let text = CONFIGURATION.replace("FOLDER", shown).replace("INCLUDE", include);
        let file = folder.path().join("bus.conf");
        std::fs::write(&file, text).unwrap();
        let mut daemon = Command::new("dbus-daemon");
        daemon.args(["--print-address", "--nofork", "--nosyslog"]);
        daemon.arg(format!("--config-file={}", file.display()));
        daemon.stdout(Stdio::piped()).kill_on_drop(true);
        let mut daemon = daemon.spawn().expect("install the Debian package dbus-daemon");
        let mut lines = BufReader::new(daemon.stdout.take().unwrap()).lines();
        let address = lines.next_line().await.unwrap().expect("dbus-daemon says where it is");
        Self { address, _daemon: daemon, _folder: folder }
    }

    async fn connect(&self) -> Connection {
        connection::Builder::address(self.address.as_str()).build().await.unwrap()
    }

    async fn client(&self) -> Client {
        Client::over(self.connect().await)
    }

    async fn serve(&self, tree: &Tree) -> Result<Serving, ServeError> {
        let recorder = Arc::new(Recorder::default());
        tree.serve(self.connect().await, recorder, Arc::new(SameUser)).await
    }

    async fn busctl(&self, arguments: &[&str]) -> String {
        let mut busctl = Command::new("busctl");
        busctl.arg(format!("--address={}", self.address)).arg("--no-pager").args(arguments);
        let output = busctl.output().await.expect("install the Debian package systemd");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "busctl {arguments:?}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }
}

async fn ended(watch: &mut Watch, number: u64) {
    loop {
        match watch.next().await.unwrap() {
            Update::Edge(Edge::JobEnded { job, .. }) if job == number => return,
            _ => {}
        }
    }
}

#[tokio::test]
async fn busctl_shows_a_readable_tree() {
    let bus = Bus::start("").await;
    let _serving = bus.serve(&tree_with_one_of_each()).await.unwrap();
    let tree = bus.busctl(&["tree", "--list", SERVICE]).await;
    for object in one_of_each() {
        let path = object.place().unwrap().path();
        assert!(tree.lines().any(|line| line == path.as_str()), "{path} in\n{tree}");
    }
    let job = "/org/holdfast/jobs/7";
    let shown = bus.busctl(&["introspect", SERVICE, job]).await;
    for member in [".Cancel", ".BytesDone", ".Result", "org.holdfast.Job1"] {
        assert!(shown.contains(member), "{member} in\n{shown}");
    }
    let number = bus.busctl(&["get-property", SERVICE, job, "org.holdfast.Job1", "Number"]).await;
    assert_eq!(number, "t 7\n");
    let pool = "/org/holdfast/pool";
    let scrub = ["call", SERVICE, pool, "org.holdfast.Pool1", "Scrub", "a{sv}", "1"];
    let called = [&scrub[..], &["duty_percent", "u", "25"]].concat();
    assert_eq!(bus.busctl(&called).await, "o \"/org/holdfast/jobs/7\"\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_that_never_reads_stalls_nobody() {
    let bus = Bus::start("").await;
    let tree = tree_with_one_of_each();
    let _serving = bus.serve(&tree).await.unwrap();
    let deaf = bus.connect().await;
    let rule = MatchRule::builder().sender(SERVICE).build().unwrap();
    let _unread = MessageStream::for_match_rule(rule, &deaf, None).await.unwrap();
    let clients = join_all((1..WATCHERS).map(|_| bus.client())).await;
    let watches = join_all(clients.iter().map(Client::watch)).await;
    let mut watches: Vec<Watch> = watches.into_iter().map(Result::unwrap).collect();
    let caller = bus.client().await;
    let mut times = Vec::new();
    for round in 0..500_u64 {
        tree.put(JobView { number: 7, attempt: round as u32, ..Default::default() });
        if round % 50 == 0 {
            let begin = Instant::now();
            caller.appliance().await.unwrap().probe_times().await.unwrap();
            times.push(begin.elapsed());
        }
    }
    tree.put(JobView { number: 7, state: JobState::Done, ..Default::default() });
    join_all(watches.iter_mut().map(|watch| ended(watch, 7))).await;
    // A stalled connection never answers; a machine with much to do may be slow once.
    times.sort();
    println!("calls beside {WATCHERS} watchers took {times:?}");
    assert!(times.get(5).is_some_and(|median| *median < Duration::from_secs(1)), "{times:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_points_are_listed() {
    const POINTS: u64 = 10_000;
    let bus = Bus::start("").await;
    let tree = tree_with_one_of_each();
    for number in 1..=POINTS {
        let point = PointView {
            id: format!("{number:032x}"),
            system: Place::System("acme/db-1".into()).path(),
            tenant: "acme".into(),
            created_at: 1_800_000_000 + number,
            sequence: number,
            volumes: vec![(0, "disk".into(), 1 << 40), (1, "log".into(), 1 << 35)],
            signals: vec!["change".into(), "dense".into()],
            removed_by: "policy".into(),
            ..Default::default()
        };
        tree.put(point);
    }
    let _serving = bus.serve(&tree).await.unwrap();
    let client = bus.client().await;
    let begin = Instant::now();
    let objects = client.objects().await.unwrap();
    println!("{} objects listed in {:?}", objects.len(), begin.elapsed());
    assert_eq!(objects.len(), one_of_each().len() + POINTS as usize);
    let folder = introspect(client.connection(), "/org/holdfast/points").await;
    let named = tags(&folder).iter().filter(|tag| !tag.get("name").is_empty()).count();
    assert!(named > POINTS as usize, "{named} names in the folder");
}

#[tokio::test]
async fn a_watch_may_begin_before_the_engine() {
    let bus = Bus::start("").await;
    let mut watch = bus.client().await.watch().await.unwrap();
    assert_eq!(watch.next().await, Some(Update::Lost));
    let _serving = bus.serve(&tree_with_one_of_each()).await.unwrap();
    assert!(matches!(watch.next().await, Some(Update::Shown(_))));
}

#[tokio::test]
async fn an_engine_that_is_started_again_is_seen_to_go_and_come() {
    let bus = Bus::start("").await;
    let tree = tree_with_one_of_each();
    let serving = bus.serve(&tree).await.unwrap();
    let second = bus.serve(&tree).await;
    assert!(matches!(second, Err(ServeError::NameTaken)), "{second:?}");
    let client = bus.client().await;
    let mut watch = client.watch().await.unwrap();
    for _ in one_of_each() {
        assert!(matches!(watch.next().await, Some(Update::Shown(_))));
    }
    serving.stop().await;
    assert_eq!(watch.next().await, Some(Update::Lost));
    tree.remove(&Place::Job(7));
    let _serving = bus.serve(&tree).await.unwrap();
    for _ in 1..one_of_each().len() {
        assert!(matches!(watch.next().await, Some(Update::Shown(_))));
    }
    assert_eq!(watch.objects().len(), one_of_each().len() - 1);
}

#[tokio::test]
async fn a_denied_caller_is_told_over_the_bus_and_properties_stay_readable() {
    let bus = Bus::start("").await;
    let (tree, recorder) = (tree_with_one_of_each(), Arc::new(Recorder::default()));
    let served = tree.serve(bus.connect().await, recorder.clone(), Arc::new(Always(false)));
    let _serving = served.await.unwrap();
    let client = bus.client().await;
    let error = client.appliance().await.unwrap().lock().await.unwrap_err();
    assert_eq!(Refusal::of(&error).unwrap().kind, RefusalKind::NotPermitted);
    assert!(recorder.noted().is_empty());
    let path = Place::Appliance.path();
    let proxy = PropertiesProxy::new(client.connection(), SERVICE, path).await.unwrap();
    let name = "org.holdfast.Appliance1".try_into().unwrap();
    assert!(proxy.get(name, "Version").await.is_ok());
}

#[tokio::test]
async fn the_installed_policy_is_one_that_the_bus_understands() {
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../image/files");
    let policy = files.join("usr/share/dbus-1/system.d/org.holdfast.Engine1.conf");
    let bus = Bus::start(&format!("<include>{}</include>", policy.display())).await;
    let serving = bus.serve(&tree_with_one_of_each()).await;
    // The policy lets root alone be the engine; tests may run as anybody.
    if !rustix::process::geteuid().is_root() {
        assert!(matches!(serving, Err(ServeError::Name(_))), "{serving:?}");
        return;
    }
    assert_eq!(bus.client().await.objects().await.unwrap(), one_of_each());
    let stranger = |arguments: &[&str]| {
        let mut busctl = Command::new("busctl");
        busctl.uid(NOBODY).arg(format!("--address={}", bus.address)).args(arguments);
        busctl.output()
    };
    assert!(stranger(&["list"]).await.unwrap().status.success());
    let version = ["/org/holdfast/appliance", "org.holdfast.Appliance1", "Version"];
    let asked = stranger(&[&["get-property", SERVICE], &version[..]].concat()).await.unwrap();
    assert!(!asked.status.success(), "{asked:?}");
}

#[tokio::test]
async fn who_follows_an_object_is_told_of_it_alone_and_of_the_engines_end() {
    let bus = Bus::start("").await;
    let tree = tree_with_one_of_each();
    let client = bus.client().await;
    assert!(!client.has_engine().await.unwrap());
    let serving = bus.serve(&tree).await.unwrap();
    assert!(client.has_engine().await.unwrap());
    let mut follow = client.follow(&Place::Job(7)).await.unwrap();
    tree.put(JobView { number: 8, ..Default::default() });
    tree.put(JobView { number: 8, cause: "another".into(), ..Default::default() });
    tree.put(JobView { number: 7, state: JobState::Running, ..Default::default() });
    assert_eq!(follow.next().await, Followed::Changed);
    let seen = client.object(&Place::Job(7)).await.unwrap();
    assert!(matches!(seen, Object::Job(job) if job.state == JobState::Running));
    serving.stop().await;
    assert_eq!(follow.next().await, Followed::Lost);
}
