//! Containers in the built-in runtime, as root and as an unprivileged user.

use crate::peer::busybox;
use serde_json::{Value, json};
use shipway::testing::local::runtime::{
    ConnectError, Container, ContainerState, Group, GroupState, GroupView, LogQuery, Restart,
    Runtime, RuntimeChoice, RuntimeKind, RuntimeOptions,
};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Names another program than the one of this build, for a user who may not
/// read the folder of the build.
const PROGRAM: &str = "SHIPWAY_TEST_PROGRAM";
/// What the containers of a test may take together.
const MEMORY_BYTES: u64 = 256 * 1024 * 1024;
const PATIENCE: Duration = Duration::from_mins(1);

/// Writes the error number of making the program set-uid.
const LOADER: &str = r#"
static long call(long number, long a, long b, long c) {
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c)
                     : "rcx", "r11", "memory");
    return result;
}
static void tell(const char *what, long code) {
    char text[16] = "        0\n";
    for (int at = 8; code < 0 && code != 0; at--) {
        text[at] = '0' - code % 10;
        code /= 10;
    }
    call(1, 1, (long)what, 5);
    call(1, 1, (long)text, 10);
}
void _start(void) {
    tell("mode:", call(91, call(2, (long)"/proc/self/exe", 0, 0), 04777, 0));
    call(60, 0, 0, 0);
}
"#;

fn program() -> PathBuf {
    std::env::var_os(PROGRAM).map_or_else(|| env!("CARGO_BIN_EXE_shipway").into(), PathBuf::from)
}

pub(crate) struct Machine {
    folder: tempfile::TempDir,
    pub(crate) runtime: Runtime,
}

impl Machine {
    async fn new(choice: RuntimeChoice) -> Self {
        Self::with_program(choice, program()).await
    }

    async fn with_program(choice: RuntimeChoice, program: PathBuf) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // Longer than the path of a socket may be.
        let deep = folder.path().join("a-long-name-".repeat(15));
        fs::create_dir_all(&deep).expect("made");
        let options = RuntimeOptions { folder: deep, choice, program };
        let runtime = Runtime::open(options).await.expect("a runtime");
        Self { folder, runtime }
    }

    pub(crate) async fn isolated() -> Self {
        Self::isolated_by(program()).await
    }

    pub(crate) async fn isolated_by(program: PathBuf) -> Self {
        let machine = Self::with_program(RuntimeChoice::BuiltIn, program).await;
        assert_eq!(*machine.runtime.kind(), RuntimeKind::Isolated);
        machine
    }

    /// A container that starts the program of its runtime, with a loader of its own that tries
    /// to change that program and writes what came of it.
    fn changing_its_runtime(&self) -> Container {
        let source = self.folder.path().join("loader.c");
        let loader = self.folder.path().join("loader");
        fs::write(&source, LOADER).expect("written");
        let flags = ["-static-pie", "-nostdlib", "-nostartfiles", "-fno-stack-protector", "-o"];
        let compiled = Command::new("cc").args(flags).args([&loader, &source]).status();
        assert!(compiled.expect("a C compiler is installed").success(), "compiled");
        let layer = self.folder.path().join("loader.tar");
        let mut builder = tar::Builder::new(fs::File::create(&layer).expect("a file"));
        builder.append_path_with_name(loader, "lib64/ld-linux-x86-64.so.2").expect("appended");
        builder.finish().expect("finished");

        let mut container = self.container("web", "", &json!({ "Labels": { "has": "loader" } }));
        container.image.layers.push(layer);
        container.command = vec!["/proc/self/exe".to_owned()];
        container
    }

    fn container(&self, name: &str, script: &str, config: &Value) -> Container {
        Container {
            name: name.to_owned(),
            image: busybox::image(self.folder.path(), config),
            command: ["sh", "-c", script].map(str::to_owned).to_vec(),
            env: vec![],
            mounts: vec![],
            liveness: None,
            readiness: None,
        }
    }

    async fn launch(&self, id: &str, restart: Restart, containers: Vec<Container>) {
        let group = Group {
            id: id.to_owned(),
            hosts: vec![format!("{id}.westeurope.azurecontainer.io")],
            ports: vec![80, 8080],
            restart,
            init: vec![],
            containers,
            memory_bytes: Some(MEMORY_BYTES),
        };
        self.runtime.launch(group).await.expect("launched");
    }

    async fn until(&self, id: &str, wanted: impl Fn(&GroupView) -> bool) -> GroupView {
        let mut watch = self.runtime.watch(id).expect("a group");
        let found = tokio::time::timeout(PATIENCE, watch.wait_for(|view| wanted(view))).await;
        let Ok(found) = found else {
            panic!("in vain: {:#?}\n{}", self.runtime.view(id), self.log(id));
        };
        found.expect("the group is there").clone()
    }

    /// Runs a script to its end and gives what it wrote.
    pub(crate) async fn output(&self, script: &str, config: Value) -> String {
        self.output_of(self.container("web", script, &config)).await
    }

    /// Runs a container that tries to change the program of its runtime.
    pub(crate) async fn output_of_changing_its_runtime(&self) -> String {
        self.output_of(self.changing_its_runtime()).await
    }

    async fn output_of(&self, container: Container) -> String {
        self.launch("once", Restart::Never, vec![container]).await;
        self.until("once", |view| {
            matches!(view.state(Restart::Never), GroupState::Succeeded | GroupState::Failed)
        })
        .await;
        self.log("once")
    }

    fn log(&self, id: &str) -> String {
        self.runtime.logs(id, "web", LogQuery::default()).expect("a log")
    }

    /// Asks a web server until it answers.
    async fn get(&self, id: &str) -> String {
        let host = format!("{id}.westeurope.azurecontainer.io");
        let asked = tokio::time::timeout(PATIENCE, async {
            loop {
                if let Ok(stream) = self.runtime.connect(&host, 80).await {
                    return fetch(stream).await;
                }
                tokio::task::yield_now().await;
            }
        });
        asked.await.unwrap_or_else(|_| panic!("no answer: {}", self.log(id)))
    }
}

