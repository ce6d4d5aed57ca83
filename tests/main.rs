//! Tests with real peers: the programs that other people run, over real
//! sockets. One binary, so that it is linked once.

mod registry;
mod support;
