//! Reporters show a run; each is a function of the stream of events.
//!
//! They share the [`View`], a fold of the events. A reporter never influences the
//! run: one that cannot write is dropped and the run continues. Everything that is
//! written passes the redactor.

mod card;
mod choose;
mod deploy_end;
mod display;
mod html;
mod log;
mod ndjson;
mod notification;
mod recording;
mod reporter;
mod result;
#[cfg(test)]
mod service_ends;
mod sink;
mod stdout;
#[cfg(test)]
mod testing;
mod text;
mod transfer;
pub mod untrusted;
mod view;

pub use card::{Card, PlanCard, RemovalCard, RemovalRow, line_of_service};
pub use choose::{Choice, Output, Terminal, choose, mask_in_actions, shown_again, stdout_columns};
pub use deploy_end::{DeployEnd, Replaced};
pub use display::Display;
pub use html::{HtmlReport, page as html_page};
pub use log::LiveOptions;
#[cfg(test)]
pub use log::Plain;
pub use notification::Notify;
pub use recording::{Recording, RecordingError, recorded};
pub use reporter::Reporters;
pub use result::{action_outputs, result};
#[cfg(test)]
pub use sink::Sink;
pub use stdout::Stdout;
#[cfg(test)]
pub use text::Style;
pub use text::error_text;
pub(crate) use text::{bytes, clean, colored_name, short_digest};
pub use transfer::{Flow, Transfer};
pub use view::{StepProgress, StepView, View};
