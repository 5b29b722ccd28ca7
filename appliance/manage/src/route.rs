//! The table of what can be asked for: who may, what is read, and what answers.
//!
//! Everything that there is to say about a route stands in its entry, and nothing about routes
//! stands anywhere else: requests are let through by it, bodies are read by it, OpenAPI is made of
//! it, and the tests that try every route with everybody walk through it.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::http::Answer;
use crate::identity::Identity;
use crate::problem::{Kind, Problem};
use crate::role::Role;
use crate::server::Server;
use crate::shape::{Field, Given};

/// What is done, as HTTP names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Post,
    Put,
    Delete,
}

impl Verb {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// Who may take a route.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Access {
    /// Everybody, before anything is known of him.
    Open,
    /// Whoever is signed in.
    Anyone,
    /// Accounts of these roles, which see their clients' objects only.
    Roles(&'static [Role]),
    /// Accounts of these roles that are bound to no client.
    Wide(&'static [Role]),
}

/// What a route answers with when all is well, for its description.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Gives {
    /// Nothing more than that it is done.
    Done,
    /// A view of this kind.
    View(&'static str),
    /// A list of these.
    Views(&'static str),
    /// The same, as many as were asked for, and whether there are more.
    Page(&'static str),
    /// The number or id of what came of it, under this name.
    Id(&'static str),
    /// An object with these fields.
    Fields(&'static [(&'static str, &'static str)]),
    /// Something else of this media type.
    Other(&'static str),
}

/// What a request asks for, after everything about it was checked.
#[derive(Debug)]
pub(crate) struct Asked {
    /// `None` on routes that are open.
    pub(crate) who: Option<Identity>,
    pub(crate) from: std::net::IpAddr,
    /// What stands in the path where the route has braces, in order.
    pub(crate) parts: Vec<String>,
    pub(crate) query: Given,
    pub(crate) body: Given,
}

impl Asked {
    /// Who asks. A route that is not open is not reached without.
    pub(crate) fn who(&self) -> Result<&Identity, Problem> {
        self.who.as_ref().ok_or_else(|| Problem::inside("a route without its account"))
    }

    pub(crate) fn part(&self, at: usize) -> &str {
        self.parts.get(at).map(String::as_str).unwrap_or_default()
    }
}

pub(crate) type Run = fn(Arc<Server>, Asked) -> BoxFuture<'static, Result<Answer, Problem>>;

/// One thing that can be asked for.
pub(crate) struct Route {
    pub(crate) verb: Verb,
    /// With braces around what differs.
    pub(crate) path: &'static str,
    pub(crate) access: Access,
    /// What it does, in a line.
    pub(crate) about: &'static str,
    pub(crate) query: &'static [Field],
    pub(crate) body: &'static [Field],
    /// Most bytes of a body.
    pub(crate) most: usize,
    pub(crate) gives: Gives,
    pub(crate) run: Run,
}

/// Most bytes of a body where the route says nothing else.
pub(crate) const BODY: usize = 16 << 10;

impl Route {
    /// A route that looks.
    pub(crate) const fn get(
        path: &'static str,
        access: Access,
        about: &'static str,
        gives: Gives,
        run: Run,
    ) -> Self {
        Self { verb: Verb::Get, path, access, about, query: &[], body: &[], most: 0, gives, run }
    }

    /// A route that changes something.
    pub(crate) const fn post(
        path: &'static str,
        access: Access,
        about: &'static str,
        gives: Gives,
        run: Run,
    ) -> Self {
        let verb = Verb::Post;
        Self { verb, path, access, about, query: &[], body: &[], most: BODY, gives, run }
    }

    pub(crate) const fn verb(mut self, verb: Verb) -> Self {
        self.verb = verb;
        self
    }

    pub(crate) const fn query(mut self, query: &'static [Field]) -> Self {
        self.query = query;
        self
    }

    pub(crate) const fn body(mut self, body: &'static [Field]) -> Self {
        self.body = body;
        self
    }

    pub(crate) const fn most(mut self, most: usize) -> Self {
        self.most = most;
        self
    }

    /// Whether it changes something, which is then in the audit log.
    pub(crate) fn changes(&self) -> bool {
        self.verb != Verb::Get
    }

    /// Whether `who` may take it.
    pub(crate) fn admits(&self, who: Option<&Identity>) -> Result<(), Problem> {
        let roles = match (self.access, who) {
            (Access::Open, _) | (Access::Anyone, Some(_)) => return Ok(()),
            (_, None) => {
                let next = "sign in: POST /api/v1/session, or send a token";
                return Err(Problem::new(Kind::Anonymous, "nobody is signed in", next));
            }
            (Access::Roles(roles), Some(_)) => roles,
            (Access::Wide(roles), Some(who)) => {
                if roles.contains(&who.role) && !who.is_wide() {
                    let what = "that concerns the appliance as a whole, not your clients alone";
                    return Err(Problem::new(Kind::Forbidden, what, "ask the MSP"));
                }
                roles
            }
        };
        match who {
            Some(who) if !roles.contains(&who.role) => Err(Problem::forbidden(who.role.as_str())),
            _ => Ok(()),
        }
    }

    /// What stands where the path has braces, if `path` is one of this route.
    fn parts(&self, path: &str) -> Option<Vec<String>> {
        let (mut have, mut wanted) = (path.split('/'), self.path.split('/'));
        let mut parts = Vec::new();
        loop {
            match (have.next(), wanted.next()) {
                (None, None) => return Some(parts),
                (Some(part), Some(wanted)) if wanted.starts_with('{') => {
                    parts.push(crate::shape::decoded(&part.replace('+', "%2B")).ok()?);
                }
                (Some(part), Some(wanted)) if part == wanted => {}
                _ => return None,
            }
        }
    }
}

/// The route that a request takes, and what stands in its path.
pub(crate) fn find<'a>(
    routes: impl Iterator<Item = &'a Route>,
    method: &str,
    path: &str,
) -> Result<(&'a Route, Vec<String>), Problem> {
    let mut others = Vec::new();
    for route in routes {
        let Some(parts) = route.parts(path) else { continue };
        if route.verb.as_str() == method {
            return Ok((route, parts));
        }
        others.push(route.verb.as_str());
    }
    Err(match others.is_empty() {
        true => Problem::missing("page"),
        false => {
            let next = format!("use {}", others.join(" or "));
            let problem = Problem::new(Kind::Method, "that cannot be done here", next);
            Problem { allow: Some(others.join(", ")), ..problem }
        }
    })
}
