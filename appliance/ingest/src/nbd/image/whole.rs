//! Whether an image file has all that its tables name. A copy that was cut off opens like a whole
//! one: its reader takes what lies behind the end of the file for zeroes.
//!
//! VHD and VHDX are refused by their reader itself. For qcow2 and VMDK `qemu-img check` looks at
//! the tables; VDI counts its blocks in the header (`struct VdiHeader` in QEMU's `block/vdi.c`);
//! flat files have their length in the descriptor. What is cut off within the last cluster of a
//! qcow2 or sparse VMDK cannot be told: their writers leave the rest of that out, too.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::format::ImageFormat;
use super::header::read_up_to;
use super::server::{MAX_COMPLAINTS, find_tool};
use super::vmdk;
use crate::nbd::error::SourceError;
use crate::nbd::wire::clean_text;

const TOOL: &str = "qemu-img";

/// What the tool ends with when the image is good, has room that nothing uses, or is of a kind
/// that it cannot check.
const GOOD: [i32; 3] = [0, 3, 63];

/// Refuses an image whose tables name what is not there.
pub(super) fn check(path: &Path, file: &File, format: ImageFormat) -> Result<(), SourceError> {
    let outside = |source| SourceError::File { path: path.to_owned(), source };
    let complaint = match format {
        ImageFormat::Qcow2 | ImageFormat::Vmdk => {
            let tool = find_tool(TOOL).ok_or(SourceError::ToolMissing { tool: TOOL, format })?;
            let mut command = Command::new(tool);
            // Debian 12's qemu-img knows only the short name of it.
            command.args(["check", "-q", "-f", format.driver()]).arg(path);
            match complaint(command.env("LC_ALL", "C")).map_err(outside)? {
                None if format == ImageFormat::Vmdk => {
                    vmdk::missing(file, path.parent().unwrap_or(path)).map_err(outside)?
                }
                said => said,
            }
        }
        ImageFormat::Vdi => vdi(file).map_err(outside)?,
        ImageFormat::Vhd | ImageFormat::Vhdx => None,
    };
    match complaint {
        None => Ok(()),
        Some(message) => Err(SourceError::Image { path: path.to_owned(), format, message }),
    }
}

/// What a check says of a bad image: its first line.
fn complaint(check: &mut Command) -> io::Result<Option<String>> {
    let mut child =
        check.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let said = first_line(&mut child);
    let status = child.wait()?;
    let good = status.code().is_some_and(|code| GOOD.contains(&code));
    Ok((!good).then_some(said?))
}

/// The first line of what the child says, which is read to its end: it may be long.
fn first_line(child: &mut Child) -> io::Result<String> {
    let mut bytes = Vec::new();
    if let Some(mut stderr) = child.stderr.take() {
        stderr.by_ref().take(MAX_COMPLAINTS).read_to_end(&mut bytes)?;
        io::copy(&mut stderr, &mut io::sink())?;
    }
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(clean_text(line))
}

fn vdi(file: &File) -> io::Result<Option<String>> {
    let head = read_up_to(file, 0, 392)?;
    let number = |at: usize| {
        let field = head.get(at..at + 4).and_then(|field| field.first_chunk());
        u64::from(field.map_or(0, |field| u32::from_le_bytes(*field)))
    };
    let (data, block, blocks) = (number(344), number(376), number(388));
    let end = data + blocks * block;
    let bytes = file.metadata()?.len();
    Ok((bytes < end).then(|| format!("it has {bytes} bytes and needs {end}")))
}
