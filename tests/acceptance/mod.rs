//! The promises of the README, kept before witnesses: whole plans from source to
//! a URL that answers, with the programs that other people use.

mod action;
mod bases;
mod early;
mod faults;
mod hello;
mod keep;
mod killed;
mod progress;
mod promote;
mod push;
mod refusals;
mod resume;
mod store;
mod unprivileged;
