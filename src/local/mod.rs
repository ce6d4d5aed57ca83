//! The local cloud: a process of its own that answers as the real services do.
