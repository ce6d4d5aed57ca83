//! One local cloud from its first socket to its last request.

use super::arm::Arm;
use super::authority::{Authority, AuthorityError};
use super::cloud_file::{CloudFile, GitHubAccess};
use super::files::{FileError, create_folder, write_private};
use super::hidden::Hidden;
use super::proxy::{DOMAINS, Dial, Proxy, Setup, answer_directly, proxy_url};
use super::registry::{SeedError, seed};
use super::runtime::{self, Choice, Kind, Runtime};
use super::shared::{AsyncReadWrite, OpenError, Shared};
use super::world::{RuntimeChoice, World};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

/// What to serve, and where to say so.
#[derive(Clone, Debug)]
pub struct Options {
    /// What is there from the start.
    pub world: World,
    /// Where everything is kept. Made if it is not there.
    pub state: PathBuf,
    /// The [`CloudFile`] to write when all is ready.
    pub cloud_file: PathBuf,
    /// The port of the proxy; any that is free where none is given.
    pub port: Option<u16>,
}

/// How long another cloud may take to leave its state folder.
const LEAVING: Duration = Duration::from_secs(10);

/// A local cloud that cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Its state folder cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Another process uses its state folder.
    #[error("another local cloud uses `{}`", state.display())]
    InUse {
        /// Which folder.
        state: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No port.
    #[error("listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// No certificates.
    #[error("make the authority of the local cloud")]
    Authority(#[from] AuthorityError),
    /// Nothing to run containers in.
    #[error("choose what containers run in")]
    Runtime(#[from] runtime::OpenError),
    /// An image that should be there from the start.
    #[error(transparent)]
    Seed(#[from] SeedError),
    /// A file that says how to reach it.
    #[error("say how to reach the local cloud")]
    Tell(#[from] FileError),
}

/// A local cloud that listens, and whose cloud file is written.
pub struct Cloud {
    file: CloudFile,
    path: PathBuf,
    proxy: Arc<Proxy>,
    runtime: Runtime,
    listener: TcpListener,
    direct: TcpListener,
    /// Held as long as the state folder is in use.
    _lock: Flock<File>,
}

impl Cloud {
    /// Opens the state, listens, and writes the cloud file.
    pub async fn start(options: Options) -> Result<Self, ServeError> {
        let lock = lock(&options.state).await?;
        let shared = Arc::new(Shared::open(options.state, options.world)?);
        for image in &shared.world.seed_images {
            seed(&shared.storage, image)?;
        }
        let authority = Arc::new(Authority::new(&domains(&shared))?);
        let listener = listen(options.port.unwrap_or(0)).await?;
        let direct = listen(0).await?;
        let runtime = open_runtime(&shared).await?;
        let mut file = describe(&shared, &authority, port(&listener), port(&direct));
        file.runtime = kind(&runtime);
        let arm = Arm::open(Arc::clone(&shared), runtime.clone()).await?.router();
        let proxy = Proxy::new(Setup { arm, dial: dial(&runtime), shared, authority })?;
        write_private(&file.ca_file, file.ca.as_bytes())?;
        file.write(&options.cloud_file)?;
        let path = options.cloud_file;
        Ok(Self { file, path, proxy, runtime, listener, direct, _lock: lock })
    }

    /// How to reach it.
    pub fn file(&self) -> &CloudFile {
        &self.file
    }

    /// Answers until told to stop. The cloud file goes with it, the state stays.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let proxy = Arc::clone(&self.proxy).run(self.listener);
        let direct = answer_directly(self.proxy, self.direct);
        tokio::select! {
            () = stop => {}
            () = proxy => {}
            () = direct => {}
        }
        self.runtime.shutdown().await;
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(%error, "the cloud file is gone already");
        }
    }
}

/// Serves a local cloud until told to stop.
pub async fn serve(options: Options, stop: impl Future<Output = ()>) -> Result<(), ServeError> {
    Cloud::start(options).await?.run(stop).await;
    Ok(())
}

/// Waits until standard input ends: the sign that whoever holds the other end
/// is no more, even when it was killed.
pub async fn stdin_ended() {
    let (told, ended) = oneshot::channel();
    // A thread of its own: reading standard input cannot be called off, and
    // would hold up the end of the runtime.
    std::thread::spawn(move || {
        let mut buffer = [0; 64];
        let mut stdin = io::stdin().lock();
        while stdin.read(&mut buffer).is_ok_and(|count| count > 0) {}
        if told.send(()).is_err() {
            tracing::debug!("the local cloud has ended before its input");
        }
    });
    if ended.await.is_err() {
        tracing::debug!("standard input is read by nobody");
    }
}

async fn open_runtime(shared: &Shared) -> Result<Runtime, ServeError> {
    let mut options = runtime::Options::new(shared.state.join("runtime"));
    options.choice = match shared.world.runtime {
        RuntimeChoice::Auto => Choice::Auto,
        RuntimeChoice::Docker => Choice::Docker,
        RuntimeChoice::Podman => Choice::Podman,
        RuntimeChoice::BuiltIn => Choice::BuiltIn,
        RuntimeChoice::Plain => Choice::Plain,
    };
    Ok(Runtime::open(options).await?)
}

fn kind(runtime: &Runtime) -> String {
    match runtime.kind() {
        Kind::Engine(name) => name.clone(),
        Kind::Isolated => "namespaces".to_owned(),
        Kind::Plain(why) => format!("processes: {why}"),
    }
}

/// How containers are reached.
fn dial(runtime: &Runtime) -> Dial {
    let runtime = runtime.clone();
    Arc::new(move |host, port| {
        let runtime = runtime.clone();
        Box::pin(async move {
            let connection = runtime.connect(&host, port).await.map_err(io::Error::other)?;
            Ok(Box::new(connection) as Box<dyn AsyncReadWrite>)
        })
    })
}

/// A cloud whose run was killed holds its folder until it has ended its
/// containers.
async fn lock(state: &Path) -> Result<Flock<File>, ServeError> {
    let in_use = |source| ServeError::InUse { state: state.to_owned(), source };
    create_folder(state)?;
    let mut file = File::create(state.join("lock")).map_err(in_use)?;
    let until = Instant::now() + LEAVING;
    loop {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Ok(lock),
            Err((back, Errno::EAGAIN)) if Instant::now() < until => file = back,
            Err((_, errno)) => return Err(in_use(errno.into())),
        }
        sleep(Duration::from_millis(50)).await;
    }
}

async fn listen(port: u16) -> Result<TcpListener, ServeError> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpListener::bind(address).await.map_err(|source| ServeError::Listen { address, source })
}

