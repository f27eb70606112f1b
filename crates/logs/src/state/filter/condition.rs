//! Conditions joined by `&&` and `||`, in parentheses or not: the grammar that JSON patterns and fields share.

use super::InvalidPattern;
use super::cursor::Cursor;

/// How deep parentheses may nest.
const DEPTH_MAX: usize = 64;

/// Conditions over some kind of test.
#[derive(Clone, Debug)]
pub(super) enum Condition<T> {
    All(Vec<Self>),
    Any(Vec<Self>),
    Test(T),
}

impl<T> Condition<T> {
    /// Reads a condition up to what does not belong to it; `test` reads one test. `&&` binds tighter than `||`.
    pub(super) fn parse(
        cursor: &mut Cursor<'_>,
        test: &mut dyn FnMut(&mut Cursor<'_>) -> Result<T, InvalidPattern>,
    ) -> Result<Self, InvalidPattern> {
        Self::any(cursor, test, 0)
    }

    fn any(
        cursor: &mut Cursor<'_>,
        test: &mut dyn FnMut(&mut Cursor<'_>) -> Result<T, InvalidPattern>,
        depth: usize,
    ) -> Result<Self, InvalidPattern> {
        let mut parts = vec![Self::all(cursor, test, depth)?];
        while cursor.take("||") {
            parts.push(Self::all(cursor, test, depth)?);
        }
        Ok(Self::join(parts, Self::Any))
    }

    fn all(
        cursor: &mut Cursor<'_>,
        test: &mut dyn FnMut(&mut Cursor<'_>) -> Result<T, InvalidPattern>,
        depth: usize,
    ) -> Result<Self, InvalidPattern> {
        let mut parts = vec![Self::one(cursor, test, depth)?];
        while cursor.take("&&") {
            parts.push(Self::one(cursor, test, depth)?);
        }
        Ok(Self::join(parts, Self::All))
    }

    fn one(
        cursor: &mut Cursor<'_>,
        test: &mut dyn FnMut(&mut Cursor<'_>) -> Result<T, InvalidPattern>,
        depth: usize,
    ) -> Result<Self, InvalidPattern> {
        cursor.skip_space();
        let read = if cursor.take("(") {
            if depth >= DEPTH_MAX {
                return Err(InvalidPattern::syntax());
            }
            let inside = Self::any(cursor, test, depth + 1)?;
            if !cursor.take(")") {
                return Err(InvalidPattern::syntax());
            }
            inside
        } else {
            Self::Test(test(cursor)?)
        };
        cursor.skip_space();
        Ok(read)
    }

    fn join(mut parts: Vec<Self>, several: fn(Vec<Self>) -> Self) -> Self {
        match (parts.len(), parts.pop()) {
            (1, Some(only)) => only,
            (_, last) => {
                parts.extend(last);
                several(parts)
            }
        }
    }

    /// Whether it holds, given which tests do.
    pub(super) fn holds(&self, test: &dyn Fn(&T) -> bool) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(test)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(test)),
            Self::Test(one) => test(one),
        }
    }
}
