//! Runs that are stopped or killed, and resumed.

mod children;
mod lost_output;
mod resume_options;
mod resume_stopped;
mod stopped_builds;
