//! Names of the plan, made of other names.

use crate::oci::registry_host;

/// The name of a secret, a service or a step: lower case with `-`.
pub fn kebab(text: &str) -> String {
    let mut name = String::new();
    for letter in text.chars().map(|letter| letter.to_ascii_lowercase()) {
        let kept = if letter.is_ascii_alphanumeric() { letter } else { '-' };
        if kept != '-' || !(name.is_empty() || name.ends_with('-')) {
            name.push(kept);
        }
    }
    name.truncate(40);
    let name = name.trim_end_matches('-');
    match name.chars().next() {
        None => "app".to_owned(),
        Some(first) if first.is_ascii_alphabetic() => name.to_owned(),
        Some(_) => format!("x{name}"),
    }
}

/// The plan's name: the file's, or that of the folder of a file whose name says nothing.
pub fn plan_name(path: &str) -> String {
    let mut parts = path.rsplit('/');
    let file = parts.next().unwrap_or_default();
    let stem = file.split('.').find(|part| !part.is_empty()).unwrap_or_default();
    let general = ["docker-compose", "compose", "azuredeploy", "main", "template", "-"];
    let folder =
        parts.next().filter(|folder| !folder.is_empty() && *folder != "." && *folder != "..");
    match folder {
        Some(folder) if general.contains(&stem) => kebab(folder),
        _ if stem == "-" => "app".to_owned(),
        _ => kebab(stem),
    }
}

/// An image by its repository and tag; `latest` is docker's default, which a plan has to
/// say.
pub fn with_tag(image: &str) -> String {
    // An expression at the end may hold the tag.
    let names_one = split_tag(image).is_some() || image.contains('@') || image.ends_with("}}");
    if names_one { image.to_owned() } else { format!("{image}:latest") }
}

/// Repository and tag; a `:` or `/` in an expression is not where they meet.
pub fn split_tag(reference: &str) -> Option<(&str, &str)> {
    let mut depth = 0_u32;
    let mut at = None;
    for (place, letter) in reference.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            '/' if depth == 0 => at = None,
            ':' if depth == 0 => at = Some(place),
            _ => {}
        }
    }
    at.map(|at| (&reference[..at], &reference[at + 1..]))
}

/// The registry of an image, as docker reads it; `None` where an expression may hold it. One
/// of Azure is known by the end of its host.
pub fn registry_of(image: &str) -> Option<String> {
    if image.split('/').next().is_some_and(|first| first.contains("${{")) {
        let (host, _) = image.split_once(".azurecr.io/")?;
        // Of `${{ env.A }}/b.azurecr.io/c` that is a repository.
        let has_slash = host.rsplit_once("}}").is_some_and(|(_, end)| end.contains('/'));
        return (!has_slash).then(|| format!("{host}.azurecr.io"));
    }
    let (first, _) = image.split_once('/').unwrap_or(("", image));
    let is_host = first.contains(['.', ':']) || first == "localhost";
    Some(if is_host { first.to_ascii_lowercase() } else { "docker.io".to_owned() })
}

/// The host of a registry as a login names it: `https://index.docker.io/v1/` is `docker.io`.
pub fn login_host(spelled: &str) -> String {
    if spelled.contains("${{") {
        return spelled.to_owned();
    }
    let host = spelled.split_once("://").map_or(spelled, |(_, rest)| rest);
    registry_host(host.split('/').next().unwrap_or(host))
}

/// Whether a build takes this file where none is named. Both are relative to the plan.
pub fn is_default_dockerfile(context: &str, file: &str) -> bool {
    match context {
        "" | "." => file == "Dockerfile",
        folder => file.strip_prefix(folder) == Some("/Dockerfile"),
    }
}

#[cfg(test)]
mod tests {
    use super::{is_default_dockerfile, kebab, login_host, plan_name, registry_of, with_tag};

    #[test]
    fn names_are_made_of_file_names() {
        assert_eq!(kebab("ACR_PASSWORD"), "acr-password");
        assert_eq!(kebab("2nd job"), "x2nd-job");
        assert_eq!(plan_name(".github/workflows/Deploy_Prod.yml"), "deploy-prod");
        assert_eq!(plan_name("shop/docker-compose.yml"), "shop");
        assert_eq!(plan_name("-"), "app");
    }

    #[test]
    fn images_get_the_tag_and_registry_that_docker_means() {
        assert_eq!(with_tag("a.io/web"), "a.io/web:latest");
        assert_eq!(with_tag("a.io:5000/web:1"), "a.io:5000/web:1");
        assert_eq!(with_tag("a.io/web:${{ git.sha }}"), "a.io/web:${{ git.sha }}");
        assert_eq!(registry_of("nginx").as_deref(), Some("docker.io"));
        assert_eq!(registry_of("Demo.azurecr.io/a").as_deref(), Some("demo.azurecr.io"));
        assert_eq!(registry_of("${{ env.R }}/a"), None);
        assert_eq!(registry_of("${{ env.R }}/b.azurecr.io/a"), None);
        let azure = registry_of("${{ env.R }}.azurecr.io/a:${{ github.sha }}");
        assert_eq!(azure.as_deref(), Some("${{ env.R }}.azurecr.io"));
    }

    #[test]
    fn login_names_a_registry_in_several_ways() {
        for spelled in ["docker.io", "index.docker.io", "https://index.docker.io/v1/"] {
            assert_eq!(login_host(spelled), "docker.io");
        }
        assert_eq!(login_host("https://Ghcr.io"), "ghcr.io");
        assert_eq!(login_host("${{ env.HOST }}/a"), "${{ env.HOST }}/a");
    }

    #[test]
    fn default_dockerfile_is_the_one_in_the_context() {
        assert!(is_default_dockerfile(".", "Dockerfile"));
        assert!(is_default_dockerfile("front", "front/Dockerfile"));
        assert!(!is_default_dockerfile("front", "Dockerfile"));
        assert!(!is_default_dockerfile("front", "frontDockerfile"));
    }
}
