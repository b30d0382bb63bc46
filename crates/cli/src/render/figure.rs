//! Single figures as people read them, as short as a column needs.
//!
//! Memory is counted in powers of 1024, what is moved in powers of 1000, as the engine's own tools do.

/// What stands for a figure that is not known.
pub(crate) const UNKNOWN: &str = "-";

/// Bytes of memory: `97KiB`, `1.5GiB`.
pub(crate) fn memory(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let bytes = bytes as f64;
    scaled(bytes, 1024.0, ["B", "KiB", "MiB", "GiB", "TiB"])
}

/// Bytes that were moved: `250kB`, `1.5MB`.
pub(crate) fn volume(bytes: f64) -> String {
    scaled(bytes, 1000.0, ["B", "kB", "MB", "GB", "TB"])
}

/// MB (10^6 bytes) that were moved.
pub(crate) fn megabytes(megabytes: f64) -> String {
    volume(megabytes * 1e6)
}

/// Percent with one decimal, without the sign.
pub(crate) fn percent(percent: f64) -> String {
    format!("{percent:.1}")
}

/// A figure that may not be known.
pub(crate) fn or_unknown<T>(figure: Option<T>, show: impl FnOnce(T) -> String) -> String {
    figure.map_or_else(|| UNKNOWN.to_owned(), show)
}

/// How much of what it may use it does use, in percent.
#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
pub(crate) fn share(used: Option<u64>, most: Option<u64>) -> Option<f64> {
    let (used, most) = (used?, most.filter(|most| *most > 0)?);
    Some(used as f64 / most as f64 * 100.0)
}

fn scaled(value: f64, base: f64, units: [&str; 5]) -> String {
    let mut value = value;
    let mut units = units.into_iter().peekable();
    let mut unit = units.next().unwrap_or_default();
    let is_whole = value < base - 0.5;
    // What would be rounded up to the next unit is shown in it.
    while value >= base - 0.5
        && let Some(next) = units.next()
    {
        (value, unit) = (value / base, next);
    }
    if is_whole || value >= 9.95 {
        format!("{value:.0}{unit}")
    } else {
        format!("{value:.1}{unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short_and_have_the_digits_that_matter() {
        let shown = [0, 1023, 1024, 1536, 10_240, 1_048_575, 536_870_912, 3 << 29, 5 << 50];
        let texts =
            ["0B", "1023B", "1.0KiB", "1.5KiB", "10KiB", "1.0MiB", "512MiB", "1.5GiB", "5120TiB"];
        assert_eq!(shown.map(memory), texts);
        let shown = [0.0, 999.0, 1000.0, 9_949.0, 9_960.0, 999_499.0, 999_999.0, 1.5e9];
        let texts = ["0B", "999B", "1.0kB", "9.9kB", "10kB", "999kB", "1.0MB", "1.5GB"];
        assert_eq!(shown.map(volume), texts);
        assert_eq!(megabytes(0.25), "250kB");
    }

    #[test]
    fn a_share_of_nothing_is_not_known() {
        assert_eq!(share(Some(1), Some(0)), None);
        assert_eq!(share(Some(1), None), None);
        assert_eq!(share(Some(128), Some(512)), Some(25.0));
    }
}
