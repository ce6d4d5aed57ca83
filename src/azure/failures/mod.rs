//! What is known of failures: one table of error codes, with what may be done about each.
//!
//! The clients look codes up here and nowhere else, and `docs/failures.md` is made of it. A
//! message is relied on only where one code has two meanings, in the client.

mod container;
mod entra;
mod key_vault;
mod resource_manager;
mod row;

pub use container::LIVENESS_PROBE_FAILED;
pub use row::{Class, Failure, Service};

/// All rows of a service.
pub fn table(service: Service) -> &'static [Failure] {
    match service {
        Service::ResourceManager => resource_manager::FAILURES,
        Service::Entra => entra::FAILURES,
        Service::KeyVault => key_vault::FAILURES,
        Service::Container => container::FAILURES,
    }
}

/// The row of a code.
pub fn find(service: Service, code: &str) -> Option<&'static Failure> {
    table(service).iter().find(|row| row.code.eq_ignore_ascii_case(code))
}

#[cfg(test)]
mod tests;
