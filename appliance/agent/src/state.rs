//! What the agent knows of the box: the digests of a volume's newest recovery point, and of the
//! intake that is being written.
//!
//! `NAME.point` belongs to one recovery point and is only ever replaced as a whole. `NAME.intake`
//! belongs to one intake and has what differs from the point below. Before a block is sent its
//! digest there becomes unknown, and it becomes what was sent when the box has flushed that; so
//! whatever ends a run, no block counts as sent that may not be there. This order is one of the
//! page cache, which a kill does not touch: after a restart of the machine the file counts only if
//! it was sealed, which it is, durably, before the box is asked to finish.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::digests::{self, AS_BELOW, Digest, HEADER, UNKNOWN, ZERO, blocks};
use crate::error::{AgentError, Result};
use crate::remote::Intake;

/// What a file of digests is about: the first bytes of it, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Header {
    format: u32,
    /// Fingerprint of the box.
    appliance: String,
    bytes: u64,
    /// The recovery point that the digests are of, or lie above; empty if above nothing.
    point: String,
    intake: Option<Of>,
}

/// Which intake a file is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Of {
    number: u64,
    since: u64,
    /// The run of the machine in which it was written.
    boot: String,
    sealed: bool,
}

const FORMAT: u32 = 1;

/// Digests that are put together at a time.
const AT_ONCE: u64 = 4096;

/// The state of one volume.
#[derive(Debug)]
pub(crate) struct VolumeState {
    point: PathBuf,
    intake: PathBuf,
    appliance: String,
    bytes: u64,
    boot: String,
}

/// An intake that a run did not bring to its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) number: u64,
    pub(crate) since: u64,
    /// All was sent to it, and is flushed.
    pub(crate) sealed: bool,
}

/// The digests of an intake that is being written.
#[derive(Debug)]
pub(crate) struct Known {
    file: File,
    path: PathBuf,
    header: Header,
    /// Those of the point below, if they are known.
    below: Option<File>,
}

impl VolumeState {
    pub(crate) fn new(folder: &Path, volume: &str, appliance: String, bytes: u64) -> Self {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id");
        Self {
            point: folder.join(format!("{volume}.point")),
            intake: folder.join(format!("{volume}.intake")),
            appliance,
            bytes,
            boot: boot.unwrap_or_default().trim().to_owned(),
        }
    }

    /// The intake that an earlier run has left.
    pub(crate) fn left(&self) -> Option<Left> {
        let (header, _) = open(&self.intake)?;
        let of = header.intake.filter(|_| header.appliance == self.appliance)?;
        Some(Left { number: of.number, since: of.since, sealed: of.sealed })
    }

    /// Goes on with an intake, if what is known of it can be relied on.
    pub(crate) fn go_on(&self, intake: &Intake) -> Option<Known> {
        let (header, file) = open(&self.intake)?;
        let of = header.intake.as_ref()?;
        let same = header == self.header(intake, of.sealed)
            && of.boot == self.boot
            && !self.boot.is_empty();
        same.then(|| self.known(header, file, intake))
    }

    /// Begins to remember what is sent to a new intake.
    pub(crate) fn begin(&self, intake: &Intake) -> Result<Known> {
        let header = self.header(intake, false);
        let made = || {
            let _ = fs::remove_file(&self.intake);
            let file = create(&self.intake)?;
            write_header(&file, &header)?;
            Ok(file)
        };
        let file = made().map_err(failed(&self.intake))?;
        Ok(self.known(header, file, intake))
    }

    fn known(&self, header: Header, file: File, intake: &Intake) -> Known {
        let below = open(&self.point).filter(|(below, _)| {
            !intake.base.is_empty()
                && below.point == intake.base
                && below.appliance == self.appliance
                && below.bytes == self.bytes
        });
        Known { file, path: self.intake.clone(), header, below: below.map(|(_, file)| file) }
    }

    fn header(&self, intake: &Intake, sealed: bool) -> Header {
        let (number, since, boot) = (intake.number, intake.since, self.boot.clone());
        Header {
            format: FORMAT,
            appliance: self.appliance.clone(),
            bytes: self.bytes,
            point: intake.base.clone(),
            intake: Some(Of { number, since, boot, sealed }),
        }
    }

