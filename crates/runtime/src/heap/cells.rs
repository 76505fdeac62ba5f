//! Memory for objects: blocks of equal cells for small ones, pages of their own for large ones.
//!
//! A block's free cells are a list through their second words. A *swept* block's list holds all of its free cells;
//! after marking, blocks are swept one by one, when their cells are wanted or a little with each allocation, so that
//! no allocation waits for all of them.

use super::layout::{COLOUR, KIND};
use super::runs::Runs;
use crate::vm::{PAGE, Space};

/// Bytes of a block.
const BLOCK: usize = 8 * PAGE;

/// Bytes of the cells of each class. All are multiples of 16.
const CLASSES: [usize; 29] = [
    16, 32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 896, 1024, 1280,
    1536, 1792, 2048, 2720, 3264, 4096, 5456, 8192,
];

/// Blocks that one allocation sweeps before it takes new pages instead.
const PATIENCE: usize = 4;

/// What freed memory is filled with in stress mode: no address, and no small number.
const POISON: u8 = 0xdb;

/// A block of cells.
struct Block {
    start: u64,
    /// Index in [`CLASSES`]; none while the block has no pages.
    class: Option<usize>,
    /// The first free cell, or 0.
    free: u64,
    /// Cells from here on were never used, and are zero.
    fresh: u64,
}

/// A large object, on pages of its own.
struct Large {
    start: u64,
    pages: usize,
}

/// Blocks of one class, by index.
#[derive(Default)]
struct Class {
    /// Swept ones that may have free cells.
    available: Vec<usize>,
    /// Those that are not swept.
    pending: Vec<usize>,
}

/// All memory of a heap.
pub(super) struct Cells {
    pub(super) space: Space,
    runs: Runs,
    classes: [Class; CLASSES.len()],
    blocks: Vec<Block>,
    /// Indices of blocks without pages.
    spare: Vec<usize>,
    large: Vec<Large>,
    large_pending: Vec<Large>,
    /// The colour of objects that live.
    pub(super) colour: u8,
    /// Fills what is freed with [`POISON`], and reuses it late.
    stress: bool,
    /// Pages in use.
    pages: usize,
    /// Counts sweeps, so that stress mode begins each at another cell.
    sweeps: usize,
}

impl Cells {
    pub(super) fn new(stress: bool) -> Self {
        Self {
            space: Space::empty(),
            runs: Runs::default(),
            classes: Default::default(),
            blocks: Vec::new(),
            spare: Vec::new(),
            large: Vec::new(),
            large_pending: Vec::new(),
            colour: 1,
            stress,
            pages: 0,
            sweeps: 0,
        }
    }

    /// Reserves address space for all that the heap may ever use. False if there is none.
    pub(super) fn reserve(&mut self, limit: usize) -> bool {
        if self.space.length() > 0 {
            return true;
        }
        let Some(space) = Space::reserve(limit) else { return false };
        self.runs = Runs::new(space.length() / PAGE);
        self.space = space;
        true
    }

    /// Bytes of the pages in use.
    pub(super) fn used(&self) -> usize {
        self.pages * PAGE
    }

    /// Zeroed memory for an object of `size` bytes, with the living colour. None if there are no pages left, although
    /// sweeping may free some.
    pub(super) fn take(&mut self, size: usize, kind: u8) -> Option<u64> {
        let class = CLASSES.partition_point(|cell| *cell < size);
        let at = if class < CLASSES.len() { self.take_cell(class)? } else { self.take_large(size)? };
        self.space.write(at + u64::from(KIND), &[kind, self.colour]);
        Some(at)
    }

    fn take_cell(&mut self, class: usize) -> Option<u64> {
        let cell = CLASSES[class];
        let mut patience = PATIENCE;
        loop {
            while let Some(index) = self.classes[class].available.last().copied() {
                let block = &mut self.blocks[index];
                if block.free != 0 {
                    let at = block.free;
                    block.free = self.space.read_u64(at + 8);
                    self.space.bytes_mut(at, cell).fill(0);
                    return Some(at);
                }
                if block.fresh + cell as u64 <= block.start + BLOCK as u64 {
                    let at = block.fresh;
                    block.fresh += cell as u64;
                    return Some(at);
                }
                self.classes[class].available.pop();
            }
            match self.classes[class].pending.pop() {
                Some(index) if patience > 0 => {
                    patience -= 1;
                    self.sweep_block(index);
                }
                Some(index) => {
                    self.classes[class].pending.push(index);
                    if self.add_block(class).is_none() {
                        patience = usize::MAX;
                    }
                }
                None => self.add_block(class)?,
            }
        }
    }

