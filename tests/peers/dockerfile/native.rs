//! Dockerfiles built without an engine, compared with buildah: the same files,
//! modes, owners and configuration.
//!
//! Not compared is what buildah 1.28 does differently from docker: it removes the
//! set-user-id bit, does not support `SHELL` in OCI images, port ranges and
//! here-documents, and creates a working directory only on first use.

use super::Plan;
use crate::peer::export;
use serde_json::{Map, Value};
use shipway::testing::image::dockerfile::{
    BuildDirs, BuildRequest, Engine, EngineBuild, NativeBuild,
};
use shipway::testing::image::existing::{ImageSource, import};
use shipway::testing::image::{Image, Product, WorkControl};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::io::Read as _;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::atomic::AtomicBool;

/// By path: kind, mode, owner and group, and the content or the link target.
type Tree = BTreeMap<Vec<u8>, (char, u32, u64, u64, Vec<u8>)>;

const BASE: &str = "localhost/base:1";

/// Fills a build context with every kind of file that it may hold.
fn fill(context: &Path) {
    let path = |name: &str| context.join(name);
    let write = |name: &str, mode: u32| {
        fs::create_dir_all(path(name).parent().expect("a folder")).expect("a folder");
        fs::write(path(name), name).expect("a file");
        fs::set_permissions(path(name), Permissions::from_mode(mode)).expect("a mode");
    };
    for (name, mode) in [
        ("a", 0o640),
        ("run.sh", 0o755),
        ("dir/x", 0o600),
        ("dir/sub/y", 0o644),
        ("dir/sub/deep/z", 0o444),
        ("other/x", 0o644),
        ("glob-1/one", 0o644),
        ("glob-2/two", 0o644),
        ("with space", 0o644),
        ("keep/out", 0o644),
        ("keep/in", 0o644),
        ("keep/sub/in", 0o644),
        ("notes.md", 0o644),
        ("dir/notes.md", 0o644),
    ] {
        write(name, mode);
    }
    for (name, mode) in [("dir", 0o775), ("dir/sub", 0o700), ("open", 0o1777), ("void", 0o711)] {
        fs::create_dir_all(path(name)).expect("a folder");
        fs::set_permissions(path(name), Permissions::from_mode(mode)).expect("a mode");
    }
    fs::hard_link(path("dir/x"), path("dir/same")).expect("a link");
    for (target, name) in
        [("a", "to-a"), ("dir", "to-dir"), ("x", "dir/to-x"), ("/no/where", "dir/dangling")]
    {
        symlink(target, path(name)).expect("a link");
    }
    let raw = OsString::from_vec(b"dir/latin-\xe9".to_vec());
    fs::write(context.join(raw), "raw").expect("a file");
    fs::write(path(&format!("dir/{}", "long-".repeat(30))), "long").expect("a file");
    fs::write(path(".dockerignore"), "**/*.md\nkeep\n!keep/in\n!keep/sub\nbusybox\n")
        .expect("written");
    archive(&path("files.tar"));
    let packed = File::create(path("files.tar.gz")).expect("a file");
    let mut packer = flate2::write::GzEncoder::new(packed, flate2::Compression::fast());
    std::io::copy(&mut File::open(path("files.tar")).expect("there"), &mut packer).expect("packed");
    packer.finish().expect("packed");
    let plain = path("files.tar").display().to_string();
    for program in ["xz", "bzip2", "zstd"] {
        crate::peer::programs::run(program, &["--keep", "--quiet", &plain]);
    }
}

fn archive(path: &Path) {
    let mut archive = tar::Builder::new(File::create(path).expect("a file"));
    let mut add = |name: &str, kind: tar::EntryType, mode: u32, target: &str| {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(42);
        header.set_gid(43);
        let bytes = if kind.is_file() { name.as_bytes() } else { b"" };
        header.set_size(bytes.len() as u64);
        if target.is_empty() {
            archive.append_data(&mut header, name, bytes).expect("added");
        } else {
            archive.append_link(&mut header, name, target).expect("added");
        }
    };
    add("in/", tar::EntryType::Directory, 0o750, "");
    add("in/file", tar::EntryType::Regular, 0o640, "");
    add("in/link", tar::EntryType::Symlink, 0o777, "file");
    add("in/same", tar::EntryType::Link, 0o640, "in/file");
}

