//! Images made of layers, read by skopeo, umoci, gzip and tar.

use crate::peer::export;
use crate::peer::programs::{run, run_in};
use serde_json::Value;
use shipway::testing::image::existing::{ImageSource, import};
use shipway::testing::image::layers::{Compression, LayerSource, Recipe, build};
use shipway::testing::image::{Image, Product, Store, WorkControl};
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use tempfile::TempDir;

struct Plan {
    folder: TempDir,
    store: Store,
}

/// A name longer than a tar header has room for.
fn long() -> String {
    "long-".repeat(40)
}

impl Plan {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join(".shipway/images")).expect("a store");
        Self { folder, store }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Every kind of file that a layer can hold.
    fn with_tree() -> Self {
        let plan = Self::new();
        let tree = plan.path("tree");
        fs::create_dir_all(tree.join("sub/empty")).expect("a folder");
        fs::write(tree.join("plain"), "plain").expect("a file");
        fs::write(tree.join("sub/run"), "#!/bin/sh\n").expect("a file");
        let executable = fs::Permissions::from_mode(0o750);
        fs::set_permissions(tree.join("sub/run"), executable).expect("a mode");
        fs::hard_link(tree.join("plain"), tree.join("same")).expect("a link");
        symlink("sub/run", tree.join("link")).expect("a link");
        fs::write(tree.join(long()), vec![7; 3 << 20]).expect("a file");
        let raw = std::ffi::OsString::from_vec(b"latin-\xe9".to_vec());
        fs::write(tree.join(raw), "raw").expect("a file");
        plan
    }

    fn build(&self) -> Image {
        let layer = |from: &str, to: &str, owner: &str| LayerSource {
            from: from.into(),
            to: to.into(),
            owner: owner.parse().expect("an owner"),
            ..LayerSource::default()
        };
        let recipe = Recipe {
            folder: self.folder.path().to_owned(),
            layers: vec![layer("tree", "/srv/tree", "12:34"), layer("tree/plain", "/etc/", "0")],
            entrypoint: Some(vec!["/srv/tree/sub/run".into()]),
            env: vec![("A".into(), "b".into())],
            ..Recipe::default()
        };
        build(&self.store, &recipe, &WorkControl::new(&AtomicBool::new(false)))
            .expect("built")
            .image
    }

    fn layout(&self, image: &Image) -> String {
        let folder = self.path("oci");
        export::oci_layout(&self.store, image, Some("v1"), &folder).expect("written");
        format!("{}:v1", folder.display())
    }
}

#[test]
fn skopeo_keeps_digest_and_blobs_through_a_docker_archive() {
    let plan = Plan::with_tree();
    let image = plan.build();
    let layout = format!("oci:{}", plan.layout(&image));

    let seen: Value = serde_json::from_str(&run("skopeo", &["inspect", &layout])).expect("JSON");
    assert_eq!(seen["Digest"], image.manifest.digest.as_str());
    assert_eq!(seen["Env"][0], "A=b");
    assert_eq!(seen["Layers"].as_array().expect("a list").len(), 2);

    let file = plan.path("copied.tar").display().to_string();
    let policy = ["--insecure-policy", "copy", "--quiet", &layout];
    run("skopeo", &[policy.as_slice(), &[&format!("docker-archive:{file}:web:v1")]].concat());
    let source = ImageSource::parse(&format!("docker-archive:{file}:web:v1"), Path::new("/"))
        .expect("local");
    let stop = AtomicBool::new(false);
    let back = import(&plan.store, &source, None, &WorkControl::new(&stop)).expect("imported");
    assert_eq!(back.blobs(), Product::from(image).blobs(), "compressed again to the same bytes");
}

#[test]
fn skopeo_reads_the_docker_archive() {
    let plan = Plan::with_tree();
    let image = plan.build();
    let file = plan.path("saved.tar");
    let names = ["demo.azurecr.io/web:v1".to_owned()];
    export::docker_archive(&plan.store, &image, &names, &file).expect("written");

    let archive = format!("docker-archive:{}:demo.azurecr.io/web:v1", file.display());
    let config = run("skopeo", &["inspect", "--config", &archive]);

    let config: Value = serde_json::from_str(&config).expect("JSON");
    let ours = Value::Object(plan.store.config(&image).expect("a configuration"));
    assert_eq!(config["rootfs"], ours["rootfs"]);
    assert_eq!(config["config"]["Entrypoint"], ours["config"]["Entrypoint"]);
}

