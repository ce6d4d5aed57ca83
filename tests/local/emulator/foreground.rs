//! What a cloud in the foreground tells while it is up.

use super::STATE;
use super::azure::Azure;
use crate::support::layout::layout;
use crate::support::{Program, eventually};
use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::Method;
use serde_json::json;
use shipway::testing::local::CloudFile;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Child;

/// The line that begins with this, without it.
fn line(lines: &mut impl Iterator<Item = String>, start: &str) -> String {
    let found = lines.find_map(|line| line.strip_prefix(start).map(str::to_owned));
    found.unwrap_or_else(|| panic!("no line begins with `{start}`"))
}

#[test]
fn cloud_that_is_about_to_end_is_waited_for_with_a_word() {
    let program = Program::new();
    let state = program.path("state");
    fs::create_dir(&state).expect("a folder");
    let of_a_run = json!({
        "version": 1, "pid": 1, "proxy": "", "ca": "", "ca-file": "", "tenant-id": "",
        "client-id": "", "client-secret": "", "subscription-id": "", "github": null,
        "direct-registry": "", "runtime": "", "environment": {}, "request-log": "", "state": state,
    });
    let folder = program.folder().display();
    for (file, said) in [
        (None, format!("waiting for the local cloud that leaves `{folder}/state`")),
        (Some(of_a_run), format!("waiting for the dry run that uses `{folder}/state`")),
    ] {
        if let Some(file) = file {
            fs::write(state.join("cloud.json"), file.to_string()).expect("written");
        }
        let lock = fs::File::create(state.join("lock")).expect("a file");
        let lock = Flock::lock(lock, FlockArg::LockExclusiveNonblock).expect("it is free");
        let mut child = program.start(&["local", "--runtime", "built-in", "--state-dir", "state"]);
        let stderr = child.stderr.take().expect("a pipe");
        let mut lines = BufReader::new(stderr).lines().map(|line| line.expect("text"));
        line(&mut lines, &said);
        drop(lock);
        line(&mut lines, "browser   ");
        interrupt(&child);
        assert_eq!(child.wait().expect("it ends").code(), Some(0));
    }
}

/// What Ctrl-C does.
fn interrupt(child: &Child) {
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("an id"));
    kill(pid, Signal::SIGINT).expect("it runs");
}

#[tokio::test(flavor = "multi_thread")]
async fn app_is_told_when_it_appears() {
    let program = Program::new().applets().file("site/index.html", "hello from the cloud\n");
    let folder = program.path("layout");
    let busybox = fs::read(program.path("busybox")).expect("a program");
    let page = b"hello from the cloud\n".to_vec();
    let config = json!({ "Cmd": ["/busybox", "httpd", "-f", "-p", "80", "-h", "/site"] });
    layout(&folder, &[("busybox", busybox), ("site/index.html", page)], &config);
    let seed = format!("docker.io/library/web:1=oci:{}", folder.display());
    let mut child =
        program.start(&["local", "--runtime", "built-in", "--seed-image", seed.as_str()]);
    let stderr = child.stderr.take().expect("a pipe");
    let mut lines = BufReader::new(stderr).lines().map(|line| line.expect("text"));
    line(&mut lines, "browser   ");

    let file = program.path(STATE).join("cloud.json");
    let cloud = CloudFile::read(&file).expect("it is up");
    let azure = Azure::of(cloud.clone());
    let group = "/resourceGroups/demo";
    azure.arm(Method::PUT, group, "2024-11-01", json!({ "location": "westeurope" })).await;
    let web = format!("{group}/providers/Microsoft.ContainerInstance/containerGroups/web");
    let body = json!({ "location": "westeurope", "properties": {
        "osType": "Linux",
        "ipAddress": {
            "type": "Public", "dnsNameLabel": "shop-web",
            "ports": [{ "port": 80, "protocol": "TCP" }],
        },
        "containers": [{ "name": "web", "properties": {
            "image": "docker.io/library/web:1", "ports": [{ "port": 80 }],
            "resources": { "requests": { "cpu": 1, "memoryInGB": 1 } },
        }}],
    }});
    let (status, answer) = azure.arm(Method::PUT, &web, "2023-05-01", body).await;
    assert_eq!(status, 201, "{answer}");

    let told = line(&mut lines, "app       ");
    let (here, url) = told.split_once(" is ").expect("two URLs");
    assert_eq!(url, "http://shop-web.westeurope.azurecontainer.io");
    assert_eq!(
        line(&mut lines, "as in     "),
        format!(
            "curl --proxy '{}' --cacert '{}' '{url}/'",
            cloud.proxy.expose(),
            cloud.ca_file.display()
        )
    );
    let direct = reqwest::Client::builder().no_proxy().build().expect("a client");
    // Both ways, and loopback through the proxy.
    for (client, url) in [(&direct, here), (&azure.http, url), (&azure.http, here)] {
        let text = async || client.get(url).send().await.ok()?.text().await.ok();
        let mut seen = None;
        for _ in 0..100 {
            seen = text().await;
            if seen.as_deref() == Some("hello from the cloud\n") {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        assert_eq!(seen.as_deref(), Some("hello from the cloud\n"), "{url}");
    }
    let shown = program.run(&["local", "status"]).exits(0).stdout;
    let held = format!(
        "
CONTAINER GROUP  RESOURCE GROUP  STATE    URL{:41}  ON THIS MACHINE
web              demo            Running  {url}  {here}
",
        ""
    );
    assert!(shown.ends_with(&held), "{shown}");

    interrupt(&child);
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    eventually("its file is gone", || (!file.exists()).then_some(()));
}