/// A base image with links on paths, a folder with an unusual mode, and users.
const BASE_FILE: &str = "FROM scratch
COPY --chown=0:0 base /
ENV PATH=/bin LANG=C
EXPOSE 22
LABEL from=base
CMD [\"/bin/sh\"]
WORKDIR /srv
VOLUME /data
";

fn base(context: &Path) {
    let path = |name: &str| context.join("base").join(name);
    for folder in ["usr/bin", "etc", "tmp", "opt/app"] {
        fs::create_dir_all(path(folder)).expect("a folder");
    }
    fs::set_permissions(path("tmp"), Permissions::from_mode(0o1777)).expect("a mode");
    symlink("usr/bin", path("bin")).expect("a link");
    symlink("opt/app", path("app")).expect("a link");
    fs::write(path("usr/bin/sh"), "sh").expect("written");
    fs::write(path("opt/app/old"), "old").expect("written");
    fs::write(path("etc/passwd"), "root:x:0:0::/:/bin/sh\napp:x:1000:100::/app:/bin/sh\n")
        .expect("written");
    fs::write(path("etc/group"), "root:x:0:\nusers:x:100:\nstaff:x:50:app\n").expect("written");
}

/// The files of an image, one layer over the other.
fn tree(plan: &Plan, image: &Image) -> Tree {
    let mut tree = Tree::new();
    for layer in &image.layers {
        let mut bytes = Vec::new();
        let blob = File::open(plan.store.locate(layer).expect("there")).expect("readable");
        flate2::read::MultiGzDecoder::new(blob).read_to_end(&mut bytes).expect("gzip");
        let mut archive = tar::Archive::new(&bytes[..]);
        for entry in archive.entries().expect("an archive") {
            let mut entry = entry.expect("an entry");
            let path = entry.path_bytes().to_vec();
            let path = path.strip_suffix(b"/").unwrap_or(&path).to_vec();
            let name = path.rsplit(|byte| *byte == b'/').next().expect("a name");
            assert!(!name.starts_with(b".wh."), "nothing is taken away");
            let header = entry.header().clone();
            let target = entry.link_name_bytes().map(|target| target.to_vec());
            let kind = header.entry_type();
            if kind.is_hard_link() {
                let same = tree[&target.expect("a target")].clone();
                tree.insert(path, same);
                continue;
            }
            let mut content = target.unwrap_or_default();
            entry.read_to_end(&mut content).expect("readable");
            let kind = match kind {
                tar::EntryType::Directory => 'd',
                tar::EntryType::Symlink => 'l',
                _ => 'f',
            };
            let id = |id: std::io::Result<u64>| id.expect("a number");
            let mode = header.mode().expect("a mode") & 0o7777;
            tree.insert(path, (kind, mode, id(header.uid()), id(header.gid()), content));
        }
    }
    tree
}

/// The settings of an image that both builders write.
fn settings(plan: &Plan, image: &Image) -> Map<String, Value> {
    let config = plan.store.config(image).expect("a configuration");
    let mut settings = config["config"].as_object().cloned().expect("settings");
    if let Some(labels) = settings.get_mut("Labels").and_then(Value::as_object_mut) {
        labels.remove("io.buildah.version");
        labels.sort_keys();
    }
    // Buildah leaves defaults out.
    settings.retain(|_, value| value != "/" && value != &serde_json::json!({}));
    settings.sort_keys();
    settings
}

fn natively(plan: &Plan, request: &BuildRequest, base: Option<&Image>) -> Result<Image, String> {
    let native = NativeBuild::read(request, false).map_err(|error| error.to_string())?;
    let pulled: Vec<Image> = native
        .images()
        .iter()
        .map(|needed| {
            assert_eq!(needed.reference, BASE);
            base.expect("a base").clone()
        })
        .collect();
    let desk = tempfile::tempdir().expect("a folder");
    let stop = AtomicBool::new(false);
    let bench = BuildDirs {
        store: &plan.store,
        scratch_dir: desk.path(),
        control: WorkControl::new(&stop),
        runner: None,
    };
    native.build(&bench, &pulled).map_err(|error| error.to_string())
}

fn request(plan: &Plan, text: &str, target: Option<&str>) -> BuildRequest {
    let dockerfile = plan.path("Dockerfile");
    fs::write(&dockerfile, text).expect("written");
    BuildRequest {
        context: plan.path("context"),
        dockerfile: Some(dockerfile),
        args: [("GIVEN".to_owned(), "given value".to_owned())].into(),
        target: target.map(str::to_owned),
        labels: [("asked".to_owned(), "for".to_owned())].into(),
        created: Some(1_700_000_000),
        state: plan.path("context/.shipway"),
        ..BuildRequest::default()
    }
}

/// Builds one layer over the base. With a layer for each step buildah would put
/// the files of earlier steps into later layers.
fn by_buildah(plan: &Plan, request: &BuildRequest) -> Image {
    let desk = tempfile::tempdir().expect("a folder");
    let work = EngineBuild::new(Engine::Buildah, request, desk.path()).expect("prepared");
    let mut build = work.build();
    build.args.retain(|arg| arg != "--layers");
    plan.run(&build);
    plan.run(&work.save().expect("an id").expect("buildah saves"));
    let images =
        work.collect(&plan.store, &WorkControl::new(&AtomicBool::new(false))).expect("collected");
    images.into_iter().next().expect("one for one platform")
}

/// A plan with a base image that buildah's storage has as well.
fn with_base() -> (Plan, Image) {
    let plan = Plan::new();
    fill(&plan.path("context"));
    base(&plan.path("context"));
    let image = natively(&plan, &request(&plan, BASE_FILE, None), None).expect("built");
    let layout = plan.path("base");
    export::oci_layout(&plan.store, &image, None, &layout).expect("written");
    let [from, to] = [format!("oci:{}", layout.display()), format!("containers-storage:{BASE}")];
    let mut copy = std::process::Command::new("skopeo");
    let storage = plan.path("storage.conf");
    copy.args(["copy", "--quiet", &from, &to]).env("CONTAINERS_STORAGE_CONF", storage);
    let output = copy.output().expect("skopeo is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    (plan, image)
}

/// Name, Dockerfile and requested stage.
const CASES: [(&str, &str, Option<&str>); 8] = [
    (
        "where files go",
        "FROM scratch
COPY a /
COPY a /b
COPY run.sh a /in/deep/
COPY dir /new
COPY dir/ /new2/
COPY other dir /both/
COPY dir/sub /new/
COPY void /void
COPY open/ /open
COPY to-a /
COPY to-a /t
COPY to-dir /td
COPY dir/to-x /
COPY a* to-? /glob/
COPY glob-* /globs/
COPY [\"with space\", \"a\", \"/json/\"]
COPY ./dir/../a /dots
COPY a /new/a/../c
",
        None,
    ),
    (
        "whose files they are",
        "FROM scratch
COPY --chown=5:6 dir /owned/by
COPY --chown=7 a /seven
COPY --chmod=0600 dir /closed/
COPY --chmod=755 --chown=1:2 a /x/y/z
COPY --chown=9:9 a /owned/by/
COPY a /owned/
",
        None,
    ),
    (
        "where one is",
        "FROM scratch
WORKDIR /srv
WORKDIR www/html
COPY a .
COPY a b
COPY dir ./
COPY a ../up/
WORKDIR ..
COPY a ./here
WORKDIR /srv
COPY run.sh .
",
        None,
    ),
    (
        "what is in a base",
        "FROM localhost/base:1
COPY a /bin/
COPY a /bin/tool
COPY a /tmp/
COPY dir /app/
COPY a /app
COPY --chown=app a /named
COPY --chown=app:staff dir /named2
COPY --chown=1000:users a /named3
COPY a relative
COPY a /etc/passwd
USER app
ENTRYPOINT [\"/bin/tool\"]
",
        None,
    ),
    (
        "stages",
        "ARG TAG=1
FROM scratch AS one
COPY --chown=3:4 dir /dir
COPY a /a
FROM localhost/base:${TAG} AS two
ENV STAGE=two
FROM two AS three
COPY --from=one /dir /from-one
COPY --from=one a /bin/
COPY --from=0 /dir/sub/ /from-zero/
COPY --from=localhost/base:1 /etc /etc-of-base
COPY --from=localhost/base:1 /bin/sh /sh
COPY --from=one --chown=8:9 /dir/x /x
FROM one AS four
RUN never
",
        Some("three"),
    ),
    (
        "words",
        "ARG EARLY=early
ARG GIVEN=default
FROM scratch
ARG EARLY
ARG GIVEN
ARG LATE=late
ARG UNSET
ARG TARGETARCH
ENV A=one B=\"two words\" C='$A' D=$EARLY-$GIVEN-${LATE}
ENV E ${UNSET:-none} and \"more\"
ENV F=${A:+set}${UNSET:+set} G=a\\ b H=$A$B \\
    I=${TARGETARCH}
ENV A=changed J=$A
LABEL one=1 \"two\"=\"2 $A\" three='$A'
COPY ${A:+dir}/x /$LATE/
EXPOSE 80 53/udp
STOPSIGNAL SIGINT
VOLUME [\"/v1\", \"/v 2\"]
VOLUME /v3 /v4
WORKDIR /$EARLY
COPY a .
USER ${UNSET:-5}:6
",
        None,
    ),
    (
        "how it is run",
        "FROM localhost/base:1
CMD echo $HOME \\
  # a comment
  && exit
ENTRYPOINT exec \"$@\"
CMD [\"a\", \"b c\"]
",
        None,
    ),
    (
        "archives and what is ignored",
        "FROM scratch
ADD files.tar /plain/
ADD files.tar.gz /packed
ADD files.tar.xz /packed-xz/
ADD files.tar.bz2 /packed-bz2
ADD --chown=5:6 files.tar.zst /packed-zst
COPY files.tar.zst /copied.tar.zst
ADD a /a
ADD dir /dir
COPY files.tar /copied.tar
COPY keep /keep
COPY . /all/
",
        None,
    ),
];

#[test]
fn native_build_equals_that_of_buildah() {
    let (plan, base) = with_base();
    let mut differences: Vec<String> = Vec::new();
    for (name, text, target) in CASES {
        let request = request(&plan, text, target);
        let ours = natively(&plan, &request, Some(&base)).expect(name);
        let theirs = by_buildah(&plan, &request);
        let (one, other) = (tree(&plan, &ours), tree(&plan, &theirs));
        let paths: BTreeSet<_> = one.keys().chain(other.keys()).collect();
        for path in paths {
            let (ours, theirs) = (one.get(path), other.get(path));
            if ours != theirs {
                let show = |entry: Option<&(char, u32, u64, u64, Vec<u8>)>| match entry {
                    Some((kind, mode, uid, gid, bytes)) => {
                        format!("{kind} {mode:o} {uid}:{gid} {} bytes", bytes.len())
                    }
                    None => "nothing".to_owned(),
                };
                let path = String::from_utf8_lossy(path);
                let (ours, theirs) = (show(ours), show(theirs));
                let line = format!("{name}: /{path}: {ours}, buildah: {theirs}");
                differences.push(line);
            }
        }
        let (one, other) = (settings(&plan, &ours), settings(&plan, &theirs));
        if one != other {
            differences.push(format!("{name}: {one:#?}, buildah: {other:#?}"));
        }
    }
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
}

#[test]
fn native_build_is_reproducible() {
    let digest = || {
        let plan = Plan::new();
        fill(&plan.path("context"));
        let image = natively(&plan, &request(&plan, CASES[0].1, None), None).expect("built");
        image.manifest.digest
    };
    assert_eq!(digest(), digest());
}

#[test]
fn native_build_can_be_imported_and_inspected() {
    let plan = Plan::new();
    fill(&plan.path("context"));
    let image = natively(&plan, &request(&plan, CASES[0].1, None), None).expect("built");
    let layout = plan.path("layout");
    export::oci_layout(&plan.store, &image, None, &layout).expect("written");
    let source = ImageSource::parse(&format!("oci:{}", layout.display()), Path::new("/"));
    let source = source.expect("a source");
    let again = import(&plan.store, &source, None, &WorkControl::new(&AtomicBool::new(false)))
        .expect("taken in");
    assert_eq!(again, Product::from(image));
    crate::peer::programs::run("skopeo", &["inspect", &format!("oci:{}", layout.display())]);
}