async fn fetch(mut stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin) -> String {
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("answered");
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    body.trim_end().to_owned()
}

fn server(text: &str) -> String {
    format!("mkdir -p /www; echo {text} > /www/index.html; exec httpd -f -p 80 -h /www")
}

fn terminated(view: &GroupView) -> Option<i32> {
    match view.containers[0].current {
        ContainerState::Terminated { exit_code, .. } => Some(exit_code),
        ContainerState::Waiting { .. } | ContainerState::Running { .. } => None,
    }
}

#[tokio::test]
async fn two_groups_use_port_80_at_once() {
    let machine = Machine::isolated().await;
    for name in ["one", "two"] {
        let web = machine.container("web", &server(name), &json!({}));
        machine.launch(name, Restart::Always, vec![web]).await;
    }

    assert_eq!(machine.get("one").await, "one");
    assert_eq!(machine.get("two").await, "two");
    let address = machine.runtime.published("two", 80).expect("published");
    let stream = tokio::net::TcpStream::connect(address).await.expect("connected");
    assert_eq!(fetch(stream).await, "two");

    machine.runtime.remove("one").await;
    let gone = machine.runtime.connect("one.westeurope.azurecontainer.io", 80).await.err();
    let expected = "there is no container group `one.westeurope.azurecontainer.io`";
    assert_eq!(gone.expect("gone").to_string(), expected);
    assert_eq!(machine.get("two").await, "two");
    machine.runtime.shutdown().await;
}

#[tokio::test]
async fn crash_loop_backs_off_and_keeps_its_logs() {
    let machine = Machine::isolated().await;
    let web = machine.container("web", "echo no database >&2; exit 3", &json!({}));
    machine.launch("crash", Restart::Always, vec![web]).await;

    let view = machine.until("crash", |view| {
        matches!(&view.containers[0].current, ContainerState::Waiting { detail } if !detail.is_empty())
    });
    let web = &view.await.containers[0];

    let detail = "CrashLoopBackOff: Back-off 10s restarting failed container=web".to_owned();
    assert_eq!(web.current, ContainerState::Waiting { detail });
    assert!(
        matches!(web.previous, Some(ContainerState::Terminated { exit_code: 3, .. })),
        "{web:?}"
    );
    assert_eq!(machine.log("crash"), "no database\nno database\n");
    machine.runtime.shutdown().await;
}

