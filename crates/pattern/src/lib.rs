//! Event patterns as EventBridge defines them: compile, match, explain.
