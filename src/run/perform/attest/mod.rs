//! Attaches an SBOM of each image and a provenance statement to what was pushed.
//! Both are referrers, so that the image and its digest do not change.

mod provenance;

use super::blocking::run_blocking;
use super::performer::{Job, Performer};
use super::progress::ProgressReporter;
use super::references::repositories;
use crate::event::{Outputs, Verb};
use crate::image::{Image, sbom};
use crate::oci::{Descriptor, Digest, Reference};
use crate::plan::expr::Rendered;
use crate::plan::schema;
use crate::progress::Progress;
use crate::registry::{Artifact, Attached, Blob, BlobSource, PushError};
use crate::run::outcome::{AttemptError, StepError};
use crate::value::counted;
use futures::future::try_join_all;
use provenance::ProvenanceFacts;
use std::collections::BTreeMap;

const IN_TOTO_MEDIA_TYPE: &str = "application/vnd.in-toto+json";
/// Image specification, "Pre-Defined Annotation Keys".
const CREATED_ANNOTATION: &str = "org.opencontainers.image.created";
const REVISION_ANNOTATION: &str = "org.opencontainers.image.revision";
/// The annotation by which cosign and docker buildx name a statement's kind.
const PREDICATE_ANNOTATION: &str = "in-toto.io/predicate-type";

pub struct Subject<'a> {
    /// The manifest that the tags point to.
    pub manifest: &'a Descriptor,
    /// Its images: the manifest itself, or those that an index lists.
    pub images: Vec<Descriptor>,
    pub targets: &'a [Reference],
}

/// Attaches what the step asks for in every repository. Returns the outputs.
pub async fn perform(
    performer: &Performer,
    push: &schema::Push,
    job: &Job,
    subject: &Subject<'_>,
) -> Result<Outputs<Rendered>, AttemptError> {
    let attester = Attester { performer, job, subject };
    let mut wanted = Vec::new();
    if push.sbom.resolve(&job.scope)? {
        wanted.extend(attester.sboms().await?);
    }
    if push.provenance.resolve(&job.scope)? {
        wanted.push(attester.provenance());
    }
    let mut attached: Vec<(&str, Vec<String>)> = Vec::new();
    for (wanted, name) in wanted.iter().zip(attester.attach(&wanted).await?) {
        match attached.last_mut() {
            Some((output, names)) if *output == wanted.output => names.push(name),
            _ => attached.push((wanted.output, vec![name])),
        }
    }
    let output = |(output, names): (&str, Vec<String>)| {
        (output.to_owned(), Rendered::Plain(names.join("\n")))
    };
    Ok(attached.into_iter().map(output).collect())
}

/// An artifact to be attached to one of the manifests.
struct Attachment<'a> {
    /// The name of the output that lists it.
    output: &'static str,
    to: &'a Descriptor,
    artifact: Artifact,
    /// Its description for the log.
    what: String,
}

struct Attester<'a> {
    performer: &'a Performer,
    job: &'a Job,
    subject: &'a Subject<'a>,
}

impl<'a> Attester<'a> {
    /// The digests of all manifests.
    fn digests(&self) -> Vec<&Digest> {
        let images = self.subject.images.iter().map(|image| &image.digest);
        std::iter::once(&self.subject.manifest.digest).chain(images).collect()
    }

    /// A manifest of the first target by digest.
    fn by_digest(&self, digest: &Digest) -> Option<Reference> {
        self.subject.targets.first().map(|target| target.with_digest(digest.clone()))
    }

