//! A hundred days of one small system, in one file that is changed in place from day to day.
//!
//! It begins as stretches of `day0` with some room left. Each day then brings new files, which
//! overwrite older ones or fill room (parts of `machine2`, and some that no compressor makes
//! smaller), rows changed here and there in a database, and files that are deleted: about 2.5 % of
//! the image in all. What is written belongs to the seed, the images and the day alone.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::bench::data::Data;
use crate::bench::data::random::Random;
use crate::error::{Error, Result};

/// Days, and so recovery points.
pub(in crate::bench) const DAYS: u32 = 100;

const BLOCK: u64 = 4096;
const MIB: u64 = 1 << 20;

const IMAGE_BYTES: u64 = 768 * MIB;
/// At the image's end: nothing is there at first.
const ROOM_BYTES: u64 = 64 * MIB;
/// What `day0` is taken in.
const STRETCH_BYTES: u64 = 8 * MIB;

/// At the image's start: where single rows change.
const DATABASE_BYTES: u64 = 24 * MIB;
const ROWS: u32 = 256;
/// Bytes that differ in a changed block: about a row or two.
const ROW_BYTES: u64 = 512;

const NEW_FILES: u64 = 8;
const FILE_MIN_BYTES: u64 = 256 << 10;
const FILE_MAX_BYTES: u64 = 4 * MIB;
/// One in so many new files is incompressible.
const NOISE_ONE_IN: u64 = 4;

const DELETED_FILES: u32 = 2;
const DELETED_BYTES: u64 = MIB;

/// The image as it is on some day.
#[derive(Debug)]
pub(in crate::bench) struct History {
    folder: PathBuf,
    seed: u64,
    day: u32,
    donor: Donor,
}

impl History {
    /// The day before the first, in a folder that exists.
    pub(in crate::bench) fn begin(data: &Data, seed: u64, folder: &Path) -> Result<Self> {
        let donor = Donor::open(&data.image("machine2")?.path)?;
        let history = Self { folder: folder.to_path_buf(), seed, day: 0, donor };
        let day0 = data.image("day0")?;
        history.fill(&day0.path, day0.nonzero_bytes)?;
        Ok(history)
    }

    /// How the recovery point of a day is called.
    pub(in crate::bench) fn name(day: u32) -> String {
        format!("point-{day:03}")
    }

    /// Where the image is now: its file has the name of its day.
    pub(in crate::bench) fn image(&self) -> PathBuf {
        self.folder.join(format!("{}.img", Self::name(self.day)))
    }

    /// Lets a day go by.
    pub(in crate::bench) fn next_day(&mut self) -> Result<()> {
        let before = self.image();
        self.day += 1;
        let path = self.image();
        std::fs::rename(&before, &path).map_err(Error::io(&path))?;
        let image = File::options().read(true).write(true).open(&path).map_err(Error::io(&path))?;
        let mut random = Random::new(&format!("history-{}-{}", self.seed, self.day));
        self.change_rows(&image, &mut random)
            .and_then(|()| self.delete_files(&image, &mut random))
            .and_then(|()| self.add_files(&image, &mut random))
            .map_err(Error::io(&path))
    }

    /// Takes about as many stretches of `day0` as there is space for, evenly spread over it.
    fn fill(&self, day0: &Path, data_bytes: u64) -> Result<()> {
        let path = self.image();
        let image = File::create(&path).map_err(Error::io(&path))?;
        image.set_len(IMAGE_BYTES).map_err(Error::io(&path))?;
        let source = File::open(day0).map_err(Error::io(day0))?;
        let source_bytes = source.metadata().map_err(Error::io(day0))?.len();
        let (mut stretch, mut taken, mut seen) = (vec![0; STRETCH_BYTES as usize], 0, 0);
        let wanted = IMAGE_BYTES - ROOM_BYTES;
        for number in 0..source_bytes / STRETCH_BYTES {
            source.read_exact_at(&mut stretch, number * STRETCH_BYTES).map_err(Error::io(day0))?;
            seen += stretch.chunks(BLOCK as usize).filter(|block| !is_zero(block)).count() as u64;
            let due = taken * data_bytes <= seen * BLOCK * wanted;
            if due && taken + STRETCH_BYTES <= wanted && !is_zero(&stretch) {
                image.write_all_at(&stretch, taken).map_err(Error::io(&path))?;
                taken += STRETCH_BYTES;
            }
        }
        Ok(())
    }

