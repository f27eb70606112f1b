//! The data directory: whose it is, which format it has, and who holds it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};

use pontoon_core::store::StoreError;

/// Says what the directory is and which format it has.
const FORMAT_FILE: &str = "FORMAT";
/// The format file while it is being written.
const FORMAT_FILE_NEW: &str = "FORMAT.new";
/// Locked while a process has the directory open; holds that process's id.
const LOCK_FILE: &str = "LOCK";
/// Exists while what is in the directory is being created or emptied: nothing in it counts.
const EMPTYING_FILE: &str = "EMPTYING";
/// The first word of the format file.
const FORMAT_NAME: &str = "pontoon-data";
/// The format that this build writes: the files, and the services' records in them. Format 1 had other records of traces and kept events; format 2 had
/// no pages of the index of queues' messages.
const FORMAT_VERSION: u32 = 3;
/// The oldest format that this build reads. What later ones added may be missing, so a directory is upgraded by saying that it is of the present one.
const FORMAT_READ_MIN: u32 = 2;

/// A data directory that this process holds, locked until it is dropped.
pub(crate) struct DataDirectory {
    path: PathBuf,
    /// Keeps the lock.
    _lock: File,
}

impl DataDirectory {
    /// Opens a directory, creating it if absent. Only an empty directory or one of Pontoon's is taken.
    ///
    /// # Errors
    /// If it is another program's, of another format, damaged, held by another process, or cannot be written.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        create_durably(path)?;
        let path = path.canonicalize().map_err(|e| failed("open", path, &e))?;
        refuse_foreign(&path)?;
        let lock = lock(&path)?;
        let directory = Self { path, _lock: lock };
        if directory.join(FORMAT_FILE).try_exists().map_err(|e| failed("read", &directory.path, &e))? {
            directory.check_format()?;
        } else {
            // Until the first contents are complete, a crash leaves a directory that is empty again when next opened.
            directory.begin_emptying()?;
            directory.write_format()?;
        }
        Ok(directory)
    }

    /// The path of something in the directory.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Refuses the directory if something in it is missing.
    pub(crate) fn expect(&self, name: &str) -> Result<(), StoreError> {
        let path = self.join(name);
        if path.try_exists().map_err(|e| failed("read", &path, &e))? {
            return Ok(());
        }
        Err(StoreError::new(format!(
            "{} is missing: restore the data directory from a copy, or choose another one",
            path.display()
        )))
    }

    /// Whether the contents were being created or emptied when the process ended, and so are to be removed.
    pub(crate) fn is_emptying(&self) -> Result<bool, StoreError> {
        self.join(EMPTYING_FILE).try_exists().map_err(|e| failed("read", &self.path, &e))
    }

    /// From now until [`DataDirectory::end_emptying`] a crash empties the directory.
    pub(crate) fn begin_emptying(&self) -> Result<(), StoreError> {
        write_durably(&self.join(EMPTYING_FILE), b"")?;
        sync_directory(&self.path)
    }

    /// The contents count again.
    pub(crate) fn end_emptying(&self) -> Result<(), StoreError> {
        let marker = self.join(EMPTYING_FILE);
        match fs::remove_file(&marker) {
            Ok(()) => sync_directory(&self.path),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
            Err(e) => Err(failed("remove", &marker, &e)),
        }
    }

    fn check_format(&self) -> Result<(), StoreError> {
        let file = self.join(FORMAT_FILE);
        let mut text = String::new();
        let read = File::open(&file).and_then(|file| file.take(256).read_to_string(&mut text));
        if let Err(e) = read
            && e.kind() != ErrorKind::InvalidData
        {
            return Err(failed("read", &file, &e));
        }
        let version =
            text.trim_end().strip_prefix(FORMAT_NAME).and_then(|rest| rest.trim().parse::<u32>().ok());
        match version {
            Some(FORMAT_VERSION) => Ok(()),
            Some(FORMAT_READ_MIN..FORMAT_VERSION) => self.write_format(),
            Some(newer) if newer > FORMAT_VERSION => Err(StoreError::new(format!(
                "data directory {} has format {newer}, and this version of Pontoon reads formats {FORMAT_READ_MIN} to {FORMAT_VERSION}: run the \
                 version that wrote it or a newer one, or choose another directory",
                self.path.display()
            ))),
            Some(older) if older > 0 => Err(StoreError::new(format!(
                "data directory {} has format {older}, and this version of Pontoon reads formats {FORMAT_READ_MIN} to {FORMAT_VERSION}: run the \
                 version that wrote it, or choose another directory",
                self.path.display()
            ))),
            Some(_) | None => Err(StoreError::new(format!(
                "{} is damaged or not Pontoon's: restore the data directory from a copy, or choose another directory",
                file.display()
            ))),
        }
    }

    fn write_format(&self) -> Result<(), StoreError> {
        let (new, file) = (self.join(FORMAT_FILE_NEW), self.join(FORMAT_FILE));
        write_durably(&new, format!("{FORMAT_NAME} {FORMAT_VERSION}\n").as_bytes())?;
        fs::rename(&new, &file).map_err(|e| failed("write", &file, &e))?;
        sync_directory(&self.path)
    }
}

