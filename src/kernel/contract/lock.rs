//! The lock file: a surface, its digest, and who approved it. `parse(render(lock)) == lock`.
//!
//! The digest is over meaning, not over bytes: a file that was only laid out anew is the same contract,
//! and one in which a single definition was edited is not what was approved. An approval is signed over
//! server, digest, name, time and reason (Ed25519, RFC 8032).
use super::surface::{Surface, sorted};
use crate::kernel::digest::Digest;
use crate::kernel::json::{Bounds, Document};
use crate::kernel::policy::flaw::{Check, Flaws};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Version of the format.
const FORMAT: u32 = 1;

/// Longest lock file, in bytes: 5,000 tools with long schemas.
pub const BYTES_MAX: usize = 32 << 20;

/// A contract as it lies in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// The server it is about.
    pub server: String,
    /// What was approved.
    pub surface: Surface,
    /// `sha256:` and the digest of the surface, as written.
    pub digest: String,
    /// Who approved it.
    pub approvals: Vec<Approval>,
}

/// One approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Name of the approver.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When, RFC 3339.
    pub at: String,
    /// The digest that was approved.
    pub digest: String,
    /// Base64 of the signature; absent where no keys are configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    portcullis_lock: u32,
    server: String,
    digest: String,
    approvals: Vec<Approval>,
    surface: Surface,
}

/// Someone whose approvals count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approver {
    /// Ed25519 public key, 32 bytes.
    pub key: Vec<u8>,
    /// Whether the role `admin` is among those of the approver.
    pub admin: bool,
}

/// Approvers by name.
pub type Approvers = BTreeMap<String, Approver>;

/// `sha256:` and hex.
pub fn named(digest: Digest) -> String {
    format!("sha256:{digest}")
}

impl Lock {
    /// A contract that nobody has approved yet.
    pub fn draft(server: &str, surface: Surface) -> Self {
        let digest = named(surface.digest(server));
        Self { server: server.to_owned(), surface, digest, approvals: Vec::new() }
    }

    /// Reads a file. An error is one line for the operator.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bounds = Bounds { bytes_max: BYTES_MAX, nodes_max: 4_000_000, ..Bounds::default() };
        // The strict reader first: a key that is there twice has two readings.
        Document::parse(text.as_bytes().to_vec().into(), &bounds).map_err(|fault| format!("not JSON: {fault:?}"))?;
        let file: File = serde_json::from_str(text).map_err(|error| format!("not a lock file: {error}"))?;
        let File { portcullis_lock, server, digest, approvals, surface } = file;
        if portcullis_lock != FORMAT {
            return Err(format!("a lock file of format {portcullis_lock}; this version reads {FORMAT}"));
        }
        Ok(Self { server, surface, digest, approvals })
    }

    /// The text of the file: stable order, one line a value.
    pub fn render(&self) -> String {
        let Self { server, surface, digest, approvals } = self.clone();
        let file = File { portcullis_lock: FORMAT, server, digest, approvals, surface };
        let mut value = serde_json::to_value(file).unwrap_or_default();
        if let Some(surface) = value.get_mut("surface") {
            for definition in surface.as_object_mut().into_iter().flat_map(|kinds| kinds.values_mut()) {
                *definition = sorted(definition);
            }
        }
        let mut text = serde_json::to_string_pretty(&value).unwrap_or_default();
        text.push('\n');
        text
    }

    /// The digest of what is in it now.
    pub fn computed(&self) -> String {
        named(self.surface.digest(&self.server))
    }

    /// Whether it may be in force for `server`: the digest is that of the content, and enough admins approved it.
    /// `approvers` is empty where `gateway.yaml` names none.
    pub fn review(&self, server: &str, approvers: &Approvers, needed: usize, at: &str, flaws: &mut Flaws) {
        if self.server != server {
            let message = format!("the lock file is of the server `{}`", self.server);
            flaws.add(Check::LockOfAnother, at, message, "pull one for this server");
            return;
        }
        if self.digest != self.computed() {
            flaws.add(
                Check::LockEdited,
                at,
                "the lock file was edited after it was approved: its content does not have the digest it names",
                "pull and approve again, or restore the file",
            );
            return;
        }
        let mut by = BTreeSet::new();
        for approval in &self.approvals {
            match approval.counts(self, approvers) {
                Ok(()) => {
                    by.insert(approval.by.as_str());
                }
                Err((check, message)) => {
                    flaws.add(check, at, message, "approve again with `portcullis contract approve`, by an admin");
                }
            }
        }
        if by.len() < needed {
            let message = format!("{} of {needed} approvals", by.len());
            flaws.add(Check::ApprovalMissing, at, message, "review it with `contract diff`, then `contract approve`");
        } else if approvers.is_empty() {
            flaws.add(
                Check::ApprovalUnsigned,
                at,
                "the approvals are not signed",
                "name `approvers` with their public keys in gateway.yaml, and approve with --key",
            );
        }
    }
}

