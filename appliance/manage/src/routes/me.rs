//! What everybody does with his own account: password, second factor, tokens.

use std::sync::Arc;

use futures_util::FutureExt;
use serde_json::json;

use crate::http::Answer;
use crate::problem::{Kind as Wrong, Problem};
use crate::route::{Access, Asked, Gives, Route, Verb};
use crate::secret::{random, token, trace};
use crate::server::{Server, now};
use crate::shape::{Kind, must};
use crate::sign_in::{again, hash_of};
use crate::state::{Session, SessionKind};
use crate::totp;

/// Longest life of a token, in days.
const DAYS: u64 = 366;

pub(crate) const ROUTES: &[Route] = &[
    Route::get(
        "/api/v1/me",
        Access::Anyone,
        "Who is signed in",
        Gives::Fields(&[
            ("account", "The name"),
            ("role", "What the account is for"),
            ("clients", "Names of clients that it is bound to; empty if to none"),
            ("second_factor", "Whether it has one"),
            ("until", "When the session ends at last, in seconds since 1970"),
        ]),
        |server, asked| show(server, asked).boxed(),
    ),
    Route::post(
        "/api/v1/me/password",
        Access::Anyone,
        "Set a new password; all sessions and tokens of the account end",
        Gives::Done,
        |server, asked| set_password(server, asked).boxed(),
    )
    .verb(Verb::Put)
    .body(&[
        must("password", Kind::Secret(1024), "The present one"),
        must("new", Kind::Secret(1024), "The new one, of 12 characters or more"),
    ]),
    Route::post(
        "/api/v1/me/factor",
        Access::Anyone,
        "Begin with a second factor: what an authenticator app is to be given",
        Gives::Fields(&[
            ("link", "For the app, as a link or QR code"),
            ("secret", "The same to be typed, in base 32"),
        ]),
        |server, asked| offer_factor(server, asked).boxed(),
    )
    .body(&[must("password", Kind::Secret(1024), "The password once more")]),
    Route::post(
        "/api/v1/me/factor",
        Access::Anyone,
        "Prove that the app has it: from now on a code is wanted",
        Gives::Done,
        |server, asked| prove_factor(server, asked).boxed(),
    )
    .verb(Verb::Put)
    .body(&[must("code", Kind::Secret(16), "What the app shows")]),
    Route::post(
        "/api/v1/me/factor",
        Access::Anyone,
        "Do without a second factor",
        Gives::Done,
        |server, asked| remove_factor(server, asked).boxed(),
    )
    .verb(Verb::Delete)
    .body(&[must("password", Kind::Secret(1024), "The password once more")]),
    Route::get(
        "/api/v1/me/tokens",
        Access::Anyone,
        "Sessions and tokens of the account",
        Gives::Fields(&[("sessions", "Each with id, kind, purpose, created and expires")]),
        |server, asked| tokens(server, asked).boxed(),
    ),
    Route::post(
        "/api/v1/me/tokens",
        Access::Anyone,
        "Make a token for a program, which may do what the account may",
        Gives::Fields(&[
            ("token", "To be sent as `Authorization: Bearer`; it is never shown again"),
            ("id", "Names it"),
        ]),
        |server, asked| make_token(server, asked).boxed(),
    )
    .body(&[
        must("purpose", Kind::Text(200), "What it is for"),
        must("days", Kind::Number(DAYS), "How long it is good"),
        must("password", Kind::Secret(1024), "The password once more"),
    ]),
    Route::post(
        "/api/v1/me/tokens/{id}",
        Access::Anyone,
        "End a session or token",
        Gives::Done,
        |server, asked| end(server, asked).boxed(),
    )
    .verb(Verb::Delete),
];

async fn show(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let who = asked.who()?;
    let account = server.state.account(&who.account)?;
    let factor = account.is_some_and(|account| account.factor.is_some());
    Ok(Answer::json(&json!({
        "account": who.account,
        "role": who.role,
        "clients": who.clients,
        "second_factor": factor,
        "until": who.until,
    })))
}

async fn set_password(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let name = again(&server, asked.who()?, asked.body.secret("password")).await?.name;
    let hash = hash_of(&server, &name, asked.body.secret("new")).await?;
    let change = move |state: &crate::state::State| {
        state.change_account(&name, |account| {
            account.password = Some(hash);
            ((), true)
        })
    };
    server.with_state(change).await?;
    Ok(Answer::done())
}

async fn offer_factor(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let name = again(&server, asked.who()?, asked.body.secret("password")).await?.name;
    let secret: [u8; totp::SECRET] = random()?;
    let link = totp::link(&secret, &server.name, &name);
    let change = move |state: &crate::state::State| {
        state.change_account(&name, |account| {
            account.factor_offered = Some(secret.to_vec());
            ((), false)
        })
    };
    server.with_state(change).await?;
    Ok(Answer::json(&json!({ "link": link, "secret": totp::base32(&secret) })))
}

async fn prove_factor(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let name = asked.who()?.account.clone();
    let code = asked.body.secret("code");
    let change = move |state: &crate::state::State| {
        state.change_account(&name, |account| {
            let step = account
                .factor_offered
                .as_ref()
                .and_then(|secret| totp::accepted(secret, code.expose(), now(), 0));
            if let Some(step) = step {
                account.factor = account.factor_offered.take();
                account.factor_used = step;
            }
            (step.is_some(), false)
        })
    };
    match server.with_state(change).await? {
        Some(true) => Ok(Answer::done()),
        _ => {
            let next = "see that the clocks of the telephone and of the box are right; try again";
            Err(Problem::new(Wrong::Forbidden, "that is not what the app shows", next))
        }
    }
}

async fn remove_factor(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let name = again(&server, asked.who()?, asked.body.secret("password")).await?.name;
    let change = move |state: &crate::state::State| {
        state.change_account(&name, |account| {
            (account.factor, account.factor_offered) = (None, None);
            ((), false)
        })
    };
    server.with_state(change).await?;
    Ok(Answer::done())
}

async fn tokens(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let sessions = server.state.sessions(&asked.who()?.account)?;
    Ok(Answer::json(&json!({ "sessions": sessions })))
}

async fn make_token(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let proved = again(&server, asked.who()?, asked.body.secret("password")).await?;
    let token = token()?;
    let (trace, created) = (trace(token.expose()), now());
    let id = blake3::Hash::from_bytes(trace).to_hex()[..16].to_owned();
    let session = Session {
        kind: SessionKind::Token,
        id: id.clone(),
        account: proved.name.clone(),
        purpose: asked.body.text("purpose").to_owned(),
        created,
        expires: created + asked.body.number("days").unwrap_or_default() * 86_400,
    };
    match server.with_state(move |state| state.add_session(&trace, &session, &proved)).await? {
        true => Ok(Answer::json(&json!({ "token": token.expose(), "id": id }))),
        false => Err(Problem::new(Wrong::Conflict, "there are too many tokens", "end some first")),
    }
}

async fn end(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let (id, account) = (asked.part(0).to_owned(), asked.who()?.account.clone());
    match server.with_state(move |state| state.remove_session(&id, &account)).await? {
        true => Ok(Answer::done()),
        false => Err(Problem::missing("session")),
    }
}
