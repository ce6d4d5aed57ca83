//! What a user types, and what the program prints, writes and exits with.

mod apps;
mod faults;
mod first_steps;
mod github;
mod import;
mod language;
mod operate;
mod plan;
mod run;
mod stopped;
