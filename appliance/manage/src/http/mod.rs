//! HTTP over TLS: connections, requests and answers, each with a bound.

mod answer;
mod body;
mod connection;
mod dispatch;
mod listener;

pub(crate) use answer::{Answer, Bytes};
pub(crate) use connection::Door;
pub(crate) use listener::Listener;
