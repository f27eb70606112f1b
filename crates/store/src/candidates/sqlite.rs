//! The tree on [SQLite](https://docs.rs/rusqlite) with its write-ahead log.

use std::ops::{Bound, ControlFlow};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use pontoon_core::store::{Direction, KeyRange, Seq, Space, StoreError, StoreRead};
use rusqlite::{Connection, OptionalExtension, params_from_iter};

use crate::layers::Layer;
use crate::tree::Tree;

/// A database file with a table for each space, one connection that writes and several that read.
pub(crate) struct SqliteTree {
    path: PathBuf,
    cache_kib: u64,
    writer: Mutex<Connection>,
    reader: Mutex<Connection>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl SqliteTree {
    /// Opens or creates the tree in a directory.
    pub(crate) fn open(path: &Path, cache_bytes: u64) -> Result<Self, StoreError> {
        std::fs::create_dir_all(path).map_err(|e| failed("create", path, &e))?;
        let path = path.join("sqlite");
        let cache_kib = cache_bytes >> 10;
        let writer = connect(&path, cache_kib)?;
        for space in Space::ALL {
            let name = space.name();
            writer
                .execute_batch(&format!(
                    "CREATE TABLE IF NOT EXISTS \"{name}\" (key BLOB NOT NULL PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID"
                ))
                .map_err(|e| failed("create", &path, &e))?;
        }
        writer
            .execute_batch("CREATE TABLE IF NOT EXISTS last (id INTEGER PRIMARY KEY, batch INTEGER NOT NULL)")
            .map_err(|e| failed("create", &path, &e))?;
        let reader = connect(&path, cache_kib)?;
        Ok(Self {
            path,
            cache_kib,
            writer: Mutex::new(writer),
            reader: Mutex::new(reader),
            idle: Arc::default(),
        })
    }

    fn change(&self, change: impl FnOnce(&Connection) -> rusqlite::Result<()>) -> Result<(), StoreError> {
        let mut writer = self.writer.lock();
        let write = || {
            let transaction = writer.transaction()?;
            change(&transaction)?;
            transaction.commit()
        };
        write().map_err(|e| failed("write", &self.path, &e))
    }

    fn begin(&self) -> Result<Committed, StoreError> {
        let idle = self.idle.lock().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => connect(&self.path, self.cache_kib)?,
        };
        // The snapshot is that of the first read.
        let begin = || {
            connection.prepare_cached("BEGIN")?.execute([])?;
            connection.prepare_cached("SELECT 1 FROM meta LIMIT 1")?.query_row([], |_| Ok(())).optional()
        };
        begin().map_err(|e| failed("read", &self.path, &e))?;
        Ok(Committed {
            path: self.path.clone(),
            connection: Mutex::new(Some(connection)),
            idle: Arc::clone(&self.idle),
        })
    }
}

fn connect(path: &Path, cache_kib: u64) -> Result<Connection, StoreError> {
    let connect = || {
        let connection = Connection::open(path)?;
        connection.set_prepared_statement_cache_capacity(64);
        connection.execute_batch(&format!(
            "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -{cache_kib};"
        ))?;
        Ok(connection)
    };
    connect().map_err(|e: rusqlite::Error| failed("open", path, &e))
}

fn set_last(connection: &Connection, last: Seq) -> rusqlite::Result<usize> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO last (id, batch) VALUES (1, ?)")?
        .execute([last.0.cast_signed()])
}

fn get(connection: &Connection, space: Space, key: &[u8]) -> rusqlite::Result<Option<Bytes>> {
    connection
        .prepare_cached(&format!("SELECT value FROM \"{}\" WHERE key = ?", space.name()))?
        .query_row([key], |row| Ok(Bytes::copy_from_slice(row.get_ref(0)?.as_blob()?)))
        .optional()
}

