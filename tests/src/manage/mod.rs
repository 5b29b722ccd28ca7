//! The management daemon over real TLS, before a real engine: who may do what, what others see, and
//! what strangers can do to it.

mod canaries;
mod channels;
mod events;
mod getting_in;
mod hostile;
mod lab;
mod load;
mod mail;
mod mailed;
mod notices;
mod portal;
mod requests;
mod routes;
mod schemathesis;
mod tenants;
