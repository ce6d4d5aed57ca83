//! Shipway takes a container from source to a verified public URL.
//!
//! The way through the code: `plan` turns text into a typed plan and finds its
//! mistakes; `resolve` reads the contexts that expressions see; `graph` orders
//! services and steps; `run` is the one loop that performs them, with `journal`
//! written before each effect and `report` fed with each event.
//!
//! Layers: `plan`, `graph`, the state of `run` and the replay of `journal` are
//! pure. `registry`, `azure`, `github` and `image` know `http` and `secret`,
//! never `plan` or `run`; what of theirs moves bytes counts them by `progress`,
//! which knows nobody. Only `report` and `cli` print. `local` uses none of
//! the clients that it answers.

pub mod azure;
pub mod cli;
pub mod github;
pub mod graph;
pub mod http;
pub mod image;
pub mod journal;
pub mod local;
pub mod plan;
pub mod progress;
pub mod registry;
pub mod report;
pub mod resolve;
pub mod run;
pub mod secret;
