// Trace files: every named value of a forward pass, in the safetensors format. `kilter trace` writes them,
// any engine may, and Python opens them with `safetensors.numpy.load_file`.
//
//   auto trace = kilter::Trace::open("t.safetensors");
//   if (!trace.ok()) return complain(trace.error().message());
//   auto logits = trace->read("logits");  // [R * V] floats, the last axis fastest
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kilter/result.h"

namespace kilter {

class SafetensorsFile;

/// What a trace holds under one name.
struct TraceValue {
  std::string name;            ///< "blk.3.attn_q_rope"
  std::string type;            ///< as the format spells it: "F32", "BF16", "I32"
  std::vector<int64_t> shape;  ///< slowest axis first, the first one counting rows; empty for a single number

  int64_t elements() const;
};

/// An open file. Cheap to copy; nothing is read before it is asked for, so files of many GB are no burden.
class Trace {
 public:
  /// Maps the file and proves its header. Errors: not_found, io; corrupt, naming the value where there is
  /// one; unsupported for element types of less than 16 float bits.
  static Result<Trace> open(const std::string& path);

  /// In the order in which the file holds them: a trace of kilter is in the order of computation.
  const std::vector<TraceValue>& values() const { return *values_; }
  /// The value of that name, or null.
  const TraceValue* find(std::string_view name) const;
  /// The strings that the writer added.
  const std::map<std::string, std::string>& metadata() const;

  /// A whole value as f32. F64 and integers of more than 24 bits are rounded to nearest even; the other types
  /// are exact. Errors: not_found.
  Result<std::vector<float>> read(std::string_view name) const;
  /// `count` rows from row `first` on. Errors: not_found; usage for rows that are not
  /// there, and for a value without rows.
  Result<std::vector<float>> read_rows(std::string_view name, int64_t first, int64_t count) const;

 private:
  explicit Trace(std::shared_ptr<const SafetensorsFile> file);

  std::shared_ptr<const SafetensorsFile> file_;
  std::shared_ptr<const std::vector<TraceValue>> values_;
};

}  // namespace kilter
