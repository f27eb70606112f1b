//! Types of the supported AWS operations, generated from the service models.
