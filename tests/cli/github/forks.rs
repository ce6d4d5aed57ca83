//! What the plan of a fork gets of the repository's secrets: nothing, whichever event it
//! comes by. Each way is tried with a pull request of the repository itself too.

use crate::support::{Finished, Program};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

pub const EVENTS: [&str; 3] = ["pull_request_target", "workflow_run", "issue_comment"];

/// Variables of the workflow. The plans declare `PRODKEY` as the source of a secret.
const SECRETS: [(&str, &str); 5] = [
    ("PRODKEY", "prod-hunter22"),
    ("DEPLOY_KEY", "deploy-hunter22"),
    ("NPM_TOKEN", "npm-hunter22"),
    ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "oidc-hunter22"),
    ("GITHUB_TOKEN", "ghs-hunter22"),
];

const NOTE: &str =
    "note: the plan has no secret, no login and no credential of the environment, because ";

/// A registry that asks for a login, and GitHub below `/api`.
pub struct Server {
    address: String,
    /// The path and the `Authorization` of each request with one.
    seen: Arc<Mutex<Vec<(String, String)>>>,
    pull_request: Arc<Mutex<Value>>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let server = Self { address, seen: Arc::default(), pull_request: Arc::default() };
        let (seen, pull_request) = (Arc::clone(&server.seen), Arc::clone(&server.pull_request));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, pull_request) = (Arc::clone(&seen), Arc::clone(&pull_request));
                thread::spawn(move || answer(&stream, &seen, &pull_request));
            }
        });
        server
    }

    /// The logins that the registry was sent, decoded.
    fn logins(&self) -> Vec<String> {
        let seen = self.seen.lock().expect("not poisoned");
        let basic = seen.iter().filter(|(path, _)| !path.starts_with("/api"));
        let decoded = basic.map(|(_, header)| {
            let encoded = header.trim_start_matches("Basic ");
            String::from_utf8(STANDARD.decode(encoded).expect("base64")).expect("text")
        });
        decoded.collect()
    }
}

fn answer(
    mut stream: &TcpStream,
    seen: &Mutex<Vec<(String, String)>>,
    pull_request: &Mutex<Value>,
) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let first = lines.next().unwrap_or_default();
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut authorization = None;
    for line in lines.take_while(|line| !line.is_empty()) {
        if let Some((name, value)) = line.split_once(": ")
            && name.eq_ignore_ascii_case("authorization")
        {
            authorization = Some(value.to_owned());
        }
    }
    let is_known = authorization.is_some();
    if let Some(header) = authorization {
        seen.lock().expect("not poisoned").push((path.clone(), header));
    }
    let pull_request = pull_request.lock().expect("not poisoned").clone();
    let (status, body) = match path.strip_prefix("/api/") {
        Some(path) if path.contains("pulls?") => ("200 OK", json!([pull_request]).to_string()),
        Some(path) if path.contains("pulls/") => ("200 OK", pull_request.to_string()),
        None if !is_known => ("401 Unauthorized", String::new()),
        _ => ("404 Not Found", "{}".to_owned()),
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    drop(stream.write_all(format!("{head}{body}").as_bytes()));
}

/// The plan of pull request 7, whose head is checked out.
pub struct Scene {
    pub server: Server,
    pub program: Program,
    pub head: String,
    /// The commit of the base branch.
    pub base: String,
}

impl Scene {
    /// `HOST` in the plan stands for the registry.
    pub fn new(plan: &str) -> Self {
        let server = Server::start();
        let text = format!("name: shop\nreport: none\n{plan}").replace("HOST", &server.address);
        let mut program = Program::with_plan(&text)
            .file("Dockerfile", "FROM scratch\nCOPY shipway.yml /x\n")
            .file(".gitignore", ".shipway\nseen\n")
            .committed();
        for (name, value) in SECRETS {
            program = program.env(name, value);
        }
        let head = program.git(&["rev-parse", "HEAD"]);
        Self { server, program, base: head.clone(), head }
    }

    /// Starts the program for an event about a pull request of `owner`.
    pub fn run(self, event: &str, owner: &str, arguments: &[&str]) -> (Server, Program, Finished) {
        let (server, program) = self.on(event, owner);
        let finished = program.run(arguments);
        (server, program, finished)
    }

    /// The program in a job for such an event.
    pub fn on(self, event: &str, owner: &str) -> (Server, Program) {
        let Self { server, program, head, base } = self;
        let mut pull_request = pull_request(&head, owner);
        pull_request["base"]["sha"] = json!(base);
        *server.pull_request.lock().expect("not poisoned") = pull_request.clone();
        let program = program
            .in_actions(event, &payload(event, &pull_request, owner))
            .env("GITHUB_SHA", &base)
            .env("GITHUB_API_URL", &format!("http://{}/api", server.address));
        (server, program)
    }
}

