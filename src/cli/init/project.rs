//! Projects without a Dockerfile, by the files of their language.

use super::folder::{Folder, join, split};
use super::found::FoundBuild;
use super::image_files::{self, ImageFiles, Node, NodeInstall, Python};
use serde_json::Value;

/// What was found of a project.
pub struct Project {
    pub build: FoundBuild,
    pub files: ImageFiles,
    pub port: u16,
    pub port_is_known: bool,
    pub note: Option<String>,
}

/// Folders that a static site lies in.
const SITE_FOLDERS: [&str; 7] = ["", "public", "site", "www", "dist", "build", "docs"];

/// Looks for the project of one language: nothing, a project, or why it cannot be deployed.
type Find = fn(&Folder) -> Option<Result<Project, String>>;

/// The project of the folder, looked for in a fixed order, or why nothing was found.
pub fn find(folder: &Folder) -> Result<Project, String> {
    let kinds: [Find; 7] = [go, rust, dotnet, java, node, python, site];
    kinds.iter().find_map(|kind| kind(folder)).unwrap_or_else(|| {
        Err("cannot tell what to deploy: there is no Dockerfile, no compose file, no project of \
             Go, Rust, .NET, Java, Node.js or Python, and no `index.html`"
            .to_owned())
    })
}

fn with_dockerfile(files: ImageFiles, port: u16, port_is_known: bool) -> Project {
    let build = FoundBuild::Dockerfile { context: String::new(), dockerfile: None, target: None };
    Project { build, files, port, port_is_known, note: None }
}

fn program(run: String, file: &str, tool: &str) -> Project {
    Project {
        build: FoundBuild::Program { run, file: file.to_owned() },
        files: ImageFiles::default(),
        port: 8080,
        port_is_known: false,
        note: Some(format!(
            "the plan compiles a static program with {tool}, without a container engine"
        )),
    }
}

fn go(folder: &Folder) -> Option<Result<Project, String>> {
    if !folder.has("go.mod") {
        return None;
    }
    let is_main = |path: &&String| {
        path.rsplit_once('.').is_some_and(|(_, kind)| kind == "go")
            && !path.ends_with("_test.go")
            && folder.text(path).lines().any(|line| line.trim() == "package main")
    };
    let Some(main) = folder.files.iter().find(is_main) else {
        return Some(Err(
            "cannot tell what to deploy: no `package main` in the Go module".to_owned()
        ));
    };
    let package = match split(main).0 {
        "" => ".".to_owned(),
        folder => format!("./{folder}"),
    };
    let run =
        format!("CGO_ENABLED=0 GOOS=linux GOARCH=amd64 go build -trimpath -o dist/app {package}");
    Some(Ok(program(run, "dist/app", "`go`")))
}

fn rust(folder: &Folder) -> Option<Result<Project, String>> {
    if !folder.has("Cargo.toml") {
        return None;
    }
    let text = folder.text("Cargo.toml");
    let is_program = folder.has("src/main.rs") || text.contains("[[bin]]");
    let name = toml_value(&text, "package", "name").filter(|_| is_program);
    Some(name.map(|name| {
        let target = "x86_64-unknown-linux-gnu";
        // With a target given, build scripts and macros are not linked statically.
        let run = format!(
            "RUSTFLAGS=\"-C target-feature=+crt-static\" cargo build --release --target {target}\n\
             mkdir -p dist && cp target/{target}/release/{name} dist/app\n"
        );
        program(run, "dist/app", "`cargo`")
    }).ok_or_else(|| "cannot tell what to deploy: the crate has no program".to_owned()))
}

fn dotnet(folder: &Folder) -> Option<Result<Project, String>> {
    let projects = folder
        .files
        .iter()
        .filter(|path| [".csproj", ".fsproj"].iter().any(|end| path.ends_with(end)));
    let mut projects = projects.peekable();
    projects.peek()?;
    let web = projects.find(|path| folder.text(path).contains("Microsoft.NET.Sdk.Web"));
    Some(
        web.map(|path| {
            let text = folder.text(path);
            let tag = |name: &str| {
                let rest = text.split_once(&format!("<{name}>"))?.1;
                rest.split_once('<').map(|(value, _)| value.trim().to_owned())
            };
            let framework =
                tag("TargetFramework").and_then(|it| it.strip_prefix("net").map(str::to_owned));
            let file = split(path).1;
            let assembly = tag("AssemblyName")
                .unwrap_or_else(|| file.rsplit_once('.').map_or(file, |(stem, _)| stem).to_owned());
            let files = image_files::dotnet(path, &assembly, framework.as_deref().unwrap_or("8.0"));
            with_dockerfile(files, 8080, true)
        })
        .ok_or_else(|| "cannot tell what to deploy: no .NET project is a web project".to_owned()),
    )
}

fn java(folder: &Folder) -> Option<Result<Project, String>> {
    let files = if folder.has("pom.xml") {
        image_files::maven(folder.has("mvnw"))
    } else if folder.has("build.gradle") || folder.has("build.gradle.kts") {
        image_files::gradle(folder.has("gradlew"))
    } else {
        return None;
    };
    let settings = folder.text("src/main/resources/application.properties");
    let port = settings.lines().find_map(|line| line.strip_prefix("server.port="));
    let port = port.and_then(|port| port.trim().parse().ok());
    let known = port.is_some() || folder.text("pom.xml").contains("spring-boot");
    Some(Ok(with_dockerfile(files, port.unwrap_or(8080), known)))
}

