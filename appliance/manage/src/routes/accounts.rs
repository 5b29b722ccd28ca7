//! Accounts of others: the owner's.

use std::sync::Arc;

use futures_util::FutureExt;
use model::Fingerprint;
use serde_json::{Value, json};

use super::session::NAME;
use crate::http::Answer;
use crate::identity::Means;
use crate::problem::{Kind as Wrong, Problem};
use crate::role::{OWNER, Role};
use crate::route::{Access, Asked, Gives, Route, Verb};
use crate::secret::Hash;
use crate::server::{Server, now};
use crate::shape::{Field, Kind, may, must};
use crate::sign_in::{again, hash_of};
use crate::state::{Account, MOST_ACCOUNTS, State, is_name};

/// What an account may be bound to, at most.
const CLIENTS: Kind = Kind::Texts(64, 255);

const ROLE: Field = may("role", Kind::Word(Role::WORDS), "What it may do");
const BOUND: Field =
    may("clients", CLIENTS, "Clients of the plan that it is bound to; none is not bound");
const EXPIRES: Field =
    may("expires", Kind::Number(u64::MAX >> 1), "When it ends, in seconds since 1970; 0 is never");
const CERTIFICATE: Field =
    may("certificate", Kind::Text(64), "Fingerprint of a certificate that signs in; empty is none");
const CONFIRM: Field = may(
    "confirm",
    Kind::Secret(1024),
    "Your own password: for whoever is, becomes or was an owner, but by certificate",
);
const PASSWORD: Field = may("password", Kind::Secret(1024), "Of 12 characters or more");

pub(crate) const ROUTES: &[Route] = &[
    Route::get(
        "/api/v1/accounts",
        Access::Wide(OWNER),
        "All accounts",
        Gives::Fields(&[("accounts", "Each as at `/api/v1/accounts/{name}`")]),
        |server, asked| list(server, asked).boxed(),
    ),
    Route::get(
        "/api/v1/accounts/{name}",
        Access::Wide(OWNER),
        "One account",
        Gives::Fields(&[
            ("name", "What it is called"),
            ("role", "What it may do"),
            ("clients", "Clients of the plan that it is bound to"),
            ("password", "Whether it has one"),
            ("second_factor", "Whether it has one"),
            ("certificate", "Fingerprint of the certificate that signs in, or null"),
            ("created", "When, in seconds since 1970"),
            ("expires", "When it ends; 0 is never"),
        ]),
        |server, asked| show(server, asked).boxed(),
    ),
    Route::post(
        "/api/v1/accounts",
        Access::Wide(OWNER),
        "Make an account",
        Gives::Done,
        |server, asked| make(server, asked).boxed(),
    )
    .body(&[
        must("name", Kind::Text(64), "What it is to be called"),
        must("role", Kind::Word(Role::WORDS), "What it may do"),
        BOUND,
        EXPIRES,
        CERTIFICATE,
        PASSWORD,
        CONFIRM,
    ]),
    Route::post(
        "/api/v1/accounts/{name}",
        Access::Wide(OWNER),
        "Change an account; its sessions and tokens end. What is not sent stays",
        Gives::Done,
        |server, asked| change(server, asked).boxed(),
    )
    .verb(Verb::Put)
    .body(&[
        ROLE,
        BOUND,
        EXPIRES,
        CERTIFICATE,
        PASSWORD,
        may("without_factor", Kind::Flag, "Its second factor was lost: do without"),
        CONFIRM,
    ]),
    Route::post(
        "/api/v1/accounts/{name}",
        Access::Wide(OWNER),
        "Remove an account with its sessions and tokens",
        Gives::Done,
        |server, asked| remove(server, asked).boxed(),
    )
    .verb(Verb::Delete)
    .body(&[CONFIRM]),
];

fn to_json(account: &Account) -> Value {
    json!({
        "name": account.name,
        "role": account.role,
        "clients": account.clients,
        "password": account.password.is_some(),
        "second_factor": account.factor.is_some(),
        "certificate": account.certificate,
        "created": account.created,
        "expires": account.expires,
    })
}

async fn list(server: Arc<Server>, _: Asked) -> Result<Answer, Problem> {
    let accounts: Vec<Value> = server.state.accounts()?.iter().map(to_json).collect();
    Ok(Answer::json(&json!({ "accounts": accounts })))
}

async fn show(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let account = server.state.account(asked.part(0))?;
    account.map(|account| Answer::json(&to_json(&account))).ok_or(Problem::missing("account"))
}

/// What was sent for an account.
struct Wanted {
    role: Option<Role>,
    clients: Option<Vec<String>>,
    expires: Option<u64>,
    certificate: Option<Option<String>>,
    password: Option<Hash>,
    without_factor: bool,
}

impl Wanted {
    async fn of(server: &Arc<Server>, name: &str, asked: &Asked) -> Result<Self, Problem> {
        let body = &asked.body;
        let password = match body.some_text("password") {
            Some(_) => Some(hash_of(server, name, body.secret("password")).await?),
            None => None,
        };
        Ok(Self {
            role: Role::parse(body.text("role")),
            clients: body.texts("clients"),
            expires: body.number("expires"),
            certificate: body
                .given("certificate")
                .then(|| fingerprint(body.text("certificate")))
                .transpose()?,
            password,
            without_factor: body.flag("without_factor"),
        })
    }

