//! A stand-in for an engine: two passes, numbers that can be worked out by hand. Usage: example FOLDER
mod kilter_dump;

use kilter_dump::{Dump, Few};

/// 2 heads of 2 and 3 tokens of vocabulary. Row t of q is 10 t + 0, 1, 2, 3.
fn run_pass(first: usize, n: usize, dump: &mut Dump, few: &mut Few) {
    let q: Vec<f32> = (first..first + n).flat_map(|t| (0..4).map(move |i| (10 * t + i) as f32)).collect();
    let logits: Vec<f32> =
        (first..first + n).flat_map(|t| (0..3).map(move |i| i as f32 / 4.0 - t as f32)).collect();
    dump.value("blk.0.attn_q", &[n, 2, 2], &q);
    dump.value("logits", &[n, 3], &logits);
    few.value("blk.0.attn_q", first + n - 1, &q[4 * (n - 1)..][..2]);
    few.value("logits", first + n - 1, &logits[3 * (n - 1)..]);
}

fn main() -> std::io::Result<()> {
    let folder = std::env::args().nth(1).expect("a folder");
    let mut dump = Dump::new(&format!("{folder}/rust.safetensors"));
    dump.about("producer", "example.rs");
    let mut few = Few::new(&format!("{folder}/rust.json"));
    for (first, ids) in [(0, &[1, 450][..]), (2, &[13][..])] {
        dump.begin_pass(ids);
        few.begin_pass(ids);
        run_pass(first, ids.len(), &mut dump, &mut few);
    }
    few.weight("blk.0.attn_q.weight", 3, &[0.1, f32::NEG_INFINITY, f32::NAN]);
    dump.save()?;
    few.save()
}