fn node(folder: &Folder) -> Option<Result<Project, String>> {
    if !folder.has("package.json") {
        return None;
    }
    let parsed: Value = match serde_json::from_str(&folder.text("package.json")) {
        Ok(parsed) => parsed,
        Err(error) => return Some(Err(format!("cannot read `package.json`: {error}"))),
    };
    let mains = ["server.js", "index.js", "app.js", "server.mjs", "index.mjs"];
    let main = parsed["main"].as_str().filter(|main| folder.has(main));
    let main = main.or_else(|| mains.into_iter().find(|file| folder.has(file)));
    let install = if folder.has("pnpm-lock.yaml") {
        NodeInstall::Pnpm
    } else if folder.has("yarn.lock") {
        NodeInstall::Yarn
    } else if folder.has("package-lock.json") {
        NodeInstall::NpmLocked
    } else {
        NodeInstall::Npm
    };
    let has = |script: &str| parsed["scripts"][script].is_string();
    let words = [main.unwrap_or_default()];
    let start: &[&str] = match main {
        _ if has("start") => &["npm", "start"],
        Some(_) => &["node", words[0]],
        None => {
            return Some(Err("cannot tell how to start the program: `package.json` has no \
                             script `start`"
                .to_owned()));
        }
    };
    let port = listening_port(folder, ".js").or_else(|| listening_port(folder, ".ts"));
    let node = Node { install, has_build: has("build"), start, port: port.unwrap_or(3000) };
    Some(Ok(with_dockerfile(image_files::node(&node), node.port, port.is_some())))
}

/// The port after `listen(` or after `PORT ||` in the sources of Node.js.
fn listening_port(folder: &Folder, kind: &str) -> Option<u16> {
    let sources = folder.files.iter().filter(|path| path.ends_with(kind) && !path.contains("test"));
    sources.take(50).find_map(|path| {
        let text = folder.text(path);
        ["PORT || ", "PORT ?? ", "PORT||", "listen("].iter().find_map(|before| {
            let rest = text.split_once(before)?.1.trim_start_matches(['"', '\'', '`']);
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().ok().filter(|port| *port > 0)
        })
    })
}

fn python(folder: &Folder) -> Option<Result<Project, String>> {
    let needs = ["requirements.txt", "pyproject.toml"].into_iter().find(|file| folder.has(file));
    let django = folder.has("manage.py");
    let mains = ["main.py", "app.py", "wsgi.py", "server.py", "app/main.py", "src/main.py"];
    let main = mains.into_iter().find(|file| folder.has(file));
    if needs.is_none() && main.is_none() && !django {
        return None;
    }
    let packages = needs.map(|file| folder.text(file)).unwrap_or_default().to_ascii_lowercase();
    let has = |package: &str| packages.contains(package);
    let module = main.map(|main| main.trim_end_matches(".py").replace('/', "."));
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let (start, port) = match (module, main) {
        _ if django => match project_of_django(folder).filter(|_| has("gunicorn")) {
            Some(name) => {
                (words(&["gunicorn", "--bind", "0.0.0.0:8000", &format!("{name}.wsgi")]), 8000)
            }
            None => (words(&["python", "manage.py", "runserver", "0.0.0.0:8000"]), 8000),
        },
        (Some(module), _) if has("uvicorn") || has("fastapi") => {
            let app = format!("{module}:app");
            (words(&["python", "-m", "uvicorn", &app, "--host", "0.0.0.0", "--port", "8000"]), 8000)
        }
        (Some(module), _) if has("gunicorn") => {
            (words(&["gunicorn", "--bind", "0.0.0.0:8000", &format!("{module}:app")]), 8000)
        }
        (Some(module), _) if has("flask") => {
            let run = ["python", "-m", "flask", "--app", &module, "run", "--host", "0.0.0.0"];
            (words(&run), 5000)
        }
        (_, Some(main)) => {
            let project = Python { needs, start: words(&["python", main]), port: 8000 };
            return Some(Ok(with_dockerfile(image_files::python(&project), 8000, false)));
        }
        (_, None) => {
            return Some(Err("cannot tell how to start the program: there is none of `main.py`, \
                             `app.py`, `wsgi.py`, `server.py` and `manage.py`"
                .to_owned()));
        }
    };
    let project = Python { needs, start, port };
    Some(Ok(with_dockerfile(image_files::python(&project), port, true)))
}

/// The package that has `wsgi.py`.
fn project_of_django(folder: &Folder) -> Option<String> {
    let path = folder.files.iter().find(|path| path.ends_with("/wsgi.py"))?;
    Some(split(path).0.replace('/', "."))
}

fn site(folder: &Folder) -> Option<Result<Project, String>> {
    let found = SITE_FOLDERS.into_iter().find(|it| folder.has(&join(it, "index.html")))?;
    let site = if found.is_empty() { "." } else { found };
    Some(Ok(Project {
        build: FoundBuild::Site { folder: site.to_owned() },
        files: ImageFiles::default(),
        port: 80,
        port_is_known: true,
        note: None,
    }))
}

/// The text of a key in a section of a TOML file, as long as both are written plainly.
fn toml_value(text: &str, section: &str, key: &str) -> Option<String> {
    let header = format!("[{section}]");
    let lines = text.lines().map(str::trim).skip_while(|line| *line != header).skip(1);
    let mut own = lines.take_while(|line| !line.starts_with('['));
    own.find_map(|line| {
        let (name, value) = line.split_once('=')?;
        (name.trim() == key).then(|| value.trim().trim_matches(['"', '\'']).to_owned())
    })
}
