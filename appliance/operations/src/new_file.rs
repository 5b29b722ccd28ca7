//! A new file that has another name until it is whole: nothing else tells a part from the whole.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use disk::DiskError;

use crate::Failure;

/// Its part goes when this is dropped. What a process that is killed leaves is called `NAME.part`.
#[derive(Debug)]
pub struct NewFile {
    to: PathBuf,
    part: Option<PathBuf>,
}

impl NewFile {
    /// Has `make` make the part, which must not be there before.
    ///
    /// # Errors
    /// Something of that name is there, whole or as a part; `make` fails.
    pub fn make<T>(
        to: &Path,
        make: impl FnOnce(&Path) -> Result<T, Failure>,
    ) -> Result<(Self, T), Failure> {
        if to.symlink_metadata().is_ok() {
            return Err(DiskError::Exists { path: to.to_owned() }.into());
        }
        let part = part(to);
        // It may be what a restore left that was killed, that of another, or somebody's own.
        if part.symlink_metadata().is_ok() {
            let what = format!("{} is there already", part.display());
            let next = "delete it if a restore that was killed left it, then try again";
            return Err(Failure::new(what, next));
        }
        let made = make(&part)?;
        Ok((Self { to: to.to_owned(), part: Some(part) }, made))
    }

    /// As [`make`](Self::make), of an empty file to be written.
    pub fn create(to: &Path) -> Result<(Self, File), Failure> {
        Self::make(to, |part| {
            let file = File::options().write(true).create_new(true).open(part);
            file.map_err(|error| Failure::file(to, &error))
        })
    }

    /// Where it is written.
    pub fn part(&self) -> &Path {
        self.part.as_deref().unwrap_or(&self.to)
    }

    /// Gives it its name, which nobody else must have got meanwhile, as far as the file system can
    /// tell. What was written is durable already.
    pub fn keep(mut self) -> Result<(), Failure> {
        let Some(part) = self.part.take() else { return Ok(()) };
        let named = name(&part, &self.to);
        if named.is_err() {
            self.part = Some(part);
        }
        named.map_err(|error| Failure::file(&self.to, &error))
    }

    /// Leaves the part where it is: somebody else still writes it.
    pub fn leave(mut self) {
        self.part = None;
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if let Some(part) = &self.part {
            // The failure that led here is the one to report.
            let _ = std::fs::remove_file(part);
        }
    }
}

fn part(to: &Path) -> PathBuf {
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    to.with_file_name(name)
}

fn name(part: &Path, to: &Path) -> io::Result<()> {
    match std::fs::hard_link(part, to) {
        Ok(()) => std::fs::remove_file(part)?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(error),
        // A file system without links, as on a stick.
        Err(_) => std::fs::rename(part, to)?,
    }
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
    // Not every folder that takes files can be opened, and not every file system makes it durable:
    // the file is whole all the same, and has its name until the power fails.
    let _ = File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all());
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;

    #[test]
    fn a_file_has_its_name_only_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("image");
        let (new, mut file) = NewFile::create(&to).unwrap();
        file.write_all(b"part").unwrap();
        assert!(!to.exists() && new.part().exists());
        let refused = NewFile::create(&to).unwrap_err();
        assert!(refused.what.contains("image.part is there"), "{}", refused.what);
        drop(new);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let (new, mut file) = NewFile::create(&to).unwrap();
        file.write_all(b"whole").unwrap();
        new.keep().unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(fs::read(&to).unwrap(), b"whole");
        assert!(NewFile::create(&to).is_err());
    }

    #[test]
    fn what_somebody_else_put_there_meanwhile_stays() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("image");
        let (new, _) = NewFile::create(&to).unwrap();
        fs::write(&to, b"another").unwrap();
        assert!(new.keep().is_err());
        assert_eq!(fs::read(&to).unwrap(), b"another");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
