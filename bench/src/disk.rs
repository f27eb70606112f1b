//! The disk's own limit: how often it syncs an append.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// Appends of 700 bytes, each followed by a sync, per second.
///
/// # Errors
/// If the disk fails.
pub fn syncs_per_second(dir: &Path, duration: Duration) -> Result<f64, String> {
    let path = dir.join("syncs");
    let mut file = File::create(&path).map_err(|e| e.to_string())?;
    let record = [b'x'; 700];
    let begun = Instant::now();
    let mut syncs = 0_u32;
    while begun.elapsed() < duration {
        file.write_all(&record).and_then(|()| file.sync_data()).map_err(|e| e.to_string())?;
        syncs += 1;
    }
    let rate = f64::from(syncs) / begun.elapsed().as_secs_f64();
    std::fs::remove_file(path).map_err(|e| e.to_string())?;
    Ok(rate)
}
