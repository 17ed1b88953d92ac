//! The file: an embedded database (redb), because exactly-once across crashes is its business. Every write is on
//! disk when it returns. The file is locked, so two gateways cannot both use one approval.
use super::Kept;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use std::path::Path;

const CONFIRMATIONS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("confirmations");
const KEYS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("keys");
/// The key that seals states.
const SEAL: &str = "seal";
const FILE: &str = "confirmations.redb";

pub struct Store {
    database: Database,
}

fn told(error: impl std::fmt::Display) -> String {
    format!("`{FILE}`: {error}")
}

impl Store {
    /// Opens or makes the file.
    pub fn open(directory: &Path) -> Result<Self, String> {
        let path = directory.join(FILE);
        let mut database = Database::create(&path).map_err(told)?;
        // One that has to be mended would go back to an earlier state, in which more may have been unused.
        if !database.check_integrity().map_err(told)? {
            return Err(told("it is damaged"));
        }
        // Like the key of pseudonyms: what people were shown is nobody else's.
        only_owner(&path).map_err(told)?;
        let write = database.begin_write().map_err(told)?;
        write.open_table(CONFIRMATIONS).map_err(told)?;
        write.open_table(KEYS).map_err(told)?;
        write.commit().map_err(told)?;
        Ok(Self { database })
    }

    /// Whether there is one.
    pub fn exists(directory: &Path) -> bool {
        directory.join(FILE).exists()
    }

    /// The seal key; `new` if there is none yet.
    pub fn key(&self, new: [u8; 32]) -> Result<[u8; 32], String> {
        let write = self.database.begin_write().map_err(told)?;
        let key = {
            let mut table = write.open_table(KEYS).map_err(told)?;
            let known = table.get(SEAL).map_err(told)?.map(|value| value.value().to_vec());
            match known {
                Some(known) => <[u8; 32]>::try_from(known.as_slice()).map_err(|_| told("a key of another length"))?,
                None => {
                    table.insert(SEAL, new.as_slice()).map_err(told)?;
                    new
                }
            }
        };
        write.commit().map_err(told)?;
        Ok(key)
    }

    /// Everything. What cannot be read is an error, not nothing: it may have been used.
    pub fn all(&self) -> Result<Vec<Kept>, String> {
        let read = self.database.begin_read().map_err(told)?;
        let table = read.open_table(CONFIRMATIONS).map_err(told)?;
        let rows = table.iter().map_err(told)?;
        rows.map(|row| {
            let (id, value) = row.map_err(told)?;
            let kept: Kept = serde_json::from_slice(value.value()).map_err(told)?;
            if kept.confirmation.id() == id.value() { Ok(kept) } else { Err(told("a row under another name")) }
        })
        .collect()
    }

    /// Keeps one; on disk when this returns.
    pub fn put(&self, id: &str, kept: &Kept) -> Result<(), String> {
        let text = serde_json::to_vec(kept).map_err(told)?;
        let write = self.database.begin_write().map_err(told)?;
        write.open_table(CONFIRMATIONS).map_err(told)?.insert(id, text.as_slice()).map_err(told)?;
        write.commit().map_err(told)
    }

    /// Forgets some.
    pub fn remove(&self, ids: &[String]) -> Result<(), String> {
        let write = self.database.begin_write().map_err(told)?;
        {
            let mut table = write.open_table(CONFIRMATIONS).map_err(told)?;
            for id in ids {
                table.remove(id.as_str()).map_err(told)?;
            }
        }
        write.commit().map_err(told)
    }
}

fn only_owner(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
}
