//! Caches of a build that outlive this machine, in the words of each engine.

use super::engine::{DockerBuilder, Engine};
use super::error::DockerfileError;
use super::invocation::Invocation;
use super::work::Request;
use crate::secret::{Redactor, Secret};
use std::collections::BTreeMap;
use std::fmt;

/// Where layers of earlier builds are kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Cache {
    /// An image, or a repository: which of the two depends on the engine.
    Image(String),
    /// GitHub's cache, as buildx knows it, with what suits it best.
    GitHub,
    /// `type=…`, in the words of buildx, handed on as it is.
    Exporter(String),
}

/// What buildx needs to reach GitHub's cache. No other child is given it.
#[derive(Clone, Debug)]
pub struct GitHubCache {
    token: Secret,
    /// Where it is, by the names that buildx reads.
    places: BTreeMap<String, String>,
}

const TOKEN: &str = "ACTIONS_RUNTIME_TOKEN";
const PLACES: [&str; 3] = ["ACTIONS_CACHE_SERVICE_V2", "ACTIONS_CACHE_URL", "ACTIONS_RESULTS_URL"];

impl From<&str> for Cache {
    fn from(text: &str) -> Self {
        match text {
            "gha" => Self::GitHub,
            _ if text.starts_with("type=") => Self::Exporter(text.to_owned()),
            _ => Self::Image(text.to_owned()),
        }
    }
}

impl fmt::Display for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(text) | Self::Exporter(text) => f.write_str(text),
            Self::GitHub => f.write_str("gha"),
        }
    }
}

impl Cache {
    fn is(&self, kind: &str) -> bool {
        match self {
            Self::Image(_) => false,
            Self::GitHub => kind == "type=gha",
            Self::Exporter(text) => text.split(',').any(|word| word.trim() == kind),
        }
    }

    /// What `buildx --cache-from` takes.
    fn source(&self) -> String {
        match self {
            Self::Image(reference) => format!("type=registry,ref={reference}"),
            Self::GitHub => "type=gha".into(),
            Self::Exporter(text) => text.clone(),
        }
    }

    /// What `buildx --cache-to` takes: with the layers of all stages, where that
    /// is ours to say.
    fn destination(&self) -> String {
        match self {
            Self::Image(_) | Self::GitHub => format!("{},mode=max", self.source()),
            Self::Exporter(text) => text.clone(),
        }
    }
}

impl GitHubCache {
    /// Takes it from the environment that a runner gave us, where one did.
    pub fn found(environment: &BTreeMap<String, String>, redactor: &Redactor) -> Option<Self> {
        let value = |name: &str| environment.get(name).filter(|value| !value.is_empty()).cloned();
        let token = redactor.adopt(&format!("env.{TOKEN}"), value(TOKEN)?);
        let places = PLACES.iter().filter_map(|&name| Some((name.to_owned(), value(name)?)));
        Some(Self { token, places: places.collect() })
    }
}

impl Request {
    /// Leaves out the caches that this run must not or cannot use, and says so.
    pub fn without_caches_out_of_reach(&mut self, dry_run: bool) -> Option<&'static str> {
        let github = self.github.is_some();
        // A daemon would go there itself in a dry run, past the local cloud.
        let stays = |cache: &Cache| !dry_run && (github || !cache.is("type=gha"));
        let count = self.cache_from.len() + self.cache_to.len();
        self.cache_from.retain(stays);
        self.cache_to.retain(stays);
        (self.cache_from.len() + self.cache_to.len() < count).then_some(if dry_run {
            "caches are left out of a dry run"
        } else {
            "GitHub's cache is left out, since `ACTIONS_RUNTIME_TOKEN` is not set"
        })
    }

    /// What has no use where nothing runs.
    pub fn unused_without_engine(&self) -> Option<String> {
        let keys = [
            ("`ssh`", self.ssh.is_empty()),
            ("`cache-from`", self.cache_from.is_empty()),
            ("`cache-to`", self.cache_to.is_empty()),
        ];
        let used: Vec<_> = keys.iter().filter(|(_, empty)| !empty).map(|(key, _)| *key).collect();
        (!used.is_empty()).then(|| format!("of no use without an engine: {}", used.join(", ")))
    }
}

