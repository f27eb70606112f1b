//! Unpacks deployment archives, trusting nothing in them.

use std::collections::HashMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Cursor, Read};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use tokio::sync::Mutex;

/// The most bytes that an archive may unpack to: Lambda's 250 MB.
const UNPACKED_BYTES_MAX: u64 = 262_144_000;
/// The most entries of an archive. Lambda names no number; this one bounds the inodes that one package may take.
const ENTRIES_MAX: usize = 100_000;
/// The longest symbolic link target, that of Linux.
const LINK_BYTES_MAX: u64 = 4096;

/// Why there is no directory to run a function in.
#[derive(Debug)]
pub(super) enum UnpackError {
    /// The archive cannot be read or breaks a limit; the text says how.
    Code(String),
    /// The machine refused a file.
    Machine(io::Error),
}

impl fmt::Display for UnpackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(reason) => write!(f, "the function's code cannot be unpacked: {reason}"),
            Self::Machine(error) => write!(f, "the machine cannot unpack the function's code: {error}"),
        }
    }
}

impl From<io::Error> for UnpackError {
    fn from(error: io::Error) -> Self {
        Self::Machine(error)
    }
}

/// An unpacked archive. Its directory is removed when the last process that runs from it is gone.
#[derive(Debug)]
pub(super) struct Unpacked {
    path: PathBuf,
}

