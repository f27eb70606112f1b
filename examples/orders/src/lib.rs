//! The order system of event-driven guides: handlers, schema and template.
