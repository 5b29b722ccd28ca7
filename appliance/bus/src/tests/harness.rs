//! An engine that only takes notes, and somebody to call it.

use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use model::{DiskId, PointId};
use zbus::{Connection, Guid, connection};

use crate::{
    Action, AlertView, ApplianceView, Authorize, AuthorizeError, Caller, Client, Command, Commands,
    DiskView, ExportView, Fate, IntakeView, JobView, Object, PastScrub, Place, PointView, PoolView,
    Refusal, Reply, Serving, SystemView, Tree,
};

pub(super) const DISK: DiskId = DiskId([0xd1; 16]);
pub(super) const POINT: PointId = PointId([0x01; 16]);
pub(super) const SCRUB: PastScrub = PastScrub {
    number: 1,
    next: 2,
    verified_below: 3,
    begun_age: 4,
    age: 5,
    at: 6,
    bytes_read: 7,
    healed: 8,
    damaged: 9,
    lost: 10,
};
pub(super) const SYSTEM: &str = "acme/db-1";

/// Notes what it is asked for and says it is done.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    noted: Mutex<Vec<String>>,
    refusal: Option<Refusal>,
}

impl Recorder {
    pub(super) fn refusing(refusal: Refusal) -> Self {
        Self { noted: Mutex::default(), refusal: Some(refusal) }
    }

    pub(super) fn noted(&self) -> Vec<String> {
        self.noted.lock().unwrap().clone()
    }
}

impl Commands for Recorder {
    fn run(&self, caller: Caller, command: Command) -> BoxFuture<'_, Result<Reply, Refusal>> {
        assert_eq!(caller.uid, Some(rustix::process::geteuid().as_raw()));
        Box::pin(async move {
            self.noted.lock().unwrap().push(format!("{command:?}"));
            match &self.refusal {
                Some(refusal) => Err(refusal.clone()),
                None => Ok(reply(&command)),
            }
        })
    }
}

fn reply(command: &Command) -> Reply {
    match command {
        Command::ExportPlan | Command::ApplyPlan { .. } => Reply::Text("{}".into()),
        Command::ProbeTimes => Reply::Times(vec![("catalog".into(), 120)]),
        Command::ListScrubs => Reply::Scrubs(vec![SCRUB]),
        Command::Expire { .. } => {
            let (verdict, reason) = ("stays".into(), "daily".into());
            Reply::Fates(vec![Fate { point: POINT, verdict, reason }])
        }
        Command::ExportPoint { .. } => Reply::Object(Place::Export(3)),
        Command::Receive { .. } => Reply::Object(Place::Intake(4)),
        Command::Scrub(_)
        | Command::Reclaim(_)
        | Command::Verify(_)
        | Command::Ingest { .. }
        | Command::IngestStream { .. }
        | Command::RetryJob { .. }
        | Command::Resync(_)
        | Command::AddDisk { .. }
        | Command::ReturnDisk { .. }
        | Command::ReplaceDisk { .. }
        | Command::RunSystem { .. }
        | Command::VerifyPoint { .. }
        | Command::RestorePoint { .. }
        | Command::FinishIntake { .. }
        | Command::RestoreTo { .. } => Reply::Object(Place::Job(7)),
        _ => Reply::Done,
    }
}

/// Says yes to everything, or no.
#[derive(Debug)]
pub(super) struct Always(pub(super) bool);

impl Authorize for Always {
    fn allowed<'a>(
        &'a self,
        _caller: &'a Caller,
        _action: Action,
    ) -> BoxFuture<'a, Result<bool, AuthorizeError>> {
        Box::pin(async { Ok(self.0) })
    }
}

/// One object of each kind.
pub(super) fn one_of_each() -> Vec<Object> {
    vec![
        ApplianceView { version: "0.1.0".into(), started_at: 7, ..Default::default() }.into(),
        PoolView { id: "0a".repeat(16), days_until_full: -1, ..Default::default() }.into(),
        DiskView { id: DISK.to_string(), name: "/dev/sda".into(), ..Default::default() }.into(),
        SystemView { id: SYSTEM.into(), last_point: point(POINT), ..Default::default() }.into(),
        PointView {
            id: POINT.to_string(),
            volumes: vec![(0, "disk".into(), 4096)],
            signals: vec!["change".into()],
            ..Default::default()
        }
        .into(),
        JobView { number: 7, ..Default::default() }.into(),
        ExportView { number: 3, socket: "/run/x".into(), ..Default::default() }.into(),
        IntakeView { number: 4, volume: "disk".into(), ..Default::default() }.into(),
        AlertView { number: 2, code: "disk-failed".into(), ..Default::default() }.into(),
    ]
}

fn point(id: PointId) -> zbus::OwnedObjectPath {
    Place::Point(id).path()
}

pub(super) fn tree_with_one_of_each() -> Tree {
    let tree = Tree::new();
    one_of_each().into_iter().for_each(|object| tree.put(object));
    tree
}

/// Two ends of a connection without a bus: for the server, and for a caller.
pub(super) async fn pair() -> (Connection, Connection) {
    let (left, right) = UnixStream::pair().unwrap();
    let server = connection::Builder::unix_stream(left).server(Guid::generate()).p2p();
    let caller = connection::Builder::unix_stream(right).p2p();
    tokio::try_join!(server.build(), caller.build()).unwrap()
}

/// A served tree and a client of it.
pub(super) struct Served {
    pub(super) tree: Tree,
    pub(super) recorder: Arc<Recorder>,
    pub(super) client: Client,
    pub(super) serving: Serving,
}

impl Served {
    pub(super) fn connection(&self) -> &Connection {
        self.client.connection()
    }
}

pub(super) async fn served(tree: Tree, recorder: Recorder, allowed: bool) -> Served {
    let (stream, connection) = pair().await;
    let recorder = Arc::new(recorder);
    let authorize = Arc::new(Always(allowed));
    let serving = tree.serve(stream, recorder.clone(), authorize).await.unwrap();
    Served { tree, recorder, client: Client::over(connection), serving }
}

/// With one object of each kind, and everything allowed.
pub(super) async fn usual() -> Served {
    served(tree_with_one_of_each(), Recorder::default(), true).await
}
