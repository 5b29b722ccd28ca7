//! Intakes that are plain files: a box for tests of both sides of the protocol.
//!
//! A recovery point is a file too, so that a test can compare it with what was sent. All of it is
//! in one folder, and a new [`Files`] over the same folder goes on where one that was killed was.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::Consistency;
use serde::{Deserialize, Serialize};

use crate::intakes::{Body, Fault, Intake, Intakes, Session, Stage};

/// A box whose intakes and recovery points are files in a folder.
#[derive(Debug)]
pub struct Files {
    folder: PathBuf,
    session: Session,
    book: Mutex<Book>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Book {
    intakes: Vec<Entry>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Entry {
    number: u64,
    system: String,
    volume: String,
    bytes: u64,
    base: String,
    point: Option<String>,
    discarded: bool,
    /// Bytes that came in writes.
    written: u64,
}

impl Files {
    /// Opens the folder, which is made when it is not there.
    pub fn open(folder: &Path) -> std::io::Result<Self> {
        fs::create_dir_all(folder)?;
        let book = match fs::read(folder.join("book.json")) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(_) => Book::default(),
        };
        let session = Session::fresh();
        Ok(Self { folder: folder.to_owned(), session, book: Mutex::new(book) })
    }

    /// The recovery points of a volume, oldest first: where its bytes are, and how many of them
    /// came in writes.
    pub fn points(&self, system: &str, volume: &str) -> Vec<(PathBuf, u64)> {
        let book = self.book();
        let own = book.intakes.iter().filter(|one| one.system == system && one.volume == volume);
        own.filter(|one| one.point.is_some()).map(|one| (self.file(one), one.written)).collect()
    }

    /// How many intakes there are that are neither done nor discarded.
    pub fn open_intakes(&self) -> usize {
        let open = |entry: &&Entry| entry.point.is_none() && !entry.discarded;
        self.book().intakes.iter().filter(open).count()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, entry: &Entry) -> PathBuf {
        self.folder.join(format!("volume-{}", entry.number))
    }

    /// Changes an intake and makes that durable.
    fn change<T>(
        &self,
        number: u64,
        change: impl FnOnce(&Path, &mut Entry) -> std::io::Result<T>,
    ) -> Result<T, Fault> {
        let mut book = self.book();
        let open = |one: &&mut Entry| one.number == number && !one.discarded;
        let entry = book.intakes.iter_mut().find(open).ok_or(Fault::Gone)?;
        let file = self.file(entry);
        let done = change(&file, entry).map_err(failed)?;
        self.save(&book)?;
        Ok(done)
    }

    fn save(&self, book: &Book) -> Result<(), Fault> {
        let (new, place) = (self.folder.join("book.new"), self.folder.join("book.json"));
        let bytes = serde_json::to_vec(book).map_err(|error| failed(error.into()))?;
        fs::write(&new, bytes).and_then(|()| fs::rename(new, place)).map_err(failed)
    }
}

fn failed(error: std::io::Error) -> Fault {
    Fault::Unavailable { what: error.to_string() }
}

fn shown(entry: &Entry) -> Intake {
    Intake {
        number: entry.number,
        system: entry.system.clone(),
        volume: entry.volume.clone(),
        bytes: entry.bytes,
        base: entry.base.clone(),
        since: 1_700_000_000 + entry.number,
        stage: match &entry.point {
            Some(point) => Stage::Done { point: point.clone() },
            None => Stage::Open,
        },
    }
}

impl Intakes for Files {
    async fn pending(&self, system: &str, volume: &str) -> Result<Option<Intake>, Fault> {
        let book = self.book();
        let open = |one: &&Entry| {
            one.system == system && one.volume == volume && one.point.is_none() && !one.discarded
        };
        Ok(book.intakes.iter().rev().find(open).map(shown))
    }

    async fn begin(&self, system: &str, volume: &str, bytes: u64) -> Result<Intake, Fault> {
        let mut book = self.book();
        let same =
            |one: &&Entry| one.system == system && one.volume == volume && one.point.is_some();
        let base = book.intakes.iter().rev().find(same).cloned();
        let entry = Entry {
            number: book.intakes.len() as u64 + 1,
            system: system.to_owned(),
            volume: volume.to_owned(),
            bytes,
            base: base.as_ref().and_then(|base| base.point.clone()).unwrap_or_default(),
            point: None,
            discarded: false,
            written: 0,
        };
        let file = File::create(self.file(&entry)).map_err(failed)?;
        if let Some(base) = &base {
            fs::copy(self.file(base), self.file(&entry)).map_err(failed)?;
        }
        file.set_len(bytes).map_err(failed)?;
        book.intakes.push(entry.clone());
        self.save(&book)?;
        Ok(shown(&entry))
    }

    async fn find(&self, number: u64) -> Result<Intake, Fault> {
        let book = self.book();
        let there = |one: &&Entry| one.number == number && !one.discarded;
        book.intakes.iter().find(there).map(shown).ok_or(Fault::Gone)
    }

    async fn write(&self, number: u64, offset: u64, bytes: Body) -> Result<Session, Fault> {
        self.change(number, |file, entry| {
            entry.written += bytes.len() as u64;
            File::options().write(true).open(file)?.write_all_at(&bytes, offset)
        })?;
        Ok(self.session)
    }

    async fn zero(&self, number: u64, offset: u64, bytes: u64) -> Result<Session, Fault> {
        self.change(number, |file, _| {
            let file = File::options().write(true).open(file)?;
            let zeroes = vec![0; 1 << 20];
            let mut at = offset;
            while at < offset + bytes {
                let piece = (offset + bytes - at).min(zeroes.len() as u64) as usize;
                file.write_all_at(zeroes.get(..piece).unwrap_or_default(), at)?;
                at += piece as u64;
            }
            Ok(())
        })?;
        Ok(self.session)
    }

    async fn flush(&self, number: u64) -> Result<Session, Fault> {
        self.change(number, |_, _| Ok(()))?;
        Ok(self.session)
    }

    async fn finish(&self, number: u64, _: Consistency) -> Result<(), Fault> {
        self.change(number, |_, entry| {
            entry.point = Some(format!("{number:032x}"));
            Ok(())
        })
    }

    async fn discard(&self, number: u64) -> Result<(), Fault> {
        self.change(number, |file, entry| {
            entry.discarded = true;
            fs::remove_file(file)
        })
    }
}
