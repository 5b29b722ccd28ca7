//! How somebody gets in: name, password and, where there is one, the code of a second factor.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::guard::Tries;
use crate::identity::Identity;
use crate::problem::{Kind, Problem};
use crate::role::Role;
use crate::secret::{Hash, PASSWORD, Secret, token, trace};
use crate::server::{HASHES, SESSION, Server, now};
use crate::state::{Account, Audited, Session, SessionKind, is_name};
use crate::totp;

/// How long somebody waits for others' passwords to be hashed.
const HASHED_WITHIN: Duration = Duration::from_secs(10);

/// Opens a session for who shows the right password and code.
pub(crate) async fn sign_in(
    server: &Arc<Server>,
    from: IpAddr,
    name: &str,
    password: Secret,
    code: &str,
) -> Result<(Account, Secret), Problem> {
    let tries = Tries::at_account(name, from);
    let entered = server.guard.enter(&tries, Instant::now());
    entered.map_err(|wait| too_often(wait.as_secs() + 1))?;
    let outcome = proved(server, name, password, code).await;
    if outcome.as_ref().is_err_and(|problem| problem.kind != Kind::Anonymous) {
        // The password was right and a code is wanted, or nothing was judged.
        server.guard.take_back(&tries);
    }
    let word = match &outcome {
        Ok(_) => "done",
        Err(problem) => problem.kind.word(),
    };
    // A name that nobody can have is not worth its room in the log.
    let known = if is_name(name) { name } else { "?" };
    let role = outcome.as_ref().map(|account| account.role.to_string()).unwrap_or_default();
    let entry = told(known, &role, from, word, "POST /api/v1/session");
    for entry in server.sign_ins.note(entry, now()) {
        server.audit(entry).await?;
    }
    let account = outcome?;
    server.guard.right(&tries);
    let token = open(server, &account).await?;
    Ok((account, token))
}

pub(crate) fn told(account: &str, role: &str, from: IpAddr, outcome: &str, what: &str) -> Audited {
    Audited {
        account: account.to_owned(),
        role: role.to_owned(),
        from: from.to_string(),
        outcome: outcome.to_owned(),
        what: what.to_owned(),
        ..Audited::default()
    }
}

fn too_often(seconds: u64) -> Problem {
    let what = "there were too many wrong tries";
    Problem::new(Kind::TooOften, what, format!("wait {seconds} seconds"))
}

/// The account, if all that it wants was shown.
async fn proved(
    server: &Arc<Server>,
    name: &str,
    password: Secret,
    code: &str,
) -> Result<Account, Problem> {
    let account = server.state.account(name)?.filter(|account| account.is_good(now()));
    let hash = account.as_ref().and_then(|account| account.password.clone());
    // Who asks must not learn from the time that it takes whether there is such an account.
    let right = is_right(server, hash, password).await?;
    let wrong = || {
        let next = "try again; the owner can set a new password";
        Problem::new(Kind::Anonymous, "name, password or code is wrong", next)
    };
    let account = account.filter(|_| right).ok_or_else(wrong)?;
    if account.factor.is_none() {
        return Ok(account);
    }
    if code.is_empty() {
        let next = "send the code of the authenticator app as well";
        return Err(Problem::new(Kind::SecondFactor, "a code is wanted", next));
    }
    let (name, code) = (name.to_owned(), code.to_owned());
    let changed = server.with_state(move |state| {
        state.change_account(&name, |account| (takes_code(account, &code), false))
    });
    match changed.await? {
        Some(true) => Ok(account),
        _ => Err(wrong()),
    }
}

/// Whether the code is right; it is used up then.
fn takes_code(account: &mut Account, code: &str) -> bool {
    let Some(secret) = &account.factor else { return false };
    let Some(step) = totp::accepted(secret, code, now(), account.factor_used) else { return false };
    account.factor_used = step;
    true
}

/// Whether the password is that of the hash; as slow without one.
pub(crate) async fn is_right(
    server: &Arc<Server>,
    hash: Option<Hash>,
    password: Secret,
) -> Result<bool, Problem> {
    hashing(server, move || match hash {
        Some(hash) => hash.is_of(&password),
        None => {
            let _ = Hash::of(&password);
            false
        }
    })
    .await
}

/// The account of who asks, if it is really he who sits there and not somebody at his browser.
pub(crate) async fn again(
    server: &Arc<Server>,
    who: &Identity,
    password: Secret,
) -> Result<Account, Problem> {
    let tries = Tries::in_session(&who.account, &who.session);
    if server.guard.enter(&tries, Instant::now()).is_err() {
        let what = "there were too many wrong tries";
        return Err(Problem::new(Kind::TooOften, what, "wait a while"));
    }
    let account = server.state.account(&who.account)?;
    let hash = account.as_ref().and_then(|account| account.password.clone());
    let right = is_right(server, hash, password).await?;
    let account = account.filter(|_| right);
    let wrong = || Problem::new(Kind::Forbidden, "the password is wrong", "try again");
    let account = account.ok_or_else(wrong)?;
    server.guard.right(&tries);
    Ok(account)
}

/// Whether a password is long enough.
pub(crate) fn is_fit(name: &str, password: &Secret) -> Result<(), Problem> {
    let length = password.expose().chars().count();
    if PASSWORD.contains(&length) && password.expose() != name {
        return Ok(());
    }
    let (least, most) = (PASSWORD.start(), PASSWORD.end());
    let what = format!("a password has {least} to {most} characters, and is not the name");
    Err(Problem::new(Kind::Invalid, what, "choose another; three words are easy"))
}

/// The hash of a new password.
pub(crate) async fn hash_of(
    server: &Arc<Server>,
    name: &str,
    password: Secret,
) -> Result<Hash, Problem> {
    is_fit(name, &password)?;
    Ok(hashing(server, move || Hash::of(&password)).await??)
}

/// Has a hash computed; only some at once, as each takes memory.
async fn hashing<T: Send + 'static>(
    server: &Arc<Server>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    let place = tokio::time::timeout(HASHED_WITHIN, server.hashes.clone().acquire_owned()).await;
    let Ok(Ok(place)) = place else {
        let what = format!("more than {HASHES} sign in at the same time");
        return Err(Problem::new(Kind::TooOften, what, "try again in some seconds"));
    };
    // The place is the hash's and not the caller's, who may go away amid.
    let work = move || {
        let done = work();
        drop(place);
        done
    };
    tokio::task::spawn_blocking(work).await.map_err(Problem::inside)
}

/// A new session of an account; its token.
pub(crate) async fn open(server: &Arc<Server>, account: &Account) -> Result<Secret, Problem> {
    let token = token()?;
    let trace = trace(token.expose());
    let created = now();
    let session = Session {
        kind: SessionKind::Session,
        id: blake3::Hash::from_bytes(trace).to_hex()[..16].to_owned(),
        account: account.name.clone(),
        purpose: String::new(),
        created,
        expires: created + SESSION,
    };
    let proved = account.clone();
    match server.with_state(move |state| state.add_session(&trace, &session, &proved)).await? {
        true => Ok(token),
        false => {
            let what = "the account was changed while you signed in";
            Err(Problem::new(Kind::Anonymous, what, "sign in again"))
        }
    }
}

/// Makes the first account of the box.
pub(crate) fn owner(name: &str, hash: Hash) -> Account {
    Account { password: Some(hash), ..Account::new(name, Role::Owner, now()) }
}
