//! Ports of this machine, for groups without a network namespace.

use crate::local::runtime::start_error::StartError;
use std::io;

/// A group without a network namespace listens on this machine's own ports.
pub async fn ports_are_free(ports: &[u16]) -> Result<(), StartError> {
    for &port in ports {
        let refused = match tokio::net::TcpListener::bind(("0.0.0.0", port)).await {
            Ok(_) => continue,
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => format!(
                "port {port} needs root, because namespaces are refused here: allow user \
                 namespaces, install docker or podman, or use a port above 1023"
            ),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => format!(
                "port {port} of this machine is in use, and namespaces are refused here: free the \
                 port, allow user namespaces, or install docker or podman"
            ),
            Err(error) => format!("port {port} of this machine cannot be used: {error}"),
        };
        return Err(StartError::Refused(refused));
    }
    Ok(())
}