impl Unpacked {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Unpacked {
    fn drop(&mut self) {
        // What cannot be removed now is removed when the next pool opens the directory.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// The unpacked archives that are in use, by hash.
///
/// Invariant: the directory holds nothing from an earlier run, so a tree torn by a crash is never executed.
pub(super) struct CodeCache {
    dir: PathBuf,
    unpacked: Mutex<Slots>,
}

#[derive(Default)]
struct Slots {
    by_sha: HashMap<String, Weak<Unpacked>>,
    made: u64,
}

impl CodeCache {
    /// Empties `dir`, which is the cache's alone, and takes it.
    pub(super) fn open(dir: PathBuf) -> io::Result<Self> {
        match fs::remove_dir_all(&dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::create_dir_all(&dir)?,
        }
        Ok(Self { dir, unpacked: Mutex::default() })
    }

    /// The directory of the archive with hash `sha256`, unpacked if it is not there. One archive is unpacked at a time. `source` reads the
    /// archive, on a thread that may block.
    pub(super) async fn get(
        &self,
        sha256: &str,
        source: impl FnOnce() -> io::Result<Bytes> + Send + 'static,
    ) -> Result<Arc<Unpacked>, UnpackError> {
        let mut slots = self.unpacked.lock().await;
        if let Some(found) = slots.by_sha.get(sha256).and_then(Weak::upgrade) {
            return Ok(found);
        }
        slots.by_sha.retain(|_, slot| slot.strong_count() > 0);
        slots.made += 1;
        let target = Unpacked { path: self.dir.join(slots.made.to_string()) };
        let made = tokio::task::spawn_blocking(move || {
            let zip = source()?;
            unpack(zip, &target.path)?;
            Ok::<_, UnpackError>(target)
        })
        .await
        .map_err(|error| UnpackError::Machine(io::Error::other(error)))??;
        let made = Arc::new(made);
        slots.by_sha.insert(sha256.to_owned(), Arc::downgrade(&made));
        Ok(made)
    }
}

/// Unpacks `zip` into the new directory `dir`: regular files with their execute bits, directories, and symbolic links that
/// stay inside. Links are made after all files, so no file is ever written through one.
fn unpack(zip: Bytes, dir: &Path) -> Result<(), UnpackError> {
    let mut archive = zip::ZipArchive::new(Cursor::new(zip)).map_err(|e| UnpackError::Code(e.to_string()))?;
    if archive.len() > ENTRIES_MAX {
        return Err(UnpackError::Code(format!("it has more than {ENTRIES_MAX} entries")));
    }
    fs::create_dir_all(dir)?;
    let mut budget = UNPACKED_BYTES_MAX;
    let mut links = Vec::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(|e| UnpackError::Code(e.to_string()))?;
        let path = entry
            .enclosed_name()
            .filter(|path| path.components().all(|part| matches!(part, Component::Normal(_))))
            .ok_or_else(|| UnpackError::Code(format!("entry {index} names a path outside the package")))?;
        if entry.is_dir() {
            make_dir(&dir.join(&path))?;
        } else if entry.is_symlink() {
            let mut target = String::new();
            (&mut entry)
                .take(LINK_BYTES_MAX)
                .read_to_string(&mut target)
                .map_err(|e| UnpackError::Code(e.to_string()))?;
            if !stays_inside(&path, Path::new(&target)) {
                return Err(UnpackError::Code(format!("link {} leads outside the package", path.display())));
            }
            links.push((path, target));
        } else {
            let mode = entry.unix_mode().unwrap_or(0o644);
            budget = write_file(&mut entry, &dir.join(&path), mode, budget)?;
        }
    }
    link_all(dir, &links)
}

fn make_dir(path: &Path) -> Result<(), UnpackError> {
    fs::create_dir_all(path).map_err(conflict)
}

/// Writes one file and returns what is left of `budget` bytes, counting what comes out rather than what the header claims.
fn write_file(entry: &mut impl Read, path: &Path, mode: u32, budget: u64) -> Result<u64, UnpackError> {
    if let Some(parent) = path.parent() {
        make_dir(parent)?;
    }
    let mut file = File::create(path).map_err(conflict)?;
    let written = copy_bounded(entry, &mut file, budget)?;
    set_mode(&file, mode)?;
    Ok(budget - written)
}

/// Copies at most `budget` bytes; reading errors are the archive's, writing errors the machine's.
fn copy_bounded(from: &mut impl Read, to: &mut impl io::Write, budget: u64) -> Result<u64, UnpackError> {
    let mut buffer = vec![0; 64 * 1024];
    let mut written = 0;
    loop {
        let read = from.read(&mut buffer).map_err(|e| UnpackError::Code(e.to_string()))?;
        if read == 0 {
            return Ok(written);
        }
        written += read as u64;
        if written > budget {
            return Err(UnpackError::Code(format!("it unpacks to more than {UNPACKED_BYTES_MAX} bytes")));
        }
        to.write_all(&buffer[..read])?;
    }
}

/// Entries that collide (a file where a directory is needed) are the archive's fault; all else is the machine's.
fn conflict(error: io::Error) -> UnpackError {
    match error.kind() {
        io::ErrorKind::AlreadyExists
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::IsADirectory
        | io::ErrorKind::InvalidFilename => UnpackError::Code(format!("entries collide: {error}")),
        _ => UnpackError::Machine(error),
    }
}

#[cfg(unix)]
fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    // Owner may always read and write, so that the tree can be removed; set-id bits are dropped.
    file.set_permissions(fs::Permissions::from_mode((mode & 0o777) | 0o600))
}

/// Whether `target`, seen from the link at `link`, stays below the package's root when read literally.
fn stays_inside(link: &Path, target: &Path) -> bool {
    let mut depth = link.components().count().saturating_sub(1);
    for part in target.components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => depth -= 1,
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return false,
        }
    }
    true
}

