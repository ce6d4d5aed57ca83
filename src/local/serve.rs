//! Starts one local cloud, serves it, and stops it.

use super::arm;
use super::authority::{Authority, AuthorityError};
use super::cloud_file::{CloudFile, GitHubAccess, SigningAccess};
use super::cloud_file_claim::{ClaimError, check_free, remove_own};
use super::cloud_state::{CloudState, StateError};
use super::domains::domains;
use super::files::{FileError, create_folder, read_json, write_json, write_private};
use super::hidden::Hidden;
use super::initial_state::InitialState;
use super::news::{News, Teller};
use super::proxy::{
    self, Dial, InventorySource, PAC_PATH, Proxy, answer_directly, proxy_login, proxy_url,
    run_for_browsers,
};
use super::registry::{PreloadError, preload};
use super::runtime::{ByteStream, Runtime, RuntimeKind, RuntimeOpenError, RuntimeOptions};
use super::sigstore::{JOB_TOKEN_URL, SigningAuthorityError, Sigstore};
use super::terminate;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep};

/// How long to wait for another local cloud that is leaving the state folder.
const STATE_LOCK_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Clone, Debug)]
pub struct CloudOptions {
    pub initial_state: InitialState,
    /// The state folder, created if it does not exist.
    pub state: PathBuf,
    /// Where to write the [`CloudFile`] once the cloud is ready.
    pub cloud_file: PathBuf,
    /// The port of the proxy. `None` takes any free one.
    pub port: Option<u16>,
    /// Whether it stays up until it is stopped.
    pub stays_up: bool,
}

