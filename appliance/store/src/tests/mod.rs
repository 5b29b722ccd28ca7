//! The store on simulated disks: what it promises, and what no fault may make it break.

mod crash;
mod disks;
mod fixture;
mod history;
mod model;
mod smoke;