    /// The intake has become this recovery point: its digests are those of the point.
    pub(crate) fn adopt(&self, point: &str) -> Result<()> {
        let Some((header, file)) = open(&self.intake) else { return Ok(()) };
        let bytes = header.bytes;
        let below = open(&self.point).filter(|(below, _)| {
            below.point == header.point
                && below.appliance == header.appliance
                && below.bytes == bytes
        });
        let known = Known {
            file,
            path: self.intake.clone(),
            below: below.map(|(_, file)| file).filter(|_| !header.point.is_empty()),
            header,
        };
        let new = self.point.with_extension("new");
        let header = Header { point: point.to_owned(), intake: None, ..known.header.clone() };
        known.write_whole(&new, &header).map_err(failed(&new))?;
        let folder = self.point.parent().unwrap_or(Path::new("/"));
        // Durable before the intake's file goes: one of the two has the digests.
        fs::rename(&new, &self.point)
            .and_then(|()| File::open(folder)?.sync_all())
            .map_err(failed(&self.point))?;
        self.forget()
    }

    /// Forgets the intake: it is gone, or of no use.
    pub(crate) fn forget(&self) -> Result<()> {
        match fs::remove_file(&self.intake) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failed(&self.intake)(error))
            }
            _ => Ok(()),
        }
    }
}

impl Known {
    /// What the intake holds in these blocks, as far as that is known.
    pub(crate) fn look(&self, first: u64, count: usize) -> Result<Vec<Digest>> {
        self.look_at(first, count).map_err(failed(&self.path))
    }

    fn look_at(&self, first: u64, count: usize) -> io::Result<Vec<Digest>> {
        let mut own = digests::read(&self.file, first, count)?;
        if !own.contains(&AS_BELOW) {
            return Ok(own);
        }
        let below = match &self.below {
            Some(below) => digests::read(below, first, count)?,
            None if self.header.point.is_empty() => vec![ZERO; count],
            None => vec![UNKNOWN; count],
        };
        for (own, below) in own.iter_mut().zip(below).filter(|(own, _)| **own == AS_BELOW) {
            // A hole in the file of a point is no digest.
            *own = if below == AS_BELOW { UNKNOWN } else { below };
        }
        Ok(own)
    }

    /// Whether it is known what the recovery point below holds.
    pub(crate) fn is_above_known(&self) -> bool {
        self.below.is_some()
    }

    /// These blocks are about to be sent: from now on it is not known what the box has there.
    pub(crate) fn doubt(&self, first: u64, count: usize) -> Result<()> {
        self.learn(first, &vec![UNKNOWN; count])
    }

    /// The box has flushed these blocks.
    pub(crate) fn learn(&self, first: u64, digests: &[Digest]) -> Result<()> {
        digests::write(&self.file, first, digests).map_err(failed(&self.path))
    }

    /// All is sent and flushed: what is known counts from now on whatever happens.
    pub(crate) fn seal(&mut self) -> Result<()> {
        if let Some(of) = &mut self.header.intake {
            of.sealed = true;
        }
        let sealed = || {
            self.file.sync_data()?;
            write_header(&self.file, &self.header)?;
            self.file.sync_data()
        };
        sealed().map_err(failed(&self.path))
    }

    /// It is written once more.
    pub(crate) fn unseal(&mut self) -> Result<()> {
        if let Some(of) = self.header.intake.as_mut().filter(|of| of.sealed) {
            of.sealed = false;
            write_header(&self.file, &self.header).map_err(failed(&self.path))?;
        }
        Ok(())
    }

    /// Writes the digests of all blocks to a new file.
    fn write_whole(&self, path: &Path, header: &Header) -> io::Result<()> {
        let _ = fs::remove_file(path);
        let file = create(path)?;
        write_header(&file, header)?;
        let all = blocks(header.bytes);
        let mut first = 0;
        while first < all {
            let count = AT_ONCE.min(all - first);
            let piece = self.look_at(first, usize::try_from(count).unwrap_or(0))?;
            digests::write(&file, first, &piece)?;
            first += count;
        }
        file.sync_all()
    }
}

/// Opens a file of digests; `None` if it is not there, or not what it should be.
fn open(path: &Path) -> Option<(Header, File)> {
    let mut file = OpenOptions::new().read(true).write(true).open(path).ok()?;
    let mut bytes = vec![0; HEADER as usize];
    file.read_exact(&mut bytes).ok()?;
    let text = bytes.split(|byte| *byte == 0).next()?;
    let header: Header = serde_json::from_slice(text).ok()?;
    (header.format == FORMAT).then_some((header, file))
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
}

