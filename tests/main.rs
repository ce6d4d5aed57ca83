//! What the program does, seen from outside, and with real peers: the programs
//! that other people run, over real sockets. One binary, so that it is linked
//! once; one module a subject.

mod acceptance;
mod children;
mod commands;
mod conformance;
mod create_registry;
mod image_dockerfile;
mod image_layers;
mod image_native;
mod images;
mod layers;
mod local_clients;
mod local_upstream;
mod peers;
mod readme;
mod registry;
mod registry_ahead;
mod registry_copy;
mod registry_login;
mod registry_pull;
mod registry_push;
mod registry_quirks;
mod registry_resume;
mod registry_round_trips;
mod support;

mod runtime;
