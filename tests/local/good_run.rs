//! The requests of a run in which nothing fails: their number is not to grow.
//!
//! The last two to Resource Manager belong to the check. The GET shows whether the other
//! containers of the group stay up while one of them answers, and whether the version that
//! was checked is still the run's own. The PATCH records that the version was verified, so
//! that a rollback from any machine knows, and gives up the lease of the deploy; it
//! replaces all tags, so that those which others have set since have to be read first. The
//! PUT of the deploy cannot do that, since nothing is verified when it is sent. They
//! replaced two that read the registry's admin user again. Where the service does not pull
//! as that user, a run has two requests more than before there was such a record.
//!
//! The GET of the container group before the deploy tells whose it is, before anything is
//! built, and whether the resource group exists, which a request of its own told before. A
//! plan that creates its resource group has that request more.

use crate::support::Program;
use crate::support::state::requests;

const PLAN: &str = "\
name: good
azure: { resource-group: demo, location: westeurope }
report: [comment]
steps:
  - build:
      layers: [{ from: busybox, to: /busybox, mode: '0755' }]
      entrypoint: [/busybox, httpd, -f, -h, /, -p, '80']
  - tag: demo.azurecr.io/good:v1
  - push:
  - deploy: { aci: { name: good, ports: [80] } }
  - verify: { http: /busybox, within: 20s, every: 100ms }
";

/// `METHOD host/path status`, without ids that differ from run to run.
fn line(request: &str) -> String {
    let (request, status) = request.split_once(" -> ").expect("a status");
    let (method, rest) = request.split_once(' ').expect("a host");
    let (host, path) = rest.split_once(' ').expect("a path");
    let path = path.split('?').next().unwrap_or_default();
    let mut before = "";
    let words = path.split('/').map(|word| {
        let is_id = matches!(before, "subscriptions" | "uploads" | "operations")
            || (host.starts_with("login.") && before.is_empty());
        before = word;
        match word {
            "" => String::new(),
            word if word.starts_with("sha256:") => "DIGEST".to_owned(),
            _ if is_id => "ID".to_owned(),
            word => word.to_owned(),
        }
    });
    format!("{method} {host}{} {status}", words.collect::<Vec<_>>().join("/"))
}

/// What was asked of the hosts that `is_of` takes.
fn asked(all: &[String], is_of: impl Fn(&str) -> bool) -> Vec<String> {
    let of = |line: &&String| line.split(' ').nth(1).is_some_and(&is_of);
    all.iter().filter(of).cloned().collect()
}

/// The requests of the newest run, by server. Those before the deploy are sent at the same
/// time, so that they are sorted; polls stand once.
fn shown(program: &Program) -> String {
    // Those that only open a connection are as many as connections are open by then.
    let opens = |line: &String| line.ends_with("/v2/ 401");
    // The service may not listen yet when it is asked first.
    let is_early = |line: &String| line.contains("203.0.113.1") && !line.ends_with(" 200");
    let all: Vec<String> = requests(program).iter().map(|it| line(it)).collect();
    let all: Vec<String> = all.into_iter().filter(|line| !opens(line) && !is_early(line)).collect();
    let mut registry = asked(&all, |url| url.starts_with("demo.azurecr.io"));
    registry.sort_unstable();
    let arm = asked(&all, |url| url.starts_with("management.") || url.starts_with("203.0.113.1"));
    let is_group = |line: &String| line.contains("containerGroups");
    // The preflight has read the group once.
    let first = arm.iter().enumerate().filter(|(_, line)| is_group(line)).nth(1);
    let first = first.map_or(arm.len(), |(at, _)| at);
    let (mut before, mut deploy) = (arm[..first].to_vec(), arm[first..].to_vec());
    before.sort_unstable();
    deploy.dedup();
    let github = asked(&all, |url| url.starts_with("api.github.com"));
    let parts = [
        ("registry", registry),
        ("Resource Manager, before the deploy", before),
        ("Resource Manager and the service, from the deploy on", deploy),
        ("GitHub", github),
    ];
    let parts: Vec<String> =
        parts.iter().map(|(name, lines)| format!("{name}:\n{}\n", lines.join("\n"))).collect();
    parts.join("\n")
}

#[test]
fn requests_of_a_good_run_are_counted() {
    let program = Program::with_plan(PLAN).applets().committed();
    program.git(&["remote", "add", "origin", "https://github.com/octo/good.git"]);
    program.run(&["dry-run", "--runtime", "built-in"]).exits(0);
    insta::assert_snapshot!(shown(&program));
}