impl Approval {
    /// What is signed.
    pub fn statement(&self, server: &str) -> Vec<u8> {
        let fields = ["portcullis approval 1", server, &self.digest, &self.by, &self.at, &self.reason];
        let mut out = Vec::new();
        for field in fields {
            out.extend_from_slice(&(field.len() as u64).to_be_bytes());
            out.extend_from_slice(field.as_bytes());
        }
        out
    }

    fn counts(&self, lock: &Lock, approvers: &Approvers) -> Result<(), (Check, String)> {
        let by = &self.by;
        if self.digest != lock.digest {
            return Err((Check::ApprovalForAnother, format!("the approval by `{by}` is for another content")));
        }
        if approvers.is_empty() {
            return Ok(());
        }
        let Some(approver) = approvers.get(by) else {
            return Err((Check::ApproverUnknown, format!("`{by}` is not among the `approvers` of gateway.yaml")));
        };
        if !approver.admin {
            return Err((Check::ApproverUnknown, format!("`{by}` does not have the role `admin`")));
        }
        let signature = self.signature.as_deref().and_then(|text| STANDARD.decode(text).ok());
        let Some(signature) = signature else {
            return Err((Check::SignatureForged, format!("the approval by `{by}` has no signature")));
        };
        let key = aws_lc_rs::signature::UnparsedPublicKey::new(&aws_lc_rs::signature::ED25519, &approver.key);
        key.verify(&self.statement(&lock.server), &signature)
            .map_err(|_| (Check::SignatureForged, format!("the signature of `{by}` does not verify")))
    }
}

/// The 32 bytes of an Ed25519 public key: base64 of them, or a SubjectPublicKeyInfo (RFC 8410) in PEM or base64.
pub fn public_key(text: &str) -> Option<Vec<u8>> {
    const PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    let body: String = text.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
    let bytes = STANDARD.decode(body).ok()?;
    let key = bytes.strip_prefix(&PREFIX).unwrap_or(&bytes);
    (key.len() == 32).then(|| key.to_vec())
}

#[cfg(test)]
mod tests {
    use super::super::surface::Kind;
    use super::*;
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
    use serde_json::json;

    fn lock() -> Lock {
        let mut surface = Surface::default();
        surface.add(Kind::Tools, "b".to_owned(), json!({ "name": "b", "description": "B" }));
        surface.add(Kind::Tools, "a".to_owned(), json!({ "name": "a", "inputSchema": { "type": "object" } }));
        Lock::draft("crm", surface)
    }

    fn approval(lock: &Lock, by: &str, key: Option<&Ed25519KeyPair>) -> Approval {
        let (by, at) = (by.to_owned(), "2026-11-24T00:00:00Z".to_owned());
        let mut approval = Approval { by, reason: "seen".to_owned(), at, digest: lock.digest.clone(), signature: None };
        let sign = |key: &Ed25519KeyPair| STANDARD.encode(key.sign(&approval.statement("crm")).as_ref());
        approval.signature = key.map(sign);
        approval
    }

    fn found(lock: &Lock, approvers: &Approvers, needed: usize) -> Vec<Check> {
        let mut flaws = Flaws::default();
        lock.review("crm", approvers, needed, "/contract/lock", &mut flaws);
        flaws.0.into_iter().map(|flaw| flaw.check).collect()
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut lock = lock();
        lock.approvals.push(approval(&lock, "ann", None));
        assert_eq!(Lock::parse(&lock.render()).unwrap(), lock);
        assert_eq!(Lock::parse(&lock.render()).unwrap().render(), lock.render());
    }

