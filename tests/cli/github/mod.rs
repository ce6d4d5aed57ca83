//! What a run is told by GitHub, and what it reports there.

mod action;
mod fork_links;
mod fork_plans;
mod forks;
mod matrix;
mod merge;
mod report_again;
mod report_calls;
mod reports;
mod service_statuses;
