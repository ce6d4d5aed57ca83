//! A Dockerfile and a `.dockerignore` for a folder that has none.

/// Files to write, each only if it does not exist.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ImageFiles {
    dockerfile: Option<String>,
    ignored: Vec<&'static str>,
}

/// What no image should hold, whatever the language.
const ALWAYS_IGNORED: [&str; 6] =
    [".git", ".github", ".shipway", ".env*", "Dockerfile", "shipway.yml"];

impl ImageFiles {
    pub fn new(dockerfile: String, ignored: &[&'static str]) -> Self {
        Self { dockerfile: Some(dockerfile), ignored: ignored.to_vec() }
    }

    pub fn has_dockerfile(&self) -> bool {
        self.dockerfile.is_some()
    }

    /// Each file's name and text.
    pub fn all(&self) -> Vec<(&'static str, String)> {
        let Some(dockerfile) = &self.dockerfile else { return Vec::new() };
        let ignored: String =
            ALWAYS_IGNORED.iter().chain(&self.ignored).flat_map(|line| [line, "\n"]).collect();
        vec![("Dockerfile", dockerfile.clone()), (".dockerignore", ignored)]
    }
}

/// How a project of Node.js is installed and started.
pub struct Node<'a> {
    pub install: NodeInstall,
    pub has_build: bool,
    pub start: &'a [&'a str],
    pub port: u16,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NodeInstall {
    NpmLocked,
    Npm,
    Yarn,
    Pnpm,
}

/// The words of a command as the JSON form of `CMD` has them.
fn command(words: &[&str]) -> String {
    serde_json::to_string(words).unwrap_or_default().replace("\",\"", "\", \"")
}

pub fn node(project: &Node<'_>) -> ImageFiles {
    let (lock, install, build, prune) = match project.install {
        NodeInstall::NpmLocked => {
            ("package-lock.json", "npm ci", "npm run build", "npm prune --omit=dev")
        }
        NodeInstall::Npm => ("", "npm install", "npm run build", "npm prune --omit=dev"),
        NodeInstall::Yarn => {
            ("yarn.lock", "corepack enable && yarn install --frozen-lockfile", "yarn build", "true")
        }
        NodeInstall::Pnpm => (
            "pnpm-lock.yaml",
            "corepack enable && pnpm install --frozen-lockfile",
            "pnpm run build",
            "pnpm prune --prod",
        ),
    };
    let copied = ["package.json", lock].join(" ");
    let built = if project.has_build { format!("RUN {build}\n") } else { String::new() };
    let pruned = if prune == "true" { String::new() } else { format!("RUN {prune}\n") };
    let start = command(project.start);
    let port = project.port;
    ImageFiles::new(
        format!(
            "FROM node:22-slim\nWORKDIR /app\nCOPY {} ./\nRUN {install}\nCOPY . .\n{built}{pruned}\
             ENV NODE_ENV=production PORT={port}\nEXPOSE {port}\nUSER node\nCMD {start}\n",
            copied.trim()
        ),
        &["node_modules", "npm-debug.log"],
    )
}

/// How a project of Python is installed and started.
pub struct Python<'a> {
    /// The file that names what it needs: `requirements.txt` or `pyproject.toml`.
    pub needs: Option<&'a str>,
    pub start: Vec<String>,
    pub port: u16,
}

pub fn python(project: &Python<'_>) -> ImageFiles {
    let install = match project.needs {
        Some("pyproject.toml") => "COPY . .\nRUN pip install --no-cache-dir .\n".to_owned(),
        Some(file) => {
            format!("COPY {file} ./\nRUN pip install --no-cache-dir -r {file}\nCOPY . .\n")
        }
        None => "COPY . .\n".to_owned(),
    };
    let words: Vec<&str> = project.start.iter().map(String::as_str).collect();
    let (start, port) = (command(&words), project.port);
    ImageFiles::new(
        format!(
            "FROM python:3.13-slim\nWORKDIR /app\nENV PYTHONUNBUFFERED=1 PORT={port}\n{install}\
             EXPOSE {port}\nUSER nobody\nCMD {start}\n"
        ),
        &["__pycache__", "*.pyc", ".venv", "venv"],
    )
}

pub fn maven(has_wrapper: bool) -> ImageFiles {
    let (base, build) = if has_wrapper {
        ("eclipse-temurin:21-jdk", "./mvnw -q -B -DskipTests package")
    } else {
        ("maven:3-eclipse-temurin-21", "mvn -q -B -DskipTests package")
    };
    java(base, build, "target")
}

pub fn gradle(has_wrapper: bool) -> ImageFiles {
    let (base, build) = if has_wrapper {
        ("eclipse-temurin:21-jdk", "./gradlew --no-daemon assemble")
    } else {
        ("gradle:8-jdk21", "gradle --no-daemon assemble")
    };
    java(base, build, "build/libs")
}

fn java(base: &str, build: &str, folder: &str) -> ImageFiles {
    // Spring Boot and Gradle leave a `-plain` or `original-` jar beside the one that runs.
    let pick = format!(
        "cp \"$(ls {folder}/*.jar | grep -v -e '-plain.jar' -e 'original-' -e '-sources.jar' | head -n 1)\" app.jar"
    );
    ImageFiles::new(
        format!(
            "FROM {base} AS build\nWORKDIR /src\nCOPY . .\nRUN {build} && {pick}\n\n\
             FROM eclipse-temurin:21-jre\nCOPY --from=build /src/app.jar /app.jar\n\
             EXPOSE 8080\nUSER nobody\nCMD [\"java\", \"-jar\", \"/app.jar\"]\n"
        ),
        &["target", "build", ".gradle"],
    )
}

/// A web project of .NET: its file, the name of its assembly, and its framework (`8.0`).
pub fn dotnet(project: &str, assembly: &str, framework: &str) -> ImageFiles {
    let start = command(&["dotnet", &format!("{assembly}.dll")]);
    ImageFiles::new(
        format!(
            "FROM mcr.microsoft.com/dotnet/sdk:{framework} AS build\nWORKDIR /src\nCOPY . .\n\
             RUN dotnet publish \"{project}\" -c Release -o /app\n\n\
             FROM mcr.microsoft.com/dotnet/aspnet:{framework}\nWORKDIR /app\n\
             COPY --from=build /app .\nENV ASPNETCORE_HTTP_PORTS=8080\nEXPOSE 8080\n\
             USER app\nENTRYPOINT {start}\n"
        ),
        &["**/bin", "**/obj"],
    )
}
