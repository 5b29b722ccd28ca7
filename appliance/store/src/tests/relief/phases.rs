//! What must hold of a pool, or of one of its disks, by how far the taking over was.

use disk::sim::SimMachine;

use super::{ALONE, NEW, OLD};
use crate::OpenOptions;
use crate::tests::model::{Found, Model};

/// When what was done, in numbers of events.
#[derive(Debug, Clone, Copy)]
pub(super) struct Phases {
    /// From here on the new disk is a member.
    pub(super) admitted: usize,
    /// From here on it has everything.
    pub(super) complete: usize,
    /// Between these the old one leaves; 0 if it was gone before.
    pub(super) leaving: usize,
    pub(super) left: usize,
}

/// What befalls one of three disks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Well,
    Lost(usize),
    /// It is as it was at an earlier moment.
    Stale(usize),
}

impl Phases {
    /// The pool opens and has everything, from all disks that may be there but for those that say
    /// themselves why they may not.
    pub(super) async fn survive(
        &self,
        model: &Model,
        machine: &SimMachine,
        at: usize,
        fate: Fate,
    ) -> Result<Found, String> {
        let lost = |disk: &usize| fate == Fate::Lost(*disk);
        let mut numbers: Vec<usize> = (0..3).filter(|disk| !lost(disk)).collect();
        loop {
            let options = if numbers.len() == 3 { OpenOptions::default() } else { ALONE };
            let list = numbers.iter().map(|disk| machine.disk(*disk)).collect();
            let error = match model.check_disks(list, options, at, 5).await {
                Ok(found) => return Ok(found),
                Err(error) => error,
            };
            let told = |disk: &usize| match error.contains("without each other") {
                true => fate == Fate::Stale(*disk),
                false => error.contains(&format!("sim{disk} ")),
            };
            let named = numbers.iter().position(told);
            let out = named.filter(|place| self.may_stay_out(numbers[*place], &error, at, fate));
            match out {
                Some(place) if numbers.len() > 1 => drop(numbers.remove(place)),
                _ => return Err(format!("{fate:?}, disks {numbers:?}: {error}")),
            }
        }
    }

    fn may_stay_out(&self, disk: usize, error: &str, at: usize, fate: Fate) -> bool {
        let stale = fate == Fate::Stale(disk);
        let coming = disk == NEW && (at < self.admitted || stale);
        let going = disk == OLD && (at > self.leaving || self.leaving == 0);
        error.contains("is not a Holdfast disk") && coming
            || error.contains("is stale") && (stale || going)
            || error.contains("without each other") && stale
            || error.contains("taken out of its pool") && going
    }

    /// One disk alone has everything, or says why it does not stand for the pool.
    pub(super) async fn alone(
        &self,
        model: &Model,
        machine: &SimMachine,
        at: usize,
        which: usize,
    ) -> Result<(), String> {
        let found = model.check_disks(vec![machine.disk(which)], ALONE, at, 6).await;
        let error = match (which, found) {
            (OLD, Ok(_)) if at >= self.left => "the disk that left stands for the pool".to_owned(),
            // Others may have gone on by the time at which it still counts itself in.
            (_, Ok(_)) => return Ok(()),
            (OLD, Err(error)) if error.contains("taken out") && at > self.leaving => return Ok(()),
            (NEW, Err(error)) if error.contains("not a Holdfast disk") && at < self.admitted => {
                return Ok(());
            }
            (NEW, Err(error)) if error.contains("being filled") && at < self.complete => {
                return Ok(());
            }
            (_, Err(error)) => error,
        };
        Err(format!("disk {which} alone: {error}"))
    }
}
