//! The receiver as those see it who connect to it, with files for a box.

mod nbd;
