//! Writing down what is proven.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clock::{Proof, uptime};
use model::{Uptime, WallTime};

use crate::chrony::ask;
use crate::error::{Result, TimeError};
use crate::told::{Told, told};

/// Asks once. What is at `path` stays when nothing is proven now: it counts for a while.
pub(crate) fn once(path: &Path) -> Result<Told> {
    let (uptime, wall) = (uptime(), SystemTime::now());
    let told = told(&ask("tracking")?, &ask("sources")?, &ask("authdata")?)?;
    if let Some(time) = corrected(wall, told.correction) {
        write(path, uptime, time)
            .map_err(|source| TimeError::File { path: path.to_owned(), source })?;
    }
    Ok(told)
}

/// `None` before 1970.
fn corrected(wall: SystemTime, correction: f64) -> Option<WallTime> {
    let by = Duration::try_from_secs_f64(correction.abs()).ok()?;
    let time = if correction < 0.0 { wall.checked_sub(by) } else { wall.checked_add(by) };
    Some(WallTime(time?.duration_since(UNIX_EPOCH).ok()?.as_secs()))
}

/// Whoever reads it sees the old or the new one.
fn write(path: &Path, uptime: Uptime, time: WallTime) -> std::io::Result<()> {
    let new = path.with_extension("new");
    let proof = Proof { boot: uptime.boot, seconds: uptime.seconds, time };
    fs::write(&new, format!("{proof}\n"))?;
    fs::rename(new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_on_the_wall_is_put_right_either_way() {
        let wall = UNIX_EPOCH + Duration::from_secs(1000);
        assert_eq!(corrected(wall, 99.6), Some(WallTime(1099)));
        assert_eq!(corrected(wall, -999.0), Some(WallTime(1)));
        assert_eq!(corrected(wall, -1001.0), None);
        assert_eq!(corrected(wall, 1e300), None);
    }

    #[test]
    fn a_new_proof_takes_the_place_of_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("proof");
        let uptime = |seconds| Uptime { boot: [9; 16], seconds, proven: None };
        for seconds in [10, 70] {
            write(&path, uptime(seconds), WallTime(1_000_000 + seconds)).unwrap();
            let proof: Proof = fs::read_to_string(&path).unwrap().parse().unwrap();
            assert_eq!(proof.at(uptime(71)), Some(WallTime(1_000_071)));
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
