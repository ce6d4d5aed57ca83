//! The journal: entries, replay, file, resume.
