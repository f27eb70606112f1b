//! DynamoDB, as Pontoon runs it.