    fn add_block(&mut self, class: usize) -> Option<()> {
        let start = self.take_pages(BLOCK / PAGE)?;
        let block = Block { start, class: Some(class), free: 0, fresh: start };
        let index = match self.spare.pop() {
            Some(index) => {
                self.blocks[index] = block;
                index
            }
            None => {
                self.blocks.push(block);
                self.blocks.len() - 1
            }
        };
        self.classes[class].available.push(index);
        Some(())
    }

    fn take_large(&mut self, size: usize) -> Option<u64> {
        let pages = size.div_ceil(PAGE);
        let start = self.take_pages(pages)?;
        self.large.push(Large { start, pages });
        Some(start)
    }

    fn take_pages(&mut self, count: usize) -> Option<u64> {
        let first = self.runs.take(count)?;
        self.pages += count;
        Some(self.space.base() + (first * PAGE) as u64)
    }

    /// Gives pages back, which read as zero after.
    fn give_pages(&mut self, start: u64, count: usize) {
        self.space.discard(start, count * PAGE);
        let offset = usize::try_from(start - self.space.base()).unwrap_or_default();
        self.runs.give(offset / PAGE, count);
        self.pages -= count;
    }

    /// All objects are marked that live: from now on memory of others is free, once it is swept.
    pub(super) fn begin_sweep(&mut self) {
        for class in &mut self.classes {
            class.available.clear();
        }
        for (index, block) in self.blocks.iter().enumerate() {
            if let Some(class) = block.class {
                self.classes[class].pending.push(index);
            }
        }
        self.large_pending = std::mem::take(&mut self.large);
        self.sweeps += 1;
    }

    /// Sweeps a little; false if nothing is left to do.
    pub(super) fn sweep_some(&mut self) -> bool {
        if let Some(large) = self.large_pending.pop() {
            if self.colour_at(large.start) == self.colour {
                self.large.push(large);
            } else {
                self.give_pages(large.start, large.pages);
            }
            return true;
        }
        let pending = self.classes.iter_mut().find_map(|class| class.pending.pop());
        pending.is_some_and(|index| {
            self.sweep_block(index);
            true
        })
    }

    /// Makes the list of a block's free cells anew; gives its pages back if all are free.
    fn sweep_block(&mut self, index: usize) {
        let Block { start, class: Some(class), fresh, .. } = self.blocks[index] else { return };
        let cell = CLASSES[class] as u64;
        let count = (fresh - start) / cell;
        let first = if self.stress && count > 0 { self.sweeps as u64 % count } else { 0 };
        let mut free = 0u64;
        let mut living = 0;
        // The last cell that is put on the list is the first that is taken.
        for number in (0..count).rev() {
            let at = start + (number + first) % count * cell;
            let [kind, colour] = self.space.read(at + u64::from(KIND));
            if kind != 0 && colour == self.colour {
                living += 1;
                continue;
            }
            if kind != 0 {
                self.release(at, CLASSES[class]);
            }
            self.space.write(at + 8, &free.to_le_bytes());
            free = at;
        }
        if living == 0 {
            self.give_pages(start, BLOCK / PAGE);
            self.blocks[index].class = None;
            self.spare.push(index);
            return;
        }
        self.blocks[index].free = free;
        if free != 0 || fresh + cell <= start + BLOCK as u64 {
            self.classes[class].available.push(index);
        }
    }

    fn release(&mut self, at: u64, cell: usize) {
        if self.stress {
            self.space.bytes_mut(at, cell).fill(POISON);
        }
        self.space.write(at + u64::from(KIND), &[0]);
    }

    pub(super) fn colour_at(&self, at: u64) -> u8 {
        let [colour] = self.space.read(at + u64::from(COLOUR));
        colour
    }
}