fn write_header(file: &File, header: &Header) -> io::Result<()> {
    let mut bytes = serde_json::to_vec(header)?;
    if bytes.len() as u64 >= HEADER {
        return Err(io::Error::other("what the box calls its recovery point is too long"));
    }
    bytes.resize(HEADER as usize, 0);
    file.write_all_at(&bytes, 0)
}

fn failed(path: &Path) -> impl Fn(io::Error) -> AgentError + '_ {
    |source| AgentError::File { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: u64 = 10 * digests::BLOCK - 5;

    fn state(folder: &Path) -> VolumeState {
        VolumeState::new(folder, "root", "box".to_owned(), SIZE)
    }

    fn intake(number: u64, base: &str) -> Intake {
        Intake { number, since: 5, base: base.to_owned(), resumed: false }
    }

    #[test]
    fn a_point_is_known_by_what_was_sent_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let state = state(folder.path());
        let known = state.begin(&intake(1, "")).unwrap();
        assert_eq!(known.look(0, 10).unwrap(), [ZERO; 10], "an intake above nothing is zeroes");
        known.doubt(2, 2).unwrap();
        known.learn(3, &[[3; 32]]).unwrap();
        assert_eq!(known.look(1, 3).unwrap(), [ZERO, UNKNOWN, [3; 32]]);
        state.adopt("p1").unwrap();

        let known = state.begin(&intake(2, "p1")).unwrap();
        assert_eq!(known.look(1, 3).unwrap(), [ZERO, UNKNOWN, [3; 32]]);
        known.learn(1, &[[1; 32]]).unwrap();
        state.adopt("p2").unwrap();
        let known = state.begin(&intake(3, "p2")).unwrap();
        assert_eq!(known.look(0, 4).unwrap(), [ZERO, [1; 32], UNKNOWN, [3; 32]]);
    }

    #[test]
    fn digests_of_another_point_box_or_size_are_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let known = state(folder.path()).begin(&intake(1, "")).unwrap();
        known.learn(0, &[[1; 32]; 10]).unwrap();
        state(folder.path()).adopt("p1").unwrap();
        let unknown = |state: VolumeState, base: &str| {
            let known = state.begin(&intake(2, base)).unwrap();
            assert_eq!(known.look(0, 10).unwrap(), [UNKNOWN; 10]);
        };
        unknown(state(folder.path()), "p0");
        unknown(VolumeState::new(folder.path(), "root", "other".to_owned(), SIZE), "p1");
        unknown(VolumeState::new(folder.path(), "root", "box".to_owned(), SIZE + 4), "p1");
        let known = state(folder.path()).begin(&intake(3, "p1")).unwrap();
        assert_eq!(known.look(9, 1).unwrap(), [[1; 32]]);
    }

    #[test]
    fn an_interrupted_intake_goes_on_only_as_the_same_in_the_same_run_of_the_machine() {
        let folder = tempfile::tempdir().unwrap();
        let known = state(folder.path()).begin(&intake(1, "p")).unwrap();
        known.learn(4, &[[4; 32]]).unwrap();
        let left = Left { number: 1, since: 5, sealed: false };
        assert_eq!(state(folder.path()).left(), Some(left));
        let on = state(folder.path()).go_on(&intake(1, "p")).unwrap();
        assert_eq!(on.look(4, 1).unwrap(), [[4; 32]]);
        for other in [intake(2, "p"), intake(1, "q"), Intake { since: 6, ..intake(1, "p") }] {
            assert!(state(folder.path()).go_on(&other).is_none());
        }
        let later = VolumeState { boot: "later".to_owned(), ..state(folder.path()) };
        assert!(later.go_on(&intake(1, "p")).is_none());
    }

    #[test]
    fn a_damaged_file_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let state = state(folder.path());
        state.begin(&intake(1, "")).unwrap();
        let whole = fs::read(&state.intake).unwrap();
        for bytes in [&whole[..100], &[][..], &[0xff; 5000]] {
            fs::write(&state.intake, bytes).unwrap();
            assert!(state.left().is_none() && state.go_on(&intake(1, "")).is_none());
        }
        state.adopt("p").unwrap();
        assert!(!state.point.exists());
    }
}
