//! The report of a run as one HTML page, for people who were not there: what is deployed and
//! verified, what failed and what to do, when each step ran, and what it wrote.
//!
//! The page needs no network and no script. `collect` takes the events, `markup` is the only
//! way in which text becomes HTML, `log` bounds what is kept of the output of steps, and the
//! other files draw a part of the page each.

mod collect;
mod failures;
mod log;
mod markup;
mod page;
mod services;
mod steps;
#[cfg(test)]
mod tests;
mod timeline;
mod words;

pub use collect::HtmlReport;
pub use page::page;
