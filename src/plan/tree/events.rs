//! The events of a text, within limits.

use granit_parser::{Options, Parser, StrInput};

/// How deep collections may be nested. No plan needs a third of it.
const MAX_NESTING: usize = 64;

pub fn events(text: &str) -> Parser<'_, StrInput<'_>> {
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.flow_nesting_limit = MAX_NESTING;
    options.block_nesting_limit = MAX_NESTING;
    Parser::new_from_str_with_options(text, options)
}