    async fn sboms(&self) -> Result<Vec<Attachment<'a>>, StepError> {
        let mut wanted = Vec::new();
        for manifest in &self.subject.images {
            let image = self.image(manifest).await?;
            let found = self.describe(image).await?;
            let artifact = Artifact {
                artifact_type: sbom::MEDIA_TYPE.to_owned(),
                content: Blob {
                    source: BlobSource::File(self.path(&found.document)?),
                    descriptor: found.document.clone(),
                },
                annotations: BTreeMap::from([(CREATED_ANNOTATION.to_owned(), found.created)]),
                same_by: Vec::new(),
            };
            let files = counted(found.files, "file", "files");
            let packages = counted(found.packages, "package", "packages");
            let what = format!("sbom of {files} and {packages}");
            wanted.push(Attachment { output: "sbom", to: manifest, artifact, what });
        }
        Ok(wanted)
    }

    /// The image with all its layers in the store. One that was copied from
    /// registry to registry is pulled from its first target.
    async fn image(&self, manifest: &Descriptor) -> Result<Image, StepError> {
        let store = &self.performer.services.images;
        if let Ok(image) = store.load(&manifest.digest) {
            return Ok(image);
        }
        let platform = manifest.platform.clone().unwrap_or_default();
        if let Some(reference) = self.by_digest(&manifest.digest) {
            let registry = &self.performer.services.clients.registry;
            let reporter = ProgressReporter::new(self.job, Verb::Pulled);
            let progress = |progress: Progress| reporter.report(progress);
            registry.pull(&reference, &platform, store.root(), &progress).await?;
        }
        Ok(store.load(&manifest.digest)?)
    }

    async fn describe(&self, image: Image) -> Result<sbom::Sbom, StepError> {
        let store = self.performer.services.images.clone();
        let repository = self.subject.targets.first().map(|target| target.repository.as_str());
        let name = repository.and_then(|name| name.rsplit('/').next()).unwrap_or("image");
        let name = name.to_owned();
        let found = run_blocking(move |stop| sbom::describe(&store, &image, &name, stop)).await?;
        for database in &found.unread {
            self.job.warn(format!("the packages in `/{database}` are not in the sbom"));
        }
        Ok(found)
    }

    fn path(&self, document: &Descriptor) -> Result<std::path::PathBuf, StepError> {
        Ok(self.performer.services.images.locate(document)?)
    }

    fn provenance(&self) -> Attachment<'a> {
        let facts = ProvenanceFacts::new(self.performer, self.job, &self.digests());
        let names: Vec<String> =
            repositories(self.subject.targets).iter().map(|one| one.name()).collect();
        let targets: Vec<String> = self.subject.targets.iter().map(ToString::to_string).collect();
        let statement = facts.statement(&names, &targets, &self.subject.manifest.digest);
        // The statement holds names and no values, but a name may contain a secret.
        let text = self.performer.services.redactor.redact(&statement.to_string());
        let digest = Digest::of(text.as_bytes());
        let mut annotations = BTreeMap::from([(
            PREDICATE_ANNOTATION.to_owned(),
            provenance::PREDICATE_TYPE.to_owned(),
        )]);
        annotations.extend(facts.commit().map(|commit| (REVISION_ANNOTATION.to_owned(), commit)));
        annotations.extend(facts.started().map(|time| (CREATED_ANNOTATION.to_owned(), time)));
        let artifact = Artifact {
            artifact_type: IN_TOTO_MEDIA_TYPE.to_owned(),
            content: Blob {
                descriptor: Descriptor::new(IN_TOTO_MEDIA_TYPE, digest, text.len() as u64),
                source: BlobSource::Bytes(text.into_bytes().into()),
            },
            annotations,
            same_by: vec![PREDICATE_ANNOTATION, REVISION_ANNOTATION],
        };
        let (to, what) = (self.subject.manifest, "provenance".to_owned());
        Attachment { output: "provenance", to, artifact, what }
    }

    /// Attaches everything in all repositories at once. Returns the names by digest
    /// in the first repository.
    async fn attach(&self, wanted: &[Attachment<'a>]) -> Result<Vec<String>, StepError> {
        let repositories = repositories(self.subject.targets);
        let requests = repositories.iter().map(|one| self.attach_in(one, wanted));
        let attached = try_join_all(requests).await?;
        let mut names = Vec::new();
        for (at, Attachment { what, .. }) in wanted.iter().enumerate() {
            for (repository, attached) in repositories.iter().zip(&attached) {
                let Attached { digest, already } = &attached[at];
                let how = if *already { "was attached" } else { "attached" };
                self.job.note(format!("{what} {how} to `{}`: {digest}", repository.name()));
            }
            let first = repositories.iter().zip(&attached).next();
            let name = first.map(|(one, all)| one.with_digest(all[at].digest.clone()).to_string());
            names.push(name.unwrap_or_default());
        }
        Ok(names)
    }

    /// Attaches everything in one repository, with one call per manifest: the
    /// referrers of a manifest may be one list that has to be changed in turn.
    async fn attach_in(
        &self,
        repository: &Reference,
        wanted: &[Attachment<'a>],
    ) -> Result<Vec<Attached>, StepError> {
        let mut manifests: BTreeMap<&Digest, Vec<usize>> = BTreeMap::new();
        for (at, one) in wanted.iter().enumerate() {
            manifests.entry(&one.to.digest).or_default().push(at);
        }
        let registry = &self.performer.services.clients.registry;
        let requests = manifests.values().map(async |all| {
            let artifacts: Vec<&Artifact> = all.iter().map(|at| &wanted[*at].artifact).collect();
            let attached = registry.attach_all(repository, wanted[all[0]].to, &artifacts).await?;
            Ok::<_, PushError>(all.iter().copied().zip(attached).collect::<Vec<_>>())
        });
        let attached = try_join_all(requests).await?;
        let attached: BTreeMap<usize, Attached> = attached.into_iter().flatten().collect();
        Ok(attached.into_values().collect())
    }
}