#[tokio::test]
async fn exit_code_is_reported() {
    let machine = Machine::isolated().await;
    for (script, code, state) in [
        ("exit 0", 0, GroupState::Succeeded),
        ("exit 2", 2, GroupState::Failed),
        ("kill -9 $$; sleep 9", 0, GroupState::Failed),
    ] {
        let web = machine.container("web", script, &json!({}));
        machine.launch("end", Restart::Never, vec![web]).await;
        let view = machine.until("end", |view| terminated(view).is_some()).await;
        // Process 1 of a container ignores its own signals, as everywhere.
        if script.starts_with("exit") {
            assert_eq!(terminated(&view), Some(code), "{script}");
            assert_eq!(view.state(Restart::Never), state, "{script}");
        }
    }
    machine.runtime.shutdown().await;
}

#[tokio::test]
async fn missing_program_is_named() {
    let machine = Machine::isolated().await;
    let mut web = machine.container("web", "", &json!({}));
    web.command = vec!["serve".to_owned()];
    machine.launch("lost", Restart::Never, vec![web]).await;

    let view = machine.until("lost", |view| terminated(view).is_some()).await;

    let expected = "Error: Failed to start container web: \
                    exec: \"serve\": executable file not found in $PATH";
    let failed = view.containers[0].events.iter().find(|event| event.name == "Failed");
    assert_eq!(failed.expect("an event").message, expected);
    machine.runtime.shutdown().await;
}

#[tokio::test]
async fn localhost_of_a_container_is_not_reachable_from_outside() {
    let machine = Machine::isolated().await;
    let script = "echo ready; exec httpd -f -p 127.0.0.1:80 -h /";
    let web = machine.container("web", script, &json!({}));
    // Another container of the group shares its localhost.
    let side = "until wget -q -O - http://127.0.0.1:80/etc/passwd; do sleep 0.1; done; sleep 1000";
    let side = machine.container("side", side, &json!({}));
    machine.launch("hidden", Restart::Always, vec![web, side]).await;
    machine.until("hidden", GroupView::settled).await;
    let seen = async {
        let query = LogQuery::default();
        while !machine.runtime.logs("hidden", "side", query).expect("a log").contains("root:x:0") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, seen).await.expect("the neighbour sees it");

    let host = "hidden.westeurope.azurecontainer.io";
    let refused = machine.runtime.connect(host, 80).await.err();
    assert!(matches!(refused, Some(ConnectError::Refused { .. })), "{refused:?}");
    let private = machine.runtime.connect(host, 22).await.err().expect("not public");
    assert_eq!(
        private.to_string(),
        "the container group at `hidden.westeurope.azurecontainer.io` has no public port 22"
    );
    machine.runtime.shutdown().await;
}

#[tokio::test]
async fn container_sees_only_its_own_processes() {
    let machine = Machine::isolated().await;
    let script = "echo $$; hostname; ls -d /proc/[0-9]* | cat; pwd; echo $GREETING; \
                  ls /dev; touch /made; id -u; cat /etc/hostname; echo x > /dev/null";
    let config = json!({ "WorkingDir": "/srv/app", "Env": ["GREETING=hello"] });

    let output = machine.output(script, config).await;

    let devices =
        "fd\nfull\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero";
    assert!(output.starts_with("1\nSandboxHost\n/proc/1\n"), "{output}");
    assert!(output.contains("/srv/app\nhello\n"), "{output}");
    assert!(output.ends_with(&format!("{devices}\n0\nSandboxHost\n")), "{output}");
    // What it wrote is not in the image that the next container gets.
    let again = machine.output("ls /made || echo clean", json!({})).await;
    assert!(again.ends_with("clean\n"), "{again}");
    machine.runtime.shutdown().await;
}

