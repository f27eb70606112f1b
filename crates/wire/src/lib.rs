//! The HTTP front: routing, SigV4, and AWS's wire protocols.
