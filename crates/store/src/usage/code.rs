//! What SQLite's result codes say about the file.

/// Whether the file can be of no more use, whatever is tried: it is damaged, or no database.
pub(super) fn is_unusable(error: &sqlx::Error) -> bool {
    const CORRUPT: u32 = 11;
    const NO_DATABASE: u32 = 26;
    // The lowest byte of an extended code is the code.
    const CODE: u32 = 0xff;
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    let code = code.and_then(|code| code.parse::<u32>().ok()).map(|code| code & CODE);
    matches!(code, Some(CORRUPT | NO_DATABASE))
}
