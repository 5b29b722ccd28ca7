//! The same command once more, wherever the first was cut short.

use disk::sim::SimMachine;

use super::phases::Phases;
use super::{NEW, OLD, RELIEVE};
use crate::tests::resync::to_the_end;
use crate::{Admission, MemberState, Standing, Store, StoreError, standings};

/// As who types the same command again does; `None` when there is no room.
pub(super) async fn go_on(machine: &SimMachine, store: &Store) -> Result<Option<Phases>, String> {
    let start = machine.event_count();
    let known = store.members().await;
    let state = |number: usize| {
        let member = known.iter().find(|member| member.number == number);
        member.map(|member| member.state)
    };
    let hows = match state(NEW) {
        Some(MemberState::Complete | MemberState::Syncing) => Vec::new(),
        Some(_) => vec![Admission::Return, Admission::Replace { member: NEW }],
        None => vec![RELIEVE],
    };
    let mut came = Ok(NEW);
    for how in hows {
        came = store.admit(machine.disk(NEW), how, true).await;
        if came.is_ok() {
            break;
        }
    }
    match came {
        Ok(NEW) => {}
        Err(StoreError::Full | StoreError::TooSmall { .. } | StoreError::InService { .. }) => {
            return Ok(None);
        }
        other => return Err(format!("coming in again: {other:?}")),
    }
    let served = matches!(state(NEW), Some(MemberState::Complete | MemberState::Syncing));
    let admitted = if served { start } else { machine.event_count() };
    if !to_the_end(store).await? {
        return Ok(None);
    }
    let complete = machine.event_count();
    let leaving = if state(OLD).is_some() { complete } else { 0 };
    let old = machine.disk(OLD);
    match state(OLD) {
        Some(_) => store.relieve(OLD, NEW).await.map(drop),
        None => store.dismiss(&old).await,
    }
    .map_err(|error| format!("relieving again: {error}"))?;
    let list = [machine.disk(0), old, machine.disk(NEW)];
    let standing = standings(&list).await.map_err(|error| error.to_string())?;
    if standing != [Standing::InService, Standing::Left, Standing::InService] {
        return Err(format!("in the end disks are {standing:?}"));
    }
    Ok(Some(Phases { admitted, complete, leaving, left: machine.event_count() }))
}