fn scan(
    connection: &Connection,
    space: Space,
    range: &KeyRange,
    direction: Direction,
    visit: &mut dyn FnMut(&[u8], &Bytes) -> ControlFlow<()>,
) -> rusqlite::Result<()> {
    let mut sql = format!("SELECT key, value FROM \"{}\" WHERE TRUE", space.name());
    let mut bounds = Vec::new();
    match &range.start {
        Bound::Included(start) => (sql.push_str(" AND key >= ?"), bounds.push(start)).0,
        Bound::Excluded(start) => (sql.push_str(" AND key > ?"), bounds.push(start)).0,
        Bound::Unbounded => {}
    }
    match &range.end {
        Bound::Included(end) => (sql.push_str(" AND key <= ?"), bounds.push(end)).0,
        Bound::Excluded(end) => (sql.push_str(" AND key < ?"), bounds.push(end)).0,
        Bound::Unbounded => {}
    }
    sql.push_str(match direction {
        Direction::Ascending => " ORDER BY key",
        Direction::Descending => " ORDER BY key DESC",
    });
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(bounds))?;
    while let Some(row) = rows.next()? {
        let value = Bytes::copy_from_slice(row.get_ref(1)?.as_blob()?);
        if visit(row.get_ref(0)?.as_blob()?, &value).is_break() {
            break;
        }
    }
    Ok(())
}

impl StoreRead for SqliteTree {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        get(&self.reader.lock(), space, key).map_err(|e| failed("read", &self.path, &e))
    }

    fn scan(
        &self,
        space: Space,
        range: &KeyRange,
        direction: Direction,
        visit: &mut dyn FnMut(&[u8], &Bytes) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        scan(&self.reader.lock(), space, range, direction, visit).map_err(|e| failed("read", &self.path, &e))
    }
}

impl Tree for SqliteTree {
    fn commit(&self, writes: &Layer, last: Seq) -> Result<(), StoreError> {
        self.change(|connection| {
            set_last(connection, last)?;
            for space in writes.spaces() {
                let name = space.name();
                let mut put = connection.prepare_cached(&format!(
                    "INSERT OR REPLACE INTO \"{name}\" (key, value) VALUES (?, ?)"
                ))?;
                let mut delete =
                    connection.prepare_cached(&format!("DELETE FROM \"{name}\" WHERE key = ?"))?;
                for (key, value) in writes.iter(space) {
                    match value {
                        Some(value) => put.execute([key.as_ref(), value.as_ref()])?,
                        None => delete.execute([key.as_ref()])?,
                    };
                }
            }
            Ok(())
        })
    }

    fn applied(&self) -> Result<Seq, StoreError> {
        let last =
            self.reader.lock().query_row("SELECT batch FROM last", [], |row| row.get::<_, i64>(0)).optional();
        last.map(|last| Seq(last.unwrap_or(0).cast_unsigned())).map_err(|e| failed("read", &self.path, &e))
    }

    fn snapshot(&self) -> Arc<dyn StoreRead> {
        match self.begin() {
            Ok(committed) => Arc::new(committed),
            Err(error) => Arc::new(NoSnapshot(error.message)),
        }
    }

    fn clear(&self, last: Seq) -> Result<(), StoreError> {
        self.change(|connection| {
            set_last(connection, last)?;
            for space in Space::ALL {
                connection.execute(&format!("DELETE FROM \"{}\"", space.name()), [])?;
            }
            Ok(())
        })
    }
}

struct Committed {
    path: PathBuf,
    connection: Mutex<Option<Connection>>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Committed {
    fn read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let connection = self.connection.lock();
        let connection = connection.as_ref().ok_or_else(|| StoreError::new("the snapshot is gone"))?;
        read(connection).map_err(|e| failed("read", &self.path, &e))
    }
}

impl StoreRead for Committed {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.read(|connection| get(connection, space, key))
    }

    fn scan(
        &self,
        space: Space,
        range: &KeyRange,
        direction: Direction,
        visit: &mut dyn FnMut(&[u8], &Bytes) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.read(|connection| scan(connection, space, range, direction, visit))
    }
}

impl Drop for Committed {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.lock().take()
            && connection.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([])).is_ok()
        {
            self.idle.lock().push(connection);
        }
    }
}

fn failed(what: &str, path: &Path, error: &dyn std::error::Error) -> StoreError {
    StoreError::new(format!("cannot {what} {}: {error}", path.display()))
}

/// A snapshot that could not be taken, which its reads tell.
struct NoSnapshot(String);

impl StoreRead for NoSnapshot {
    fn get(&self, _: Space, _: &[u8]) -> Result<Option<Bytes>, StoreError> {
        Err(StoreError::new(self.0.clone()))
    }

    fn scan(
        &self,
        _: Space,
        _: &KeyRange,
        _: Direction,
        _: &mut dyn FnMut(&[u8], &Bytes) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        Err(StoreError::new(self.0.clone()))
    }
}