fn port(listener: &TcpListener) -> u16 {
    listener.local_addr().map_or(0, |address| address.port())
}

/// The simulated domains, and the names of the world that are in none of them.
fn domains(shared: &Shared) -> Vec<String> {
    let mut domains: Vec<String> = DOMAINS.iter().map(|&domain| domain.to_owned()).collect();
    for host in shared.accounts.hosts() {
        let bare = host.split(':').next().unwrap_or(&host).to_owned();
        let within = domains.iter().any(|domain| bare.ends_with(domain.as_str()));
        let is_address = bare.parse::<std::net::IpAddr>().is_ok();
        if !within && !is_address {
            domains.push(bare);
        }
    }
    domains
}

fn describe(shared: &Shared, authority: &Authority, port: u16, direct: u16) -> CloudFile {
    let identity = &shared.identity;
    let github = shared.world.github.as_ref().map(|github| GitHubAccess {
        repository: github.repository.clone(),
        token: identity.github_token.clone(),
        api_url: "https://api.github.com".to_owned(),
    });
    let mut file = CloudFile {
        version: CloudFile::VERSION,
        pid: std::process::id(),
        proxy: proxy_url(shared, port),
        ca: authority.pem(),
        ca_file: shared.state.join("ca.pem"),
        tenant_id: identity.tenant_id.clone(),
        client_id: identity.client_id.clone(),
        client_secret: identity.client_secret.clone(),
        subscription_id: identity.subscription_id.clone(),
        github,
        direct_registry: format!("127.0.0.1:{direct}"),
        runtime: String::new(),
        environment: BTreeMap::new(),
        request_log: shared.log.path().to_owned(),
        state: shared.state.clone(),
    };
    file.environment = environment(&file);
    file
}

/// What other programs go by. Programs differ in the case that they read.
fn environment(file: &CloudFile) -> BTreeMap<String, Hidden> {
    let ca = Hidden::new(file.ca_file.to_string_lossy());
    let mut all: Vec<(&str, Hidden)> = Vec::new();
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"] {
        all.push((name, file.proxy.clone()));
    }
    for name in ["no_proxy", "NO_PROXY"] {
        all.push((name, Hidden::default()));
    }
    for name in ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"] {
        all.push((name, ca.clone()));
    }
    all.push(("AZURE_TENANT_ID", Hidden::new(&file.tenant_id)));
    all.push(("AZURE_CLIENT_ID", Hidden::new(&file.client_id)));
    all.push(("AZURE_CLIENT_SECRET", file.client_secret.clone()));
    all.push(("AZURE_SUBSCRIPTION_ID", Hidden::new(&file.subscription_id)));
    if let Some(github) = &file.github {
        all.push(("GITHUB_TOKEN", github.token.clone()));
        all.push(("GITHUB_API_URL", Hidden::new(&github.api_url)));
    }
    all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    #[tokio::test(start_paused = true)]
    async fn a_folder_is_waited_for_and_not_for_ever() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = super::lock(folder.path()).await.expect("nobody has it");

        let error = super::lock(folder.path()).await.expect_err("it is in use");
        let said = format!("another local cloud uses `{}`", folder.path().display());
        assert_eq!(error.to_string(), said);

        let leaving = async {
            tokio::time::sleep(super::LEAVING / 2).await;
            drop(first);
        };
        let (second, ()) = tokio::join!(super::lock(folder.path()), leaving);
        second.expect("it is free");
    }
}
