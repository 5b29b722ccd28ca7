//! The portal's files, and the description of the API.

use std::sync::Arc;

use futures_util::FutureExt;

use crate::http::Answer;
use crate::openapi::document;
use crate::problem::Problem;
use crate::route::{Access, Asked, Gives, Route};
use crate::server::Server;

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// A file of the portal as a route.
macro_rules! file {
    ($path:literal, $file:literal, $media:expr) => {
        Route::get(
            $path,
            Access::Open,
            "A file of the portal",
            Gives::Other($media),
            |server, asked| {
                let bytes = include_bytes!(concat!("../../portal/", $file));
                file(server, asked, $media, bytes).boxed()
            },
        )
    };
}

pub(crate) const ROUTES: &[Route] = &[
    Route::get(
        "/api/v1/openapi.json",
        Access::Open,
        "This description",
        Gives::Other("application/json"),
        |server, asked| openapi(server, asked).boxed(),
    ),
    file!("/", "index.html", HTML),
    file!("/portal.css", "portal.css", STYLE),
    file!("/icon.svg", "icon.svg", "image/svg+xml"),
    file!("/api.js", "api.js", SCRIPT),
    file!("/dom.js", "dom.js", SCRIPT),
    file!("/format.js", "format.js", SCRIPT),
    file!("/portal.js", "portal.js", SCRIPT),
    file!("/qr.js", "qr.js", SCRIPT),
    file!("/view-accounts.js", "view-accounts.js", SCRIPT),
    file!("/view-alerts.js", "view-alerts.js", SCRIPT),
    file!("/view-contracts.js", "view-contracts.js", SCRIPT),
    file!("/view-evidence.js", "view-evidence.js", SCRIPT),
    file!("/view-jobs.js", "view-jobs.js", SCRIPT),
    file!("/view-notices.js", "view-notices.js", SCRIPT),
    file!("/view-overview.js", "view-overview.js", SCRIPT),
    file!("/view-plan.js", "view-plan.js", SCRIPT),
    file!("/view-point.js", "view-point.js", SCRIPT),
    file!("/view-pool.js", "view-pool.js", SCRIPT),
    file!("/view-requests.js", "view-requests.js", SCRIPT),
    file!("/view-sign-in.js", "view-sign-in.js", SCRIPT),
    file!("/view-systems.js", "view-systems.js", SCRIPT),
    file!("/world.js", "world.js", SCRIPT),
];

async fn openapi(_: Arc<Server>, _: Asked) -> Result<Answer, Problem> {
    Ok(Answer::json(&document()))
}

async fn file(
    _: Arc<Server>,
    _: Asked,
    media: &'static str,
    bytes: &'static [u8],
) -> Result<Answer, Problem> {
    Ok(Answer::whole(media, hyper::body::Bytes::from_static(bytes)))
}