    /// Puts it into an account, which must make sense then.
    fn into(self, account: &mut Account) -> Result<(), Problem> {
        account.role = self.role.unwrap_or(account.role);
        account.expires = self.expires.unwrap_or(account.expires);
        if let Some(clients) = self.clients {
            account.clients = clients;
        }
        if let Some(certificate) = self.certificate {
            account.certificate = certificate;
        }
        account.password = self.password.or(account.password.take());
        if self.without_factor {
            (account.factor, account.factor_offered) = (None, None);
        }
        if account.role.is_of_client() && account.clients.is_empty() {
            let next = "name its clients, as the plan has them";
            let what = format!("an account of the role {} is bound to a client", account.role);
            return Err(Problem::new(Wrong::Invalid, what, next));
        }
        if account.role == Role::Owner && !account.clients.is_empty() {
            let what = "an owner is bound to no client";
            return Err(Problem::new(Wrong::Invalid, what, "make it a technician"));
        }
        Ok(())
    }
}

fn fingerprint(text: &str) -> Result<Option<String>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    let parsed: Result<Fingerprint, _> = text.parse();
    let wrong = |_| Problem::invalid("a fingerprint has 64 hexadecimal digits");
    parsed.map(|fingerprint| Some(fingerprint.to_string())).map_err(wrong)
}

/// Owners are made, changed and removed by an owner who shows once more that it is he: a session
/// that somebody else got hold of must not become a box that is his.
async fn confirmed(server: &Arc<Server>, asked: &Asked, owners: bool) -> Result<(), Problem> {
    let who = asked.who()?;
    if !owners || who.means == Means::Certificate {
        return Ok(());
    }
    if !asked.body.given("confirm") {
        let next = "send your own password as `confirm`";
        return Err(Problem::new(Wrong::Forbidden, "that concerns an owner", next));
    }
    again(server, who, asked.body.secret("confirm")).await.map(drop)
}

async fn make(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let name = asked.body.text("name").to_owned();
    if !is_name(&name) {
        return Err(Problem::invalid(NAME));
    }
    confirmed(&server, &asked, asked.body.text("role") == Role::Owner.as_str()).await?;
    let wanted = Wanted::of(&server, &name, &asked).await?;
    let mut account = Account::new(&name, Role::Device, now());
    wanted.into(&mut account)?;
    let added = server.with_state(move |state| {
        let _alone = state.alone();
        let accounts = state.accounts()?;
        if accounts.len() >= MOST_ACCOUNTS || is_shown_by_another(&accounts, &account) {
            return Ok(false);
        }
        state.add_account(&account)
    });
    match added.await? {
        true => Ok(Answer::done()),
        false => Err(taken()),
    }
}

fn taken() -> Problem {
    let what = format!(
        "an account of this name or certificate is there, or there are {MOST_ACCOUNTS} of them"
    );
    Problem::new(Wrong::Conflict, what, "choose another name, or change that one")
}

fn is_shown_by_another(accounts: &[Account], account: &Account) -> bool {
    accounts.iter().any(|other| {
        other.name != account.name
            && other.certificate.is_some()
            && other.certificate == account.certificate
    })
}

async fn change(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let name = asked.part(0).to_owned();
    let is_own = asked.who()?.account == name;
    if is_own && (asked.body.given("password") || asked.body.flag("without_factor")) {
        // Somebody at his browser would be enough.
        let what = "an owner's own password and factor are not changed here";
        let next = "use /api/v1/me, which wants the password once more";
        return Err(Problem::new(Wrong::Forbidden, what, next));
    }
    let becomes = asked.body.text("role") == Role::Owner.as_str();
    let confirms = becomes || is_owner(&server, &name)?;
    confirmed(&server, &asked, confirms).await?;
    let wanted = Wanted::of(&server, &name, &asked).await?;
    let changed = server.with_state(move |state| {
        let _alone = state.alone();
        let accounts = state.accounts()?;
        state.change_account(&name, |account| {
            let before = account.clone();
            let changed = wanted.into(account).and_then(|()| {
                if before.role == Role::Owner && !confirms {
                    return Err(raced());
                }
                if is_shown_by_another(&accounts, account) {
                    return Err(taken());
                }
                keeps_an_owner(&accounts, account)
            });
            if changed.is_err() {
                *account = before;
            }
            let ends = changed.is_ok();
            (changed, ends)
        })
    });
    changed.await?.ok_or(Problem::missing("account"))??;
    Ok(Answer::done())
}

fn is_owner(server: &Server, name: &str) -> Result<bool, Problem> {
    Ok(server.state.account(name)?.is_some_and(|account| account.role == Role::Owner))
}

fn raced() -> Problem {
    Problem::new(Wrong::Conflict, "the account has become an owner meanwhile", "try again")
}

async fn remove(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let name = asked.part(0).to_owned();
    let confirms = is_owner(&server, &name)?;
    confirmed(&server, &asked, confirms).await?;
    let removed = server.with_state(move |state: &State| {
        let _alone = state.alone();
        let Some(account) = state.account(&name)? else {
            return Ok(Err(Problem::missing("account")));
        };
        if account.role == Role::Owner && !confirms {
            return Ok(Err(raced()));
        }
        let gone = Account { role: Role::Device, ..account };
        let kept = keeps_an_owner(&state.accounts()?, &gone);
        if kept.is_ok() {
            state.remove_account(&name)?;
        }
        Ok(kept)
    });
    removed.await??;
    Ok(Answer::done())
}

/// Refuses a change that would leave nobody who could make accounts.
fn keeps_an_owner(accounts: &[Account], changed: &Account) -> Result<(), Problem> {
    let can = |account: &Account| {
        account.role == Role::Owner
            && account.expires == 0
            && (account.password.is_some() || account.certificate.is_some())
    };
    let others = accounts.iter().filter(|other| other.name != changed.name);
    match can(changed) || others.clone().any(can) {
        true => Ok(()),
        false => {
            let next = "make another owner first, one that does not expire";
            Err(Problem::new(Wrong::Conflict, "nobody would own the box", next))
        }
    }
}