/// Has the engine use the caches of the request.
pub(super) fn ask(
    build: &mut Invocation,
    engine: &Engine,
    request: &Request,
) -> Result<(), DockerfileError> {
    let (from, to) = (&request.cache_from, &request.cache_to);
    if from.is_empty() && to.is_empty() {
        return Ok(());
    }
    match engine {
        Engine::Docker(DockerBuilder::Buildx { writes_oci, .. }) => {
            // The builder inside docker puts a cache into the image, or nowhere.
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
                // What is built is then a cache for the next.
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

fn buildx(build: &mut Invocation, request: &Request) {
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
        build.secrets.insert(TOKEN.into(), github.token.clone());
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

/// Podman and buildah name the tags themselves, one for each layer.
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
    use super::{Cache, GitHubCache, ask};
    use crate::http::Retryable as _;
    use crate::image::dockerfile::engine::{DockerBuilder, Engine};
    use crate::image::dockerfile::invocation::Invocation;
    use crate::image::dockerfile::work::Request;
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

    fn request(from: &[&str], to: &[&str]) -> Request {
        Request { cache_from: caches(from), cache_to: caches(to), ..Request::default() }
    }

    #[track_caller]
    fn line(engine: &Engine, from: &[&str], to: &[&str]) -> String {
        let mut build = Invocation::new("build", &[]);
        ask(&mut build, engine, &request(from, to)).expect("known");
        build.command_line()
    }

    #[track_caller]
    fn refused(engine: &Engine, from: &[&str], to: &[&str]) -> [String; 2] {
        let mut build = Invocation::new("build", &[]);
        let error = ask(&mut build, engine, &request(from, to)).expect_err("refused");
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
    fn each_engine_is_asked_in_its_words() {
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
        ask(&mut layered, &Engine::Buildah, &request(&["a"], &[])).expect("known");
        assert_eq!(layered.command_line(), "buildah build --layers --cache-from a");
    }

    #[test]
    fn what_an_engine_cannot_do_is_told_with_the_way_out() {
        let buildx = "install docker's buildx, or write `using: podman` or `using: buildah`";
        assert_eq!(
            refused(&BUILDKIT, &[], &["r.io/web"]),
            ["docker (BuildKit) cannot leave a cache in `r.io/web`", buildx]
        );
        assert_eq!(
            refused(&CLASSIC, &[], &["gha"]),
            ["docker (without BuildKit) cannot leave a cache in `gha`", buildx]
        );
        assert_eq!(
            refused(&INSIDE, &[], &["gha"]),
            [
                "the builder inside docker cannot leave a cache in `gha`",
                "make a builder of its own by `docker buildx create --use`, on GitHub by `docker/setup-buildx-action`"
            ]
        );
        let known = "install docker's buildx, which knows it, or name a repository";
        assert_eq!(
            refused(&Engine::Buildah, &[], &["gha"]),
            ["buildah knows no cache `gha`", known]
        );
        assert_eq!(
            refused(&BUILDKIT, &["type=local,src=c"], &[]),
            ["docker (BuildKit) knows no cache `type=local,src=c`", known]
        );
        let podman = Engine::Podman { program: "podman".into() };
        for tagged in ["localhost:5000/a:main", "a@sha256:1"] {
            assert_eq!(
                refused(&podman, &[tagged], &[]),
                [
                    format!(
                        "podman keeps a cache in a whole repository, and `{tagged}` is one image"
                    ),
                    "leave out its tag and digest".to_owned()
                ]
            );
        }
    }

    #[test]
    fn the_builder_alone_reaches_github_and_only_for_its_cache() {
        let (redactor, github) = github();
        let ask = |from: &[&str]| {
            let mut build = Invocation::new("build", &[]);
            let request = Request { github: github.clone(), ..request(from, &[]) };
            ask(&mut build, &BUILDX, &request).expect("known");
            build
        };
        for from in ["gha", "type=gha,scope=web"] {
            let build = ask(&[from]);
            assert_eq!(build.secrets["ACTIONS_RUNTIME_TOKEN"].expose(), "runtime-token");
            assert_eq!(build.secrets.len(), 1);
            let places: Vec<_> = build.env.keys().map(String::as_str).collect();
            assert_eq!(places, ["ACTIONS_CACHE_SERVICE_V2", "ACTIONS_RESULTS_URL"]);
            assert!(!format!("{build:?}").contains("runtime-token"));
        }
        assert_eq!(redactor.redact("runtime-token"), "***");
        let other = ask(&["r.io/web"]);
        assert!(other.secrets.is_empty() && other.env.is_empty());
    }

    #[test]
    fn caches_out_of_reach_are_left_out() {
        let all = || request(&["gha", "r.io/web"], &["type=gha,scope=a"]);
        let mut off_github = all();
        assert_eq!(
            off_github.without_caches_out_of_reach(false),
            Some("GitHub's cache is left out, since `ACTIONS_RUNTIME_TOKEN` is not set")
        );
        assert_eq!(off_github.cache_from, caches(&["r.io/web"]));
        assert_eq!(off_github.cache_to, []);
        assert_eq!(off_github.without_caches_out_of_reach(false), None);

        let mut on_github = Request { github: github().1, ..all() };
        assert_eq!(on_github.without_caches_out_of_reach(false), None);
        assert_eq!(on_github.cache_from.len() + on_github.cache_to.len(), 3);
        assert_eq!(
            on_github.without_caches_out_of_reach(true),
            Some("caches are left out of a dry run")
        );
        assert_eq!(on_github.cache_from.len() + on_github.cache_to.len(), 0);
    }

    #[test]
    fn without_an_engine_they_are_noted() {
        let ssh = vec!["default".to_owned()];
        let request = Request { ssh, ..request(&[], &["r.io/web"]) };
        assert_eq!(
            request.unused_without_engine().expect("a note"),
            "of no use without an engine: `ssh`, `cache-to`"
        );
        assert_eq!(Request::default().unused_without_engine(), None);
    }
}
