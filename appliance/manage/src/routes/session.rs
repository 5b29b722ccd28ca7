//! Claiming the box, signing in and out.

use std::sync::Arc;

use futures_util::FutureExt;
use hyper::header;
use serde_json::json;

use crate::claim::Judged;
use crate::http::Answer;
use crate::problem::{Kind as Wrong, Problem};
use crate::route::{Access, Asked, Gives, Route, Verb};
use crate::secret::{Hash, Secret};
use crate::server::{COOKIE, SESSION, Server};
use crate::shape::{Kind, may, must};
use crate::sign_in::{self, is_fit, told};
use crate::state::{Account, is_name};

pub(crate) const ROUTES: &[Route] = &[
    Route::get(
        "/api/v1/box",
        Access::Open,
        "What anybody may know of the box before he signs in",
        Gives::Fields(&[
            ("name", "What the appliance is called"),
            ("claimed", "Whether it has an owner"),
            ("fingerprint", "SHA-256 of its certificate"),
            ("version", "Of this program"),
        ]),
        |server, asked| about(server, asked).boxed(),
    ),
    Route::post(
        "/api/v1/claim",
        Access::Open,
        "Become the owner of a box that has none, by the code that its console shows",
        Gives::Fields(&[("account", "The name of the owner"), ("role", "`owner`")]),
        |server, asked| claim(server, asked).boxed(),
    )
    .body(&[
        must("code", Kind::Secret(64), "What the console shows"),
        must("name", Kind::Text(64), "What the owner is to be called"),
        must("password", Kind::Secret(1024), "12 characters or more"),
    ]),
    Route::post(
        "/api/v1/session",
        Access::Open,
        "Sign in. The session is in a cookie, or in the answer if `bearer` is true",
        Gives::Fields(&[
            ("account", "The name"),
            ("role", "What the account is for"),
            ("token", "With `bearer`: to be sent as `Authorization: Bearer`"),
        ]),
        |server, asked| sign_in(server, asked).boxed(),
    )
    .body(&[
        must("name", Kind::Text(64), "The account"),
        must("password", Kind::Secret(1024), "Its password"),
        may("code", Kind::Secret(16), "Of the second factor, if it has one"),
        may("bearer", Kind::Flag, "For programs: the token in the answer, and no cookie"),
    ]),
    Route::post(
        "/api/v1/session",
        Access::Anyone,
        "Sign out: the session ends, or the token that was sent",
        Gives::Done,
        |server, asked| sign_out(server, asked).boxed(),
    )
    .verb(Verb::Delete),
];

async fn about(server: Arc<Server>, _: Asked) -> Result<Answer, Problem> {
    Ok(Answer::json(&json!({
        "name": server.name,
        "claimed": server.claim.is_claimed(),
        "fingerprint": server.fingerprint.to_string(),
        "version": env!("CARGO_PKG_VERSION"),
    })))
}

async fn claim(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let (name, from) = (asked.body.text("name").to_owned(), asked.from);
    if !is_name(&name) {
        return Err(Problem::invalid(NAME));
    }
    let password = asked.body.secret("password");
    is_fit(&name, &password)?;
    let judged = {
        let (server, name) = (server.clone(), name.clone());
        let code = asked.body.secret("code");
        // What a password costs is spent on nobody but who has the code.
        let judge = move || {
            let mut owner = None;
            let judged = server.claim.claim(code.expose(), || {
                let account = sign_in::owner(&name, Hash::of(&password)?);
                let entry = told(&name, "", from, "done", "POST /api/v1/claim");
                if !server.state.claim(&account, entry)? {
                    return Err(Problem::inside("a box without an owner has accounts"));
                }
                owner = Some(account);
                Ok(())
            });
            judged.map(|judged| (judged, owner))
        };
        tokio::task::spawn_blocking(judge).await.map_err(Problem::inside)??
    };
    let (judged, owner) = judged;
    // The others cannot be told apart from noise, and anybody could fill the log with them.
    if judged == Judged::Wrong {
        server.audit(told(&name, "", from, "wrong code", "POST /api/v1/claim")).await?;
    }
    match (judged, owner) {
        (Judged::Right, Some(account)) => {
            let token = sign_in::open(&server, &account).await?;
            Ok(signed_in(&account, &token, false))
        }
        (Judged::Right, None) => Err(Problem::inside("a claim without an owner")),
        (Judged::Wrong, _) => {
            let next = "type what the console shows; after 20 wrong ones it makes a new code only \
                when somebody there asks for it";
            Err(Problem::new(Wrong::Forbidden, "that is not the code of this box", next))
        }
        (Judged::Locked, _) => {
            let next = "have somebody at the console make a new code";
            Err(Problem::new(Wrong::TooOften, "20 wrong codes were tried", next))
        }
        (Judged::Claimed, _) => {
            let next = "sign in; a factory reset at the console makes it free";
            Err(Problem::new(Wrong::Conflict, "this box has an owner", next))
        }
    }
}

/// What a name is.
pub(super) const NAME: &str = "a name has 1 to 64 letters, digits, `-`, `_`, `.` and `@`, and \
    begins with none of `-` and `.`";

async fn sign_in(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let body = &asked.body;
    let (name, code) = (body.text("name"), body.secret("code"));
    let signed =
        sign_in::sign_in(&server, asked.from, name, body.secret("password"), code.expose()).await?;
    Ok(signed_in(&signed.0, &signed.1, body.flag("bearer")))
}

/// With the token where it is wanted.
fn signed_in(account: &Account, token: &Secret, bearer: bool) -> Answer {
    let mut value = json!({ "account": account.name, "role": account.role });
    if bearer {
        value["token"] = token.expose().into();
        return Answer::json(&value);
    }
    let (cookie, life) = (token.expose(), SESSION);
    let cookie =
        format!("{COOKIE}={cookie}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age={life}");
    Answer::json(&value).with(header::SET_COOKIE, &cookie)
}

async fn sign_out(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let who = asked.who()?;
    let (id, account) = (who.session.clone(), who.account.clone());
    server.with_state(move |state| state.remove_session(&id, &account)).await?;
    let gone = format!("{COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0");
    Ok(Answer::done().with(header::SET_COOKIE, &gone))
}
