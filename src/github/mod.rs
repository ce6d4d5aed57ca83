//! GitHub: the event, comments, and the Actions protocol.
