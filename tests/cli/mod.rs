//! What a user types, and what the program prints, writes and exits with.

mod action;
mod check;
mod children;
mod create_registry;
mod environments;
mod eval;
mod faults;
mod git;
mod preflight;
mod progress;
mod refusals;
mod release;
mod reports;
mod results;
mod resume_options;
mod run;
mod unreachable;
mod workflows;
