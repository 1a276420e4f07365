// A JSON file that describes raw numbers, or holds them: the format for engines without a library.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <vector>

#include "analysis/dump/raw_dump.h"

namespace kilter::analysis {

/// The schema. Every key is optional; keys that are not named here are metadata when they are strings, and
/// values when they are lists of numbers.
///
///   {"engine": "myengine 0.1",
///    "tokens": [1, 450],          ids of the whole run
///    "passes": [1, 1],            tokens of each pass; without it, one pass
///    "values": [
///      {"name": "blk.0.attn_q",   our name, or anything that a name map knows
///       "file": "q.f32",          beside this file; numbers as they lie in memory, the last axis fastest
///       "offset": 0,              bytes in front of them
///       "type": "f32",            f32 (unless said), f16, bf16, f64, i32, i64
///       "endian": "little",       unless "big"
///       "shape": [2, 32, 64]},
///      {"name": "logits", "data": [0.063, -1.5]},             numbers in place, nested or flat
///      {"name": "blk.0.attn_norm", "shape": [2, 2048],        part of a value: ten numbers of row 1,
///       "row": 1, "first": 0, "data": [0.1, 0.2]},            from element 0 of the row on
///      {"name": "blk.0.ffn_up", "rows": [1], "data": [0.5]}], the rows (tokens) that `data` has
///    "weights": [
///      {"name": "blk.0.attn_q.weight", "row": 3, "data": [0.1]}]}   rows from 3 on, each [cols]; with
///                                                             "first", part of one row, and "shape" the
///                                                             weight's whole [rows, cols]
///
/// Numbers may also be "nan", "inf", "-inf", or null for one that is not known. "quantum": 1e-4 says that
/// they were printed with four decimals; without it their digits tell. Rows count the tokens of this file,
/// from 0.
///
/// Errors: corrupt, not_found, io; they name the value or `path`.
Result<RawPass> read_side_file(const boost::json::object& top, const std::string& path);

}  // namespace kilter::analysis
