//! Reads what expressions see: git, the GitHub event, environment, variables.
