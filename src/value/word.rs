//! Enums whose variants are each spelled as one word.

/// An enum whose variants are each spelled as one word, made by [`words!`].
pub trait Word: Copy + 'static {
    /// The words, in the order in which they are documented.
    const WORDS: &'static [&'static str];

    /// The value that a word stands for. Case counts.
    fn from_word(word: &str) -> Option<Self>;
}

/// Defines an enum and its [`Word`]s. A word after `|` is read too, but not
/// offered.
macro_rules! words {
    (
        $(#[$meta:meta])*
        $visibility:vis enum $name:ident {
            $( $(#[$variant_meta:meta])* $variant:ident = $word:literal $(| $alias:literal)?, )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        $visibility enum $name {
            $( $(#[$variant_meta])* $variant, )+
        }

        impl $crate::value::Word for $name {
            const WORDS: &'static [&'static str] = &[$($word),+];

            fn from_word(word: &str) -> Option<Self> {
                match word {
                    $( $word $(| $alias)? => Some(Self::$variant), )+
                    _ => None,
                }
            }
        }
    };
}
pub(crate) use words;
