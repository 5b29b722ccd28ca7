//! A real PostgreSQL of a test's own: nobody else's, gone with the test.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use nix::unistd::{User, geteuid};
use tempfile::TempDir;

use super::tools::skipped;

/// Where Debian has the programs of each version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// A server that listens at a socket in its folder and nowhere else.
#[derive(Debug)]
pub(crate) struct Postgres {
    folder: TempDir,
    programs: PathBuf,
    /// Who it runs as where the test is root, as whom it refuses to run.
    user: Option<User>,
}

impl Postgres {
    /// Starts it, where it is installed.
    pub(crate) fn start() -> Option<Self> {
        let Some(programs) = newest_programs() else {
            skipped("PostgreSQL is not installed");
            return None;
        };
        let folder = tempfile::tempdir().expect("room for a folder");
        let user = geteuid().is_root().then(|| {
            let user = User::from_name("postgres").expect("users can be read");
            user.expect("the package makes a user for the server")
        });
        if let Some(user) = &user {
            let (uid, gid) = (user.uid.as_raw(), user.gid.as_raw());
            chown(folder.path(), Some(uid), Some(gid)).expect("root may give it away");
        }
        let server = Self { folder, programs, user };
        let data = server.data();
        server.done("initdb", &["-D", &data, "--auth=trust", "--username=shop", "--no-sync"]);
        let settings = format!("-c listen_addresses= -c fsync=off -k {}", server.socket_folder());
        let log = server.folder.path().join("log").display().to_string();
        server.done("pg_ctl", &["-D", &data, "-w", "-l", &log, "-o", &settings, "start"]);
        Some(server)
    }

    fn data(&self) -> String {
        self.folder.path().join("data").display().to_string()
    }

    /// What `--host` has to be for clients.
    pub(crate) fn socket_folder(&self) -> String {
        self.folder.path().display().to_string()
    }

    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    /// A client of a database: `psql` and its kin.
    pub(crate) fn client(&self, name: &str, database: &str) -> Command {
        let mut client = Command::new(self.program(name));
        client.args(["--host", &self.socket_folder(), "--username=shop", "--dbname", database]);
        client
    }

    /// Says something to a database, and gives what it answers.
    pub(crate) fn sql(&self, database: &str, statement: &str) -> String {
        let mut psql = self.client("psql", database);
        psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"]);
        output(psql.args(["--set=ON_ERROR_STOP=1", "--command", statement]))
    }

    /// Runs one of the server's own programs to its end.
    fn done(&self, name: &str, words: &[&str]) {
        let mut command = Command::new(self.program(name));
        if let Some(user) = &self.user {
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
        // What stays in the background must not keep a pipe of the test open.
        command.args(words).current_dir(self.folder.path()).stdin(Stdio::null());
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        assert!(status.expect("it is installed").success(), "{name} {words:?}");
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.done("pg_ctl", &["-D", &self.data(), "-w", "-m", "immediate", "stop"]);
    }
}

fn newest_programs() -> Option<PathBuf> {
    let versions = fs::read_dir(VERSIONS).ok()?;
    let folders = versions.filter_map(|entry| Some(entry.ok()?.path().join("bin")));
    folders.filter(|bin| bin.join("initdb").exists()).max()
}

fn output(command: &mut Command) -> String {
    let output = command.output().expect("PostgreSQL's clients are installed");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?}: {told}");
    String::from_utf8(output.stdout).expect("texts").trim().to_owned()
}
