//! How one begins: `init`, `doctor`, completion, the manual, wrong command lines.

mod completions;
mod doctor;
mod doctor_surroundings;
mod init;
mod init_questions;
mod install;
mod man;
mod next_steps;
mod plan_search;
mod usage;
mod workflows;