/// Creates a directory and its missing parents so that they survive a power loss.
fn create_durably(path: &Path) -> Result<(), StoreError> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => return Ok(()),
        Ok(_) => {
            return Err(StoreError::new(format!(
                "{} is a file: choose a directory for the data",
                path.display()
            )));
        }
        Err(e) if e.kind() == ErrorKind::NotFound => {}
        Err(e) => return Err(failed("open", path, &e)),
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    create_durably(parent)?;
    match fs::create_dir(path) {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => Err(failed("create", path, &e)),
        Ok(()) | Err(_) => sync_directory(parent),
    }
}

/// Refuses a directory that has contents and no format file: writing there could destroy someone's data.
fn refuse_foreign(path: &Path) -> Result<(), StoreError> {
    let mut stranger = None;
    for entry in fs::read_dir(path).map_err(|e| failed("read", path, &e))? {
        let name = entry.map_err(|e| failed("read", path, &e))?.file_name();
        match name.to_str() {
            Some(FORMAT_FILE) => return Ok(()),
            Some(FORMAT_FILE_NEW | LOCK_FILE | EMPTYING_FILE) => {}
            _ => stranger = Some(name),
        }
    }
    match stranger {
        None => Ok(()),
        Some(name) => Err(StoreError::new(format!(
            "{} is not a Pontoon data directory: it has no {FORMAT_FILE} file but contains {}; choose an empty or new directory",
            path.display(),
            name.display()
        ))),
    }
}

/// Locks the directory for this process and leaves the process's id for whoever finds it locked.
fn lock(path: &Path) -> Result<File, StoreError> {
    let file_path = path.join(LOCK_FILE);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&file_path)
        .map_err(|e| failed("open", &file_path, &e))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // Without the id the message is only less helpful.
            let _ = file.take(32).read_to_string(&mut holder);
            let holder = match holder.trim() {
                "" => "another process".to_owned(),
                pid => format!("process {pid}"),
            };
            return Err(StoreError::new(format!(
                "data directory {} is in use by {holder}: stop it, or choose another directory",
                path.display()
            )));
        }
        Err(TryLockError::Error(e)) => return Err(failed("lock", &file_path, &e)),
    }
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .map_err(|e| failed("write", &file_path, &e))?;
    Ok(file)
}

fn write_durably(path: &Path, contents: &[u8]) -> Result<(), StoreError> {
    File::create(path)
        .and_then(|mut file| {
            file.write_all(contents)?;
            file.sync_all()
        })
        .map_err(|e| failed("write", path, &e))
}

/// Makes creations, renames and removals in a directory durable.
pub(crate) fn sync_directory(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|directory| directory.sync_all()).map_err(|e| failed("sync", path, &e))
}

