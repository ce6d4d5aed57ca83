//! Shows a run: each reporter is a function of the stream of events.
