//! Makes the images of a seed. Each is written under another name and renamed when it is complete,
//! so that an interrupted run goes on with what is missing.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::bench::data::images;
use crate::bench::data::trees::{self, Tree};
use crate::bench::data::{MANIFEST, NAMES, contents, file_name};
use crate::bench::work;
use crate::debian::{self, Package};
use crate::error::{Error, Result};
use crate::mounted::Mounted;
use crate::process::{command, quiet};

const PACKAGES: &[Package] = &[
    Package { name: "e2fsprogs", why: "mke2fs makes file systems of them" },
    Package { name: "rsync", why: "upgrades a system in place, as packages would" },
    Package { name: "sqlite3", why: "makes a database and changes it" },
    Package { name: "mount", why: "mounts an image to change what is in it" },
];

const MIB: u64 = 1 << 20;
const DATABASE_BYTES: u64 = 300 * MIB;
const LOG_BYTES: u64 = 100 * MIB;
const MEDIA_FILES: u64 = 8;
const MEDIA_BYTES: u64 = 25 * MIB;
const RANDOM_BYTES: u64 = 1024 * MIB;

/// A day's work: rows changed and added in percent, log added.
const DAY_ROWS_PERCENT: u64 = 2;
const DAY_LOG_BYTES: u64 = 11 * MIB;

const DATABASE: &str = "srv/db/app.sqlite";
const LOG: &str = "var/log/app.log";

/// Makes whatever of the images and the manifest is missing in `folder`.
pub(super) fn all(folder: &Path, seed: u64) -> Result<()> {
    debian::demand_root("unpacking a system and mounting its image take it")?;
    debian::ensure(PACKAGES)?;
    std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
    let generator = Generator { folder: folder.to_path_buf(), seed };
    generator.image("day0", |new| generator.system(Tree::Day0, "1", new))?;
    generator.image("day1", |new| generator.next_day(new))?;
    generator.image("scatter", |new| images::scattered(&generator.path("day0"), seed, new))?;
    generator.image("machine2", |new| generator.system(Tree::Machine2, "2", new))?;
    generator.image("random", |new| contents::noise(new, &seed.to_string(), RANDOM_BYTES))?;
    work::remove(&generator.unfinished())?;
    generator.manifest()
}

#[derive(Debug)]
struct Generator {
    folder: PathBuf,
    seed: u64,
}

impl Generator {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(file_name(name))
    }

    fn unfinished(&self) -> PathBuf {
        self.folder.join("unfinished")
    }

    /// An unfinished file or folder of that name, which does not exist.
    fn scratch(&self, name: &str) -> Result<PathBuf> {
        let path = self.unfinished().join(name);
        std::fs::create_dir_all(self.unfinished()).map_err(Error::io(&path))?;
        work::remove(&path)?;
        Ok(path)
    }

    fn image(&self, name: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
        let finished = self.path(name);
        if finished.is_file() {
            return Ok(());
        }
        eprintln!("generating {}", finished.display());
        let new = self.scratch(&file_name(name))?;
        make(&new)?;
        std::fs::rename(&new, &finished).map_err(Error::io(&finished))
    }

    /// `machine` makes the contents of two systems different.
    fn system(&self, tree: Tree, machine: &str, image: &Path) -> Result<()> {
        let root = self.scratch("tree")?;
        trees::unpack(tree, self.seed, &root)?;
        let media = root.join("srv/media");
        for folder in [root.join("srv/db"), media.clone()] {
            std::fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
        }
        let seed = format!("{}-{machine}", self.seed);
        contents::database(&root.join(DATABASE), &seed, DATABASE_BYTES)?;
        contents::log(&root.join(LOG), &seed, LOG_BYTES)?;
        if tree == Tree::Day0 {
            for number in 0..MEDIA_FILES {
                let file = media.join(format!("clip{number}.mp4"));
                contents::noise(&file, &format!("{seed}-{number}"), MEDIA_BYTES)?;
            }
        }
        images::from_tree(&root, &format!("machine{machine}"), image)?;
        work::remove(&root)
    }

    /// Changed files get a new inode and the old name, which is how packages are upgraded.
    fn next_day(&self, image: &Path) -> Result<()> {
        let root = self.scratch("tree")?;
        trees::unpack(Tree::Day1, self.seed, &root)?;
        let mut copy = command("cp");
        quiet(copy.args(["--sparse=always"]).arg(self.path("day0")).arg(image))?;
        let place = self.scratch("mounted")?;
        let mounted = Mounted::open(image, 0, &place)?;
        let mut upgrade = command("rsync");
        upgrade.args(["-aHX", "--checksum", "--exclude=/srv", "--exclude=/var/log/app.log"]);
        quiet(upgrade.arg(root.join("")).arg(&place))?;
        let seed = format!("{}-day1", self.seed);
        contents::churn(&place.join(DATABASE), &seed, DAY_ROWS_PERCENT)?;
        contents::log(&place.join(LOG), &seed, DAY_LOG_BYTES)?;
        mounted.close()?;
        work::remove(&root)
    }

    fn manifest(&self) -> Result<()> {
        let mut text = format!("seed={}\n", self.seed);
        for name in NAMES {
            let bytes = images::nonzero_bytes(&self.path(name))?;
            let _ = writeln!(text, "{} nonzero4k={bytes}", file_name(name));
        }
        let path = self.folder.join(MANIFEST);
        std::fs::write(&path, text).map_err(Error::io(&path))
    }
}