/// An error of the file system, with what was being done.
pub(crate) fn failed(what: &str, path: &Path, error: &io::Error) -> StoreError {
    let hint = match error.kind() {
        ErrorKind::PermissionDenied => ": check who owns it",
        ErrorKind::StorageFull => ": free some space on its disk",
        ErrorKind::ReadOnlyFilesystem => ": choose a directory that can be written",
        _ => "",
    };
    StoreError::new(format!("cannot {what} {}: {error}{hint}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What opening the directory says.
    fn refusal(path: &Path) -> String {
        match DataDirectory::open(path) {
            Ok(_) => "opened".to_owned(),
            Err(error) => error.message,
        }
    }

    #[test]
    fn a_new_directory_is_created_with_its_parents_and_opens_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        let created = DataDirectory::open(&path).unwrap();
        assert!(created.is_emptying().unwrap(), "it is not complete until its contents are");
        created.end_emptying().unwrap();
        drop(created);
        assert!(!DataDirectory::open(&path).unwrap().is_emptying().unwrap());
        assert_eq!(fs::read_to_string(path.join(FORMAT_FILE)).unwrap(), "pontoon-data 3\n");
    }

    #[test]
    fn a_crash_at_any_point_of_the_creation_leaves_a_directory_that_opens() {
        for leftovers in
            [&[LOCK_FILE][..], &[LOCK_FILE, EMPTYING_FILE], &[LOCK_FILE, EMPTYING_FILE, FORMAT_FILE_NEW]]
        {
            let dir = tempfile::tempdir().unwrap();
            for name in leftovers {
                fs::write(dir.path().join(name), "").unwrap();
            }
            assert!(DataDirectory::open(dir.path()).unwrap().is_emptying().unwrap());
        }
    }

    #[test]
    fn a_directory_with_other_contents_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("thesis.tex"), "").unwrap();
        assert!(refusal(dir.path()).contains("is not a Pontoon data directory"), "{}", refusal(dir.path()));
        assert!(refusal(dir.path()).contains("thesis.tex"));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert!(refusal(&dir.path().join("thesis.tex")).contains("is a file"));
    }

    #[test]
    fn another_or_damaged_format_is_refused_with_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        for (format, expected) in [
            (
                "pontoon-data 4\n",
                "has format 4, and this version of Pontoon reads formats 2 to 3: run the version",
            ),
            (
                "pontoon-data 1\n",
                "has format 1, and this version of Pontoon reads formats 2 to 3: run the version",
            ),
            ("pontoon-data 0\n", "is damaged or not Pontoon's"),
            ("pontoon-data\n", "is damaged or not Pontoon's"),
            ("something else", "is damaged or not Pontoon's"),
            ("", "is damaged or not Pontoon's"),
        ] {
            fs::write(dir.path().join(FORMAT_FILE), format).unwrap();
            assert!(refusal(dir.path()).contains(expected), "{format:?}: {}", refusal(dir.path()));
        }
        fs::write(dir.path().join(FORMAT_FILE), [0xff, 0xfe, 0, 1]).unwrap();
        assert!(refusal(dir.path()).contains("is damaged"));
    }

    #[test]
    fn a_directory_of_the_format_before_is_upgraded() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FORMAT_FILE), "pontoon-data 2\n").unwrap();
        drop(DataDirectory::open(dir.path()).unwrap());
        assert_eq!(fs::read_to_string(dir.path().join(FORMAT_FILE)).unwrap(), "pontoon-data 3\n");
    }

    #[test]
    fn a_directory_that_is_held_is_refused_with_the_holders_process_id() {
        let dir = tempfile::tempdir().unwrap();
        let held = DataDirectory::open(dir.path()).unwrap();
        let expected = format!("is in use by process {}", std::process::id());
        assert!(refusal(dir.path()).contains(&expected), "{}", refusal(dir.path()));
        drop(held);
        assert_eq!(refusal(dir.path()), "opened");
    }
}
