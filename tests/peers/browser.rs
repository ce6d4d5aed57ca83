//! Chromium, which is told of the local cloud by its PAC file alone.

use crate::support::Program;
use crate::support::cloud_process::CloudProcess;
use std::process::Command;

const PLAN: &str = "\
name: hello
azure: { resource-group: demo, location: westeurope }
steps:
  - build: { layers: [{ from: busybox, to: /busybox }, { from: site, to: /site }],
             entrypoint: [/busybox, httpd, -f, -p, \"80\", -h, /site] }
  - tag: demo.azurecr.io/hello:v1
  - push:
  - deploy: { aci: { dns-label: hello-here, ports: [80] } }
  - verify: /
";

const PAGE: &str = "<!doctype html><p id=at></p><script>document.getElementById('at').\
                    textContent = 'asked at ' + location.host</script>";

#[test]
fn page_is_opened_by_its_public_name() {
    let cloud = CloudProcess::with_private_registry();
    let program = Program::with_plan(PLAN).busybox().file("site/index.html", PAGE);
    program.run(&["run", "--cloud", &cloud.path.display().to_string()]).exits(0);
    let open = |host: &str| {
        let mut chromium = Command::new("chromium");
        chromium.args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]);
        chromium.arg(format!("--user-data-dir={}", program.path("profile").display()));
        chromium.arg(format!("--proxy-pac-url={}", cloud.file.browser));
        let opened = chromium.arg(format!("http://{host}/")).output().expect("it is installed");
        String::from_utf8_lossy(&opened.stdout).into_owned()
    };

    let shown = open("hello-here.westeurope.azurecontainer.io");

    assert!(shown.contains("asked at hello-here.westeurope.azurecontainer.io"), "{shown}");
}