pub fn pull_request(head: &str, owner: &str) -> Value {
    json!({
        "number": 7, "state": "open", "user": { "login": "ada" }, "title": "t",
        "head": {
            "ref": "topic", "sha": head,
            "repo": { "full_name": format!("{owner}/demo"), "owner": { "login": owner } },
        },
        "base": { "ref": "main", "sha": head, "repo": { "full_name": "octo/demo" } },
    })
}

pub fn payload(event: &str, pull_request: &Value, owner: &str) -> Value {
    let repository = json!({ "full_name": "octo/demo", "default_branch": "main" });
    let head = &pull_request["head"];
    match event {
        "pull_request_target" => json!({
            "action": "opened", "number": 7, "pull_request": pull_request, "repository": repository,
        }),
        "workflow_run" => json!({
            "action": "completed",
            "workflow_run": {
                "event": "pull_request", "head_branch": "topic", "head_sha": head["sha"],
                "pull_requests": [],
                "head_repository": { "full_name": head["repo"]["full_name"], "owner": { "login": owner } },
                "repository": { "full_name": "octo/demo" },
            },
            "repository": repository,
        }),
        _ => json!({
            "action": "created",
            "issue": { "number": 7, "state": "open", "user": { "login": "ada" }, "pull_request": {} },
            "comment": { "author_association": "MEMBER" },
            "repository": repository,
        }),
    }
}

/// What the registry is sent for each event, by the plan of a fork and by one of the
/// repository.
fn logins(
    plan: &str,
    arguments: &[&str],
    prepare: fn(Program, &str) -> Program,
) -> [Vec<String>; 2] {
    let of = |owner: &str| {
        let mut all = Vec::new();
        for event in EVENTS {
            let mut scene = Scene::new(plan);
            scene.program = prepare(scene.program, &scene.server.address);
            let (server, _, finished) = scene.run(event, owner, arguments);
            let mut sent = server.logins();
            sent.dedup();
            assert!(
                owner != "eve" || finished.stderr.contains(NOTE) || arguments[0] == "images",
                "{}",
                finished.stderr
            );
            all.push(sent.join(" "));
        }
        all
    };
    [of("eve"), of("octo")]
}

const BASE: &str =
    "steps: [{ build: { base: 'HOST/x/y:v1', layers: [{ from: shipway.yml, to: /x }] } }]\n";

fn with_password(password: &str) -> String {
    format!(
        "secrets: {{ key: {{ env: PRODKEY }} }}\nregistries: {{ 'HOST': {{ login: {{ username: u, password: \"{password}\" }} }} }}\n{BASE}"
    )
}

#[test]
fn registry_of_a_fork_is_asked_without_the_plans_login() {
    for password in ["${{ secrets.key }}", "${{ env.PRODKEY }}"] {
        for arguments in [&["run"][..], &["plan"]] {
            let [fork, own] = logins(&with_password(password), arguments, |program, _| program);
            assert_eq!(fork, ["", "", ""], "{password} {arguments:?}");
            assert_eq!(own, ["u:prod-hunter22"; 3], "{password} {arguments:?}");
        }
    }
}

#[test]
fn images_of_a_fork_are_listed_without_a_login() {
    let plan = with_password("${{ secrets.key }}")
        .replace("}] } }]", "}] } }, { tag: 'HOST/x/y:v1' }, { push: }]");
    let [fork, own] = logins(&plan, &["images"], |program, _| program);
    assert_eq!(fork, ["", "", ""]);
    // Whose comment it is on is not looked up for a list.
    assert_eq!(own, ["u:prod-hunter22", "u:prod-hunter22", ""]);
}

#[test]
fn registry_of_a_fork_is_asked_without_a_stored_login() {
    let prepare = |program: Program, host: &str| {
        let stored = json!({ "auths": { host: { "auth": STANDARD.encode("me:hunter22") } } });
        let folder = program.folder().join(".git").display().to_string();
        program.file(".git/config.json", &stored.to_string()).env("DOCKER_CONFIG", &folder)
    };
    let [fork, own] = logins(BASE, &["run"], prepare);
    assert_eq!(fork, ["", "", ""]);
    assert_eq!(own, ["me:hunter22"; 3]);
}

/// What a program of the plan has in its environment, for each event, of the variables of
/// the workflow.
fn given(plan: &str, owner: &str) -> Vec<String> {
    let plan = format!("secrets: {{ key: {{ env: PRODKEY }} }}\n{plan}");
    let of = |event: &str| {
        let (_, program, finished) = Scene::new(&plan).run(event, owner, &["run"]);
        let seen = std::fs::read_to_string(program.path("seen")).unwrap_or_default();
        assert!(seen.contains("PATH="), "{}", finished.stderr);
        let found = SECRETS.iter().filter(|(_, value)| seen.contains(value));
        found.map(|(name, _)| *name).collect::<Vec<_>>().join(" ")
    };
    EVENTS.iter().map(|event| of(event)).collect()
}

