//! Proofs that an entry is in the tree of its log (RFC 9162, 2.1.3; sigstore/rekor, checkpoints
//! as signed notes).

use crate::signing::PublicKey;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};

/// A tree of 2^64 entries has no more.
const MAX_HASHES: usize = 64;
/// How many signatures of a checkpoint are tried: the log's, and those of witnesses.
const MAX_SIGNATURES: usize = 16;
/// The bytes before the signature that tell which key made it.
const KEY_HINT_BYTES: usize = 4;

/// A proof that an entry is in a tree whose root the log has signed. Nothing of it is verified.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InclusionProof {
    /// The number of the entry in the tree, which is not that in all trees of the log.
    pub index: u64,
    /// The hashes beside the way from the entry to the root.
    pub hashes: Vec<Vec<u8>>,
    /// The size of the tree and its root, with the signature of the log.
    pub checkpoint: String,
}

/// What a checkpoint says.
struct Tree<'a> {
    size: u64,
    root: Vec<u8>,
    /// What is signed.
    note: &'a str,
    signatures: &'a str,
}

impl InclusionProof {
    /// Why the proof does not hold for an entry; fits after "the proof that its entry is in the
    /// transparency log does not hold: ".
    pub fn check(&self, body: &[u8], log_key: &PublicKey) -> Result<(), &'static str> {
        let tree = Tree::parse(&self.checkpoint).ok_or("its checkpoint cannot be read")?;
        if !tree.is_signed_by(log_key) {
            return Err("its checkpoint is not signed by the log");
        }
        let root = self.root(leaf(body), tree.size).ok_or("it is of another size")?;
        if root == tree.root { Ok(()) } else { Err("it leads to another root") }
    }

    /// The root to which the hashes lead; `None` where their number does not fit.
    fn root(&self, leaf: Vec<u8>, size: u64) -> Option<Vec<u8>> {
        if self.index >= size || self.hashes.len() > MAX_HASHES {
            return None;
        }
        let (mut at, mut last, mut hash) = (self.index, size - 1, leaf);
        for other in &self.hashes {
            if last == 0 {
                return None;
            }
            if at % 2 == 1 || at == last {
                hash = node(other, &hash);
                // The last of a level that has no neighbour stays as it is.
                while at % 2 == 0 && at != 0 {
                    (at, last) = (at / 2, last / 2);
                }
            } else {
                hash = node(&hash, other);
            }
            (at, last) = (at / 2, last / 2);
        }
        (last == 0).then_some(hash)
    }
}

impl<'a> Tree<'a> {
    /// Lines with the log's name, the size and the root, an empty line, and signatures.
    fn parse(checkpoint: &'a str) -> Option<Self> {
        let end = checkpoint.find("\n\n")? + 1;
        let (note, signatures) = (&checkpoint[..end], &checkpoint[end + 1..]);
        let mut lines = note.lines().skip(1);
        let size = lines.next()?.parse().ok()?;
        let root = STANDARD.decode(lines.next()?).ok()?;
        Some(Self { size, root, note, signatures })
    }

    fn is_signed_by(&self, key: &PublicKey) -> bool {
        self.signatures.lines().take(MAX_SIGNATURES).any(|line| {
            let signature = line.strip_prefix("— ").and_then(|line| line.rsplit_once(' '));
            let signature = signature.and_then(|(_, text)| STANDARD.decode(text).ok());
            let signature = signature.unwrap_or_default();
            let signature = signature.get(KEY_HINT_BYTES..).unwrap_or_default();
            key.verifies(self.note.as_bytes(), signature)
        })
    }
}

/// The hash of an entry.
fn leaf(body: &[u8]) -> Vec<u8> {
    digest(&SHA256, &[&[0], body].concat()).as_ref().to_vec()
}

