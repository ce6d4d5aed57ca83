//! The name on the command line: a registry, a repository of it, or with
//! `--referrers` an image.

use crate::oci::Reference;
use crate::run::outcome::StepError;

/// A registry, or one repository of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RegistryTarget {
    pub host: String,
    pub repository: Option<String>,
}

impl RegistryTarget {
    pub fn named(name: &str) -> Self {
        let (host, repository) = name.split_once('/').unwrap_or((name, ""));
        let repository = Some(repository.trim_end_matches('/')).filter(|rest| !rest.is_empty());
        Self { host: host.to_owned(), repository: repository.map(str::to_owned) }
    }
}

/// What is wrong with the name, if anything.
pub fn mistake(name: Option<&str>, referrers: bool) -> Option<StepError> {
    let name = name?.trim_end_matches('/');
    url(name, referrers).or_else(|| if referrers { not_an_image(name) } else { not_a_target(name) })
}

/// Refuses a URL, and shows it without its user and password.
fn url(name: &str, referrers: bool) -> Option<StepError> {
    let (scheme, rest) = name.split_once("://")?;
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let more = if referrers { " --referrers" } else { "" };
    let what = format!("`{scheme}://{rest}` is a URL, and registries are named without one");
    let help = format!("leave out `{scheme}://`, as in `shipway images {rest}{more}`");
    Some(StepError::new(what).help(help))
}

/// Why a name is not an image, or `None` if it is.
fn not_an_image(name: &str) -> Option<StepError> {
    // A name without a dot is an image of Docker Hub, such as `alpine:3`.
    let host = name.split(':').next().unwrap_or_default();
    let is_registry = !name.contains('/')
        && Reference::is_place(name)
        && (host.contains('.') || host == "localhost");
    if is_registry {
        return Some(
            StepError::new(format!("`{name}` is a registry, and `--referrers` asks for an image"))
                .help(format!(
                    "name one, as in `shipway images {name}/REPOSITORY:TAG --referrers`"
                )),
        );
    }
    let error = name.parse::<Reference>().err()?;
    Some(StepError::new(format!("`{name}` is not an image")).because(error.to_string()).help(
        "write REGISTRY/REPOSITORY:TAG or REGISTRY/REPOSITORY@DIGEST, such as `ghcr.io/org/app:v1`",
    ))
}

/// Why a name is neither a registry nor a repository, or `None` if it is one.
fn not_a_target(name: &str) -> Option<StepError> {
    if Reference::is_place(name) {
        return None;
    }
    let help = "write REGISTRY or REGISTRY/REPOSITORY, such as `ghcr.io/org/app`";
    let reference = match name.parse::<Reference>() {
        Ok(reference) => reference,
        Err(error) => {
            let what = format!("`{name}` is not a registry or repository");
            return Some(StepError::new(what).because(error.to_string()).help(help));
        }
    };
    let place = reference.name();
    if reference.tag.is_some() || reference.digest.is_some() {
        return Some(
            StepError::new(format!(
                "`{name}` is an image, and a registry or a repository is asked for"
            ))
            .help(format!(
                "`shipway images {place}` lists its tags, `shipway images {reference} --referrers` \
                     what is attached to it"
            )),
        );
    }
    Some(
        StepError::new(format!("`{name}` does not say of which registry"))
            .help(format!("{help}; Docker's own is `{place}`")),
    )
}

#[cfg(test)]
mod tests {
    use super::{RegistryTarget, not_a_target, not_an_image, url};
    use crate::secret::Redactor;

    fn said(trouble: Option<crate::run::outcome::StepError>) -> String {
        let shown = trouble.expect("a mistake").shown(&Redactor::default(), None);
        format!("{}\n{}", shown.chain.join("\n"), shown.help.unwrap_or_default())
    }

    #[test]
    fn registries_and_repositories_are_targets() {
        let place = |host: &str, repository: Option<&str>| RegistryTarget {
            host: host.to_owned(),
            repository: repository.map(str::to_owned),
        };
        for (name, expected) in [
            ("ghcr.io", place("ghcr.io", None)),
            ("127.0.0.1:5000/", place("127.0.0.1:5000", None)),
            ("ghcr.io/org/app", place("ghcr.io", Some("org/app"))),
        ] {
            assert!(not_a_target(name.trim_end_matches('/')).is_none(), "{name}");
            assert_eq!(RegistryTarget::named(name), expected);
        }
    }

    #[test]
    fn a_url_is_shown_without_its_password() {
        assert_eq!(
            said(url("https://me:secret@ghcr.io/org/app", false)),
            "`https://ghcr.io/org/app` is a URL, and registries are named without one\n\
             leave out `https://`, as in `shipway images ghcr.io/org/app`"
        );
    }

    #[test]
    fn what_is_not_a_target_is_told_what_to_type() {
        assert_eq!(
            said(not_a_target("team/web")),
            "`team/web` does not say of which registry\n\
             write REGISTRY or REGISTRY/REPOSITORY, such as `ghcr.io/org/app`; \
             Docker's own is `docker.io/team/web`"
        );
        assert_eq!(
            said(not_a_target("web:v1")),
            "`web:v1` is an image, and a registry or a repository is asked for\n\
             `shipway images docker.io/library/web` lists its tags, \
             `shipway images docker.io/library/web:v1 --referrers` what is attached to it"
        );
        assert_eq!(
            said(not_a_target("ghcr.io/Org")),
            "`ghcr.io/Org` is not a registry or repository\n\
             `Org` is not a repository: lower-case letters, digits and single `.`, `_`, `-` \
             between them, parts joined by `/`\n\
             write REGISTRY or REGISTRY/REPOSITORY, such as `ghcr.io/org/app`"
        );
    }

    #[test]
    fn an_invalid_image_is_shown_with_what_to_type() {
        for name in ["alpine", "alpine:3", "ghcr.io/org/app", "localhost:5000/web:v1"] {
            assert!(not_an_image(name).is_none(), "{name}");
        }
        for name in ["ghcr.io", "localhost:5000"] {
            assert_eq!(
                said(not_an_image(name)),
                format!(
                    "`{name}` is a registry, and `--referrers` asks for an image\n\
                     name one, as in `shipway images {name}/REPOSITORY:TAG --referrers`"
                )
            );
        }
        assert_eq!(
            said(not_an_image("ghcr.io/web:.1")),
            "`ghcr.io/web:.1` is not an image\n\
             `.1` is not a tag: at most 128 letters, digits, `_`, `.`, `-`, not beginning with `.` or `-`\n\
             write REGISTRY/REPOSITORY:TAG or REGISTRY/REPOSITORY@DIGEST, such as `ghcr.io/org/app:v1`"
        );
    }
}
