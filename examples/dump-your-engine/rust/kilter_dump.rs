//! Writes values of your engine to files that kilter reads. The standard library is enough; little-endian.
//!
//!     let mut dump = Dump::new("dump.safetensors");
//!     dump.about("producer", "my engine 0.1");
//!     dump.begin_pass(&ids);                        // before every pass: the prompt's, later the one new id
//!     dump.value("blk.0.attn_q", &[n, 32, 64], &q); // f32: n rows of 32 heads of 64
//!     dump.save()?;
//!
//! A name that comes again, in a later pass, adds rows. `Few` writes ten numbers of each value as JSON.
#![allow(dead_code)]

use std::fs::File;
use std::io::{BufWriter, Result, Write};

fn list<T: ToString>(items: &[T]) -> String {
    items.iter().map(T::to_string).collect::<Vec<_>>().join(",")
}

struct Tensor {
    name: String,
    shape: Vec<usize>,
    numbers: Vec<f32>,
}

pub struct Dump {
    path: String,
    about: String,
    ids: Vec<u32>,
    passes: Vec<usize>,
    tensors: Vec<Tensor>,
}

impl Dump {
    pub fn new(path: &str) -> Self {
        Dump { path: path.into(), about: String::new(), ids: vec![], passes: vec![], tensors: vec![] }
    }

    /// Whatever else is worth knowing; without quotes in it.
    pub fn about(&mut self, key: &str, text: &str) {
        self.about += &format!("\"{key}\":\"{text}\",");
    }

    pub fn begin_pass(&mut self, ids: &[u32]) {
        self.ids.extend(ids);
        self.passes.push(ids.len());
    }

    pub fn value(&mut self, name: &str, shape: &[usize], numbers: &[f32]) {
        assert_eq!(shape.iter().product::<usize>(), numbers.len(), "{name}");
        if let Some(known) = self.tensors.iter_mut().find(|t| t.name == name) {
            assert_eq!(known.shape[1..], shape[1..], "{name} has rows of two shapes");
            known.shape[0] += shape[0];
            known.numbers.extend(numbers);
        } else {
            self.tensors.push(Tensor { name: name.into(), shape: shape.into(), numbers: numbers.into() });
        }
    }

    /// The length of the JSON in 8 bytes, the JSON, the numbers.
    pub fn save(&self) -> Result<()> {
        let (ids, passes) = (list(&self.ids), list(&self.passes));
        let run = format!("\"token_ids\":\"{ids}\",\"passes\":\"{passes}\"");
        let mut header = format!("{{\"__metadata__\":{{{}{run}}}", self.about);
        let mut end = 0;
        for t in &self.tensors {
            let (begin, shape) = (end, list(&t.shape));
            end += 4 * t.numbers.len();
            header += &format!(",\"{}\":{{\"dtype\":\"F32\",\"shape\":[{shape}],", t.name);
            header += &format!("\"data_offsets\":[{begin},{end}]}}");
        }
        header += "}";
        while header.len() % 8 != 0 {
            header += " ";
        }
        let mut file = BufWriter::new(File::create(&self.path)?);
        file.write_all(&(header.len() as u64).to_le_bytes())?;
        file.write_all(header.as_bytes())?;
        for x in self.tensors.iter().flat_map(|t| &t.numbers) {
            file.write_all(&x.to_le_bytes())?;
        }
        file.flush()
    }
}

/// The first numbers of a few rows, as JSON.
pub struct Few {
    path: String,
    ids: Vec<u32>,
    passes: Vec<usize>,
    values: Vec<String>,
    weights: Vec<String>,
}

impl Few {
    pub fn new(path: &str) -> Self {
        Few { path: path.into(), ids: vec![], passes: vec![], values: vec![], weights: vec![] }
    }

    pub fn begin_pass(&mut self, ids: &[u32]) {
        self.ids.extend(ids);
        self.passes.push(ids.len());
    }

    /// row: which token of the run; the numbers are the first ones of its row.
    pub fn value(&mut self, name: &str, row: usize, numbers: &[f32]) {
        self.values.push(Few::entry(name, row, numbers));
    }

    /// A row of a weight as you decode it.
    pub fn weight(&mut self, name: &str, row: usize, numbers: &[f32]) {
        self.weights.push(Few::entry(name, row, numbers));
    }

    pub fn save(&self) -> Result<()> {
        let (ids, passes) = (list(&self.ids), list(&self.passes));
        let (values, weights) = (self.values.join(",\n  "), self.weights.join(",\n  "));
        let run = format!("\"tokens\":[{ids}],\n \"passes\":[{passes}]");
        let text = format!("{{{run},\n \"values\":[\n  {values}],\n \"weights\":[\n  {weights}]}}\n");
        std::fs::write(&self.path, text)
    }

    fn entry(name: &str, row: usize, numbers: &[f32]) -> String {
        let text = |x: &f32| if x.is_finite() { x.to_string() } else { format!("\"{x}\"") };
        let data: Vec<String> = numbers.iter().map(text).collect();
        format!("{{\"name\":\"{name}\",\"row\":{row},\"data\":[{}]}}", data.join(","))
    }
}