#[tokio::test]
async fn container_runs_as_the_user_of_the_image() {
    let machine = Machine::isolated().await;
    for (user, expected) in [("app", "1000:1000"), ("4321:99", "4321:99"), ("", "0:0")] {
        let output = machine.output("echo $(id -u):$(id -g)", json!({ "User": user })).await;
        assert_eq!(output, format!("{expected}\n"), "{user}");
    }
    let config = json!({ "User": "app" });
    let web = machine.container("web", "exec httpd -f -p 80 -h /etc", &config);
    machine.launch("low", Restart::Always, vec![web]).await;
    assert!(machine.get("low").await.contains("not found"), "port 80 needs no root");
    machine.runtime.shutdown().await;
}

#[tokio::test]
async fn stopped_group_can_be_started_again() {
    let machine = Machine::isolated().await;
    let web = machine.container("web", &server("up"), &json!({}));
    machine.launch("cycle", Restart::Always, vec![web]).await;
    assert_eq!(machine.get("cycle").await, "up");
    let address = machine.runtime.published("cycle", 80);

    assert!(machine.runtime.stop("cycle").await);
    let view = machine.runtime.view("cycle").expect("still known");
    assert_eq!(view.state(Restart::Always), GroupState::Stopped);
    assert!(view.containers[0].events.iter().any(|event| event.name == "Killing"));
    let host = "cycle.westeurope.azurecontainer.io";
    assert!(machine.runtime.connect(host, 80).await.is_err());

    assert!(machine.runtime.restart("cycle").await.expect("restarted"));
    assert_eq!(machine.get("cycle").await, "up");
    assert_eq!(machine.runtime.published("cycle", 80), address);
    machine.runtime.shutdown().await;
}

#[tokio::test]
async fn stopped_program_ends_by_its_handler_and_one_without_is_killed() {
    let machine = Machine::isolated().await;
    let waits = "while true; do sleep 0.05; done";
    for (name, script, code) in [
        ("heard", format!("trap 'exit 7' TERM; echo ready; {waits}"), 7),
        ("unheard", "echo ready; exec sleep 600".to_owned(), 137),
    ] {
        let web = machine.container("web", &script, &json!({}));
        machine.launch(name, Restart::Never, vec![web]).await;
        machine.until(name, GroupView::runs).await;
        let is_ready = async {
            while !machine.log(name).contains("ready") {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, is_ready).await.expect("a line of its log");

        assert!(machine.runtime.stop(name).await);

        let view = machine.runtime.view(name).expect("still known");
        assert_eq!(terminated(&view), Some(code), "{name}: {view:#?}");
    }
    machine.runtime.shutdown().await;
}

/// Whether any process of this machine has that text among its arguments.
fn runs(marker: &str) -> bool {
    let processes = fs::read_dir("/proc").expect("read").flatten();
    let mut lines = processes.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    lines.any(|line| String::from_utf8_lossy(&line).contains(marker))
}

/// Launches a container that sleeps for `marker` seconds, says so by a file of
/// that name, and waits to be killed.
async fn launch_and_wait(choice: RuntimeChoice, marker: &str) {
    let machine = Machine::new(choice).await;
    let mut web = machine.container("web", "", &json!({}));
    web.command = ["/bin/busybox", "sleep", marker].map(str::to_owned).to_vec();
    let group = Group {
        id: "doomed".to_owned(),
        hosts: vec![],
        ports: vec![],
        restart: Restart::Always,
        init: vec![],
        containers: vec![web],
        memory_bytes: None,
    };
    machine.runtime.launch(group).await.expect("launched");
    machine.until("doomed", GroupView::settled).await;
    fs::write(std::env::temp_dir().join(marker), "").expect("a file");
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn containers_end_when_their_parent_is_killed() {
    // This test starts itself as the parent that it kills.
    if let Ok(marker) = std::env::var("SHIPWAY_TEST_MARKER") {
        let plain = std::env::var("SHIPWAY_TEST_CHOICE").is_ok_and(|choice| choice == "plain");
        let choice = if plain { RuntimeChoice::Plain } else { RuntimeChoice::BuiltIn };
        launch_and_wait(choice, &marker).await;
    }
    for choice in ["built-in", "plain"] {
        let folder = tempfile::tempdir().expect("a folder");
        let marker = format!("9{}{}", std::process::id(), choice.len());
        let mut parent = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "runtime::containers_end_when_their_parent_is_killed", "--nocapture"])
            .env("SHIPWAY_TEST_MARKER", &marker)
            .env("SHIPWAY_TEST_CHOICE", choice)
            .env("TMPDIR", folder.path())
            .stdout(std::process::Stdio::null())
            .spawn()
            .expect("started");
        let ready = folder.path().join(&marker);
        let up = async {
            while !ready.exists() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, up).await.expect("it runs");
        assert!(runs(&format!("sleep\0{marker}")), "{choice}: the container runs");

        parent.kill().expect("killed");
        parent.wait().expect("ended");

        let gone = async {
            while runs(&format!("sleep\0{marker}")) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, gone)
            .await
            .unwrap_or_else(|_| panic!("{choice}: it survived"));
    }
}

