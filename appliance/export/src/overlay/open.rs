//! Opening and creating an overlay's file.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::file::LockedFile;
use super::flush::Journal;
use super::journal::{Replay, ReplayError};
use super::layout::{self, BLOCK, HEADER, HEADER_SLOT, Header, Slot};
use super::map::BlockMap;
use super::{Base, OverlayError};

pub(super) struct Opened {
    pub(super) file: LockedFile,
    pub(super) held: BlockMap,
    pub(super) journal: Journal,
}

/// Opens the overlay at `path` above a disk of `size` bytes; creates it if there is none.
pub(super) fn open(path: &Path, base: Base, size: u64) -> Result<Opened, OverlayError> {
    let failed = |source| OverlayError::Open { path: path.to_owned(), source };
    let file = match OpenOptions::new().read(true).write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            create(path, base, size).map_err(failed)?;
            OpenOptions::new().read(true).write(true).open(path).map_err(failed)?
        }
        other => other.map_err(failed)?,
    };
    let file = LockedFile::lock(file).map_err(|error| match error {
        TryLockError::WouldBlock => OverlayError::InUse { path: path.to_owned() },
        TryLockError::Error(source) => failed(source),
    })?;
    let header = read_header(path, &file)?;
    check_base(path, &header, base, size)?;
    replay(path, file, header)
}

/// Makes an empty overlay under another name first: it appears whole or not at all.
fn create(path: &Path, base: Base, size: u64) -> io::Result<()> {
    let journal_start = layout::first_journal(size).ok_or(io::ErrorKind::FileTooLarge)?;
    let header = Header {
        generation: 1,
        base,
        image_size: size,
        journal_start,
        journal_end: journal_start,
        first_sequence: 1,
    };
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".new");
    let unfinished = PathBuf::from(unfinished);
    let file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.set_len(journal_start)?;
    file.write_all_at(&header.encode(), header.slot())?;
    file.sync_all()?;
    // Unlike a rename, a link never replaces an overlay that somebody else made meanwhile.
    let linked = std::fs::hard_link(&unfinished, path);
    std::fs::remove_file(&unfinished)?;
    linked?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

/// The newer of the two headers.
fn read_header(path: &Path, file: &File) -> Result<Header, OverlayError> {
    let slots = [read_slot(path, file, 0)?, read_slot(path, file, HEADER_SLOT)?];
    let mut newest: Option<Header> = None;
    for slot in &slots {
        match slot {
            Slot::Newer { version } => {
                let version = *version;
                return Err(OverlayError::NewerVersion { path: path.to_owned(), version });
            }
            Slot::Valid(header) if newest.is_none_or(|n| n.generation < header.generation) => {
                newest = Some(*header);
            }
            _ => {}
        }
    }
    newest.ok_or_else(|| {
        if slots.contains(&Slot::Damaged) {
            OverlayError::Corrupt { path: path.to_owned(), offset: 0 }
        } else {
            OverlayError::NotAnOverlay { path: path.to_owned() }
        }
    })
}

fn read_slot(path: &Path, file: &File, offset: u64) -> Result<Slot, OverlayError> {
    let mut bytes = [0; HEADER];
    match file.read_exact_at(&mut bytes, offset) {
        Ok(()) => Ok(Slot::decode(&bytes)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(Slot::Foreign),
        Err(source) => Err(OverlayError::Open { path: path.to_owned(), source }),
    }
}

fn check_base(path: &Path, header: &Header, base: Base, size: u64) -> Result<(), OverlayError> {
    let path = || path.to_owned();
    if header.base != base {
        return Err(OverlayError::OtherBase { path: path(), found: header.base, expected: base });
    }
    if header.image_size != size {
        let found = header.image_size;
        return Err(OverlayError::OtherSize { path: path(), found, expected: size });
    }
    let behind_data = layout::first_journal(size).is_some_and(|start| {
        header.journal_start >= start && header.journal_end >= header.journal_start
    });
    behind_data.then_some(()).ok_or_else(|| OverlayError::Corrupt { path: path(), offset: 0 })
}

/// Reads the journal and cuts off what a crash left behind its end.
fn replay(path: &Path, file: LockedFile, header: Header) -> Result<Opened, OverlayError> {
    let failed = |source| OverlayError::Open { path: path.to_owned(), source };
    let file_length = file.metadata().map_err(failed)?.len();
    let blocks = header.image_size.div_ceil(BLOCK);
    let replay = Replay { file: &file, base: header.base, blocks, file_length };
    let replayed = replay
        .run(header.journal_start, header.journal_end, header.first_sequence)
        .map_err(|error| match error {
            ReplayError::Damaged { offset } => {
                OverlayError::Corrupt { path: path.to_owned(), offset }
            }
            ReplayError::Io(source) => failed(source),
        })?;
    if replayed.end < file_length {
        file.set_len(replayed.end).and_then(|()| file.sync_all()).map_err(failed)?;
    }
    let mut journal = Journal {
        header,
        end: replayed.end,
        next_sequence: replayed.next_sequence,
        rewritten: 0,
        reserved: 0,
    };
    journal.reserve(&file);
    Ok(Opened { file, held: replayed.held, journal })
}