/// Makes the links, then follows each once: links through links may lead where their text does not.
fn link_all(dir: &Path, links: &[(PathBuf, String)]) -> Result<(), UnpackError> {
    for (path, target) in links {
        let path = dir.join(path);
        if let Some(parent) = path.parent() {
            make_dir(parent)?;
        }
        std::os::unix::fs::symlink(target, &path).map_err(conflict)?;
    }
    let root = dir.canonicalize()?;
    for (path, _) in links {
        // A link that leads nowhere is harmless and allowed, as on Lambda.
        if let Ok(real) = dir.join(path).canonicalize()
            && !real.starts_with(&root)
        {
            return Err(UnpackError::Code(format!("link {} leads outside the package", path.display())));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::write::SimpleFileOptions;

    use super::*;

    fn archive(entries: &[(&str, &str, u32)], links: &[(&str, &str)]) -> Bytes {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, text, mode) in entries {
            zip.start_file(*name, SimpleFileOptions::default().unix_permissions(*mode)).unwrap();
            zip.write_all(text.as_bytes()).unwrap();
        }
        for (name, target) in links {
            zip.add_symlink(*name, *target, SimpleFileOptions::default()).unwrap();
        }
        zip.finish().unwrap().into_inner().into()
    }

    fn refusal(zip: Bytes) -> String {
        let dir = tempfile::tempdir().unwrap();
        match unpack(zip, &dir.path().join("x")) {
            Err(UnpackError::Code(reason)) => reason,
            other => panic!("expected a refused archive, got {other:?}"),
        }
    }

    #[test]
    fn files_keep_their_execute_bits_and_links_that_stay_inside_are_made() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("x");
        unpack(
            archive(&[("bootstrap", "b", 0o755), ("lib/a.txt", "a", 0o644)], &[("lib/b.txt", "a.txt")]),
            &root,
        )
        .unwrap();
        assert_eq!(fs::metadata(root.join("bootstrap")).unwrap().permissions().mode() & 0o111, 0o111);
        assert_eq!(fs::metadata(root.join("lib/a.txt")).unwrap().permissions().mode() & 0o111, 0);
        assert_eq!(fs::read_to_string(root.join("lib/b.txt")).unwrap(), "a");
    }

    #[test]
    fn paths_and_links_that_lead_outside_are_refused() {
        for name in ["../evil", "a/../../evil"] {
            assert!(refusal(archive(&[(name, "x", 0o644)], &[])).contains("outside"), "{name}");
        }
        for target in ["/etc/passwd", "../x", "a/../../x"] {
            assert!(refusal(archive(&[], &[("link", target)])).contains("outside"), "{target}");
        }
        let through = archive(
            &[("a/b/f", "", 0o644)],
            &[("a/b/up", "../.."), ("a/b/out", "up/../y"), ("a/b/real", "up/..")],
        );
        assert!(refusal(through).contains("outside"));
    }

    #[test]
    fn a_link_never_redirects_a_file_of_the_same_archive() {
        let zip = archive(&[("d/f", "x", 0o644)], &[("d", "e")]);
        assert!(refusal(zip).contains("collide"));
    }

    #[test]
    fn an_archive_that_unpacks_to_too_much_is_refused_by_what_comes_out() {
        let mut sink = io::sink();
        let refused = copy_bounded(&mut io::repeat(0).take(100), &mut sink, 99);
        assert!(matches!(refused, Err(UnpackError::Code(_))));
        assert!(matches!(copy_bounded(&mut io::repeat(0).take(99), &mut sink, 99), Ok(99)));
    }

    #[test]
    fn garbage_and_truncated_archives_are_refused() {
        refusal(Bytes::from_static(b"not a zip"));
        let whole = archive(&[("f", "some text", 0o644)], &[]);
        refusal(whole.slice(..whole.len() / 2));
    }

    #[tokio::test]
    async fn the_directory_lives_as_long_as_it_is_used() {
        let dir = tempfile::tempdir().unwrap();
        let cache = CodeCache::open(dir.path().join("code")).unwrap();
        let zip = archive(&[("f", "x", 0o644)], &[]);
        let source = || {
            let zip = zip.clone();
            move || Ok(zip)
        };
        let first = cache.get("sha", source()).await.unwrap();
        let second = cache.get("sha", source()).await.unwrap();
        assert_eq!(first.path(), second.path());
        let path = first.path().to_owned();
        drop((first, second));
        assert!(!path.exists());
        assert!(cache.get("sha", source()).await.unwrap().path().join("f").exists());
    }
}