/// The hash of two hashes.
fn node(left: &[u8], right: &[u8]) -> Vec<u8> {
    digest(&SHA256, &[&[1], left, right].concat()).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::{InclusionProof, leaf, node};
    use crate::signing::SigningKey;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    /// Where a tree is split: the largest power of two below its size (RFC 6962, 2.1).
    fn split(size: usize) -> usize {
        size.next_power_of_two() / 2
    }

    fn root(entries: &[Vec<u8>]) -> Vec<u8> {
        if let [one] = entries {
            return leaf(one);
        }
        let (left, right) = entries.split_at(split(entries.len()));
        node(&root(left), &root(right))
    }

    /// The path of an entry (RFC 6962, 2.1.1).
    fn path(entries: &[Vec<u8>], at: usize) -> Vec<Vec<u8>> {
        if entries.len() == 1 {
            return Vec::new();
        }
        let middle = split(entries.len());
        let (left, right) = entries.split_at(middle);
        let (mut below, beside) = if at < middle {
            (path(left, at), root(right))
        } else {
            (path(right, at - middle), root(left))
        };
        below.push(beside);
        below
    }

    fn checkpoint(key: &SigningKey, size: usize, root: &[u8]) -> String {
        let note = format!("rekor.example.com - 1\n{size}\n{}\n", STANDARD.encode(root));
        let signature = [b"hint".as_slice(), &key.sign(note.as_bytes())].concat();
        let witness = STANDARD.encode(b"hint and no signature");
        let signature = STANDARD.encode(signature);
        format!("{note}\n— witness.example.com {witness}\n— rekor.example.com {signature}\n")
    }

    #[test]
    fn each_entry_of_trees_of_all_sizes_is_proved() {
        let key = SigningKey::generate();
        let public = key.public_key();
        for size in 1..=17_usize {
            let entries: Vec<Vec<u8>> = (0..size).map(|at| vec![b'x'; at]).collect();
            let checkpoint = checkpoint(&key, size, &root(&entries));
            for at in 0..size {
                let (index, hashes) = (at as u64, path(&entries, at));
                let proof = InclusionProof { index, hashes, checkpoint: checkpoint.clone() };
                assert_eq!(proof.check(&entries[at], &public), Ok(()), "{at} of {size}");
                assert_eq!(proof.check(b"other", &public), Err("it leads to another root"));
                let longer = [proof.hashes.clone(), vec![vec![0; 32]]].concat();
                let longer = InclusionProof { hashes: longer, ..proof };
                assert_eq!(longer.check(&entries[at], &public), Err("it is of another size"));
            }
        }
    }

    #[test]
    fn known_tree_of_rfc_6962_has_its_root() {
        // The entries and the root of the test vectors of Certificate Transparency.
        let hex = |text: &str| hex::decode(text).expect("hex");
        let entries: Vec<Vec<u8>> = [
            "",
            "00",
            "10",
            "2021",
            "3031",
            "40414243",
            "5051525354555657",
            "606162636465666768696a6b6c6d6e6f",
        ]
        .map(hex)
        .to_vec();
        let wanted = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328";
        let proof =
            InclusionProof { index: 5, hashes: path(&entries, 5), checkpoint: String::new() };
        assert_eq!(proof.root(leaf(&entries[5]), 8), Some(hex(wanted)));
    }

    #[test]
    fn checkpoint_has_to_be_one_of_the_log() {
        let (key, other) = (SigningKey::generate(), SigningKey::generate());
        let entries = [b"a".to_vec(), b"b".to_vec()];
        let signed = checkpoint(&key, 2, &root(&entries));
        let check = |index: u64, checkpoint: &str| {
            let checkpoint = checkpoint.to_owned();
            let proof = InclusionProof { index, hashes: path(&entries, 0), checkpoint };
            proof.check(b"a", &key.public_key())
        };
        assert_eq!(check(0, &signed), Ok(()));
        assert_eq!(check(2, &signed), Err("it is of another size"));
        assert_eq!(check(0, "rekor\n2\n"), Err("its checkpoint cannot be read"));
        assert_eq!(check(0, "rekor\n2\n?\n\n"), Err("its checkpoint cannot be read"));
        let unsigned = Err("its checkpoint is not signed by the log");
        assert_eq!(check(0, &signed.replacen("- 1", "- 2", 1)), unsigned);
        assert_eq!(check(0, &checkpoint(&other, 2, &root(&entries))), unsigned);
        assert_eq!(check(0, signed.split_inclusive("\n\n").next().expect("a note")), unsigned);
    }
}