#[test]
fn gzip_and_tar_read_the_layers() {
    let plan = Plan::with_tree();
    let image = plan.build();
    let blobs = image.blobs(&plan.store).expect("there");
    let layer = blobs[0].1.display().to_string();
    let named = plan.path("layer.tar.gz").display().to_string();
    fs::copy(&layer, &named).expect("copied");

    run("gzip", &["--test", &named]);
    let listed = run("tar", &["--numeric-owner", "--full-time", "--utc", "-tvzf", &named]);

    let mut lines = Vec::new();
    for line in listed.lines() {
        lines.push(line.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    let epoch = "1970-01-01 00:00:00";
    assert_eq!(
        lines,
        [
            format!("drwxr-xr-x 0/0 0 {epoch} srv/"),
            format!("drwxr-xr-x 12/34 0 {epoch} srv/tree/"),
            format!("-rw-r--r-- 12/34 3 {epoch} srv/tree/latin-\\351"),
            format!("lrwxrwxrwx 12/34 0 {epoch} srv/tree/link -> sub/run"),
            format!("-rw-r--r-- 12/34 3145728 {epoch} srv/tree/{}", long()),
            format!("-rw-r--r-- 12/34 5 {epoch} srv/tree/plain"),
            format!("hrw-r--r-- 12/34 0 {epoch} srv/tree/same link to srv/tree/plain"),
            format!("drwxr-xr-x 12/34 0 {epoch} srv/tree/sub/"),
            format!("drwxr-xr-x 12/34 0 {epoch} srv/tree/sub/empty/"),
            format!("-rwxr-xr-x 12/34 10 {epoch} srv/tree/sub/run"),
        ]
    );
}

#[test]
fn umoci_unpacks_modes_links_and_owners() {
    let plan = Plan::with_tree();
    let layout = plan.layout(&plan.build());
    let bundle = plan.path("bundle");
    let is_root = nix::unistd::geteuid().is_root();
    let mut args = vec!["unpack", "--image", &layout];
    // Only root can set owners; without it the listing of tar shows them.
    args.extend((!is_root).then_some("--rootless"));
    let target = bundle.display().to_string();
    args.push(&target);
    run("umoci", &args);

    let tree = bundle.join("rootfs/srv/tree");
    let mode = |name: &str| fs::symlink_metadata(tree.join(name)).expect("there").mode() & 0o7777;
    assert_eq!(
        (mode("plain"), mode("sub/run"), mode("sub"), mode("sub/empty")),
        (0o644, 0o755, 0o755, 0o755)
    );
    assert_eq!(fs::read_link(tree.join("link")).expect("a link"), Path::new("sub/run"));
    let inode = |name: &str| fs::metadata(tree.join(name)).expect("there").ino();
    assert_eq!(inode("plain"), inode("same"));
    assert_eq!(fs::read(tree.join(long())).expect("there"), vec![7; 3 << 20]);
    assert_eq!(fs::read(bundle.join("rootfs/etc/plain")).expect("there"), b"plain");
    if is_root {
        let owner = fs::metadata(tree.join("plain")).map(|file| (file.uid(), file.gid()));
        assert_eq!(owner.expect("there"), (12, 34));
    }
}

#[test]
fn large_folder_becomes_several_layers() {
    let plan = Plan::new();
    let tree = plan.path("tree");
    // Sorted by path, `b.c` comes between `b` and the files in `b`.
    let folders = ["a", "a/deep/er", "b", "b.c", "c", "d", "e"];
    for folder in folders {
        fs::create_dir_all(tree.join(folder)).expect("a folder");
        let large = fs::File::create(tree.join(folder).join("large")).expect("a file");
        large.set_len(45 << 20).expect("a length");
        fs::write(tree.join(folder).join("run"), folder).expect("a file");
        let executable = fs::Permissions::from_mode(0o700);
        fs::set_permissions(tree.join(folder).join("run"), executable).expect("a mode");
    }
    fs::write(tree.join("plain"), "plain").expect("a file");
    let image = plan.build();
    // One of them is `plain` alone.
    assert!((3..=8).contains(&image.layers.len()), "{}", image.layers.len());

    let layout = plan.layout(&image);
    let bundle = plan.path("bundle");
    let is_root = nix::unistd::geteuid().is_root();
    let mut args = vec!["unpack", "--image", &layout];
    args.extend((!is_root).then_some("--rootless"));
    let target = bundle.display().to_string();
    args.push(&target);
    run("umoci", &args);

    let unpacked = bundle.join("rootfs/srv/tree");
    for folder in folders {
        let stat = |name: &str| fs::metadata(unpacked.join(folder).join(name)).expect("there");
        assert_eq!((stat("").mode() & 0o7777, stat("large").mode() & 0o7777), (0o755, 0o644));
        assert_eq!((stat("large").len(), stat("run").mode() & 0o7777), (45 << 20, 0o755));
        let text = fs::read_to_string(unpacked.join(folder).join("run")).expect("there");
        assert_eq!(text, folder);
        if is_root {
            assert_eq!((stat("").uid(), stat("").gid()), (12, 34));
        }
    }

    // A change affects only the layer that the file is in.
    fs::write(tree.join("c/run"), "something else").expect("a file");
    let changed = plan.build();
    let same = changed.layers.iter().filter(|layer| image.layers.contains(layer)).count();
    assert_eq!(same, image.layers.len() - 1);
}

#[test]
fn umask_and_creation_order_do_not_change_the_image() {
    let digests = [
        "umask 022; mkdir -p tree/a tree/b; echo 1 >tree/a/x; echo 2 >tree/b/y; echo 3 >tree/plain; chmod u+x tree/plain",
        "umask 077; mkdir tree; echo 3 >tree/plain; chmod 700 tree/plain; mkdir tree/b; echo 2 >tree/b/y; mkdir tree/a; echo 1 >tree/a/x; touch -d 2001-02-03 tree/a/x",
    ]
    .map(|script| {
        let plan = Plan::new();
        run_in(plan.folder.path(), "sh", &["-c", script]);
        plan.build().manifest.digest
    });

    assert_eq!(digests[0], digests[1]);
}

/// The names of all blobs that the program stores for a plan with one layer,
/// made by a shell that sets the machine up.
fn blobs(machine: &str, tree: &str) -> Vec<String> {
    let plan = Plan::new();
    let folder = plan.folder.path();
    let open = fs::Permissions::from_mode(0o777);
    fs::set_permissions(folder, open).expect("anyone may write");
    let text = "name: same\nsteps:\n  - build:\n      base: scratch\n      \
                layers: [{ from: tree, to: /srv }, { from: tree/a, to: /a }]\n      \
                compression: zstd\n";
    fs::write(folder.join("shipway.yml"), text).expect("a plan");
    // A copy, since another user may not enter the build's folder.
    let (built, program) = (env!("CARGO_BIN_EXE_shipway"), folder.join("shipway"));
    fs::hard_link(built, &program).or_else(|_| fs::copy(built, &program).map(drop)).expect("there");
    let program = program.display();
    let script = format!(
        "{machine}\n{tree}\nexec {program} run shipway.yml --state-dir \"$PWD/state\" >log 2>&1 || {{ cat log; exit 1; }}"
    );
    // As root, the second machine runs as the user `nobody`.
    let nobody = ["--reuid", "65534", "--regid", "65534", "--clear-groups", "sh", "-c", &script];
    if machine.contains("HOME=/nonexistent") && nix::unistd::geteuid().is_root() {
        run_in(folder, "setpriv", &nobody);
    } else {
        run_in(folder, "sh", &["-c", &script]);
    }
    let blobs = fs::read_dir(folder.join("state/images/blobs/sha256")).expect("a store");
    let mut names: Vec<String> = blobs
        .map(|blob| blob.expect("readable").file_name().into_string().expect("hexadecimal"))
        .collect();
    names.sort();
    names
}

#[test]
fn differently_set_up_machines_make_the_same_bytes() {
    let one = blobs(
        "umask 022; export TZ=UTC LANG=C",
        "mkdir -p tree/a/empty tree/b; for n in $(seq 300); do echo $n >tree/a/$n; done
         seq 400000 >tree/large; echo run >tree/run; chmod 755 tree/run
         ln tree/large tree/same; ln -s run tree/link",
    );
    let other = blobs(
        "umask 077; export TZ=Pacific/Kiritimati LANG=de_DE.UTF-8 HOME=/nonexistent",
        "mkdir tree; ln -s run tree/link; echo run >tree/run; chmod 700 tree/run
         seq 400000 >tree/same; ln tree/same tree/large; mkdir -p tree/b tree/a
         for n in $(seq 300 -1 1); do echo $n >tree/a/$n; done; mkdir tree/a/empty
         touch -d 2001-02-03T04:05:06 tree/a/* tree/run",
    );

    // Two layers, a configuration and a manifest.
    assert_eq!(one.len(), 4, "{one:?}");
    assert_eq!(one, other);
}

#[test]
fn zstd_and_gzip_layers_have_the_same_content() {
    let plan = Plan::with_tree();
    let [gzip, zstd] = [Compression::Gzip, Compression::Zstd].map(|compression| {
        let layer = LayerSource { from: "tree".into(), to: "/".into(), ..LayerSource::default() };
        let folder = plan.folder.path().to_owned();
        let recipe = Recipe { folder, layers: vec![layer], compression, ..Recipe::default() };
        build(&plan.store, &recipe, &WorkControl::new(&AtomicBool::new(false)))
            .expect("built")
            .image
    });
    assert_ne!(gzip.layers, zstd.layers);
    let rootfs = |image| plan.store.config(image).expect("a configuration")["rootfs"].clone();
    assert_eq!(rootfs(&gzip), rootfs(&zstd));

    let layout = format!("oci:{}", plan.layout(&zstd));
    let folder = plan.path("unpacked");
    let copy = ["copy", "--insecure-policy", "--quiet", "--dest-decompress", &layout];
    run("skopeo", &[copy.as_slice(), &[&format!("dir:{}", folder.display())]].concat());
    let manifest = fs::read(folder.join("manifest.json")).expect("a manifest");
    let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
    assert_eq!(manifest["layers"][0]["digest"], rootfs(&zstd)["diff_ids"][0]);
}
