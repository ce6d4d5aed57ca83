//! The IDs of secrets and ssh agents of a build.

use super::error::DockerfileError;
use super::request::BuildRequest;

/// Checks what `ssh` of a build names.
pub fn check_agents(request: &BuildRequest) -> Result<(), DockerfileError> {
    for text in &request.ssh {
        let (id, path) = text.split_once('=').unwrap_or((text, ""));
        if !is_build_id(id) {
            return Err(DockerfileError::SshId { id: id.to_owned() });
        }
        if path.is_empty() && !request.ssh_agent {
            return Err(DockerfileError::NoAgent { id: id.to_owned() });
        }
    }
    Ok(())
}

/// Whether this may be the ID of a secret or an ssh agent. Commas and equals signs would end
/// the ID in `--secret id=…,src=…`.
pub fn is_build_id(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !id.is_empty() && id.bytes().all(plain)
}
