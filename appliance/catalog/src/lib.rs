//! Protected systems and their recovery points.
