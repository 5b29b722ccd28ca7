//! What is expensive to make and does not change: kept outside the checkout, named by its recipe.
//!
//! An entry appears by one rename when it is complete, so an interrupted run leaves nothing that
//! looks finished, and the next run deletes it. A changed recipe gets another name; old entries
//! stay until someone deletes them.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The folder `NAME-KEY` of the cache, made by `make` if it is not there yet. `recipe` is
/// everything that the content depends on; `make` gets an empty folder to fill.
pub(crate) fn entry(
    name: &str,
    recipe: &[&str],
    make: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let cache = folder();
    fs::create_dir_all(&cache).map_err(Error::io(&cache))?;
    let _one_at_a_time = lock(&cache.join("lock"))?;
    let entry = cache.join(format!("{name}-{:016x}", key(recipe)));
    if !entry.exists() {
        let unfinished = cache.join(format!("{name}.unfinished"));
        remove(&unfinished)?;
        fs::create_dir(&unfinished).map_err(Error::io(&unfinished))?;
        make(&unfinished)?;
        fs::rename(&unfinished, &entry).map_err(Error::io(&entry))?;
    }
    Ok(entry)
}

/// Where entries and other things that are slow to make are kept.
pub(crate) fn folder() -> PathBuf {
    let user = std::env::var_os("XDG_CACHE_HOME").filter(|path| !path.is_empty());
    user.map_or_else(|| PathBuf::from("/var/cache"), PathBuf::from).join("holdfast")
}

/// Two runs at once would make the same entry twice. Released when dropped, or by the kernel.
fn lock(path: &Path) -> Result<File> {
    let file = File::create(path).map_err(Error::io(path))?;
    file.lock().map_err(Error::io(path))?;
    Ok(file)
}

fn remove(path: &Path) -> Result<()> {
    if path.exists() { fs::remove_dir_all(path).map_err(Error::io(path)) } else { Ok(()) }
}

/// Equal for equal recipes under one toolchain, which is all that a cache needs.
fn key(recipe: &[&str]) -> u64 {
    let mut hasher = DefaultHasher::new();
    recipe.hash(&mut hasher);
    hasher.finish()
}
