//! A run: what it prints, returns and leaves.

mod cached_answer;
mod clean;
mod flow;
mod follow;
mod from;
mod preflight;
mod progress;
mod release;
mod results;
mod run_steps;
mod terminal;
mod traces;
mod verify_list;
