//! What a user types, and what the program prints, writes and exits with.

mod action;
mod check;
mod children;
mod clean;
mod create_registry;
mod environments;
mod eval;
mod faults;
mod from;
mod git;
mod logs;
mod lost_output;
mod plan;
mod preflight;
mod progress;
mod refusals;
mod release;
mod reports;
mod results;
mod resume_options;
mod resume_stopped;
mod rollback;
mod run;
mod status;
mod unreachable;
mod workflows;
