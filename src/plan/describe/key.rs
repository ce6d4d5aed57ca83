//! One key of the plan, as data.

use crate::plan::expr::contexts::Site;
use crate::plan::literal::{Literal, Shape};

/// A key and what is known of it. Made by [`key`], in the declaration of a field.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    pub name: &'static str,
    /// One sentence: what it means.
    pub about: &'static str,
    /// The literal that an absent key is read as.
    pub default: Option<&'static str>,
    /// What holds where it is absent, in words, where that is no literal.
    pub absent: &'static str,
    /// What a mistake adds that reports it missing.
    pub missing_help: &'static str,
    /// What its value is, or each of its values. A typed [`Field`] knows that
    /// itself.
    ///
    /// [`Field`]: crate::plan::schema::Field
    pub shape: Shape,
    /// What the names below it are, where it holds a mapping of any names.
    pub names: Shape,
    pub exposure: Exposure,
    /// Where its expressions stand, where that is another place than its mapping.
    pub site: Option<Site>,
    /// The one action beside which it may stand.
    pub only_beside: Option<&'static str>,
    /// Whether a single value is refused where a list is meant.
    pub is_list: bool,
    /// The most that its number may be, which is above 0: what a rule checks of it.
    pub up_to: Option<f64>,
    /// What the JSON Schema says of its text instead of the pattern of its type, where a
    /// rule refuses some of what that takes; empty where it refuses nothing.
    pub spelled: &'static str,
    /// Whether `null` is a value, as in JSON, and not a missing one.
    pub takes_null: bool,
}

/// What becomes of the text that an expression gives, which decides whether it
/// may hold a secret.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exposure {
    /// It is seen by the program or service that it is for.
    Private,
    /// It becomes part of a shell script.
    Script,
    /// Others can read it: what it is, and what to do instead with a secret.
    Public { what: &'static str, instead: &'static str },
}

/// A key that means nothing yet.
pub const fn key(name: &'static str) -> Key {
    Key {
        name,
        about: "",
        default: None,
        absent: "",
        missing_help: "",
        shape: Shape::ANY,
        names: Shape::ANY,
        exposure: Exposure::Private,
        site: None,
        only_beside: None,
        is_list: false,
        up_to: None,
        spelled: "",
        takes_null: false,
    }
}

impl Key {
    /// What it means. [`mapping!`](super::mapping) takes it from the field's doc
    /// comment.
    pub const fn about(self, about: &'static str) -> Self {
        Self { about, ..self }
    }

    /// The literal that an absent key is read as.
    pub const fn default(self, literal: &'static str) -> Self {
        Self { default: Some(literal), ..self }
    }

    /// What holds where it is absent, for the reference.
    pub const fn absent(self, words: &'static str) -> Self {
        Self { absent: words, ..self }
    }

    /// What a mistake adds that reports it missing.
    pub const fn missing_help(self, help: &'static str) -> Self {
        Self { missing_help: help, ..self }
    }

    /// Its value, or each of its values, is checked as a `T` where it is a literal.
    pub const fn is<T: Literal>(self) -> Self {
        Self { shape: Shape::of::<T>(), ..self }
    }

    /// The names below it are checked as a `T`.
    pub const fn names<T: Literal>(self) -> Self {
        Self { names: Shape::of::<T>(), ..self }
    }

    /// What becomes of its text.
    pub const fn exposed(self, exposure: Exposure) -> Self {
        Self { exposure, ..self }
    }

    /// It names something in Azure or a registry.
    pub const fn names_resource(self) -> Self {
        self.exposed(Exposure::RESOURCE)
    }

    /// It names an image.
    pub const fn names_image(self) -> Self {
        self.exposed(Exposure::IMAGE)
    }

    /// Its expressions are evaluated elsewhere than those of its mapping.
    pub const fn at(self, site: Site) -> Self {
        Self { site: Some(site), ..self }
    }

    /// It may stand beside this action alone.
    pub const fn only_beside(self, action: &'static str) -> Self {
        Self { only_beside: Some(action), ..self }
    }

    /// It takes a list, and refuses a single value.
    pub const fn list(self) -> Self {
        Self { is_list: true, ..self }
    }

    /// A number above 0 and at most this.
    pub const fn up_to(self, most: f64) -> Self {
        Self { up_to: Some(most), ..self }
    }

    /// Its text matches this pattern, or holds an expression.
    pub const fn spelled(self, pattern: &'static str) -> Self {
        Self { spelled: pattern, ..self }
    }

    /// `null` is one of its values.
    pub const fn takes_null(self) -> Self {
        Self { takes_null: true, ..self }
    }
}

impl Exposure {
    const NO_SECRET: &'static str = "write the name into the plan, or take it from a variable that no secret source names, \
         such as `${{ env.NAME }}`: GitHub drops every output that holds a secret";
    const AT_RUN_TIME: &'static str =
        "give it to the container by `env` of the `deploy`, when it runs";

    pub const RESOURCE: Self =
        Self::Public { what: "the name of a resource", instead: Self::NO_SECRET };
    pub const USER: Self = Self::Public { what: "the name of a user", instead: Self::NO_SECRET };
    pub const IMAGE: Self = Self::Public { what: "the name of an image", instead: Self::NO_SECRET };
    pub const BUILD_ARGUMENT: Self = Self::Public {
        what: "a build argument",
        instead: "give it to the build by `secrets`, which leaves no trace in the image",
    };
    pub const IMAGE_VARIABLE: Self =
        Self::Public { what: "a variable of the image", instead: Self::AT_RUN_TIME };
    pub const IMAGE_LABEL: Self =
        Self::Public { what: "a label of the image", instead: Self::AT_RUN_TIME };
    pub const IMAGE_COMMAND: Self =
        Self::Public { what: "the command of the image", instead: Self::AT_RUN_TIME };
    pub const CONTAINER_COMMAND: Self = Self::Public {
        what: "the command of a container",
        instead: "give it to the container by `env`, which is sent as a secure value",
    };
    pub const PROGRAM_ARGUMENT: Self = Self::Public {
        what: "an argument of a program",
        instead: "give it to the program by `env` of the step",
    };
}