    #[test]
    fn an_edited_file_is_refused_by_name_and_a_laid_out_one_is_not() {
        let mut lock = lock();
        lock.approvals.push(approval(&lock, "ann", None));
        let dense: serde_json::Value = serde_json::from_str(&lock.render()).unwrap();
        assert_eq!(found(&Lock::parse(&dense.to_string()).unwrap(), &Approvers::new(), 1), [Check::ApprovalUnsigned]);
        let edited = lock.render().replace("\"B\"", "\"C\"");
        assert_eq!(found(&Lock::parse(&edited).unwrap(), &Approvers::new(), 1), [Check::LockEdited]);
        let twice = lock.render().replacen("\"server\":", "\"server\": \"x\", \"server\":", 1);
        assert!(Lock::parse(&twice).unwrap_err().contains("DuplicateKey"));
    }

    #[test]
    fn only_a_signature_of_an_admin_over_this_content_counts() {
        let keys: Vec<Ed25519KeyPair> = (0..3).map(|_| Ed25519KeyPair::generate().unwrap()).collect();
        let approver = |at: usize, admin| Approver { key: keys[at].public_key().as_ref().to_vec(), admin };
        let approvers: Approvers = [
            ("ann".to_owned(), approver(0, true)),
            ("bob".to_owned(), approver(1, false)),
            ("cid".to_owned(), approver(2, true)),
        ]
        .into();
        let with = |approvals: Vec<Approval>| Lock { approvals, ..lock() };
        let ann = approval(&lock(), "ann", Some(&keys[0]));
        assert_eq!(found(&with(vec![ann.clone()]), &approvers, 1), []);
        let missing = Check::ApprovalMissing;
        assert_eq!(found(&with(vec![]), &approvers, 1), [missing]);
        // Twice the same person is one person.
        assert_eq!(found(&with(vec![ann.clone(), ann.clone()]), &approvers, 2), [missing]);
        let cid = approval(&lock(), "cid", Some(&keys[2]));
        assert_eq!(found(&with(vec![ann.clone(), cid]), &approvers, 2), []);
        let bob = approval(&lock(), "bob", Some(&keys[1]));
        assert_eq!(found(&with(vec![bob]), &approvers, 1), [Check::ApproverUnknown, missing]);
        let eve = approval(&lock(), "eve", Some(&keys[1]));
        assert_eq!(found(&with(vec![eve]), &approvers, 1), [Check::ApproverUnknown, missing]);
        let unsigned = approval(&lock(), "ann", None);
        assert_eq!(found(&with(vec![unsigned]), &approvers, 1), [Check::SignatureForged, missing]);
        let by_another = approval(&lock(), "ann", Some(&keys[1]));
        assert_eq!(found(&with(vec![by_another]), &approvers, 1), [Check::SignatureForged, missing]);
        for edit in [
            (|a: &mut Approval| a.reason.push('x')) as fn(&mut Approval),
            |a| a.at.push('x'),
            |a| a.by = "cid".to_owned(),
        ] {
            let mut altered = ann.clone();
            edit(&mut altered);
            assert_eq!(found(&with(vec![altered]), &approvers, 1), [Check::SignatureForged, missing]);
        }
        let mut older = ann;
        older.digest = named(Digest::of(b"another"));
        assert_eq!(found(&with(vec![older]), &approvers, 1), [Check::ApprovalForAnother, missing]);
    }

    #[test]
    fn a_public_key_is_read_in_each_of_its_spellings() {
        let raw = [7u8; 32];
        let prefix = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
        let info = STANDARD.encode([prefix.as_slice(), &raw].concat());
        assert_eq!(public_key(&STANDARD.encode(raw)), Some(raw.to_vec()));
        assert_eq!(public_key(&info), Some(raw.to_vec()));
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{info}\n-----END PUBLIC KEY-----\n");
        assert_eq!(public_key(&pem), Some(raw.to_vec()));
        assert_eq!(public_key(&STANDARD.encode([7u8; 31])), None);
        assert_eq!(public_key("nonsense!"), None);
    }
}