#[test]
fn programs_of_a_fork_get_no_credential_by_name() {
    let plan = "steps: [{ run: 'env > seen', env: { K: '${{ env.NPM_TOKEN }} ${{ env.GITHUB_TOKEN }} ${{ env.ACTIONS_ID_TOKEN_REQUEST_TOKEN }} ${{ env.PRODKEY }} ${{ env.DEPLOY_KEY }}' } }]\n";
    assert_eq!(given(plan, "eve"), ["", "", ""]);
    let all = SECRETS.map(|(name, _)| name).join(" ");
    assert_eq!(given(plan, "octo"), [all.as_str(); 3]);
}

#[test]
fn programs_of_a_fork_do_not_get_the_whole_environment() {
    let plan = "steps: [{ run: 'env > seen', env: { K: '${{ toJSON(env) }}' } }]\n";
    assert_eq!(given(plan, "eve"), ["", "", ""]);
    let all = SECRETS.map(|(name, _)| name).join(" ");
    assert_eq!(given(plan, "octo"), [all.as_str(); 3]);
}

#[test]
fn programs_of_a_fork_get_no_secret_by_the_plans_env() {
    let plan = "env: { K: '${{ secrets.key }}' }\nsteps: [{ run: 'env > seen' }]\n";
    assert_eq!(given(plan, "eve"), ["", "", ""]);
    // A variable that is no source of a secret is inherited.
    assert_eq!(given(plan, "octo"), ["PRODKEY DEPLOY_KEY"; 3]);
}

#[test]
fn programs_of_a_fork_find_no_stored_login() {
    let plan = "steps: [{ run: 'env > seen; cat \"$DOCKER_CONFIG/config.json\" \"$REGISTRY_AUTH_FILE\" >> seen' }]\n";
    let scene = Scene::new(plan);
    let (_, program, finished) = scene.run("pull_request_target", "eve", &["run"]);
    let seen = std::fs::read_to_string(program.path("seen")).expect("written");
    assert_eq!(seen.matches("\"auths\":{}").count(), 2, "{seen}{}", finished.stderr);
}

#[test]
fn reviewed_commit_of_a_fork_has_its_logins() {
    let scene = Scene::new(&with_password("${{ secrets.key }}"));
    let head = scene.head.clone();
    let arguments = ["run", "--allow-fork-deploy", &head];
    let (server, _, finished) = scene.run("pull_request_target", "eve", &arguments);
    assert_eq!(server.logins().first().map(String::as_str), Some("u:prod-hunter22"));
    assert!(!finished.stderr.contains(NOTE), "{}", finished.stderr);
}

#[test]
fn step_with_a_secret_is_left_out_of_a_closed_pull_request_of_a_fork() {
    let plan = "secrets: { key: { env: PRODKEY } }\nsteps:\n  - run: 'env > seen'\n  - { id: with, run: 'echo $K > seen', env: { K: '${{ secrets.key }}' } }\n";
    let mut scene = Scene::new(plan);
    let mut pull_request = pull_request(&scene.head, "eve");
    pull_request["state"] = json!("closed");
    let mut event = payload("pull_request_target", &pull_request, "eve");
    event["action"] = json!("closed");
    scene.program =
        scene.program.in_actions("pull_request_target", &event).env("GITHUB_SHA", &scene.head);
    let finished = scene.program.run(&["run"]).exits(0);
    let seen = std::fs::read_to_string(scene.program.path("seen")).expect("written");
    assert!(seen.contains("PATH=") && !seen.contains("hunter22"), "{seen}");
    finished.says_in_order(&["`with` was left out: the code comes from a fork"]);
}

#[test]
fn pull_request_that_github_does_not_tell_of_gets_no_secret() {
    let plan = "secrets: { key: { env: PRODKEY } }\nsteps: [{ run: 'env > seen', env: { K: '${{ toJSON(env) }}' } }]\n";
    let Scene { server, program, head, .. } = Scene::new(plan);
    let program = program
        .in_actions("issue_comment", &payload("issue_comment", &pull_request(&head, "eve"), "eve"))
        .env("GITHUB_SHA", &head)
        .env("GITHUB_API_URL", &format!("http://{}/api", server.address))
        .env("GITHUB_TOKEN", "");
    let finished = program.run(&["run"]).exits(0);
    let seen = std::fs::read_to_string(program.path("seen")).expect("written");
    assert!(!seen.contains("hunter22"), "{seen}");
    let why = "it is not known whether the pull request comes from a fork";
    assert!(finished.stderr.contains(&format!("{NOTE}{why}")), "{}", finished.stderr);
}

#[test]
fn registry_that_a_step_of_a_fork_chooses_late_does_not_build_either() {
    let plan = "azure: { resource-group: g, location: westeurope }\nsteps:\n  - { id: how, run: 'echo using=acr >> \"$SHIPWAY_OUTPUT\"' }\n  - build: { context: ., using: '${{ steps.how.outputs.using }}' }\n  - tag: demo.azurecr.io/x/y:v1\n  - push:\n";
    let (_, _, finished) = Scene::new(plan).run("pull_request_target", "eve", &["run"]);
    finished.exits(4).says_in_order(&[
        "an Azure registry does not build the code of a fork",
        "write `using: auto` for a container engine of this machine",
    ]);
}
