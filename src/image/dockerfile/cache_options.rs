//! The options that make an engine use the caches of a build, in the syntax of each engine.

use super::cache::{Cache, GITHUB_TOKEN_VARIABLE};
use super::engine::{DockerBuilder, Engine};
use super::error::DockerfileError;
use super::invocation::Invocation;
use super::request::BuildRequest;

/// Adds the options for the caches of the request.
pub fn add_options(
    build: &mut Invocation,
    engine: &Engine,
    request: &BuildRequest,
) -> Result<(), DockerfileError> {
    let (from, to) = (&request.cache_from, &request.cache_to);
    if from.is_empty() && to.is_empty() {
        return Ok(());
    }
    match engine {
        Engine::Docker(DockerBuilder::Buildx { writes_oci, .. }) => {
            // The builder inside docker can only store a cache in the image itself.
            if let Some(cache) = to.iter().find(|cache| !writes_oci && !cache.is("type=inline")) {
                return Err(DockerfileError::InsideDocker { cache: cache.to_string() });
            }
            buildx(build, request);
        }
        Engine::Docker(builder) => {
            if let Some(cache) = to.first() {
                let (engine, cache) = (engine.to_string(), cache.to_string());
                return Err(DockerfileError::NoCacheTo { engine, cache });
            }
            for cache in from {
                build.option("--cache-from", image(cache, engine)?);
            }
            if *builder == DockerBuilder::BuildKit {
                // Makes the image usable as a cache for the next build.
                build.option("--build-arg", "BUILDKIT_INLINE_CACHE=1");
            }
        }
        Engine::Podman { .. } | Engine::Buildah => {
            if !build.args.iter().any(|arg| arg == "--layers") {
                build.arg("--layers");
            }
            for (option, caches) in [("--cache-from", from), ("--cache-to", to)] {
                for cache in caches {
                    build.option(option, repository(cache, engine)?);
                }
            }
        }
    }
    Ok(())
}

fn buildx(build: &mut Invocation, request: &BuildRequest) {
    for cache in &request.cache_from {
        build.option("--cache-from", cache.source());
    }
    for cache in &request.cache_to {
        build.option("--cache-to", cache.destination());
    }
    let mut caches = request.cache_from.iter().chain(&request.cache_to);
    if let Some(github) =
        request.github.as_ref().filter(|_| caches.any(|cache| cache.is("type=gha")))
    {
        build.secrets.insert(GITHUB_TOKEN_VARIABLE.into(), github.token.clone());
        build.env.extend(github.places.clone());
    }
}

fn image<'c>(cache: &'c Cache, engine: &Engine) -> Result<&'c str, DockerfileError> {
    match cache {
        Cache::Image(reference) => Ok(reference),
        Cache::GitHub | Cache::Exporter(_) => {
            let (engine, cache) = (engine.to_string(), cache.to_string());
            Err(DockerfileError::CacheKind { engine, cache })
        }
    }
}

