//! One moment of a machine's disks, held through QMP while they are read.

use std::path::{Path, PathBuf};

use ingest::{Dirty, NbdAddress, SourceError};
use model::{Consistency, PointId};
use serde_json::json;

use crate::error::Result;
use crate::held::{Held, HeldDisk};
use crate::hold::Hold;
use crate::pause::paused;
use crate::qmp::Qmp;
use crate::still::{Guest, Outcome, Stillness};
use crate::sweep::sweep;
use crate::{disk, room};

/// A machine by the QMP socket of its QEMU.
#[derive(Debug, Clone, Copy)]
pub struct Machine<'a> {
    pub socket: &'a Path,
    /// By any names that QEMU has for them; without any all that a guest can write to.
    pub disks: &'a [String],
    /// That are left out.
    pub excluded: &'a [String],
}

/// Disks as they were at one moment. Bitmaps stay for the next pull to go on from.
#[derive(Debug)]
pub struct Frozen {
    qmp: Qmp,
    holds: Vec<Hold>,
    disks: Vec<HeldDisk>,
    socket: PathBuf,
    /// What came of the guest's standing still; `None` when nobody asked it to.
    still: Option<Outcome>,
    /// The NBD server in QEMU is ours.
    serves: bool,
    over: bool,
}

impl Machine<'_> {
    /// Holds the disks. Bitmaps for `point` begin just before that; those that began with `since`
    /// tell what was written since then. A `guest` is frozen meanwhile, if its agent does that; if
    /// not, the disks are held all the same.
    ///
    /// # Errors
    /// The machine runs on as before.
    pub fn freeze(
        self,
        point: PointId,
        since: Option<PointId>,
        guest: Option<Guest<'_>>,
    ) -> Result<Frozen> {
        let mut qmp = Qmp::connect(self.socket)?;
        sweep(&mut qmp, false)?;
        let found = disk::find(&mut qmp, self.disks, self.excluded)?;
        let mut nbd = self.socket.as_os_str().to_owned();
        nbd.push(".holdfast-nbd");
        let socket = PathBuf::from(nbd);
        let numbered = found.into_iter().enumerate();
        let hold = |(number, disk)| Hold::of(disk, number, self.socket, point, since);
        let holds: Vec<Hold> = numbered.map(hold).collect();
        let held = |hold: &Hold| {
            let address = NbdAddress::unix(&socket, &hold.export_name())?;
            Ok(HeldDisk { name: hold.disk.name().to_owned(), address })
        };
        let disks: Vec<HeldDisk> = holds.iter().map(held).collect::<Result<_>>()?;
        let (still, serves, over) = (None, false, false);
        let mut frozen = Frozen { qmp, holds, disks, socket, still, serves, over };
        frozen.take(guest)?;
        Ok(frozen)
    }
}

impl Frozen {
    fn take(&mut self, guest: Option<Guest<'_>>) -> Result<()> {
        room::check(self.holds.iter().map(|hold| (hold.scratch.as_path(), hold.disk.size)))?;
        for hold in &mut self.holds {
            hold.prepare(&mut self.qmp)?;
        }
        let still = guest.map(Stillness::begin);
        let hold_all =
            |qmp: &mut Qmp| -> Result<()> { self.holds.iter().try_for_each(|hold| hold.hold(qmp)) };
        match self.holds.len() {
            1 => hold_all(&mut self.qmp)?,
            _ => paused(&mut self.qmp, hold_all)?,
        }
        self.still = still.map(Stillness::end);
        self.serve()
    }

    fn serve(&mut self) -> Result<()> {
        // That of a pull that was cut off.
        let _ = std::fs::remove_file(&self.socket);
        let path = self.socket.display().to_string();
        let at = json!({ "type": "unix", "data": { "path": path } });
        self.qmp.execute("nbd-server-start", json!({ "addr": at }))?;
        self.serves = true;
        self.holds.iter().try_for_each(|hold| hold.serve(&mut self.qmp))
    }

    /// Lets the disks go. What the guest has written is where it always was.
    fn end(&mut self) -> Result<()> {
        self.over = true;
        let swept = sweep(&mut self.qmp, self.serves);
        // They are gone already where QEMU has another view of the file system.
        for hold in &self.holds {
            let _ = std::fs::remove_file(&hold.scratch);
        }
        let _ = std::fs::remove_file(&self.socket);
        swept
    }
}

impl Held for Frozen {
    fn disks(&self) -> &[HeldDisk] {
        &self.disks
    }

    fn dirty(&self, disk: usize) -> Result<Option<Dirty>> {
        let Some((hold, held)) = self.holds.get(disk).zip(self.disks.get(disk)) else {
            return Ok(None);
        };
        let mut all = Vec::new();
        for bitmap in &hold.telling {
            match ingest::dirty(&held.address, bitmap) {
                Ok(dirty) => all.extend(dirty.into_ranges()),
                Err(SourceError::NoBitmap { .. }) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
        Ok((!hold.telling.is_empty()).then(|| Dirty::new(all)))
    }

    fn consistency(&self) -> Consistency {
        match self.still.as_ref().is_some_and(|outcome| outcome.still) {
            true => Consistency::FileSystem,
            false => Consistency::Crash,
        }
    }

    fn warning(&self) -> Option<&str> {
        self.still.as_ref()?.warning.as_deref()
    }

    fn keep(mut self: Box<Self>) -> Result<()> {
        self.end()?;
        let Self { holds, qmp, .. } = self.as_mut();
        holds.iter_mut().try_for_each(|hold| hold.remove_bitmaps(qmp))
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        if !self.over {
            // The next pull sweeps what this one cannot.
            let _ = self.end();
        }
    }
}