#[tokio::test]
async fn static_program_runs_without_namespaces() {
    let machine = Machine::new(RuntimeChoice::Plain).await;
    assert_eq!(
        *machine.runtime.kind(),
        RuntimeKind::Plain("namespaces are switched off".to_owned())
    );
    let port = free_port();
    let mut web = machine.container("web", "", &json!({}));
    web.command = ["/bin/busybox", "httpd", "-f", "-p", &port.to_string(), "-h", "etc"]
        .map(str::to_owned)
        .to_vec();
    let group = |containers| Group {
        id: "plain".to_owned(),
        hosts: vec!["plain".to_owned()],
        ports: vec![port],
        restart: Restart::Never,
        init: vec![],
        containers,
        memory_bytes: None,
    };
    machine.runtime.launch(group(vec![web.clone()])).await.expect("launched");
    let stream = async {
        loop {
            if let Ok(stream) = machine.runtime.connect("plain", port).await {
                return stream;
            }
            tokio::task::yield_now().await;
        }
    };
    let stream = tokio::time::timeout(PATIENCE, stream).await.expect("connected");
    assert!(fetch(stream).await.contains("not found"));

    let second = Group { id: "second".to_owned(), ..group(vec![web]) };
    machine.runtime.launch(second).await.expect("launched");
    let view = machine.until("second", |view| view.refused.is_some()).await;
    assert_eq!(
        view.refused.expect("refused"),
        format!(
            "port {port} of this machine is in use, and namespaces are refused here: free the \
             port, allow user namespaces, or install docker or podman"
        )
    );
    machine.runtime.shutdown().await;
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("0.0.0.0:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// CVE-2019-5736 of runc.
#[tokio::test]
async fn a_container_cannot_change_the_program_of_its_runtime() {
    let machine = Machine::isolated().await;
    let seen = machine.output_of_changing_its_runtime().await;
    machine.runtime.shutdown().await;

    // EROFS: the file system is read-only.
    assert_eq!(seen, "mode:       30\n");
    let mode = fs::metadata(program()).expect("there").permissions().mode();
    assert_eq!(mode & 0o7777, 0o755);
}

/// Repeats the tests above as an unprivileged user.
#[test]
fn all_tests_pass_as_an_unprivileged_user() {
    assert!(
        nix::unistd::geteuid().is_root(),
        "run the peers as root: this test gives its rights up"
    );
    let folder = tempfile::tempdir_in("/tmp").expect("a folder");
    let open = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("opened");
    };
    open(folder.path(), 0o1777);
    let copy = |from: &Path, name: &str| {
        let to = folder.path().join(name);
        fs::copy(from, &to).expect("copied");
        open(&to, 0o755);
        to
    };
    let tests = copy(&std::env::current_exe().expect("this test"), "tests");
    let program = copy(&program(), "shipway");

    let status = Command::new("setpriv")
        .args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "--"])
        .arg(tests)
        .args(["runtime::", "--skip", "all_tests_pass"])
        .env(PROGRAM, program)
        .env("TMPDIR", folder.path())
        .current_dir(folder.path())
        .status()
        .expect("setpriv is installed");

    assert!(status.success(), "{status}");
}
