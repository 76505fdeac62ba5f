//! `image MODULE ELF [DEBUG_FILE]`: writes the symbol image of a module, for looking at with gdb. The texts of a module without
//! debug info are made, and thrown away.

use std::error::Error;

use bytes::Bytes;
use dwarf::{Layout, Machine, Symbol};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [module, elf, debug_files @ ..] = args.as_slice() else {
        return Err("usage: image MODULE ELF [DEBUG_FILE]...".into());
    };
    let module = std::fs::read(module)?;
    let debug_files: Vec<Bytes> =
        debug_files.iter().map(|file| std::fs::read(file).map(Bytes::from)).collect::<Result<_, _>>()?;
    let host = 0x7e80_0000_0000;
    let layout = Layout {
        machine: Machine::X86_64,
        code_base: 0x7e00_0000_0000,
        globals_base: 0x7e90_0000_0000,
        has_variables: true,
        host_functions: dwarf::Module::parse(&module)?
            .functions
            .iter()
            .filter(|function| function.is_import())
            .zip(1..)
            .map(|(function, i)| Symbol { name: function.name.to_string(), address: host + 16 * i, size: 16 })
            .collect(),
        host: Symbol { name: "<host>".to_owned(), address: host, size: 16 },
    };
    let folder = std::path::PathBuf::from(format!("{elf}.texts"));
    let folder = dwarf::TextFolder {
        path: folder,
        name: "module".to_owned(),
        beside: "/".into(),
        wat: dwarf::WatLines::Always,
        own_text: None,
        source_map: None,
    };
    let options = dwarf::ImageOptions {
        source_exists: Some(&std::path::Path::is_file),
        folder: Some(&folder),
        ..dwarf::ImageOptions::default()
    };
    let elf = std::fs::File::create(elf)?;
    let image = dwarf::write_symbol_image(&module, &debug_files, &layout, &options, elf)?;
    let mut out = std::io::stdout().lock();
    std::io::Write::write_all(&mut out, format!("{}\n", image.report).as_bytes())?;
    Ok(())
}