/// A local cloud that cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error("another local cloud uses `{}`", state.display())]
    InUse { state: PathBuf, source: io::Error },
    #[error("cannot listen on {address}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("cannot make the certificate authority of the local cloud")]
    Authority(#[from] AuthorityError),
    #[error(transparent)]
    Signing(#[from] SigningAuthorityError),
    #[error("cannot choose what containers run in")]
    Runtime(#[from] RuntimeOpenError),
    #[error(transparent)]
    Preload(#[from] PreloadError),
    #[error("cannot write how the local cloud is reached")]
    CloudFile(#[from] FileError),
    #[error(transparent)]
    Claim(#[from] ClaimError),
}

/// A local cloud that listens, and whose cloud file is written.
pub struct Cloud {
    file: CloudFile,
    /// Where the file is written.
    paths: Vec<PathBuf>,
    proxy: Arc<Proxy>,
    runtime: Runtime,
    listener: TcpListener,
    direct: TcpListener,
    browser: TcpListener,
    news: Option<UnboundedReceiver<News>>,
    /// Keeps other local clouds out of the state folder.
    _lock: Flock<File>,
}

impl Cloud {
    /// Opens the state, listens, and writes the cloud file.
    pub async fn start(options: CloudOptions) -> Result<Self, ServeError> {
        check_free(&options.cloud_file, &options.state)?;
        let lock = lock(&options.state).await?;
        let stays_up = options.stays_up;
        let (teller, news) = Teller::with_listener();
        let state = CloudState::open(options.state, options.initial_state, teller.clone())?;
        for image in &state.initial.seed_images {
            preload(&state.registries.storage, image)?;
        }
        let authority = Arc::new(Authority::new(&domains(&state))?);
        let sigstore = open_sigstore(&state)?;
        let Listeners { proxy: listener, direct, browser } =
            listen_as_before(&state.folder, options.port).await?;
        let runtime = open_runtime(&state).await?;
        let mut file = describe(&state, &authority, port(&listener), port(&direct));
        file.browser = format!("http://127.0.0.1:{}{PAC_PATH}", port(&browser));
        file.runtime = kind(&runtime);
        file.signing = sigstore.as_deref().map(signing_access);
        file.stays_up = stays_up;
        file.started = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let login = proxy_login(&state.identity().proxy_password);
        let builds = arm::Builds::open(&state.folder, file.environment.clone())?;
        let parts = ArmParts { runtime: runtime.clone(), builds, teller };
        let arm = Arc::new(open_arm(&state, parts)?);
        let (inventory, loopback) = (inventory(&arm), state.initial.loopback);
        let services = state.into_services(arm::router(arm).await, sigstore)?;
        let dial = dial(&runtime);
        let proxy = Arc::new(Proxy { services, authority, dial, login, loopback, inventory });
        write_private(&file.ca_file, file.ca.as_bytes())?;
        // The file in the state folder is how `shipway local stop` finds a cloud that has
        // its file elsewhere.
        let mut paths = vec![file.state.join("cloud.json")];
        paths.extend(Some(options.cloud_file).filter(|path| *path != paths[0]));
        for path in &paths {
            file.write(path)?;
        }
        Ok(Self {
            file,
            paths,
            proxy,
            runtime,
            listener,
            direct,
            browser,
            news: Some(news),
            _lock: lock,
        })
    }

    pub fn file(&self) -> &CloudFile {
        &self.file
    }

    /// What it tells from now on.
    pub fn news(&mut self) -> Option<UnboundedReceiver<News>> {
        self.news.take()
    }

    /// Serves until `stop` resolves. Then the cloud file is removed; the state
    /// folder stays.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let proxy = proxy::run(Arc::clone(&self.proxy), self.listener);
        let direct = answer_directly(Arc::clone(&self.proxy), self.direct);
        let browser = run_for_browsers(self.proxy, self.browser);
        tokio::select! {
            () = stop => {}
            () = proxy => {}
            () = direct => {}
            () = browser => {}
        }
        self.runtime.shutdown().await;
        for path in &self.paths {
            remove_own(path, &self.file.state);
        }
    }
}

async fn open_runtime(state: &CloudState) -> Result<Runtime, ServeError> {
    let mut options = RuntimeOptions::new(state.folder.join("runtime"));
    options.choice = state.initial.runtime;
    Ok(Runtime::open(options).await?)
}

/// What Resource Manager is given beside the state.
struct ArmParts {
    runtime: Runtime,
    builds: arm::Builds,
    teller: Teller,
}

fn open_arm(state: &CloudState, parts: ArmParts) -> Result<arm::Arm, FileError> {
    let store = arm::ResourceStore::open(&state.folder.join("arm"), &state.initial)?;
    let subscription = &state.identity().subscription_id;
    store.change(|content| arm::add_initial(content, &state.initial, subscription))?;
    Ok(arm::Arm {
        tokens: Arc::clone(&state.tokens),
        access: Arc::clone(&state.access),
        registries: Arc::clone(&state.registries),
        vaults: Arc::clone(&state.vaults),
        runtime: parts.runtime,
        builds: parts.builds,
        store,
        folder: state.folder.clone(),
        exec_sessions: arm::ExecSessions::default(),
        stream_tokens: arm::StreamTokens::default(),
        published: arm::PublishedTeller::new(parts.teller),
        rate_limits: arm::RateLimits::default(),
    })
}

fn open_sigstore(state: &CloudState) -> Result<Option<Arc<Sigstore>>, SigningAuthorityError> {
    let Some(hosts) = state.initial.sigstore.clone() else { return Ok(None) };
    Sigstore::open(&state.folder, hosts, Arc::clone(&state.tokens)).map(|it| Some(Arc::new(it)))
}

fn signing_access(sigstore: &Sigstore) -> SigningAccess {
    SigningAccess {
        token_url: JOB_TOKEN_URL.to_owned(),
        token_request: Hidden::new(sigstore.token_request()),
        roots: sigstore.roots(),
        log_key: sigstore.log_key(),
    }
}

fn inventory(arm: &Arc<arm::Arm>) -> InventorySource {
    let arm = Arc::clone(arm);
    Arc::new(move || {
        let arm = Arc::clone(&arm);
        Box::pin(async move { arm::inventory(&arm).await })
    })
}

fn kind(runtime: &Runtime) -> String {
    match runtime.kind() {
        RuntimeKind::Engine(name) => name.clone(),
        RuntimeKind::Isolated => "namespaces".to_owned(),
        RuntimeKind::Plain(why) => format!("processes: {why}"),
    }
}

fn dial(runtime: &Runtime) -> Dial {
    let runtime = runtime.clone();
    Arc::new(move |host, port| {
        let runtime = runtime.clone();
        Box::pin(async move {
            let connection = runtime.connect(&host, port).await.map_err(io::Error::other)?;
            Ok(Box::new(connection) as Box<dyn ByteStream>)
        })
    })
}

/// Locks the state folder. A cloud whose run was killed holds the lock until its
/// containers have ended, so it is waited for.
async fn lock(state: &Path) -> Result<Flock<File>, ServeError> {
    let in_use = |source| ServeError::InUse { state: state.to_owned(), source };
    create_folder(state)?;
    let mut file = File::create(state.join(terminate::LOCK)).map_err(in_use)?;
    let until = Instant::now() + STATE_LOCK_TIMEOUT;
    loop {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Ok(lock),
            Err((back, Errno::EAGAIN)) if Instant::now() < until => file = back,
            Err((_, errno)) => return Err(in_use(errno.into())),
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// The ports of the last time, so that what programs were told stays true.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct Ports {
    proxy: u16,
    registry: u16,
    browser: u16,
}

struct Listeners {
    proxy: TcpListener,
    /// The registries, without the proxy.
    direct: TcpListener,
    browser: TcpListener,
}

/// Listens for the proxy, for registries without it, and for browsers. Unless a port is asked for, those of
/// the last time are taken where they are free.
async fn listen_as_before(state: &Path, asked: Option<u16>) -> Result<Listeners, ServeError> {
    let path = state.join("ports.json");
    let before: Ports = read_json(&path)?.unwrap_or_default();
    let proxy = match asked {
        Some(port) => listen(port).await?,
        None => listen_or_elsewhere(before.proxy).await?,
    };
    let direct = listen_or_elsewhere(before.registry).await?;
    let browser = listen_or_elsewhere(before.browser).await?;
    let ports = Ports { proxy: port(&proxy), registry: port(&direct), browser: port(&browser) };
    write_json(&path, &ports)?;
    Ok(Listeners { proxy, direct, browser })
}

async fn listen_or_elsewhere(port: u16) -> Result<TcpListener, ServeError> {
    match listen(port).await {
        Ok(listener) => Ok(listener),
        Err(_) => listen(0).await,
    }
}

async fn listen(port: u16) -> Result<TcpListener, ServeError> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpListener::bind(address).await.map_err(|source| ServeError::Listen { address, source })
}

fn port(listener: &TcpListener) -> u16 {
    listener.local_addr().map_or(0, |address| address.port())
}

fn describe(state: &CloudState, authority: &Authority, port: u16, direct: u16) -> CloudFile {
    let identity = state.identity();
    let github = state.initial.github.as_ref().map(|github| GitHubAccess {
        repository: github.repository.clone(),
        token: identity.github_token.clone(),
        api_url: "https://api.github.com".to_owned(),
    });
    let mut file = CloudFile {
        version: CloudFile::VERSION,
        pid: std::process::id(),
        proxy: proxy_url(&identity.proxy_password, port),
        ca: authority.pem(),
        ca_file: state.folder.join("ca.pem"),
        tenant_id: identity.tenant_id.clone(),
        client_id: identity.client_id.clone(),
        client_secret: identity.client_secret.clone(),
        subscription_id: identity.subscription_id.clone(),
        github,
        signing: None,
        direct_registry: format!("127.0.0.1:{direct}"),
        browser: String::new(),
        runtime: String::new(),
        environment: BTreeMap::new(),
        request_log: state.log.path().to_owned(),
        state: state.folder.clone(),
        stays_up: false,
        started: String::new(),
    };
    file.environment = environment(&file);
    file
}

/// The variables for other programs. Some read the lower case, some the upper.
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
    async fn a_locked_state_folder_is_waited_for_with_a_limit() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = super::lock(folder.path()).await.expect("free");

        let error = super::lock(folder.path()).await.expect_err("in use");
        let said = format!("another local cloud uses `{}`", folder.path().display());
        assert_eq!(error.to_string(), said);

        let leaving = async {
            tokio::time::sleep(super::STATE_LOCK_TIMEOUT / 2).await;
            drop(first);
        };
        let (second, ()) = tokio::join!(super::lock(folder.path()), leaving);
        second.expect("free again");
    }
}