/// Podman and buildah choose the tags themselves, one for each layer.
fn repository<'c>(cache: &'c Cache, engine: &Engine) -> Result<&'c str, DockerfileError> {
    let name = image(cache, engine)?;
    let last = name.rsplit('/').next().unwrap_or(name);
    if last.contains([':', '@']) {
        let (engine, cache) = (engine.to_string(), name.to_owned());
        return Err(DockerfileError::CacheTag { engine, cache });
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::add_options;
    use crate::http::Retryable as _;
    use crate::image::dockerfile::cache::{Cache, GitHubCache};
    use crate::image::dockerfile::engine::{DockerBuilder, Engine};
    use crate::image::dockerfile::invocation::Invocation;
    use crate::image::dockerfile::request::BuildRequest;
    use crate::secret::Redactor;

    const BUILDX: Engine =
        Engine::Docker(DockerBuilder::Buildx { writes_oci: true, attests: true, spread: false });
    const INSIDE: Engine =
        Engine::Docker(DockerBuilder::Buildx { writes_oci: false, attests: true, spread: false });
    const BUILDKIT: Engine = Engine::Docker(DockerBuilder::BuildKit);
    const CLASSIC: Engine = Engine::Docker(DockerBuilder::Classic);

    fn caches(texts: &[&str]) -> Vec<Cache> {
        texts.iter().map(|&text| Cache::from(text)).collect()
    }

    fn request(from: &[&str], to: &[&str]) -> BuildRequest {
        BuildRequest { cache_from: caches(from), cache_to: caches(to), ..BuildRequest::default() }
    }

    #[track_caller]
    fn line(engine: &Engine, from: &[&str], to: &[&str]) -> String {
        let mut build = Invocation::new("build", &[]);
        add_options(&mut build, engine, &request(from, to)).expect("known");
        build.command_line()
    }

    #[track_caller]
    fn refused(engine: &Engine, from: &[&str], to: &[&str]) -> [String; 2] {
        let mut build = Invocation::new("build", &[]);
        let error = add_options(&mut build, engine, &request(from, to)).expect_err("refused");
        [error.to_string(), error.help().expect("help")]
    }

    fn github() -> (Redactor, Option<GitHubCache>) {
        let redactor = Redactor::default();
        let environment = [
            ("ACTIONS_RUNTIME_TOKEN", "runtime-token"),
            ("ACTIONS_RESULTS_URL", "https://results.example.com/"),
            ("ACTIONS_CACHE_URL", ""),
            ("ACTIONS_CACHE_SERVICE_V2", "True"),
            ("GITHUB_TOKEN", "another-token"),
        ];
        let environment = environment.map(|(name, value)| (name.into(), value.into())).into();
        let found = GitHubCache::found(&environment, &redactor);
        (redactor, found)
    }

    #[test]
    fn each_engine_has_its_options() {
        assert_eq!(
            line(&BUILDX, &["r.io/cache:main", "gha"], &["r.io/cache", "gha"]),
            "build --cache-from type=registry,ref=r.io/cache:main --cache-from type=gha --cache-to type=registry,ref=r.io/cache,mode=max --cache-to type=gha,mode=max"
        );
        let own = ["type=gha,scope=web"];
        assert_eq!(
            line(&BUILDX, &own, &own),
            "build --cache-from type=gha,scope=web --cache-to type=gha,scope=web"
        );
        assert_eq!(
            line(&INSIDE, &["r.io/web"], &["type=inline"]),
            "build --cache-from type=registry,ref=r.io/web --cache-to type=inline"
        );
        assert_eq!(
            line(&BUILDKIT, &["r.io/web:1"], &[]),
            "build --cache-from r.io/web:1 --build-arg BUILDKIT_INLINE_CACHE=1"
        );
        assert_eq!(line(&CLASSIC, &["web:1"], &[]), "build --cache-from web:1");
        let both = "build --layers --cache-from localhost:5000/a --cache-to localhost:5000/b";
        for engine in [Engine::Podman { program: "podman".into() }, Engine::Buildah] {
            assert_eq!(line(&engine, &["localhost:5000/a"], &["localhost:5000/b"]), both);
            assert_eq!(line(&engine, &[], &[]), "build");
        }
        let mut layered = Invocation::new("buildah", &["build", "--layers"]);
        add_options(&mut layered, &Engine::Buildah, &request(&["a"], &[])).expect("known");
        assert_eq!(layered.command_line(), "buildah build --layers --cache-from a");
    }

    #[test]
    fn an_unsupported_cache_has_a_remedy() {
        let buildx = "install docker's buildx, or write `using: podman` or `using: buildah`";
        assert_eq!(
            refused(&BUILDKIT, &[], &["r.io/web"]),
            ["docker (BuildKit) cannot write a cache to `r.io/web`", buildx]
        );
        assert_eq!(
            refused(&CLASSIC, &[], &["gha"]),
            ["docker (without BuildKit) cannot write a cache to `gha`", buildx]
        );
        assert_eq!(
            refused(&INSIDE, &[], &["gha"]),
            [
                "the builder inside docker cannot write a cache to `gha`",
                "create a separate builder with `docker buildx create --use`, on GitHub with `docker/setup-buildx-action`"
            ]
        );
        let known = "install docker's buildx, which knows it, or name a repository";
        assert_eq!(
            refused(&Engine::Buildah, &[], &["gha"]),
            ["buildah does not support the cache `gha`", known]
        );
        assert_eq!(
            refused(&BUILDKIT, &["type=local,src=c"], &[]),
            ["docker (BuildKit) does not support the cache `type=local,src=c`", known]
        );
        let podman = Engine::Podman { program: "podman".into() };
        for tagged in ["localhost:5000/a:main", "a@sha256:1"] {
            assert_eq!(
                refused(&podman, &[tagged], &[]),
                [
                    format!("podman needs a repository for its cache, and `{tagged}` is one image"),
                    "leave out its tag and digest".to_owned()
                ]
            );
        }
    }

    #[test]
    fn only_buildx_gets_the_github_token() {
        let (redactor, github) = github();
        let add_options = |from: &[&str]| {
            let mut build = Invocation::new("build", &[]);
            let request = BuildRequest { github: github.clone(), ..request(from, &[]) };
            add_options(&mut build, &BUILDX, &request).expect("known");
            build
        };
        for from in ["gha", "type=gha,scope=web"] {
            let build = add_options(&[from]);
            assert_eq!(build.secrets["ACTIONS_RUNTIME_TOKEN"].expose(), "runtime-token");
            assert_eq!(build.secrets.len(), 1);
            let places: Vec<_> = build.env.keys().map(String::as_str).collect();
            assert_eq!(places, ["ACTIONS_CACHE_SERVICE_V2", "ACTIONS_RESULTS_URL"]);
            assert!(!format!("{build:?}").contains("runtime-token"));
        }
        assert_eq!(redactor.redact("runtime-token"), "***");
        let other = add_options(&["r.io/web"]);
        assert!(other.secrets.is_empty() && other.env.is_empty());
    }

    #[test]
    fn unreachable_caches_are_removed() {
        let all = || request(&["gha", "r.io/web"], &["type=gha,scope=a"]);
        let mut off_github = all();
        assert_eq!(
            off_github.without_caches_out_of_reach(false),
            Some("GitHub's cache is left out, since `ACTIONS_RUNTIME_TOKEN` is not set")
        );
        assert_eq!(off_github.cache_from, caches(&["r.io/web"]));
        assert_eq!(off_github.cache_to, []);
        assert_eq!(off_github.without_caches_out_of_reach(false), None);

        let mut on_github = BuildRequest { github: github().1, ..all() };
        assert_eq!(on_github.without_caches_out_of_reach(false), None);
        assert_eq!(on_github.cache_from.len() + on_github.cache_to.len(), 3);
        assert_eq!(
            on_github.without_caches_out_of_reach(true),
            Some("caches are left out of a dry run")
        );
        assert_eq!(on_github.cache_from.len() + on_github.cache_to.len(), 0);
    }

    #[test]
    fn code_of_a_fork_writes_no_cache_that_others_read() {
        let kept = ["type=inline", "type=local,dest=/tmp/x"];
        let to = [&["r.io/web", "gha", "type=registry,ref=r.io/a"][..], &kept].concat();
        let mut request = request(&["r.io/web", "gha"], &to);
        assert_eq!(
            request.without_shared_caches(),
            Some(
                "GitHub's cache, and each `cache-to` that others read, is left out for the code of a fork"
            )
        );
        assert_eq!(request.cache_from, caches(&["r.io/web"]));
        assert_eq!(request.cache_to, caches(&kept));
        assert_eq!(request.without_shared_caches(), None);
    }

    #[test]
    fn options_without_effect_are_noted() {
        let ssh = vec!["default".to_owned()];
        let request = BuildRequest { ssh, ..request(&[], &["r.io/web"]) };
        assert_eq!(
            request.unused_in_registry().expect("a note"),
            "ignored by ACR Tasks: `ssh`, `cache-to`"
        );
        assert_eq!(
            request.unused_without_engine().expect("a note"),
            "ignored without an engine: `cache-to`"
        );
        assert_eq!(request.unused_by_engine(), None);
        let request = BuildRequest { memory: Some(1), ..request };
        assert_eq!(request.unused_by_engine().expect("a note"), "ignored by an engine: `memory`");
        assert_eq!(BuildRequest::default().unused_without_engine(), None);
    }
}
