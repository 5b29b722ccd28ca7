//! What can be exported: a recovery point as it is, or one with an overlay above.

use std::sync::Arc;

use crate::image::Image;
use crate::overlay::Overlay;

/// A disk under a name.
#[derive(Debug, Clone)]
pub struct Export {
    /// What a client asks for; the empty name is the default export. At most 4096 bytes.
    pub name: String,
    pub disk: Disk,
    /// Refuse writes, also where there is an overlay to take them.
    pub read_only: bool,
}

#[derive(Debug, Clone)]
pub enum Disk {
    /// Never changes.
    ReadOnly(Arc<dyn Image>),
    Writable(Arc<Overlay>),
    /// Takes what clients write and gives nothing back: whoever may add need not be able to read
    /// what is below.
    WriteOnly(Arc<Overlay>),
}

impl Disk {
    pub(crate) fn image(&self) -> &dyn Image {
        match self {
            Self::ReadOnly(image) => image.as_ref(),
            Self::Writable(overlay) | Self::WriteOnly(overlay) => overlay.as_ref(),
        }
    }

    /// Whether clients may see what it holds.
    pub(crate) fn readable(&self) -> bool {
        !matches!(self, Self::WriteOnly(_))
    }

    pub(crate) fn overlay(&self) -> Option<&Arc<Overlay>> {
        match self {
            Self::ReadOnly(_) => None,
            Self::Writable(overlay) | Self::WriteOnly(overlay) => Some(overlay),
        }
    }
}

impl Export {
    /// The overlay that takes the writes of clients, if they may write.
    pub(crate) fn writable(&self) -> Option<&Arc<Overlay>> {
        self.disk.overlay().filter(|_| !self.read_only)
    }
}