    fn change_rows(&self, image: &File, random: &mut Random) -> std::io::Result<()> {
        let mut row = vec![0; ROW_BYTES as usize];
        for _ in 0..ROWS {
            random.fill(&mut row);
            let block = random.below(DATABASE_BYTES / BLOCK) * BLOCK;
            image.write_all_at(&row, block + random.below(BLOCK - ROW_BYTES + 1))?;
        }
        Ok(())
    }

    fn delete_files(&self, image: &File, random: &mut Random) -> std::io::Result<()> {
        let nothing = vec![0; DELETED_BYTES as usize];
        for _ in 0..DELETED_FILES {
            image.write_all_at(&nothing, place(random, DELETED_BYTES))?;
        }
        Ok(())
    }

    fn add_files(&mut self, image: &File, random: &mut Random) -> std::io::Result<()> {
        for number in 0..NEW_FILES {
            let more = random.below((FILE_MAX_BYTES - FILE_MIN_BYTES) / BLOCK) * BLOCK;
            let mut file = vec![0; (FILE_MIN_BYTES + more) as usize];
            match number % NOISE_ONE_IN {
                0 => random.fill(&mut file),
                _ => self.donor.give(&mut file)?,
            }
            image.write_all_at(&file, place(random, file.len() as u64))?;
        }
        Ok(())
    }
}

/// Somewhere behind the database.
fn place(random: &mut Random, bytes: u64) -> u64 {
    DATABASE_BYTES + random.below((IMAGE_BYTES - DATABASE_BYTES - bytes) / BLOCK) * BLOCK
}

/// Another system's image, given away from its start to its end and then again.
#[derive(Debug)]
struct Donor {
    image: File,
    bytes: u64,
    next: u64,
}

impl Donor {
    fn open(path: &Path) -> Result<Self> {
        let image = File::open(path).map_err(Error::io(path))?;
        let bytes = image.metadata().map_err(Error::io(path))?.len();
        Ok(Self { image, bytes, next: 0 })
    }

    /// Fills a file with what comes next and is not all zero.
    fn give(&mut self, file: &mut [u8]) -> std::io::Result<()> {
        loop {
            if self.next + file.len() as u64 > self.bytes {
                self.next = 0;
            }
            self.image.read_exact_at(file, self.next)?;
            self.next += file.len() as u64;
            if !is_zero(file) {
                return Ok(());
            }
        }
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::data::{MANIFEST, NAMES, file_name};

    /// Small images of two systems.
    fn data(folder: &Path) -> Data {
        let mut manifest = String::new();
        for name in NAMES {
            let mut bytes = vec![0; 3 * STRETCH_BYTES as usize];
            Random::new(name).fill(&mut bytes);
            std::fs::write(folder.join(file_name(name)), &bytes).unwrap();
            manifest += &format!("{} nonzero4k={}\n", file_name(name), bytes.len());
        }
        std::fs::write(folder.join(MANIFEST), manifest).unwrap();
        Data::open_or_generate(folder, 1).unwrap()
    }

    fn after(days: u32, seed: u64, data: &Data, folder: &str) -> PathBuf {
        let folder = data.folder().join(folder);
        std::fs::create_dir(&folder).unwrap();
        let mut history = History::begin(data, seed, &folder).unwrap();
        (0..days).for_each(|_| history.next_day().unwrap());
        history.image()
    }

    /// Blocks in which two images differ.
    fn differing(one: &Path, other: &Path) -> u64 {
        let images = [one, other].map(|path| File::open(path).unwrap());
        let (mut left, mut right) = (vec![0; MIB as usize], vec![0; MIB as usize]);
        let mut count = 0;
        for at in (0..IMAGE_BYTES).step_by(MIB as usize) {
            images[0].read_exact_at(&mut left, at).unwrap();
            images[1].read_exact_at(&mut right, at).unwrap();
            let blocks = left.chunks(BLOCK as usize).zip(right.chunks(BLOCK as usize));
            count += blocks.filter(|(one, other)| one != other).count() as u64;
        }
        count
    }

    #[test]
    fn a_day_changes_a_few_percent_and_belongs_to_the_seed() {
        let folder = tempfile::tempdir().unwrap();
        let data = data(folder.path());
        let two = after(2, 7, &data, "two");
        assert!(two.ends_with("point-002.img"));
        assert_eq!(differing(&two, &after(2, 7, &data, "again")), 0);
        assert!(differing(&two, &after(2, 8, &data, "other")) > 1000);
        let changed = differing(&two, &after(1, 7, &data, "one"));
        let percent = changed as f64 * 100.0 / (IMAGE_BYTES / BLOCK) as f64;
        assert!((1.0..4.0).contains(&percent), "{percent} %");
    }
}
